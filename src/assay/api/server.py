"""The HTTP application of one worker: the hot door, and behind it FastAPI for everything that is not hot."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from assay.api.docs import add_docs
from assay.api.feedback import FeedbackDoor
from assay.api.hot import Asgi, HotDoor, read_request_id
from assay.api.models import ReadEvidence, add_models
from assay.api.openapi import describe
from assay.api.operations import add_operations
from assay.api.predict import PredictDoor
from assay.api.problems import KIND_NAMES, METHOD, NOT_FOUND, Reply, document, kind_of, reply, reply_to
from assay.errors import AssayError, ContractError, Problem
from assay.records.log import PredictionLog
from assay.registry.store import RegistryStore
from assay.serving.loader import Loader
from assay.serving.metrics import DoorCounters, Slab
from assay.serving.predictor import Predictor
from assay.settings import Settings

_DESCRIPTION = """\
Guarded classifiers: each example is checked against the contract of its classifier, decided by the release that is
deployed, and put on record before the answer leaves.

- **predict**: one example at `POST /v1/predict`, many at `/v1/predict/batch`; the examples below work as they stand.
- **feedback**: the true label, when it comes, at `POST /v1/feedback` with the `prediction_id` of the answer.
- What is served stands at `GET /v1/models`, how the server does at `/health` and `/metrics`.

A refusal is a problem document (RFC 9457) that names each field that is wrong.
"""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the door translates for.

    `read_evidence` gives the contract and card of a version, `log_counts` what `/metrics` says of the prediction log,
    `concerns` what else an operator should know; `start` and `stop` frame the life of the worker.
    """

    settings: Settings
    registry: RegistryStore
    loader: Loader
    predictor: Predictor
    log: PredictionLog
    slab: Slab
    clock: Callable[[], float]
    read_evidence: ReadEvidence
    log_counts: Callable[[], Mapping[str, float]]
    concerns: Callable[[], tuple[str, ...]]
    start: Callable[[], None]
    stop: Callable[[], None]


def create_api(services: Services, hosts: frozenset[bytes]) -> Asgi:
    """Make the ASGI application. `hosts` are the Host header's names that are answered; none means any."""
    counters = DoorCounters(services.slab, KIND_NAMES)
    predict = PredictDoor(services.loader, services.predictor, counters, services.settings.max_rows)
    feedback = FeedbackDoor(services.loader, services.log, counters, services.clock)
    routes = {
        "/v1/predict": predict.predict,
        "/v1/predict/batch": predict.predict_batch,
        "/predict": predict.predict_short,
        "/classify": predict.predict_short,
        "/predict/batch": predict.predict_batch,
        "/v1/feedback": feedback.feedback,
    }
    return HotDoor(_behind(services, counters), routes, counters, hosts, services.settings.max_body_kb * 1024)


def _behind(services: Services, counters: DoorCounters) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        yield
        services.stop()

    app = FastAPI(
        title="Assay",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    tell = _teller(counters)
    for refusal in (AssayError, HTTPException, RequestValidationError):
        app.add_exception_handler(refusal, tell)
    add_operations(app, services.loader, services.slab.directory, services.log_counts, services.concerns)
    add_models(app, services.loader, services.registry, services.read_evidence)
    add_docs(app, lambda: describe(app.openapi(), services.loader.served))
    return app


def _teller(counters: DoorCounters) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What tells every refusal of the application behind as a problem document, and counts it."""

    async def tell(request: Request, error: Exception) -> Response:
        request_id = read_request_id(request.headers.get("x-request-id", "").encode("latin-1")) or uuid.uuid4().hex
        if isinstance(error, HTTPException):
            kind = METHOD if error.status_code == METHOD.status else NOT_FOUND
            counters.error(kind.name)
            answer = reply(document(kind, f"{kind.title.lower()}; the routes are listed at /docs", (), request_id))
            return as_response(answer, dict(error.headers or {}))
        if isinstance(error, RequestValidationError):
            problems = [Problem(".".join(str(part) for part in one["loc"]), one["msg"]) for one in error.errors()]
            error = ContractError("the request is not what this route takes", problems=problems)
        counters.error(kind_of(error).name)
        return as_response(reply_to(error, request_id))

    return tell


def as_response(answer: Reply, headers: Mapping[str, str] | None = None) -> Response:
    """A reply as FastAPI sends it."""
    told = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, {**told, **(headers or {})}, answer.content_type.decode())
