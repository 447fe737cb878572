"""The hot handlers: a body in, an answer out. They run on the event loop, inline, and await nothing but explanations of
trees and their own turn in a long bulk request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import TypeVar

import msgspec

from assay.api.logs import frames_of
from assay.api.problems import ProblemDocument, Reply, document_of, kind_of
from assay.api.wire import BatchBody, PredictBody, ShortBody, read_body
from assay.errors import ContractError, NotFoundError, Problem, UnavailableError
from assay.serving.answer import Answer, Explained, LabelsAnswer, Options, Thought
from assay.serving.loader import Loader
from assay.serving.metrics import DoorCounters
from assay.serving.predictor import Predictor
from assay.serving.room import GivenUp, Room
from assay.serving.served import Served

_log = logging.getLogger(__name__)
_SLICE_S = 0.002
_TOO_LATE = "no explanation within timeout_ms"

Told = Answer | LabelsAnswer | ProblemDocument
T = TypeVar("T")


class Call(msgspec.Struct, frozen=True, gc=False):
    """One request: its body, when its head came (perf_counter) and the id that the caller gave it."""

    body: bytes
    started: float
    request_id: str | None = None


Handler = Callable[[Call], Reply | Awaitable[Reply]]


class PredictDoor:
    """Answers /v1/predict, /v1/predict/batch and their short aliases."""

    def __init__(self, loader: Loader, predictor: Predictor, counters: DoorCounters, max_rows: int, room: Room) -> None:
        self._loader = loader
        self._predictor = predictor
        self._counters = counters
        self._max_rows = max_rows
        self._room = room
        self._envelope = msgspec.json.Decoder(PredictBody)
        self._batch = msgspec.json.Decoder(BatchBody)
        self._short = msgspec.json.Decoder(ShortBody)
        self._encode = msgspec.json.Encoder().encode

    def predict(self, call: Call) -> Reply | Awaitable[Reply]:
        """POST /v1/predict."""
        return self._enveloped(call, flat=False)

    def predict_short(self, call: Call) -> Reply | Awaitable[Reply]:
        """POST /predict and /classify: the envelope, or the row itself, on a server with one classifier."""
        if bytes(read_body(self._short, call.body).features).startswith(b"{"):
            return self._enveloped(call, flat=True)
        return self._one(call, self._only(), call.body, Options(), flat=True)

    async def predict_batch(self, call: Call) -> Reply:
        """POST /v1/predict/batch: one answer or problem a row, in order; a bad row does not fail its neighbours."""
        with self._room.entered():
            return await self._many(call)

    async def _many(self, call: Call) -> Reply:
        body = read_body(self._batch, call.body)
        served = self._find(body.model)
        options = self._named(body, call)
        rows = self._rows(served, body)
        thoughts: list[Thought | ProblemDocument] = []
        async with self._room.turn():
            pause_at = perf_counter() + _SLICE_S
            for row in rows:
                thoughts.append(self._think(served, row, options, call))
                if perf_counter() > pause_at:
                    await asyncio.sleep(0)
                    pause_at = perf_counter() + _SLICE_S
        good = [thought for thought in thoughts if isinstance(thought, Thought)]
        explanations: Sequence[Explained | None] = ()
        degraded: tuple[str, ...] = ()
        if options.explain and good:
            pairs = await self._in_time(
                call, options, lambda given_up: _explain_each(served, good, given_up), placed=True
            )
            if pairs is None:
                degraded = (_TOO_LATE,)
            else:
                good, explanations = [thought for thought, _ in pairs], [explained for _, explained in pairs]
        share_ms = _milliseconds((perf_counter() - call.started) / max(1, len(rows)))
        answers = iter(self._predictor.commit_many(served, good, share_ms, options, explanations, degraded))
        told: list[Told] = [thought if isinstance(thought, ProblemDocument) else next(answers) for thought in thoughts]
        return Reply(200, b'{"predictions":' + self._encode(told) + b"}")

    def _enveloped(self, call: Call, *, flat: bool) -> Reply | Awaitable[Reply]:
        body = read_body(self._envelope, call.body)
        return self._one(call, self._find(body.model), bytes(body.features), body, flat=flat)

    def _one(self, call: Call, served: Served, raw: bytes, options: Options, *, flat: bool) -> Reply | Awaitable[Reply]:
        options = self._named(options, call)
        thought = self._predictor.think(served, raw, options)
        if options.explain and not served.explainer.cheap:
            return self._explained(call, served, thought, options, flat=flat)
        explanation = None
        if options.explain:
            thought, explanation = served.explainer.try_to(thought)
        latency_ms = _milliseconds(perf_counter() - call.started)
        answer = self._predictor.commit(served, thought, latency_ms, options, explanation)
        return Reply(200, self._flat(served, answer) if flat else self._encode(answer))

    async def _explained(self, call: Call, served: Served, thought: Thought, options: Options, *, flat: bool) -> Reply:
        """Explain in a thread, within the caller's time; the answer never waits longer for its reasons."""
        told = await self._in_time(call, options, lambda _: served.explainer.try_to(thought))
        degraded = (_TOO_LATE,) if told is None else ()
        thought, explanation = told or (thought, None)
        latency_ms = _milliseconds(perf_counter() - call.started)
        answer = self._predictor.commit(served, thought, latency_ms, options, explanation, degraded)
        return Reply(200, self._flat(served, answer) if flat else self._encode(answer))

    async def _in_time(
        self, call: Call, options: Options, explain: Callable[[GivenUp], T], *, placed: bool = False
    ) -> T | None:
        """What `explain` gives, run in a thread; None when it takes longer than the caller's `timeout_ms`."""
        timeout_s = None
        if options.timeout_ms is not None:
            timeout_s = max(0.0, options.timeout_ms / 1000.0 - (perf_counter() - call.started))
        try:
            return await self._room.aside(explain, timeout_s, placed=placed)
        except TimeoutError:
            return None

    def _think(self, served: Served, row: msgspec.Raw, options: Options, call: Call) -> Thought | ProblemDocument:
        try:
            return self._predictor.think(served, bytes(row), options)
        except Exception as error:  # noqa: BLE001 - edge of a row: its neighbours are answered
            kind = kind_of(error)
            self._counters.error(kind.name)
            if kind.status == 500:
                log_failure(error, call.request_id)
            return document_of(error)

    def _rows(self, served: Served, body: BatchBody) -> list[msgspec.Raw]:
        if (body.rows is None) == (body.texts is None):
            raise ContractError("a batch has either rows or texts", problems=[Problem("rows", "give one of both")])
        name, rows = ("rows", body.rows) if body.rows is not None else ("texts", body.texts)
        rows = rows or []
        if len(rows) > self._max_rows:
            message = f"{len(rows)} rows; at most {self._max_rows} in one request"
            raise ContractError("the batch is too long", problems=[Problem(name, message)])
        if body.rows is not None:
            return rows
        texts = [column.name for column in served.release.contract.columns if column.type == "text"]
        if len(texts) != 1:
            message = f"{served.release.classifier} has {len(texts)} text columns; use rows"
            raise ContractError("texts need a classifier with one text column", problems=[Problem("texts", message)])
        prefix = b"{" + self._encode(texts[0]) + b":"
        return [msgspec.Raw(prefix + bytes(text) + b"}") for text in rows]

    def _find(self, model: str | None) -> Served:
        if model is None:
            return self._only()
        served = self._loader.served.get(model)
        if served is None:
            self._nothing_yet()
            raise NotFoundError(
                f"no classifier {model!r} is served here", problems=[Problem("model", "see GET /v1/models")]
            )
        return served

    def _only(self) -> Served:
        served = self._loader.served
        if len(served) != 1:
            self._nothing_yet()
            raise ContractError(
                "this server has several classifiers", problems=[Problem("model", "required; see GET /v1/models")]
            )
        return next(iter(served.values()))

    def _nothing_yet(self) -> None:
        if not self._loader.served:
            raise UnavailableError("no classifier is loaded yet")

    def _named(self, options: Options, call: Call) -> Options:
        """The caller's request id, from the header where the body has none."""
        if call.request_id is not None and options.request_id is None:
            options.request_id = call.request_id
        return options

    def _flat(self, served: Served, answer: Answer | LabelsAnswer) -> bytes:
        """The short routes' answer, in a binary task with `is_<positive>` at its end."""
        contract = served.release.contract
        body: bytes = self._encode(answer)
        if contract.task != "binary":
            return body
        positive = contract.classes[contract.positive_index]
        says = b"true" if answer.label == positive else b"false"
        return body[:-1] + b"," + self._encode(f"is_{positive}") + b":" + says + b"}"


def _explain_each(
    served: Served, thoughts: Sequence[Thought], given_up: GivenUp
) -> list[tuple[Thought, Explained | None]]:
    """The explanation of each, or of as many as there were before nobody waited any more."""
    return [served.explainer.try_to(thought) for thought in thoughts if not given_up()]


def log_failure(error: BaseException, request_id: str | None) -> None:
    """Log an exception outside the error tree."""
    extra = {"error": type(error).__name__, "request_id": request_id, "frames": frames_of(error)}
    _log.error("request failed", extra=extra)


def _milliseconds(seconds: float) -> float:
    """To four places; `round` would take half a microsecond of each answer."""
    return int(seconds * 1e7 + 0.5) / 1e4
