"""Health, metrics and the routes about models, through the front door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from assay.api import exposition
from assay.app import App
from assay.serving.loader import Target
from assay.serving.metrics import METRICS
from assay.settings import Settings
from tests.api.door import Door, open_door
from tests.serving.material import SPAM_ROW, publish_in, spam_bundle


def test_a_server_that_has_what_it_needs_is_healthy(door: Door) -> None:
    assert door.get("/livez").json == {"status": "alive"}
    assert door.get("/readyz").json == {"status": "ready"}
    assert door.get("/health").json == {
        "status": "healthy",
        "model_loaded": True,
        "database_connected": True,
        "mlflow_connected": None,
        "reasons": [],
    }


def test_without_a_model_it_is_alive_but_neither_ready_nor_healthy(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path / "empty"), tmp_path / "empty")
    with open_door(app, tmp_path / "counters") as door:
        assert door.get("/livez").status == 200
        ready, health = door.get("/readyz"), door.get("/health")
    app.engine.dispose()
    assert (ready.status, ready.headers["retry-after"]) == (503, "1")
    assert (health.status, health.json["status"], health.json["model_loaded"]) == (503, "unhealthy", False)
    assert health.json["reasons"] == ["no classifier is deployed"]


def test_a_classifier_that_was_asked_for_and_is_missing_makes_it_not_ready(tmp_path: Path, several_app: App) -> None:
    with open_door(several_app, tmp_path / "counters", Target("spam"), Target("absent")) as door:
        assert door.get("/readyz").status == 503
        health = door.get("/health")
    assert (health.status, health.json["status"]) == (200, "degraded")
    assert health.json["reasons"] == ["absent is not loaded"]


def test_a_database_that_is_away_degrades_and_does_not_stop_answers(door: Door) -> None:
    door.loader.database_connected = False
    assert (door.get("/health").json["status"], door.get("/health").status) == ("degraded", 200)
    assert door.get("/readyz").status == 200
    assert door.post("/predict", SPAM_ROW).status == 200


def test_what_else_is_wrong_is_told(door: Door) -> None:
    door.concerns.append("the spool of the log is 90% full")
    assert door.get("/health").json["reasons"] == ["the spool of the log is 90% full"]


def test_metrics_count_what_was_answered_and_refused(door: Door) -> None:
    for _ in range(3):
        door.post("/predict", SPAM_ROW)
    door.post("/predict", {"text": 5})
    door.post("/v1/feedback", {"prediction_id": "00000000-0000-8000-8000-000000000001", "label": "ham"})
    told = door.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=")
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(told.body.decode())
        for sample in family.samples
    }
    release = ("model", "spam"), ("model_version", "1")
    assert found["classification_predictions_total", *release, ("prediction_class", "spam")] == 3
    assert found["classification_predictions_total", *release, ("prediction_class", "ham")] == 0
    assert found["classification_latency_seconds_count", *release] == 3
    assert found["classification_latency_seconds_bucket", ("le", "+Inf"), *release] == 3
    assert found["classification_latency_seconds_sum", *release] > 0
    assert found["classification_confidence_sum", *release] == pytest.approx(
        sum(record.confidence for record in door.log.predictions), abs=1e-6
    )
    assert found["classification_errors_total", ("kind", "contract")] == 1
    assert found["classification_feedback_total",] == 1
    assert found["classification_ready",] == 1
    assert found["classification_log_fill",] == 0.25


def test_every_metric_of_the_tables_is_exposed_and_no_other(door: Door) -> None:
    families = {family.name for family in text_string_to_metric_families(door.get("/metrics").body.decode())}
    assert families == {metric.name.removesuffix("_total") for metric in METRICS} | exposition.GAUGES.keys()


def test_the_models_that_are_served_are_listed(several: Door) -> None:
    models = several.get("/v1/models").json["models"]
    assert [(one["name"], one["model_version"], one["task"]) for one in models] == [
        ("match", 1, "binary"),
        ("spam", 1, "binary"),
        ("topic", 1, "multiclass"),
    ]
    assert models[1]["positive"] == "spam"
    assert models[1]["deployment"]["generation"] == 1


def test_a_model_tells_what_it_takes_and_answers(door: Door) -> None:
    told = door.get("/v1/models/spam").json
    assert list(told["input_schema"]["properties"]) == ["text", "user_id", "amount", "plan", "verified", "sent_at"]
    assert told["input_schema"]["required"] == ["text"]
    assert told["output_schema"]["properties"]["decision"]["enum"] == ["ham", "spam", "review"]
    assert told["versions"] == [1]


def test_a_version_tells_its_figures_and_lineage(door: Door) -> None:
    told = door.get("/v1/models/spam/versions/1").json
    expected = "model_id name framework version accuracy training_date artifact_uri model_size_bytes input_schema "
    expected += "output_schema stage created_at approved_by lineage"
    assert set(expected.split()) <= told.keys()
    assert (told["accuracy"], told["lineage"], told["stage"]) == (0.9, {"data": "abc"}, "development")


@pytest.mark.parametrize(
    "path", ["/v1/models/nope", "/v1/models/spam/versions/9", "/v1/models/nope/versions/1", "/nope"]
)
def test_what_does_not_exist_is_a_404_problem(door: Door, path: str) -> None:
    told = door.get(path)
    assert (told.status, told.headers["content-type"]) == (404, "application/problem+json")
    assert told.json["request_id"]


def test_a_version_that_is_no_number_is_a_422_problem(door: Door) -> None:
    told = door.get("/v1/models/spam/versions/latest", [(b"x-request-id", b"r-3")])
    assert (told.status, told.json["request_id"]) == (422, "r-3")
    assert "version" in told.json["errors"][0]["path"]


@pytest.mark.parametrize("version", ["0", "-1", str(2**31), str(2**63), str(2**64), "9" * 400])
def test_no_version_number_is_a_5xx(door: Door, version: str) -> None:
    assert door.get(f"/v1/models/spam/versions/{version}").status in {404, 422}


def test_another_method_behind_the_door_is_a_405(door: Door) -> None:
    told = door.post("/v1/models", {})
    assert (told.status, told.headers["allow"], told.json["status"]) == (405, "GET", 405)


def test_the_registry_may_be_away_when_a_model_is_described(tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = App(Settings(home=home), home)
    publish_in(app, spam_bundle())
    with open_door(app, tmp_path / "counters") as door:
        app.engine.dispose()
        (home / "assay.db").write_bytes(b"this is no database" * 100)
        assert door.get("/v1/models/spam").json["versions"] is None
        assert door.get("/v1/models/spam/versions/1").status == 503
        assert door.post("/predict", SPAM_ROW).status == 200
    app.engine.dispose()


def test_docs_need_no_internet(door: Door) -> None:
    page = door.get("/docs").body.decode()
    assert "http" not in page.replace("http-equiv", "")
    for asset in ("/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/docs/start.js"):
        assert asset in page
        assert door.get(asset).status == 200
    assert "/openapi.json" in door.get("/docs/start.js").body.decode()
    assert json.loads(door.get("/openapi.json").body)["openapi"].startswith("3.1")


def test_refusals_of_the_routes_behind_are_counted_too(door: Door) -> None:
    assert door.get("/nowhere").status == 404
    assert door.get("/v1/models/none").status == 404
    assert door.send("DELETE", "/v1/models", [b""], ()).status == 405
    assert door.errors() == {"not_found": 2, "method": 1}


def test_the_entrance_leads_to_the_documentation(door: Door) -> None:
    led = door.get("/")
    assert (led.status, led.headers["location"]) == (307, "/docs")
    assert "feedback" in door.get("/openapi.json").json["info"]["description"]
