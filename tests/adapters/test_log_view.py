"""Reading the log back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from assay.adapters.sql.engine import open_database
from assay.adapters.sql.log import SqlSink
from assay.adapters.sql.log_view import (
    COLUMNS,
    ClassifierCounts,
    all_predictions,
    count_by_classifier,
    count_outcomes,
    count_predictions,
    last_predictions,
)
from assay.records.feedback import make_outcome
from tests.records.material import prediction


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('database') / 'assay.db'}")
    records = [prediction(number, predicted_at=1000.0 + number // 3) for number in range(1, 11)]
    records += [prediction(11, classifier="churn", decision="review"), prediction(12, error="ValueError")]
    right = make_outcome("spam", 1.0, prediction_id=records[0].prediction_id)
    wrong = make_outcome("ham", 1.0, prediction_id=records[1].prediction_id)
    SqlSink(engine).write([*records, right, wrong])
    yield engine
    engine.dispose()


def numbers(rows: list[dict[str, object]]) -> list[int]:
    return [int(str(row["prediction_id"])[-12:], 16) for row in rows]


def test_the_newest_predictions_come_last(engine: Engine) -> None:
    assert numbers(last_predictions(engine, 3)) == [10, 11, 12]


def test_only_one_classifier_can_be_asked_for(engine: Engine) -> None:
    assert numbers(last_predictions(engine, 3, "churn")) == [11]
    assert numbers(list(all_predictions(engine, "churn"))) == [11]
    assert (count_predictions(engine, "churn"), count_predictions(engine)) == (1, 12)


@pytest.mark.security
@pytest.mark.parametrize("name", ["users; DROP TABLE users--", "' OR '1'='1", "../../etc/passwd", "\0"])
def test_a_hostile_name_is_only_a_name(engine: Engine, name: str) -> None:
    assert last_predictions(engine, 3, name) == []


@pytest.mark.parametrize("page_rows", [1, 2, 5, 12, 100])
def test_pages_of_any_size_hold_every_row_once_in_order(engine: Engine, page_rows: int) -> None:
    assert numbers(list(all_predictions(engine, page_rows=page_rows))) == list(range(1, 13))


def test_rows_begin_with_the_id_and_have_readable_times(engine: Engine) -> None:
    (row,) = all_predictions(engine, "churn")
    assert tuple(row) == COLUMNS
    assert COLUMNS[0] == "prediction_id"
    assert row["predicted_at"] == "1970-01-01T00:16:51+00:00"


def test_predictions_are_counted_by_classifier(engine: Engine) -> None:
    assert count_by_classifier(engine) == [
        ClassifierCounts(
            classifier="churn", predictions=1, failed=0, review=1, labelled=0, correct=0, classes={"spam": 1}
        ),
        ClassifierCounts(
            classifier="spam", predictions=11, failed=1, review=0, labelled=2, correct=1, classes={"spam": 10}
        ),
    ]
    assert count_outcomes(engine) == 2
