"""What every door of the Open Inference Protocol asks: is it ready, what does it take, and what does it answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib.metadata import version as installed_version
from time import perf_counter

import msgspec

from assay.errors import AssayError, ContractError, NotFoundError, Problem, UnavailableError
from assay.inference.answers import choose_outputs, outputs_of
from assay.inference.examples import TAKEN, in_row, read_examples
from assay.inference.tensors import Tensor
from assay.serving.answer import Options, Thought
from assay.serving.loader import Loader
from assay.serving.predictor import Predictor
from assay.serving.room import Room
from assay.serving.served import Served

#: Parameters of tensors that change what is asked, of extensions that are not here. All others mean nothing here.
FOREIGN = ("shared_memory_region", "classification")
_SLICE_S = 0.002
_MOST_PROBLEMS = 10
_LONGEST_TEXT = 1000


class ServerMetadata(msgspec.Struct, frozen=True):
    """Which server this is."""

    name: str
    version: str
    extensions: tuple[str, ...]


class TensorMetadata(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input or output; -1 in its shape is any number of rows."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: Mapping[str, str | bool] = {}


class ModelMetadata(msgspec.Struct, frozen=True):
    """What a classifier takes and gives."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    parameters: Mapping[str, str]


class InferRequest(msgspec.Struct, frozen=True):
    """One request for any number of rows. `version` and `id` are empty where the caller gave none, `outputs` where it
    wants all; `started` is when its head came (perf_counter).
    """

    model: str
    version: str
    id: str
    inputs: Sequence[Tensor]
    outputs: Sequence[str]
    started: float


class InferAnswer(msgspec.Struct, frozen=True):
    """The answer to a request: every row is on record."""

    model: str
    version: str
    id: str
    outputs: Sequence[Tensor]
    parameters: Mapping[str, str]


class Inference:
    """The protocol over the served releases. A request is answered whole or refused whole.

    What `durable` there is, an answer waits for. No more requests are open at once than the `room` has places.
    """

    def __init__(
        self,
        loader: Loader,
        predictor: Predictor,
        max_rows: int,
        room: Room,
        durable: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._loader = loader
        self._predictor = predictor
        self._max_rows = max_rows
        self._room = room
        self._durable = durable

    @property
    def ready(self) -> bool:
        """Whether everything that was asked for can be answered."""
        return self._loader.ready

    def is_served(self, model: str, version: str = "") -> bool:
        """Whether a classifier, and where it is given this version of it, answers here."""
        served = self._loader.served.get(model)
        return served is not None and version in ("", _version(served))

    def describe_server(self) -> ServerMetadata:
        """Which server this is."""
        return ServerMetadata("assay", installed_version("assay-ml"), ("binary_tensor_data",))

    def describe_model(self, model: str, version: str = "") -> ModelMetadata:
        """What a classifier takes and gives.

        Raises:
            NotFoundError: it is not served here, or not in this version.
            UnavailableError: nothing is loaded yet.
        """
        served = self._find(model, version)
        release = served.release
        return ModelMetadata(
            name=release.classifier,
            versions=(_version(served),),
            platform=f"assay_{release.model.kind}",
            inputs=tuple(
                TensorMetadata(
                    column.name,
                    TAKEN[column.type][0],
                    (-1,),
                    {"type": column.type, "required": column.required},
                )
                for column in release.contract.columns
            ),
            outputs=tuple(
                TensorMetadata(output.name, output.datatype, output.shape, output.parameters)
                for output in outputs_of(release.contract).values()
            ),
            parameters={
                "task": release.contract.task,
                "classes": msgspec.json.encode(release.contract.classes).decode(),
                "release_digest": release.digest,
                "policy_digest": release.policy_digest,
            },
        )

    async def infer(self, request: InferRequest) -> InferAnswer:
        """Answer every row as `/v1/predict` does, and put all on record in one write.

        Raises:
            ContractError: a tensor does not fit, or a row breaks the contract; names the rows and columns.
            NotFoundError: the classifier is not served here, or not in this version.
            UnavailableError: nothing is loaded yet, or the log takes no more.
            OverloadedError: too many requests are open.
        """
        with self._room.entered():
            return await self._infer(request)

    async def _infer(self, request: InferRequest) -> InferAnswer:
        served = self._find(request.model, request.version)
        release = served.release
        outputs = choose_outputs(release.contract, request.outputs)
        options = Options(request_id=request.id or None)
        examples = read_examples(release.contract, request.inputs, self._max_rows)
        async with self._room.turn():
            thoughts = await self._think(served, examples, options)
        share_ms = round((perf_counter() - request.started) * 1000.0 / max(1, len(thoughts)), 4)
        answers = self._predictor.commit_many(served, thoughts, share_ms, options)
        if self._durable is not None:
            await self._durable()
        return InferAnswer(
            model=release.classifier,
            version=_version(served),
            id=request.id,
            outputs=[output.tensor(thoughts, answers) for output in outputs],
            parameters={"policy_digest": release.policy_digest},
        )

    async def _think(self, served: Served, examples: Iterator[bytes], options: Options) -> list[Thought]:
        """Decide on each row; the event loop gets its turn in between."""
        thoughts: list[Thought] = []
        problems: list[Problem] = []
        pause_at = perf_counter() + _SLICE_S
        for row, raw in enumerate(examples):
            try:
                thoughts.append(self._predictor.think(served, raw, options))
            except ContractError as error:
                problems += in_row(row, error)
                if len(problems) >= _MOST_PROBLEMS:
                    break
            if perf_counter() > pause_at:
                await asyncio.sleep(0)
                pause_at = perf_counter() + _SLICE_S
        if problems:
            raise ContractError("rows break the contract; none was answered", problems=problems[:_MOST_PROBLEMS])
        return thoughts

    def _find(self, model: str, version: str) -> Served:
        served = self._loader.served.get(model)
        if served is None:
            if not self._loader.served:
                raise UnavailableError("no classifier is loaded yet")
            raise NotFoundError(f"no classifier {model[:60]!r} is served here")
        if version not in ("", _version(served)):
            raise NotFoundError(f"{model} answers with version {_version(served)} here, not with {version[:60]!r}")
        return served


def one_line(error: AssayError) -> str:
    """An error as the protocol tells it: one line with every fault; what it quotes of a request is cut."""
    faults = "; ".join(" ".join(str(problem).split()) for problem in error.problems[:_MOST_PROBLEMS])
    told = f"{error.message}: {faults}" if faults else error.message
    return told if len(told) <= _LONGEST_TEXT else f"{told[:_LONGEST_TEXT]}..."


def _version(served: Served) -> str:
    return str(served.release.version)
