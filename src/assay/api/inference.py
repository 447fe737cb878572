"""The REST door of the Open Inference Protocol: /v2. It reads bodies itself, without a model of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from assay.api.hot import read_request_id
from assay.api.predict import log_failure
from assay.api.problems import INTERNAL, MEDIA_TYPE, TOO_LARGE, Kind
from assay.api.schemas import infer_schema
from assay.api.tensors import inflate, read_request, write_answer
from assay.errors import AssayError, MalformedError
from assay.inference.service import Inference, InferRequest
from assay.serving.metrics import DoorCounters

HEADER_LENGTH = "inference-header-content-length"
_MEDIA_TYPES = frozenset({"application/json", "application/octet-stream"})
_GONE = 499
_TAKES = {"requestBody": {"required": True, "content": {"application/json": {"schema": infer_schema()}}}}


def add_inference(app: FastAPI, inference: Inference, counters: DoorCounters, max_body: int) -> None:
    """Add the routes. Bodies of more than `max_body` bytes, packed or unpacked, are refused."""
    _add_descriptions(app, inference)

    def refuse(kind: Kind, detail: str) -> Response:
        counters.error(kind.name)
        return protocol_error(kind.status, detail)

    @app.post("/v2/models/{name}/infer", tags=["inference"], openapi_extra=_TAKES)
    @app.post("/v2/models/{name}/versions/{version}/infer", tags=["inference"], openapi_extra=_TAKES)
    async def infer(request: Request, name: str, version: str = "") -> Response:
        """Classify any number of rows, given as a tensor a column; all are answered or none."""
        started = perf_counter()
        if not _is_announced(request.headers):
            return refuse(MEDIA_TYPE, "the body must be sent with content-type: application/json")
        try:
            body = await _read_body(request, max_body)
            if body is None:
                return refuse(TOO_LARGE, f"the body is larger than {max_body} bytes")
            return await _infer(inference, name, version, body, request.headers, started)
        except AssayError:
            raise
        except ClientDisconnect:
            return Response(status_code=_GONE)
        except Exception as error:  # noqa: BLE001 - edge of the process
            request_id = uuid.uuid4().hex
            log_failure(error, request_id)
            return refuse(INTERNAL, f"something failed on this side; the log knows more under {request_id}")


def _add_descriptions(app: FastAPI, inference: Inference) -> None:
    @app.get("/v2", tags=["inference"])
    async def server() -> Response:
        """Which server this is, and which extensions of the protocol it has."""
        return _json(inference.describe_server())

    @app.get("/v2/health/live", tags=["inference"])
    async def live() -> Response:
        """The server is alive."""
        return _json({"live": True})

    @app.get("/v2/health/ready", tags=["inference"])
    async def ready() -> Response:
        """Everything that was asked for is loaded; else a 503."""
        return _json({"ready": inference.ready}, 200 if inference.ready else 503)

    @app.get("/v2/models/{name}", tags=["inference"])
    @app.get("/v2/models/{name}/versions/{version}", tags=["inference"])
    async def model(name: str, version: str = "") -> Response:
        """The input and output tensors of a classifier."""
        return _json(inference.describe_model(name, version))

    @app.get("/v2/models/{name}/ready", tags=["inference"])
    @app.get("/v2/models/{name}/versions/{version}/ready", tags=["inference"])
    async def model_ready(name: str, version: str = "") -> Response:
        """A classifier, in this version, answers here; else a 404."""
        is_ready = inference.is_served(name, version)
        return _json({"name": name, "ready": is_ready}, 200 if is_ready else 404)


async def _infer(
    inference: Inference, name: str, version: str, body: bytes, headers: Headers, started: float
) -> Response:
    asked, tensors = read_request(body, _header_length(headers))
    wanted = [output.name for output in asked.outputs or ()]
    request_id = asked.id or read_request_id(headers.get("x-request-id", "").encode("latin-1")) or ""
    answer = await inference.infer(InferRequest(name, version, request_id, tensors, wanted, started))
    told, header_length = write_answer(answer, asked)
    if header_length is None:
        return Response(told, media_type="application/json")
    return Response(told, headers={HEADER_LENGTH: str(header_length)}, media_type="application/octet-stream")


def is_of_protocol(path: str) -> bool:
    """Whether refusals at this path are told in the protocol's form."""
    return path == "/v2" or path.startswith("/v2/")


def protocol_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal in the protocol's form."""
    return _json({"error": message}, status, headers)


def _is_announced(headers: Headers) -> bool:
    """Whether the body is of a type that pages of other sites cannot send unasked; programs may leave it out."""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    return media in _MEDIA_TYPES or (not media and "origin" not in headers)


def _header_length(headers: Headers) -> int | None:
    told = headers.get(HEADER_LENGTH)
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) < 16):
        raise MalformedError("Inference-Header-Content-Length is not a number of bytes")
    return int(told)


async def _read_body(request: Request, limit: int) -> bytes | None:
    """The body, unpacked; None where it is longer than `limit` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        return None
    gathered = bytearray()
    async for piece in request.stream():
        gathered += piece
        if len(gathered) > limit:
            return None
    encoding = request.headers.get("content-encoding", "identity").lower()
    return bytes(gathered) if encoding == "identity" else inflate(bytes(gathered), encoding, limit)


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, dict(headers or {}), "application/json")
