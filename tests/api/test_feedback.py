"""POST /v1/feedback: a true label into the log."""

from __future__ import annotations

import pytest

from assay.records.ids import entity_hash
from assay.values import Outcome
from tests.api.door import Door
from tests.serving.material import NOW

PREDICTION_ID = "00000000-0000-8000-8000-000000000001"


def outcomes(door: Door) -> list[Outcome]:
    return [record for record in door.log.records if isinstance(record, Outcome)]


def test_a_label_for_a_prediction_is_accepted_and_on_record(door: Door) -> None:
    body = {"prediction_id": PREDICTION_ID, "label": "ham", "score": 0.5, "source": "desk", "comment": "a friend"}
    told = door.post("/v1/feedback", body)
    [outcome] = outcomes(door)
    assert (told.status, told.json) == (202, {"outcome_id": outcome.outcome_id, "status": "accepted"})
    assert (outcome.prediction_id, outcome.label, outcome.score) == (PREDICTION_ID, "ham", 0.5)
    assert (outcome.source, outcome.comment, outcome.received_at) == ("desk", "a friend", NOW)


def test_the_same_label_sent_again_is_the_same_outcome(door: Door) -> None:
    body = {"prediction_id": PREDICTION_ID, "label": "ham", "source": "desk"}
    first, again = door.post("/v1/feedback", body), door.post("/v1/feedback", body)
    other = door.post("/v1/feedback", {**body, "label": "spam"})
    assert first.json == again.json
    assert other.json["outcome_id"] != first.json["outcome_id"]


@pytest.mark.parametrize("time", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00"])
def test_a_prediction_may_be_named_by_entity_and_time(door: Door, time: str) -> None:
    told = door.post("/v1/feedback", {"entity": "u1", "time": time, "label": "ham"})
    assert told.status == 202
    [outcome] = outcomes(door)
    assert (outcome.entity_hash, outcome.predicted_at) == (entity_hash("spam", "u1"), 1769860800.0)
    assert outcome.prediction_id is None


def test_an_entity_needs_a_classifier_where_there_are_several(several: Door) -> None:
    body = {"entity": "u1", "time": "2026-01-31T12:00:00Z", "label": "ham"}
    assert several.post("/v1/feedback", body).json["errors"][0]["path"] == "model"
    assert several.post("/v1/feedback", {**body, "model": "spam"}).status == 202
    assert several.post("/v1/feedback", {**body, "model": "nope"}).status == 404


def test_a_label_need_only_be_known_to_one_of_several(several: Door) -> None:
    body = {"prediction_id": PREDICTION_ID, "label": "sport"}
    assert several.post("/v1/feedback", body).status == 202
    assert several.post("/v1/feedback", {**body, "model": "spam"}).status == 422


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"prediction_id": PREDICTION_ID, "label": "eggs"}, "label"),
        ({"prediction_id": PREDICTION_ID}, "label"),
        ({"label": "ham"}, "prediction_id"),
        ({"label": "ham", "prediction_id": "p"}, "prediction_id"),
        ({"label": "ham", "entity": "u1"}, "time"),
        ({"label": "ham", "time": "2026-01-31T12:00:00Z"}, "entity"),
        ({"label": "ham", "prediction_id": PREDICTION_ID, "entity": "u1"}, "prediction_id"),
        ({"label": "ham", "entity": "u1", "time": "soon"}, "time"),
        ({"label": "ham", "prediction_id": PREDICTION_ID, "score": 2}, "score"),
        ({"label": "ham", "prediction_id": PREDICTION_ID, "lable": "ham"}, "lable"),
    ],
)
def test_what_cannot_be_feedback_names_the_field(door: Door, body: dict[str, object], path: str) -> None:
    told = door.post("/v1/feedback", body)
    assert (told.status, told.json["errors"][0]["path"]) == (422, path)
    assert door.log.records == []


def test_a_full_log_takes_no_feedback(door: Door) -> None:
    door.log.full = True
    assert door.post("/v1/feedback", {"prediction_id": PREDICTION_ID, "label": "ham"}).status == 503
