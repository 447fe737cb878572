"""A failing model behind the doors: the fallback's answer at each of them, and what /health says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.app import App
from assay.features.plan import FeatureRow
from assay.settings import Settings
from tests.api.door import Door, open_door
from tests.serving.material import SPAM_ROW, broken, publish_in, spam_bundle, with_rule

BODY = {"model": "spam", "features": SPAM_ROW}
TOLD = ["answered by the fallback rule url_count > 0: it failed with ZeroDivisionError"]
TENSORS = [
    {"name": name, "datatype": datatype, "shape": [2], "data": [SPAM_ROW[name], SPAM_ROW[name]]}
    for name, datatype in (("text", "BYTES"), ("amount", "FP64"), ("plan", "BYTES"), ("verified", "BOOL"))
]


def fail(_features: FeatureRow) -> list[float]:
    raise ZeroDivisionError("planted")


@pytest.fixture(scope="module")
def ruled_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A home with a release that has a rule to fall back to."""
    home = tmp_path_factory.mktemp("ruled")
    app = App(Settings(home=home), home)
    publish_in(app, with_rule(spam_bundle(), "spam", "ham", feature="url_count", above=0))
    yield app
    app.engine.dispose()


@pytest.fixture
def ruled(ruled_app: App, tmp_path: Path) -> Iterator[Door]:
    with open_door(ruled_app, tmp_path / "counters") as door:
        yield door


def test_every_door_answers_with_the_fallback(ruled: Door) -> None:
    ruled.loader.served = {"spam": broken(ruled.loader.served["spam"], fail)}
    alone = ruled.post("/v1/predict", BODY)
    assert (alone.status, alone.json["label"], alone.json["degraded"]) == (200, "spam", TOLD)
    bulk = ruled.post("/v1/predict/batch", {"rows": [SPAM_ROW, {**SPAM_ROW, "amount": "much"}, SPAM_ROW]}).json
    assert [answer.get("degraded", answer.get("status")) for answer in bulk["predictions"]] == [TOLD, 422, TOLD]
    told = ruled.post("/v2/models/spam/infer", {"inputs": TENSORS}).json
    outputs = {output["name"]: output["data"] for output in told["outputs"]}
    assert (outputs["label"], outputs["degraded"]) == (["spam"] * 2, TOLD * 2)
    assert outputs["confidence"] == [alone.json["confidence"]] * 2
    assert [record.degraded for record in ruled.log.predictions] == [tuple(TOLD)] * 5
    assert ruled.errors() == {"contract": 1}


def test_health_names_a_model_that_goes_on_failing(ruled: Door) -> None:
    sound = ruled.loader.served["spam"]
    ruled.loader.served = {"spam": broken(sound, fail)}
    told = []
    for _ in range(3):
        told.append(ruled.get("/health").json["status"])
        ruled.post("/v1/predict", BODY)
    assert told == ["healthy"] * 3
    health = ruled.get("/health")
    assert (health.status, health.json["status"]) == (200, "degraded")
    assert "spam@1: its model failed 3 times in a row" in health.json["reasons"][0]
    ruled.loader.served = {"spam": sound}
    ruled.post("/v1/predict", BODY)
    assert ruled.get("/health").json["status"] == "healthy"


def test_rows_that_fail_among_others_that_do_not_are_no_concern(ruled: Door) -> None:
    sound = ruled.loader.served["spam"]

    def fail_for_urls(features: FeatureRow) -> list[float]:
        return fail(features) if features.dense[4] else sound.release.scores(features)

    ruled.loader.served = {"spam": broken(sound, fail_for_urls)}
    rows = [SPAM_ROW, {**SPAM_ROW, "text": "hello"}] * 5
    answers = ruled.post("/v1/predict/batch", {"rows": rows}).json["predictions"]
    assert ["degraded" in answer for answer in answers] == [True, False] * 5
    assert ruled.get("/health").json["status"] == "healthy"
    ruled.post("/v1/predict/batch", {"rows": [SPAM_ROW] * 3})
    assert ruled.get("/health").json["status"] == "degraded"
