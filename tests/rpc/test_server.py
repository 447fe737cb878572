"""The gRPC server in this process: what is refused and how, and messages without raw contents."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from assay.api.problems import KINDS
from assay.app import App
from assay.errors import ConfigurationError, NotFoundError
from assay.inference.service import InferAnswer, Inference, InferRequest
from assay.rpc.messages import SERVICE, message
from assay.rpc.server import CODES, GrpcDoor, code_of, reserve
from assay.rpc.translate import CONTENTS
from assay.serving.room import Room
from tests.api.door import Door, open_door
from tests.serving.material import SPAM_ROW, predictor_with

#: Calls a method with a message, or with bytes as they are.
Call = Callable[[str, Any], Awaitable[Any]]
#: What a test does with a server.
Scene = Callable[[Call, Door, list[Exception]], Awaitable[None]]


@asynccontextmanager
async def serving(door: Door, accounted: list[Exception], max_body: int) -> AsyncIterator[Call]:
    inference = Inference(door.loader, predictor_with(door.log), max_rows=100, room=Room(64))
    with reserve("127.0.0.1", 0, max_body=max_body, grace_s=5.0) as grpc_door:
        async with (
            grpc_door(inference, lambda error, _: accounted.append(error)),
            grpc.aio.insecure_channel(grpc_door.address) as channel,
        ):

            async def call(method: str, request: Any) -> Any:
                answers = message(f"{method}Response")
                raw = request if isinstance(request, bytes) else request.SerializeToString()
                return answers.FromString(await channel.unary_unary(f"/{SERVICE}/{method}")(raw))

            yield call


@pytest.fixture
def play(app: App, tmp_path: Path) -> Callable[..., None]:
    def run(scene: Scene, max_body: int = 1 << 20) -> None:
        async def main() -> None:
            accounted: list[Exception] = []
            with open_door(app, tmp_path / "counters") as door:
                async with serving(door, accounted, max_body) as call:
                    await scene(call, door, accounted)

        asyncio.run(main())

    return run


def request_of(*texts: str, **columns: tuple[str, list[Any]]) -> Any:
    request = message("ModelInferRequest")(model_name="spam", id="7")
    columns = {"text": ("BYTES", [text.encode() for text in texts]), **columns}
    for name, (datatype, elements) in columns.items():
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[len(elements)])
        getattr(tensor.contents, CONTENTS[datatype]).extend(elements)
    return request


async def refused(call: Call, method: str, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(method, request)
    return error.value.code(), error.value.details() or ""


def test_contents_that_are_not_raw_are_answered_in_kind(play: Callable[..., None]) -> None:
    async def scene(call: Call, door: Door, _: list[Exception]) -> None:
        text = str(SPAM_ROW["text"])
        told = await call("ModelInfer", request_of(text, "hello", amount=("FP64", [3.5, math.nan])))
        assert (told.model_name, told.model_version, told.id) == ("spam", "1", "7")
        assert list(told.raw_output_contents) == []
        outputs = {output.name: output for output in told.outputs}
        assert list(outputs["label"].contents.bytes_contents) == [b"spam", b"ham"]
        assert list(outputs["probabilities"].shape) == [2, 2]
        assert json.loads(outputs["probabilities"].parameters["classes"].string_param) == ["ham", "spam"]
        expected = [record.probabilities for record in door.log.predictions]
        assert list(outputs["probabilities"].contents.fp64_contents) == [cell for row in expected for cell in row]
        assert [record.features["amount"] for record in door.log.predictions if record.features] == [3.5, None]
        assert [record.request_id for record in door.log.predictions] == ["7", "7"]

    play(scene)


@pytest.mark.parametrize(
    ("column", "datatype", "element"),
    [
        ("amount", "INT8", -3), ("amount", "INT64", 2**40), ("amount", "UINT16", 9), ("amount", "UINT64", 2**60),
        ("amount", "FP32", 0.5), ("verified", "BOOL", True), ("plan", "BYTES", b"pro"), ("user_id", "INT32", 7),
    ],
)  # fmt: skip
def test_every_field_of_contents_is_read(play: Callable[..., None], column: str, datatype: str, element: Any) -> None:
    async def scene(call: Call, door: Door, _: list[Exception]) -> None:
        await call("ModelInfer", request_of("hello", **{column: (datatype, [element])}))
        assert len(door.log.predictions) == 1

    play(scene)


def test_metadata_names_the_classes(play: Callable[..., None]) -> None:
    async def scene(call: Call, _: Door, __: list[Exception]) -> None:
        told = await call("ModelMetadata", message("ModelMetadataRequest")(name="themes", version="1"))
        assert json.loads(told.parameters["classes"].string_param) == ["art", "money", "sport"]
        assert told.inputs[0].parameters["required"].bool_param is True

    play(scene)


def test_refusals_have_the_protocols_codes_and_are_counted(play: Callable[..., None]) -> None:
    async def scene(call: Call, door: Door, accounted: list[Exception]) -> None:
        unknown, other, broken = request_of("a"), request_of("a"), request_of("  ")
        unknown.model_name, other.model_version = "nope", "9"
        foreign, typed, both, half = (request_of("a") for _ in range(4))
        foreign.inputs[0].parameters["shared_memory_region"].string_param = "x"
        typed.inputs[0].datatype = "FP16"
        both.raw_input_contents.append(b"\1\0\0\0a")
        half.inputs[0].shape[0] = 2
        codes = grpc.StatusCode
        for request, code, says in (
            (unknown, codes.NOT_FOUND, "no classifier 'nope'"),
            (other, codes.NOT_FOUND, "answers with version 1"),
            (broken, codes.INVALID_ARGUMENT, "row 0, features.text"),
            (foreign, codes.INVALID_ARGUMENT, "shared_memory_region"),
            (typed, codes.INVALID_ARGUMENT, "raw_input_contents alone"),
            (both, codes.INVALID_ARGUMENT, "must hold every input"),
            (half, codes.INVALID_ARGUMENT, "has 1 elements"),
            (message("ModelInferRequest")(model_name="spam"), codes.INVALID_ARGUMENT, "give a tensor"),
            (b"\xff\xff", codes.INVALID_ARGUMENT, "cannot be read"),
        ):
            told = await refused(call, "ModelInfer", request)
            assert told[0] == code
            assert says in told[1]
        assert len(accounted) == 9
        assert door.log.records == []
        assert (await call("ModelReady", message("ModelReadyRequest")(name="nope"))).ready is False

    play(scene)


def test_a_full_log_is_unavailable_and_a_failure_says_nothing_about_itself(play: Callable[..., None]) -> None:
    async def scene(call: Call, door: Door, accounted: list[Exception]) -> None:
        door.log.full = True
        assert (await refused(call, "ModelInfer", request_of("a")))[0] == grpc.StatusCode.UNAVAILABLE

        def fail(*_: object) -> bool:
            raise ZeroDivisionError("a secret")

        door.log.append_many = fail  # type: ignore[method-assign] - a log that breaks
        code, said = await refused(call, "ModelInfer", request_of("a"))
        assert code == grpc.StatusCode.INTERNAL
        assert "secret" not in said
        assert [type(error).__name__ for error in accounted] == ["UnavailableError", "ZeroDivisionError"]

    play(scene)


@pytest.mark.security
def test_one_changed_byte_is_never_a_fault_of_the_server(play: Callable[..., None]) -> None:
    async def scene(call: Call, _: Door, accounted: list[Exception]) -> None:
        whole = request_of("hello", "win", amount=("FP64", [1.0, 2.0])).SerializeToString()
        for at in range(len(whole)):
            for byte in (0, 0x7F, 0xFF, whole[at] ^ 1):
                with suppress(grpc.aio.AioRpcError):
                    await call("ModelInfer", whole[:at] + bytes([byte]) + whole[at + 1 :])
        assert {code_of(error) for error in accounted} == {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}

    play(scene)


def test_a_packed_message_is_bounded_unpacked(app: App, tmp_path: Path) -> None:
    async def main() -> None:
        with open_door(app, tmp_path / "counters") as door:
            inference = Inference(door.loader, predictor_with(door.log), max_rows=100, room=Room(64))
            with reserve("127.0.0.1", 0, max_body=4096, grace_s=5.0) as grpc_door:
                async with (
                    grpc_door(inference, lambda *_: None),
                    grpc.aio.insecure_channel(grpc_door.address, compression=grpc.Compression.Gzip) as channel,
                ):
                    ask = channel.unary_unary(f"/{SERVICE}/ModelInfer")
                    await ask(request_of("x" * 100).SerializeToString())
                    with pytest.raises(grpc.aio.AioRpcError) as error:
                        await ask(request_of("x" * 1_000_000).SerializeToString())
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    asyncio.run(main())


def test_a_message_above_the_limit_is_refused(play: Callable[..., None]) -> None:
    async def scene(call: Call, _: Door, __: list[Exception]) -> None:
        assert (await refused(call, "ModelInfer", request_of("x" * 5000)))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
        await call("ModelInfer", request_of("hello"))

    play(scene, max_body=4096)


def test_a_server_that_stops_answers_what_has_begun_and_sends_the_rest_elsewhere(app: App, tmp_path: Path) -> None:
    class Waiting(Inference):
        async def infer(self, request: InferRequest) -> InferAnswer:
            begun.set()
            await stopping.wait()
            return await super().infer(request)

    begun, stopping = asyncio.Event(), asyncio.Event()

    async def main() -> None:
        with (
            open_door(app, tmp_path / "counters") as door,
            reserve("127.0.0.1", 0, max_body=1 << 20, grace_s=60.0) as grpc_door,
        ):
            inference = Waiting(door.loader, predictor_with(door.log), max_rows=100, room=Room(64))
            async with grpc.aio.insecure_channel(grpc_door.address) as channel:
                ask, raw = channel.unary_unary(f"/{SERVICE}/ModelInfer"), request_of("hello").SerializeToString()
                async with AsyncExitStack() as opened:
                    await opened.enter_async_context(grpc_door(inference, lambda *_: None))
                    call = ask(raw)
                    await begun.wait()
                    closing = asyncio.create_task(opened.aclose())
                    await asyncio.sleep(0)
                    with pytest.raises(grpc.aio.AioRpcError) as late:
                        await ask(raw)
                    stopping.set()
                    await closing
                assert message("ModelInferResponse").FromString(await call).model_name == "spam"
            assert late.value.code() == grpc.StatusCode.UNAVAILABLE
            assert len(door.log.predictions) == 1

    asyncio.run(main())


def test_every_error_has_a_code() -> None:
    assert CODES.keys() == KINDS.keys()
    bad_input = {error for error, kind in KINDS.items() if kind.status in (400, 422)}
    assert {error for error, code in CODES.items() if code == grpc.StatusCode.INVALID_ARGUMENT} == bad_input
    assert (code_of(NotFoundError("x")), code_of(KeyError())) == (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INTERNAL)


def test_a_door_can_be_given_to_another_process() -> None:
    door = GrpcDoor("127.0.0.1:1", 2, 3.0)
    assert pickle.loads(pickle.dumps(door)) == door  # noqa: S301 - what was just made


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with (
            pytest.raises(ConfigurationError, match=f"port {port} on") as error,
            reserve("127.0.0.1", port, max_body=1, grace_s=1.0),
        ):
            pass
    assert "--grpc-port" in error.value.remedy


def test_two_servers_do_not_share_a_port() -> None:
    with reserve("127.0.0.1", 0, max_body=1, grace_s=1.0) as door:
        port = int(door.address.rpartition(":")[2])
        with pytest.raises(ConfigurationError), reserve("127.0.0.1", port, max_body=1, grace_s=1.0):
            pass
