"""Reads the log back: the last predictions, all of them page by page, and counts by classifier.

No page is one long read: SQLite holds writers up as long as somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Engine, RowMapping, Select, func, select, true, tuple_

from assay.adapters.sql.engine import reading
from assay.adapters.sql.schema import outcomes, prediction_logs

_PAGE_ROWS = 1000
_LOGS = prediction_logs.c
_ORDER = (_LOGS.predicted_at, _LOGS.id)
#: The columns of a logged prediction as they leave: the table's, its id named for what it is.
COLUMNS = ("prediction_id", *(column.name for column in _LOGS if column.name != "id"))


class ClassifierCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the log holds about one classifier; `correct` of the `labelled` predictions were right."""

    classifier: str
    predictions: int
    failed: int
    review: int
    labelled: int
    correct: int
    classes: dict[str, int]


def last_predictions(engine: Engine, limit: int, classifier: str | None = None) -> list[dict[str, Any]]:
    """The newest predictions, oldest of them first."""
    newest = _select(classifier).order_by(*(column.desc() for column in _ORDER)).limit(limit)
    with reading(engine) as connection:
        return [_leaving(row) for row in connection.execute(newest).mappings()][::-1]


def all_predictions(
    engine: Engine, classifier: str | None = None, page_rows: int = _PAGE_ROWS
) -> Iterator[dict[str, Any]]:
    """Every prediction, oldest first, in the columns `COLUMNS`."""
    page: list[RowMapping] = []
    begun = False
    while page or not begun:
        behind = tuple_(*_ORDER) > (page[-1]["predicted_at"], page[-1]["id"]) if begun else true()
        with reading(engine) as connection:
            query = _select(classifier).where(behind).order_by(*_ORDER).limit(page_rows)
            page = list(connection.execute(query).mappings())
        begun = True
        yield from map(_leaving, page)


def count_predictions(engine: Engine, classifier: str | None = None) -> int:
    """How many predictions the log holds."""
    with reading(engine) as connection:
        query = select(func.count()).select_from(prediction_logs).where(_about(classifier))
        return connection.execute(query).scalar_one()


def count_outcomes(engine: Engine) -> int:
    """How many different outcomes the log holds, joined or not."""
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(outcomes)).scalar_one()


def count_by_classifier(engine: Engine) -> list[ClassifierCounts]:
    """The counts of every classifier in the log, by name."""
    query = select(
        _LOGS.classifier,
        _LOGS.predicted_class,
        func.count().label("predictions"),
        func.count(_LOGS.error).label("failed"),
        func.count().filter(_LOGS.decision == "review").label("review"),
        func.count(_LOGS.is_correct).label("labelled"),
        func.count().filter(_LOGS.is_correct).label("correct"),
    ).group_by(_LOGS.classifier, _LOGS.predicted_class)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(_LOGS.classifier, _LOGS.predicted_class)).mappings().all()
    counts: dict[str, ClassifierCounts] = {}
    for row in rows:
        name, before = row["classifier"], counts.get(row["classifier"])
        classes = {} if row["predicted_class"] is None else {row["predicted_class"]: row["predictions"]}
        sums = {
            field: row[field] + (getattr(before, field) if before else 0)
            for field in ("predictions", "failed", "review", "labelled", "correct")
        }
        counts[name] = ClassifierCounts(
            classifier=name, classes={**(before.classes if before else {}), **classes}, **sums
        )
    return list(counts.values())


def _select(classifier: str | None) -> Select[Any]:
    return select(prediction_logs).where(_about(classifier))


def _about(classifier: str | None) -> ColumnElement[bool]:
    return true() if classifier is None else _LOGS.classifier == classifier


def _leaving(row: RowMapping) -> dict[str, Any]:
    values = {"prediction_id": row["id"], **row}
    values["predicted_at"] = datetime.fromtimestamp(row["predicted_at"], UTC).isoformat()
    return {name: values[name] for name in COLUMNS}
