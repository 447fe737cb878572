"""A home in which spam@1 serves, for the commands that answer or look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import App, open_app
from assay.registry.promote import promote
from assay.registry.releases import Registration, publish
from tests.release.material import linear_bundle


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    app = open_app()
    registration = Registration(
        passed=True, framework="by hand", metrics={"roc_auc": 0.75}, created_at=0.0, created_by="ann"
    )
    evidence = {"card.json": json.dumps({}).encode()}
    version = publish(linear_bundle(), evidence, registration, registry=app.registry, blobs=app.blobs)
    promote(version, "production", registry=app.registry, by="ann", at=1.0)
    yield app
    app.engine.dispose()
