"""The log's end in SQL: once for each id, and feedback to the same end in any order."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, func, insert, select

from assay.adapters.sql.engine import open_database, reading
from assay.adapters.sql.log import SqlSink
from assay.adapters.sql.schema import metadata, outcomes, prediction_logs
from assay.errors import ContractError, StorageError
from assay.records.feedback import make_outcome
from assay.records.log import Record
from assay.records.shipper import Shipper
from assay.records.stats import read_stats
from assay.values import Outcome, Prediction
from tests.records.material import prediction, spool_in


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'assay.db'}")
    yield engine
    engine.dispose()


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        found = connection.execute(select(prediction_logs).order_by(prediction_logs.c.id)).mappings()
        return [dict(row) for row in found]


def judged(engine: Engine) -> dict[str, tuple[bool | None, float | None]]:
    return {row["id"]: (row["is_correct"], row["feedback_score"]) for row in rows(engine)}


def about(record: Prediction, label: str, at: float, **more: Any) -> Outcome:
    return make_outcome(label, at, prediction_id=record.prediction_id, **more)


def test_every_field_of_a_prediction_arrives(engine: Engine) -> None:
    record = prediction(
        1, deployment_id=4, request_id="r", entity_hash="e", input_text="hello", degraded=("slow",), metadata="m",
        cache_hit=True,
    )  # fmt: skip
    SqlSink(engine).write([record])
    assert rows(engine) == [
        {
            "id": record.prediction_id, "classifier": "spam", "model_version": 3, "release_digest": "a" * 64,
            "policy_digest": "b" * 64, "deployment_id": 4, "request_id": "r", "entity_hash": "e",
            "input_text": "hello", "input_hash": "c" * 64, "predicted_label": 1, "predicted_class": "spam",
            "decision": "spam", "confidence_score": 0.9, "prediction": 0.9, "probabilities": [0.1, 0.9],
            "prediction_time": 0.4, "predicted_at": 1001.0,
            "features": {"text": "message 1", "amount": 1.0, "limit": None}, "cache_hit": True, "degraded": ["slow"],
            "metadata": "m", "error": None, "feedback_score": None, "is_correct": None, "drift_score": None,
        }
    ]  # fmt: skip


def test_a_failed_request_has_no_answer(engine: Engine) -> None:
    SqlSink(engine).write([prediction(1, error="ZeroDivisionError")])
    (row,) = rows(engine)
    answer = ("predicted_label", "predicted_class", "decision", "confidence_score", "prediction", "probabilities")
    assert [row[name] for name in answer] == [None] * len(answer)
    assert row["error"] == "ZeroDivisionError"


def test_writing_twice_changes_nothing(engine: Engine) -> None:
    sink = SqlSink(engine)
    records: list[Record] = [prediction(number) for number in range(700)]
    records += [about(prediction(3), "ham", 5.0)]
    sink.write(records)
    once = rows(engine)
    sink.write(records)
    sink.write(records[:2] + records[:2])
    assert rows(engine) == once
    assert len(once) == 700


@pytest.mark.parametrize(
    "poison",
    [
        prediction(1, predicted_at=float("nan")),
        prediction(1, label_index=(1 << 64) - 1),
        prediction(1, metadata="\ud800"),
        make_outcome("spam", float("nan"), prediction_id=prediction(1).prediction_id),
    ],
)
def test_poison_is_refused_and_its_batch_does_not_land_in_part(engine: Engine, poison: Record) -> None:
    with pytest.raises(ContractError, match="refuses"):
        SqlSink(engine).write([prediction(2), poison, prediction(3)])
    assert rows(engine) == []


def test_poison_ends_as_a_dead_letter_and_the_others_land(engine: Engine, tmp_path: Path) -> None:
    root = tmp_path / "spool"
    with spool_in(root) as spool:
        spool.append_many([prediction(number) for number in range(1, 50)])
        spool.append(prediction(50, predicted_at=float("nan")))
        spool.append_many([prediction(number) for number in range(51, 101)])
    Shipper(root, lambda: SqlSink(engine)).adopt()
    found = read_stats(root)
    assert (found.shipped, found.dead_lettered, found.balanced) == (99, 1, True)
    assert len(rows(engine)) == 99


def test_a_locked_database_is_an_outage_not_a_refusal(tmp_path: Path, engine: Engine) -> None:
    impatient = create_engine(f"sqlite:///{tmp_path / 'assay.db'}", connect_args={"timeout": 0})
    holder = sqlite3.connect(tmp_path / "assay.db")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="locked"):
        SqlSink(impatient).write([prediction(1)])
    holder.rollback()
    holder.close()
    impatient.dispose()


def test_a_missing_table_is_an_outage_not_a_refusal(tmp_path: Path) -> None:
    bare = create_engine(f"sqlite:///{tmp_path / 'bare.db'}")
    with pytest.raises(StorageError, match="no such table"):
        SqlSink(bare).write([prediction(1)])
    bare.dispose()


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("label", "right"), [("spam", True), ("ham", False)])
def test_an_outcome_judges_its_prediction_before_or_after_it_arrives(
    engine: Engine, label: str, *, right: bool, early: bool
) -> None:
    batches: list[list[Record]] = [[prediction(1), prediction(2)], [about(prediction(1), label, 5.0, score=0.25)]]
    for batch in reversed(batches) if early else batches:
        SqlSink(engine).write(batch)
    assert list(judged(engine).values()) == [(right, 0.25), (None, None)]


def test_of_contradicting_outcomes_the_one_received_last_counts(engine: Engine) -> None:
    sink = SqlSink(engine)
    sink.write([prediction(1), about(prediction(1), "ham", 9.0), about(prediction(1), "spam", 5.0)])
    assert list(judged(engine).values()) == [(False, None)]
    sink.write([about(prediction(1), "spam", 10.0)])
    assert list(judged(engine).values()) == [(True, None)]


def test_an_outcome_for_a_failed_request_judges_nothing(engine: Engine) -> None:
    SqlSink(engine).write([prediction(1, error="ValueError"), about(prediction(1), "ham", 9.0, score=0.5)])
    assert list(judged(engine).values()) == [(None, 0.5)]


def test_an_entity_and_a_time_mean_its_last_prediction_at_that_time(engine: Engine) -> None:
    records = [
        prediction(number, entity_hash="e", predicted_at=float(at)) for number, at in ((1, 10), (2, 20), (3, 30))
    ]
    late = prediction(4, entity_hash="e", predicted_at=24.0)
    sink = SqlSink(engine)
    sink.write([*records, prediction(5, entity_hash="other", predicted_at=24.0)])
    sink.write([make_outcome("ham", 1.0, entity=("e", 25.0)), make_outcome("ham", 1.0, entity=("e", 9.0))])
    assert [right for right, _ in judged(engine).values()] == [None, False, None, None]
    sink.write([late])
    assert [right for right, _ in judged(engine).values()] == [None, None, None, False, None]


NUMBERS = st.integers(1, 4)
PREDICTIONS = [
    prediction(number, entity_hash=entity, predicted_at=at, label=label)
    for number, entity, at, label in (
        (1, "e", 10.0, "spam"), (2, "e", 20.0, "ham"), (3, "e", 20.0, "spam"), (4, None, 30.0, "spam"),
    )
]  # fmt: skip
BY_ID = st.builds(
    lambda number, label, at, score: about(PREDICTIONS[number - 1], label, float(at), score=score),
    NUMBERS, st.sampled_from(["ham", "spam"]), st.integers(1, 4), st.sampled_from([None, 0.0, 1.0]),
)  # fmt: skip
BY_ENTITY = st.builds(
    lambda time, label, at: make_outcome(label, float(at), entity=("e", float(time))),
    st.sampled_from([5, 10, 15, 20, 25]), st.sampled_from(["ham", "spam"]), st.integers(1, 4),
)  # fmt: skip


def end_of(batches: list[list[Record]]) -> tuple[object, object]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    for batch in batches:
        SqlSink(engine).write(batch)
    with engine.connect() as connection:
        kept = connection.execute(select(outcomes).order_by(outcomes.c.outcome_id)).all()
    end = judged(engine), kept
    engine.dispose()
    return end


@settings(max_examples=50)
@given(
    st.lists(BY_ID | BY_ENTITY, max_size=8),
    st.randoms(use_true_random=False),
    st.lists(st.integers(1, 4), min_size=20, max_size=20),
)
def test_feedback_late_early_twice_contradicting_and_shuffled_ends_as_if_sorted(
    given_: list[Outcome], shuffler: random.Random, sizes: list[int]
) -> None:
    arrivals: list[Record] = [*PREDICTIONS, *given_, *given_[::2], PREDICTIONS[0]]
    shuffler.shuffle(arrivals)
    batches = []
    for size in sizes:
        batches.append(arrivals[:size])
        arrivals = arrivals[size:]
    batches.append(arrivals)
    in_order = sorted(given_, key=lambda outcome: (outcome.received_at, outcome.outcome_id))
    assert end_of([batch for batch in batches if batch]) == end_of([list(PREDICTIONS), *([one] for one in in_order)])


def test_a_row_written_by_others_is_left_alone(engine: Engine) -> None:
    sink = SqlSink(engine)
    sink.write([prediction(1)])
    with engine.begin() as connection:
        connection.execute(
            insert(prediction_logs), {**rows(engine)[0], "id": "older", "is_correct": True, "feedback_score": 1.0}
        )
    sink.write([prediction(2)])
    assert judged(engine)["older"] == (True, 1.0)


def test_several_labels_are_kept_as_a_list_and_judged_as_a_set(engine: Engine) -> None:
    many = prediction(1, label=("b", "a"), label_index=(1, 0), decision=("review",), prediction={"a": 0.5, "b": 0.9})
    none = prediction(2, label=(), label_index=(), decision=(), prediction={"a": 0.1, "b": 0.2})
    one = prediction(3, label=("a",), label_index=(0,), decision=("a",), prediction={"a": 0.9, "b": 0.2})
    told = [
        make_outcome(["a", "b"], 5000.0, prediction_id=many.prediction_id),
        make_outcome(["a"], 5000.0, prediction_id=none.prediction_id),
        make_outcome("a", 5000.0, prediction_id=one.prediction_id),
    ]
    SqlSink(engine).write([many, none, one, *told])
    kept = rows(engine)
    assert [row["predicted_class"] for row in kept] == ['["a","b"]', "[]", '["a"]']
    assert [row["decision"] for row in kept] == ["review", "[]", '["a"]']
    assert [row["is_correct"] for row in kept] == [True, False, True]
    assert {(row["predicted_label"], row["prediction"]) for row in kept} == {(None, None)}


def test_a_batch_that_is_given_up_leaves_nothing(engine: Engine) -> None:
    breaths: list[int] = []

    def give_up() -> None:
        breaths.append(1)
        if len(breaths) == 5:
            raise LookupError("somebody else does it")

    records = [prediction(number) for number in range(1, 151)]
    with pytest.raises(LookupError):
        SqlSink(engine).write(records, give_up)
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(prediction_logs)).scalar() == 0
    SqlSink(engine).write(records)
