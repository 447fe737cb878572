"""What is not hot: models, health, metrics, the inference protocol and the documentation, by FastAPI."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from assay.api.docs import add_docs
from assay.api.hot import Asgi, read_request_id
from assay.api.inference import add_inference, is_of_protocol, protocol_error
from assay.api.models import add_models
from assay.api.openapi import describe
from assay.api.operations import add_operations
from assay.api.problems import METHOD, NOT_FOUND, Reply, document, kind_of, reply, reply_to
from assay.api.services import Services
from assay.errors import AssayError, ContractError, Problem
from assay.inference.service import Inference, one_line
from assay.serving.metrics import DoorCounters

_DESCRIPTION = """\
Guarded classifiers: each example is checked against the contract of its classifier, decided by the release that is
deployed, and put on record before the answer leaves.

- **predict**: one example at `POST /v1/predict`, many at `/v1/predict/batch`; the examples below work as they stand.
- **feedback**: the true label, when it comes, at `POST /v1/feedback` with the `prediction_id` of the answer.
- What is served stands at `GET /v1/models`, how the server does at `/health` and `/metrics`.

A refusal is a problem document (RFC 9457) that names each field that is wrong.
"""


def create_behind(services: Services, counters: DoorCounters, inference: Inference) -> Asgi:
    """Make the application behind the hot door."""
    app = FastAPI(
        title="Assay",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    tell = _teller(counters)
    for refusal in (AssayError, HTTPException, RequestValidationError):
        app.add_exception_handler(refusal, tell)
    add_operations(app, services.loader, services.slab.directory, services.log_counts, services.concerns)
    add_models(app, services.loader, services.registry, services.read_evidence)
    add_inference(app, inference, counters, services.settings.max_body_kb * 1024)
    add_docs(app, lambda: describe(app.openapi(), services.loader.served))
    return app


def _teller(counters: DoorCounters) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What tells every refusal of the application behind in the form of its path, and counts it."""

    async def tell(request: Request, error: Exception) -> Response:
        request_id = read_request_id(request.headers.get("x-request-id", "").encode("latin-1")) or uuid.uuid4().hex
        headers: Mapping[str, str] = {}
        if isinstance(error, HTTPException):
            kind = METHOD if error.status_code == METHOD.status else NOT_FOUND
            said = f"{kind.title.lower()}; the routes are listed at /docs"
            answer, headers = reply(document(kind, said, (), request_id)), error.headers or {}
        else:
            refused = _as_refusal(error)
            kind, said, answer = kind_of(refused), one_line(refused), reply_to(refused, request_id)
        counters.error(kind.name)
        if is_of_protocol(request.scope["path"]):
            return protocol_error(kind.status, said, {**_named(answer), **headers})
        return as_response(answer, headers)

    return tell


def as_response(answer: Reply, headers: Mapping[str, str] | None = None) -> Response:
    """A reply as FastAPI sends it."""
    return Response(answer.body, answer.status, {**_named(answer), **(headers or {})}, answer.content_type.decode())


def _as_refusal(error: Exception) -> AssayError:
    if isinstance(error, RequestValidationError):
        problems = [Problem(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors()]
        return ContractError("the request is not what this route takes", problems=problems)
    if not isinstance(error, AssayError):
        raise error
    return error


def _named(answer: Reply) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.headers}
