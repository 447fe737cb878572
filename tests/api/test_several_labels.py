"""Several labels through the door."""

from __future__ import annotations

import msgspec
import pytest

from assay.values import Outcome
from tests.api.door import Door
from tests.serving.material import TOPIC_ROW

ID = "00000000-0000-8000-8000-000000000001"
FIELDS = [
    "prediction_id", "model", "model_version", "policy_digest", "labels", "decision", "confidence", "prediction",
    "latency_ms",
]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/predict", "/predict", "/classify"])
def test_an_answer_has_the_fields_of_the_wire_in_their_order(themes: Door, path: str) -> None:
    told = themes.post(path, {"model": "themes", "features": TOPIC_ROW}).json
    assert list(told) == FIELDS
    assert told["labels"] == told["decision"] == ["money", "sport"]
    assert list(told["prediction"]) == ["art", "money", "sport"]
    explained = themes.post(path, {"features": TOPIC_ROW, "explain": True}).json
    assert [one["label"] for one in explained["explanation"]] == ["money", "sport"]


def test_the_row_itself_and_many_rows_are_answered(themes: Door) -> None:
    assert themes.post("/predict", TOPIC_ROW).json["labels"] == ["money", "sport"]
    told = themes.post("/v1/predict/batch", {"model": "themes", "rows": [TOPIC_ROW, {"goals": 1}]}).json
    assert told["predictions"][0]["labels"] == ["money", "sport"]
    assert told["predictions"][1]["status"] == 422


@pytest.mark.parametrize(
    ("label", "kept"), [(["sport", "art"], ("art", "sport")), ("art", ("art",)), ([], ()), (["art", "art"], ("art",))]
)
def test_feedback_takes_all_labels_that_apply(themes: Door, label: object, kept: tuple[str, ...]) -> None:
    assert themes.post("/v1/feedback", {"prediction_id": ID, "label": label}).status == 202
    [outcome] = [record for record in themes.log.records if isinstance(record, Outcome)]
    assert outcome.label == kept
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(outcome), type=Outcome) == outcome


def test_the_order_of_the_labels_does_not_make_another_outcome(themes: Door) -> None:
    bodies = [{"prediction_id": ID, "label": labels} for labels in (["art", "sport"], ["sport", "art"])]
    first, second = (themes.post("/v1/feedback", body).json for body in bodies)
    assert first == second


@pytest.mark.parametrize("label", [["art", "sprot"], [3], ["art", ""], {"art": 1}])
def test_labels_that_there_are_not_are_refused(themes: Door, label: object) -> None:
    told = themes.post("/v1/feedback", {"prediction_id": ID, "label": label})
    assert told.status == 422
    assert told.json["errors"][0]["path"].startswith("label")


def test_one_label_is_asked_for_where_there_is_one(door: Door) -> None:
    told = door.post("/v1/feedback", {"prediction_id": ID, "label": ["ham"]})
    assert told.json["errors"] == [{"path": "label", "message": "is one label here, not a list"}]


def test_the_document_tells_of_labels(themes: Door) -> None:
    document = themes.get("/openapi.json").json
    answer = document["components"]["schemas"]["themesAnswer"]
    assert set(FIELDS) <= set(answer["properties"])
    assert "label" not in answer["properties"]
    assert answer["required"] == FIELDS
    content = document["paths"]["/v1/predict"]["post"]["responses"]["200"]["content"]["application/json"]
    example = content["examples"]["themes"]["value"]
    sent = {name: example[name] for name in FIELDS}
    assert sent["labels"] == ["money", "sport"]
    body = document["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]["themes"]
    told = themes.post("/v1/predict", body["value"]).json
    assert (told["labels"], told["prediction"]) == (sent["labels"], sent["prediction"])
