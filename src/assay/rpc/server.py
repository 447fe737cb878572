"""The gRPC server of one worker: it opens and closes with the worker, and answers with the worker's own predictor."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from assay.errors import (
    AssayError,
    ConfigurationError,
    ConflictError,
    ContractError,
    DataError,
    GateError,
    MalformedError,
    MissingDependencyError,
    NotFoundError,
    NotSupportedError,
    OverloadedError,
    ReleaseError,
    SettingsError,
    SpecError,
    StorageError,
    UnavailableError,
)
from assay.inference.service import Inference, one_line
from assay.rpc.messages import SERVICE, message
from assay.rpc.translate import read_request, write_answer, write_metadata

_log = logging.getLogger(__name__)
#: For answers that are made and not yet sent.
_LAST_WORDS_S = 1.0
_MOMENT_S = 0.05

#: The whole error tree. Only an exception outside of it is INTERNAL.
CODES: dict[type[AssayError], grpc.StatusCode] = {
    AssayError: grpc.StatusCode.UNAVAILABLE,
    ConfigurationError: grpc.StatusCode.UNAVAILABLE,
    SpecError: grpc.StatusCode.INVALID_ARGUMENT,
    SettingsError: grpc.StatusCode.UNAVAILABLE,
    NotSupportedError: grpc.StatusCode.INVALID_ARGUMENT,
    MissingDependencyError: grpc.StatusCode.UNAVAILABLE,
    DataError: grpc.StatusCode.INVALID_ARGUMENT,
    ContractError: grpc.StatusCode.INVALID_ARGUMENT,
    MalformedError: grpc.StatusCode.INVALID_ARGUMENT,
    ReleaseError: grpc.StatusCode.UNAVAILABLE,
    GateError: grpc.StatusCode.FAILED_PRECONDITION,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    ConflictError: grpc.StatusCode.ABORTED,
    StorageError: grpc.StatusCode.UNAVAILABLE,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    OverloadedError: grpc.StatusCode.UNAVAILABLE,
}

#: Counts a refusal or failure, and logs under this id what is not in the error tree.
Account = Callable[[Exception, str], None]
Answer = Callable[[Any], Awaitable[Any]]


class _Calls:
    """The calls that are open. Once closing, what has not begun is refused: the client may ask another server."""

    def __init__(self) -> None:
        self._open = 0
        self._came = 0
        self._closing = False

    @contextmanager
    def begin(self) -> Iterator[None]:
        self._came += 1
        if self._closing:
            raise UnavailableError("the server stops; ask again")
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def close(self, timeout_s: float) -> None:
        """Wait until no call is open and none came for a moment: gRPC hands over what it has taken one by one."""
        self._closing = True
        end, known = perf_counter() + timeout_s, -1
        while (self._open or known != self._came) and perf_counter() < end:
            known = self._came
            await asyncio.sleep(_MOMENT_S)


@dataclass(frozen=True, slots=True)
class GrpcDoor:
    """Where every worker listens. It can be pickled. Messages of more than `max_body` bytes are refused; calls that are
    open at the end have `grace_s` to finish.
    """

    address: str
    max_body: int
    grace_s: float

    @asynccontextmanager
    async def __call__(self, inference: Inference, account: Account) -> AsyncIterator[None]:
        """Serve as long as the context is open."""
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", self.max_body), ("grpc.so_reuseport", 1)])
        calls = _Calls()
        methods = {name: _method(name, answer, account, calls) for name, answer in _answers(inference).items()}
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, methods)])
        server.add_insecure_port(self.address)
        await server.start()
        _log.info("gRPC at %s", self.address)
        try:
            yield
        finally:
            await calls.close(self.grace_s)
            await server.stop(_LAST_WORDS_S)


@contextmanager
def reserve(host: str, port: int, *, max_body: int, grace_s: float) -> Iterator[GrpcDoor]:
    """Hold a port (0: any free one) that every worker then listens on.

    Raises:
        ConfigurationError: the port is taken or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"{host} cannot be listened on: {error.strerror}") from error
    with held:
        try:
            held.bind(address)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} on {host} cannot be used: {error.strerror}",
                remedy="stop the other server, or choose another port with --grpc-port",
            ) from error
        shown = f"[{host}]" if ":" in host else host
        yield GrpcDoor(f"{shown}:{held.getsockname()[1]}", max_body, grace_s)


def code_of(error: Exception) -> grpc.StatusCode:
    """The row of the table for an exception; INTERNAL outside the tree."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), grpc.StatusCode.INTERNAL)


def _answers(inference: Inference) -> dict[str, Answer]:
    """Every method of the service."""

    async def server_live(_request: Any) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def server_ready(_request: Any) -> Any:
        return message("ServerReadyResponse")(ready=inference.ready)

    async def model_ready(request: Any) -> Any:
        return message("ModelReadyResponse")(ready=inference.is_served(request.name, request.version))

    async def server_metadata(_request: Any) -> Any:
        told = inference.describe_server()
        return message("ServerMetadataResponse")(name=told.name, version=told.version, extensions=told.extensions)

    async def model_metadata(request: Any) -> Any:
        return write_metadata(inference.describe_model(request.name, request.version))

    async def model_infer(request: Any) -> Any:
        answer = await inference.infer(read_request(request))
        return write_answer(answer, raw=len(request.raw_input_contents) > 0)

    return {
        "ServerLive": server_live,
        "ServerReady": server_ready,
        "ModelReady": model_ready,
        "ServerMetadata": server_metadata,
        "ModelMetadata": model_metadata,
        "ModelInfer": model_infer,
    }


def _method(name: str, answer: Answer, account: Account, calls: _Calls) -> grpc.RpcMethodHandler:
    """A method that reads its message itself, so that one that cannot be read is the caller's fault."""
    takes = message(f"{name}Request")

    async def call(raw: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            with calls.begin():
                return await answer(_decode(takes, raw))
        except AssayError as error:
            account(error, "")
            code, told = code_of(error), one_line(error)
        except Exception as error:  # noqa: BLE001 - edge of the process
            request_id = uuid.uuid4().hex
            account(error, request_id)
            code = grpc.StatusCode.INTERNAL
            told = f"something failed on this side; the log knows more under {request_id}"
        return await context.abort(code, told)

    return grpc.unary_unary_rpc_method_handler(call, response_serializer=lambda told: told.SerializeToString())


def _decode(takes: Any, raw: bytes) -> Any:
    try:
        return takes.FromString(raw)
    except DecodeError:
        raise MalformedError("the message cannot be read") from None
