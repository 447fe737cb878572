"""Routes that say which classifiers and releases there are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Response
from msgspec import json, to_builtins

from assay.api.schemas import answer_schema, features_schema
from assay.api.services import ReadEvidence
from assay.contract.columns import Contract
from assay.errors import AssayError, NotFoundError
from assay.registry.store import RegistryStore, Version
from assay.serving.loader import Loader
from assay.serving.served import Served


def add_models(app: FastAPI, loader: Loader, registry: RegistryStore, read_evidence: ReadEvidence) -> None:
    """Add the routes."""

    @app.get("/v1/models", tags=["models"])
    def models() -> Response:
        """The classifiers that are served here."""
        return _json({"models": [_summary(served) for _, served in sorted(loader.served.items())]})

    @app.get("/v1/models/{name}", tags=["models"])
    def model(name: str) -> Response:
        """One classifier: what serves now, what it takes and answers, and its registered versions."""
        served = loader.served.get(name)
        if served is None:
            raise NotFoundError(f"no classifier {name!r} is served here")
        try:
            versions: list[int] | None = [one.version for one in registry.versions(name)]
        except AssayError:
            versions = None
        return _json({**_summary(served), **_schemas(served.release.contract), "versions": versions})

    @app.get("/v1/models/{name}/versions/{version}", tags=["models"])
    def version(name: str, version: int) -> Response:
        """One registered version with its metrics and lineage."""
        found = registry.version(name, version)
        contract, card = read_evidence(found)
        return _json({**_registered(found, card), **_schemas(contract)})


def _schemas(contract: Contract) -> dict[str, Any]:
    return {"input_schema": features_schema(contract), "output_schema": answer_schema(contract)}


def _summary(served: Served) -> dict[str, Any]:
    release = served.release
    return {
        "name": release.classifier,
        "model_version": release.version,
        "task": release.contract.task,
        "classes": release.contract.classes,
        "positive": release.contract.positive,
        "release_digest": release.digest,
        "policy_digest": release.policy_digest,
        "deployment": to_builtins(served.deployment) if served.deployment else None,
    }


def _registered(version: Version, card: Mapping[str, Any]) -> dict[str, Any]:
    created_at = datetime.fromtimestamp(version.created_at, UTC).isoformat()
    return {
        "model_id": version.release_digest,
        "name": version.classifier,
        "version": version.version,
        "framework": version.framework,
        "stage": version.stage,
        "gates_passed": version.passed,
        "metrics": version.metrics,
        "accuracy": version.metrics.get("accuracy", version.metrics.get("subset_accuracy")),
        "training_date": card.get("created_at", created_at),
        "created_at": created_at,
        "created_by": version.created_by,
        "approved_by": version.approved_by,
        "artifact_uri": f"blobs:{version.manifest}",
        "model_size_bytes": version.size_bytes,
        "policy_digest": version.policy_digest,
        "lineage": card.get("lineage"),
    }


def _json(value: Any) -> Response:
    return Response(json.encode(value), media_type="application/json")
