"""/v1/predict/batch: one answer or problem a row, in order, equal to one by one."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from pathlib import Path

import pytest

from assay.app import App
from assay.features.plan import FeatureRow
from assay.serving.served import Served
from assay.values import Row
from tests.api.door import Door, call, open_door
from tests.serving.material import SPAM_ROW, TOPIC_ROW

ROWS = [{**SPAM_ROW, "amount": amount, "user_id": f"u{amount}"} for amount in range(40)]
LASTING = ("prediction_id", "latency_ms")


def lasting(answer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in answer.items() if key not in LASTING}


def test_answers_are_those_of_one_by_one_in_order(door: Door) -> None:
    together = door.post("/v1/predict/batch", {"model": "spam", "rows": ROWS}).json["predictions"]
    alone = [door.post("/v1/predict", {"model": "spam", "features": row}).json for row in ROWS]
    assert [lasting(answer) for answer in together] == [lasting(answer) for answer in alone]
    assert [answer["prediction_id"] for answer in together] == [
        record.prediction_id for record in door.log.predictions[: len(ROWS)]
    ]


@pytest.mark.parametrize("place", [0, 1, 20, 39])
def test_a_bad_row_does_not_disturb_its_neighbours(door: Door, place: int) -> None:
    rows: list[object] = [*ROWS]
    rows[place] = {**SPAM_ROW, "amount": "much"}
    answers = door.post("/v1/predict/batch", {"model": "spam", "rows": rows}).json["predictions"]
    problem = answers.pop(place)
    assert (problem["status"], problem["errors"][0]["path"]) == (422, "features.amount")
    good = door.post("/v1/predict/batch", {"rows": [row for row in rows if row is not rows[place]]})
    assert [lasting(answer) for answer in answers] == [lasting(answer) for answer in good.json["predictions"]]
    assert len(answers) == 39


def test_a_row_that_breaks_the_model_is_a_500_of_its_own(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    spam = door.loader.served["spam"]
    door.loader.served = {"spam": _failing_at(spam, "u7")}
    with caplog.at_level(logging.ERROR):
        told = door.post("/v1/predict/batch", {"rows": ROWS})
    assert told.status == 200
    statuses = [answer.get("status", 200) for answer in told.json["predictions"]]
    assert statuses == [200] * 7 + [500] + [200] * 32
    assert "planted" not in told.body.decode()
    assert [record.error for record in door.log.predictions if record.error] == ["ZeroDivisionError"]
    assert door.errors() == {"internal": 1}
    assert caplog.records[0].error == "ZeroDivisionError"  # type: ignore[attr-defined] - put there by `extra`


@pytest.mark.parametrize("row", [3, None, [], "text", {"text": 5}])
def test_rows_of_any_shape_are_problems_of_their_own(door: Door, row: object) -> None:
    first, second = door.post("/predict/batch", {"rows": [row, SPAM_ROW]}).json["predictions"]
    assert first["status"] == 422
    assert second["label"] == "spam"


def test_texts_stand_for_rows_of_one_text_column(door: Door) -> None:
    told = door.post("/v1/predict/batch", {"model": "spam", "texts": ["win win http://x.example", 'say "hello"', 3]})
    first, second, third = told.json["predictions"]
    assert (first["label"], second["label"], third["status"]) == ("spam", "ham", 422)
    assert first["confidence"] == door.post("/predict", {"text": "win win http://x.example"}).json["confidence"]


def test_texts_need_a_classifier_with_one_text_column(several: Door) -> None:
    told = several.post("/v1/predict/batch", {"model": "topic", "texts": ["a"]})
    assert (told.status, told.json["errors"][0]["path"]) == (422, "texts")


@pytest.mark.parametrize("body", [{}, {"rows": [], "texts": []}])
def test_a_batch_has_either_rows_or_texts(door: Door, body: dict[str, object]) -> None:
    assert door.post("/v1/predict/batch", body).status == 422


def test_an_empty_batch_has_no_answers(door: Door) -> None:
    told = door.post("/v1/predict/batch", {"rows": []})
    assert (told.status, told.json) == (200, {"predictions": []})


def test_too_many_rows_are_refused(one_app: App, tmp_path: Path) -> None:
    with open_door(one_app, tmp_path / "counters", max_rows=3) as door:
        assert door.post("/v1/predict/batch", {"rows": [SPAM_ROW] * 3}).status == 200
        told = door.post("/v1/predict/batch", {"rows": [SPAM_ROW] * 4})
    assert (told.status, told.json["errors"][0]["path"]) == (422, "rows")


def test_options_hold_for_every_row(several: Door) -> None:
    body = {
        "model": "match",
        "rows": [TOPIC_ROW, {"goals": "x"}, TOPIC_ROW],
        "explain": True,
        "return_probabilities": True,
    }
    first, second, third = several.post("/v1/predict/batch", body).json["predictions"]
    assert first["explanation"] == third["explanation"]
    assert sum(first["probabilities"].values()) == pytest.approx(1.0)
    assert second["status"] == 422


def test_rows_are_answered_without_their_reasons_when_these_take_too_long(several: Door) -> None:
    body = {"model": "match", "rows": [TOPIC_ROW] * 2, "explain": True, "timeout_ms": 1e-6}
    answers = several.post("/v1/predict/batch", body).json["predictions"]
    assert [answer["degraded"] for answer in answers] == [["no explanation within timeout_ms"]] * 2
    assert not any("explanation" in answer for answer in answers)


def test_a_full_log_acknowledges_none_of_the_rows(door: Door) -> None:
    door.log.full = True
    assert door.post("/v1/predict/batch", {"rows": ROWS}).status == 503
    assert door.log.records == []


def test_a_long_batch_lets_others_through(door: Door) -> None:
    """While many rows are worked on, a single request is answered before the batch is done."""
    order: list[str] = []

    async def ask(name: str, path: str, body: object) -> None:
        raw = json.dumps(body).encode()
        told = await call(door.api, "POST", path, [raw], [(b"content-type", b"application/json")])
        assert told.status == 200
        order.append(name)

    async def both() -> None:
        batch = asyncio.create_task(ask("batch", "/v1/predict/batch", {"rows": ROWS * 25}))
        await asyncio.gather(batch, ask("single", "/v1/predict", {"features": SPAM_ROW}))

    asyncio.run(both())
    assert order == ["single", "batch"]


def _failing_at(spam: Served, user: str) -> Served:
    features = spam.release.features

    def fail(row: Row) -> FeatureRow:
        if user in row:
            raise ZeroDivisionError("planted")
        return features(row)

    return dataclasses.replace(spam, release=dataclasses.replace(spam.release, features=fail))
