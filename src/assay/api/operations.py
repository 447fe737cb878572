"""Routes for whoever runs the server: liveness, readiness, health and metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from fastapi import FastAPI, Response
from pydantic import BaseModel

from assay.api.exposition import expose
from assay.serving.loader import Loader


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Whether requests should be sent here."""

    status: Literal["ready", "not ready"]


class Health(BaseModel):
    """`degraded` still answers; `mlflow_connected` is null where none is configured, and informational."""

    status: Literal["healthy", "degraded", "unhealthy"]
    model_loaded: bool
    database_connected: bool
    mlflow_connected: bool | None = None
    reasons: list[str] = []


def add_operations(
    app: FastAPI,
    loader: Loader,
    slabs: Path,
    log_counts: Callable[[], Mapping[str, float]],
    concerns: Callable[[], tuple[str, ...]],
) -> None:
    """Add the routes."""

    @app.get("/livez", tags=["operations"])
    def live() -> Alive:
        """The process is alive."""
        return Alive()

    @app.get("/readyz", tags=["operations"], responses={503: {"model": Ready}})
    def ready(response: Response) -> Ready:
        """Everything that was asked for is loaded."""
        if loader.ready:
            return Ready(status="ready")
        response.status_code = 503
        response.headers["retry-after"] = "1"
        return Ready(status="not ready")

    @app.get("/health", tags=["operations"], responses={503: {"model": Health}})
    def health(response: Response) -> Health:
        """Healthy, degraded (still answering) or unhealthy, and why."""
        reasons = [*loader.reasons, *concerns()]
        loaded = bool(loader.served)
        status: Literal["healthy", "degraded", "unhealthy"] = "degraded" if reasons else "healthy"
        if not loaded:
            status = "unhealthy"
            response.status_code = 503
        return Health(status=status, model_loaded=loaded, database_connected=loader.database_connected, reasons=reasons)

    @app.get("/metrics", tags=["operations"], response_class=Response)
    def metrics() -> Response:
        """Counters of all workers in the Prometheus text format."""
        body, content_type = expose(slabs, loader, log_counts())
        return Response(body, media_type=content_type)
