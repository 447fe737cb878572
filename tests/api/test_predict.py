"""/v1/predict, /predict and /classify: the wire to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.app import App
from assay.serving.loader import Target
from assay.settings import Settings
from tests.api.door import Door, open_door
from tests.serving.material import SPAM_ROW, TOPIC_ROW, publish_in, topic_bundle

ANSWER = [
    "prediction_id",
    "model",
    "model_version",
    "policy_digest",
    "label",
    "decision",
    "confidence",
    "prediction",
    "latency_ms",
]


def test_an_answer_has_the_fields_of_the_wire_in_their_order(door: Door) -> None:
    told = door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW})
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    assert list(told.json) == ANSWER
    assert (told.json["model"], told.json["model_version"], told.json["label"]) == ("spam", 1, "spam")
    assert told.json["latency_ms"] > 0


def test_what_was_answered_is_what_is_on_record(door: Door) -> None:
    told = door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW}).json
    [record] = door.log.predictions
    assert (record.prediction_id, record.label, record.confidence, record.latency_ms) == (
        told["prediction_id"],
        told["label"],
        told["confidence"],
        told["latency_ms"],
    )


def test_probabilities_and_explanation_come_when_asked_for(door: Door) -> None:
    body = {"model": "spam", "features": SPAM_ROW, "return_probabilities": True, "explain": True}
    told = door.post("/v1/predict", body).json
    assert list(told) == [*ANSWER[:-1], "probabilities", "explanation", "latency_ms"]
    assert list(told["probabilities"]) == ["ham", "spam"]
    explanation = told["explanation"]
    assert (explanation["kind"], explanation["label"]) == ("exact", "spam")
    assert explanation["reasons"] == ["contains a URL"]
    total = explanation["base"] + sum(factor["contribution"] for factor in explanation["factors"])
    assert total == pytest.approx(explanation["margin"])


def test_trees_are_explained_off_the_event_loop(several: Door) -> None:
    told = several.post("/v1/predict", {"model": "match", "features": TOPIC_ROW, "explain": True})
    assert told.status == 200
    assert told.json["explanation"]["kind"] == "exact"
    assert len(several.log.predictions) == 1


def test_an_explanation_that_takes_too_long_is_left_out_and_said_so(several: Door) -> None:
    body = {"model": "match", "features": TOPIC_ROW, "explain": True, "timeout_ms": 1e-6}
    told = several.post("/v1/predict", body)
    assert told.status == 200
    assert "explanation" not in told.json
    assert told.json["degraded"] == ["no explanation within timeout_ms"]
    assert several.log.predictions[0].degraded == ("no explanation within timeout_ms",)


def test_metadata_and_request_id_are_kept(door: Door) -> None:
    body = {"model": "spam", "features": SPAM_ROW, "metadata": "m" * 1000, "request_id": "mine"}
    door.post("/v1/predict", body, [(b"x-request-id", b"theirs")])
    door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW}, [(b"x-request-id", b"theirs")])
    assert [record.request_id for record in door.log.predictions] == ["mine", "theirs"]
    assert door.log.predictions[0].metadata == "m" * 1000


def test_the_callers_request_id_comes_back_as_a_header(door: Door) -> None:
    told = door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW}, [(b"x-request-id", b"r-1")])
    assert told.headers["x-request-id"] == "r-1"
    assert "x-request-id" not in door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW}).headers


@pytest.mark.parametrize("given", [b"a\x01b", b"\xff", b"x" * 201])
def test_a_request_id_that_could_do_harm_is_ignored(door: Door, given: bytes) -> None:
    told = door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW}, [(b"x-request-id", given)])
    assert (told.status, door.log.predictions[0].request_id) == (200, None)
    assert "x-request-id" not in told.headers


def test_one_classifier_need_not_be_named(door: Door, several: Door) -> None:
    assert door.post("/v1/predict", {"features": SPAM_ROW}).status == 200
    told = several.post("/v1/predict", {"features": SPAM_ROW})
    assert (told.status, told.json["errors"][0]["path"]) == (422, "model")


def test_an_unknown_classifier_is_not_found(door: Door) -> None:
    told = door.post("/v1/predict", {"model": "../../etc/passwd", "features": SPAM_ROW})
    assert (told.status, told.headers["content-type"]) == (404, "application/problem+json")
    assert told.json["type"] == "urn:assay:problem:not_found"


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_the_short_routes_take_the_row_itself(door: Door, path: str) -> None:
    told = door.post(path, SPAM_ROW)
    assert told.status == 200
    assert list(told.json) == [*ANSWER, "is_spam"]
    assert told.json["is_spam"] is True
    assert door.post(path, {"text": "hello hello", "user_id": "u2"}).json["is_spam"] is False


@pytest.mark.parametrize("path", ["/predict", "/classify"])
def test_the_short_routes_take_the_envelope_too(door: Door, path: str) -> None:
    told = door.post(path, {"features": SPAM_ROW, "explain": True})
    assert told.status == 200
    assert told.json["is_spam"] is True
    assert "explanation" in told.json


def test_the_short_routes_explain_trees_too(several_app: App, tmp_path: Path) -> None:
    with open_door(several_app, tmp_path / "counters", Target("match")) as door:
        told = door.post("/predict", {"features": TOPIC_ROW, "explain": True}).json
    assert (told["explanation"]["kind"], told["is_won"]) == ("exact", True)


def test_a_task_of_several_classes_has_no_is(tmp_path: Path, several_app: App) -> None:
    with open_door(several_app, tmp_path / "counters", Target("topic")) as door:
        assert list(door.post("/classify", TOPIC_ROW).json) == ANSWER


def test_the_row_itself_needs_a_server_with_one_classifier(several: Door) -> None:
    assert several.post("/predict", SPAM_ROW).status == 422
    assert several.post("/predict", {"model": "spam", "features": SPAM_ROW}).status == 200


def test_a_review_is_told_as_decision(door: Door) -> None:
    threshold_row = _row_at_the_threshold(door)
    told = door.post("/predict", threshold_row).json
    assert told["decision"] == "review"
    assert told["label"] in {"ham", "spam"}
    assert told["is_spam"] is (told["label"] == "spam")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"amount": "much"}, "features.amount"),
        ({"amount": True}, "features.amount"),
        ({"verified": 1}, "features.verified"),
        ({"sent_at": "yesterday"}, "features.sent_at"),
        ({"text": None}, "features.text"),
        ({"text": "   "}, "features.text"),
        ({"text": "&nbsp; &#32;"}, "features.text"),
        ({"text": "x" * 201}, "features.text"),
        ({"amuont": 3}, "features.amuont"),
    ],
)
def test_a_row_that_breaks_the_contract_names_the_field(door: Door, change: dict[str, object], path: str) -> None:
    told = door.post("/v1/predict", {"model": "spam", "features": {**SPAM_ROW, **change}})
    assert told.status == 422
    assert [problem["path"] for problem in told.json["errors"]] == [path]
    assert door.log.records == []


def test_all_wrong_fields_are_named_at_once(door: Door) -> None:
    told = door.post("/predict", {"text": 3, "amount": "x", "nope": 1})
    assert {problem["path"] for problem in told.json["errors"]} == {
        "features.text",
        "features.amount",
        "features.nope",
    }


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "spam", "features": SPAM_ROW, "explian": True}, "explian"),
        ({"model": "spam"}, "features"),
        ({"model": "spam", "features": SPAM_ROW, "explain": "yes"}, "explain"),
        ({"model": "spam", "features": SPAM_ROW, "metadata": "m" * 1001}, "metadata"),
        ({"model": "spam", "features": SPAM_ROW, "timeout_ms": 0}, "timeout_ms"),
        ([1, 2], "body"),
        (None, "body"),
        ("text", "body"),
    ],
)
def test_an_envelope_of_another_shape_names_the_field(door: Door, body: object, path: str) -> None:
    told = door.post("/v1/predict", body)
    assert (told.status, told.json["errors"][0]["path"]) == (422, path)


def test_a_field_that_is_spelled_wrong_gets_a_suggestion(door: Door) -> None:
    told = door.post("/v1/predict", {"model": "spam", "feature": SPAM_ROW})
    assert "features" in json.dumps(told.json["errors"])


def test_a_full_log_answers_503_and_when_to_come_back(door: Door) -> None:
    door.log.full = True
    told = door.post("/v1/predict", {"model": "spam", "features": SPAM_ROW})
    assert (told.status, told.headers["retry-after"]) == (503, "2")


def test_a_full_log_that_lets_go_says_so(door: Door) -> None:
    door.log.full = door.log.drops = True
    assert door.post("/v1/predict", {"features": SPAM_ROW}).json["degraded"] == ["not logged: the log is full"]


def test_before_anything_is_loaded_the_answer_is_503(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path / "empty"), tmp_path / "empty")
    with open_door(app, tmp_path / "counters") as door:
        for path in ("/v1/predict", "/predict"):
            told = door.post(path, {"model": "spam", "features": {}})
            assert (told.status, told.headers["retry-after"]) == (503, "1")
        publish_in(app, topic_bundle())
        door.loader.refresh()
        assert door.post("/predict", TOPIC_ROW).status == 200
    app.engine.dispose()


def test_the_version_in_the_answer_is_the_one_that_answered(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path / "home"), tmp_path / "home")
    publish_in(app, topic_bundle())
    with open_door(app, tmp_path / "counters") as door:
        before = door.post("/predict", TOPIC_ROW).json
        publish_in(app, topic_bundle(bias=9.0))
        door.loader.refresh()
        after = door.post("/predict", TOPIC_ROW).json
    assert (before["model_version"], before["label"]) == (1, "sport")
    assert (after["model_version"], after["label"]) == (2, "art")
    app.engine.dispose()


def _row_at_the_threshold(door: Door) -> dict[str, object]:
    """An amount at which the probability is just the threshold."""
    low, high = -100.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        told = door.post("/predict", {"text": "hello", "user_id": "u", "amount": middle}).json
        low, high = (middle, high) if told["prediction"] < 0.6 else (low, middle)
    return {"text": "hello", "user_id": "u", "amount": middle}


def _fail(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(("model", "row"), [("spam", SPAM_ROW), ("match", TOPIC_ROW)])
def test_an_answer_outlives_its_explanation(
    several: Door, monkeypatch: pytest.MonkeyPatch, model: str, row: dict[str, object]
) -> None:
    monkeypatch.setattr(type(several.loader.served[model].release.model), "contributions", _fail)
    told = several.post("/v1/predict", {"model": model, "features": row, "explain": True})
    many = several.post("/v1/predict/batch", {"model": model, "rows": [row, row], "explain": True})
    for answer in (told.json, *many.json["predictions"]):
        assert answer["degraded"] == ["no explanation: it failed with ZeroDivisionError"]
        assert "explanation" not in answer
    assert [record.degraded for record in several.log.records] == [tuple(told.json["degraded"])] * 3
