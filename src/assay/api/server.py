"""The HTTP application of one worker: the hot door, its life, and behind it what is not hot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

from assay.api.crowd import Crowd
from assay.api.feedback import FeedbackDoor
from assay.api.hold import Hold
from assay.api.hot import Asgi, HotDoor
from assay.api.later import Later
from assay.api.predict import PredictDoor, log_failure
from assay.api.problems import INTERNAL, KIND_NAMES, kind_of
from assay.api.services import Beside, Services
from assay.inference.service import Inference
from assay.serving.metrics import DoorCounters
from assay.serving.room import Room


def create_api(services: Services, hosts: frozenset[bytes], beside: Sequence[Beside] = ()) -> Asgi:
    """Make the ASGI application. `hosts` are the Host header's names that are answered; none means any. The doors
    `beside` it are open as long as it lives.
    """
    settings = services.settings
    counters = DoorCounters(services.slab, KIND_NAMES)
    room = Room(settings.max_in_flight)
    hold = Hold(services.sync) if services.sync is not None else None
    durable = hold.durable if hold is not None else None
    inference = Inference(services.loader, services.predictor, settings.max_rows, room, durable)
    predict = PredictDoor(services.loader, services.predictor, counters, settings.max_rows, room)
    feedback = FeedbackDoor(services.loader, services.log, counters, services.clock)
    routes = {
        "/v1/predict": predict.predict,
        "/v1/predict/batch": predict.predict_batch,
        "/predict": predict.predict_short,
        "/classify": predict.predict_short,
        "/predict/batch": predict.predict_batch,
        "/v1/feedback": feedback.feedback,
    }

    def make_behind() -> Asgi:
        from assay.api.behind import create_behind

        return create_behind(services, counters, inference)

    def account(error: Exception, request_id: str) -> None:
        kind = kind_of(error)
        counters.error(kind.name)
        if kind is INTERNAL:
            log_failure(error, request_id)

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        services.start()
        try:
            async with AsyncExitStack() as doors:
                for door in beside:
                    await doors.enter_async_context(door(inference, account))
                behind.begin()
                yield
        finally:
            services.stop()

    behind = Later(make_behind)
    crowd = Crowd(settings.max_ready, monotonic)
    return HotDoor(behind, routes, counters, hosts, settings.max_body_kb * 1024, crowd, hold, life)
