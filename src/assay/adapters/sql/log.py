"""The log's end in SQL: takes records once, however often they come, and joins outcomes to their predictions.

An outcome may come before its prediction, late, twice, or against another one: whatever the order, the same rows with
the same `is_correct` and `feedback_score` result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    Text,
    bindparam,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DataError, IntegrityError

from assay.adapters.sql.engine import writing
from assay.adapters.sql.schema import outcomes, prediction_logs
from assay.errors import ContractError
from assay.records.feedback import effective
from assay.records.labels import decision_text, label_text, same_labels
from assay.records.log import Record, go_on
from assay.values import Outcome, Prediction

_LOGS = prediction_logs.c
_ORDER = (_LOGS.predicted_at, _LOGS.id)
_PLACE = (_LOGS.entity_hash, _LOGS.predicted_at)
_WANTED = select(func.json_each(bindparam("wanted", type_=Text)).table_valued("value").c.value)
# Room for the pages that a batch changes: a smaller one is written out, and synced, in the middle of the transaction.
_CACHE_KIB = 64 << 10
# So few rows at a time that others get the processor in between.
_PIECE = 50
# What a single record can be refused for; everything else is the database's trouble.
_REFUSED = (IntegrityError, DataError, OverflowError, ValueError, TypeError)

_JSON = msgspec.json.Encoder()
_FED_BACK = ("feedback_score", "is_correct", "drift_score")
_PREDICTION_COLUMNS = [column.name for column in prediction_logs.c if column.name not in _FED_BACK]
_INSERT_PREDICTION = insert(prediction_logs).on_conflict_do_nothing(index_elements=["id"])
_INSERT_OUTCOME = insert(outcomes)
_KEEP_OUTCOME = _INSERT_OUTCOME.on_conflict_do_update(
    index_elements=["outcome_id"],
    set_={"received_at": _INSERT_OUTCOME.excluded.received_at},
    where=_INSERT_OUTCOME.excluded.received_at > outcomes.c.received_at,
)
_SET_FEEDBACK = (
    update(prediction_logs)
    .where(prediction_logs.c.id == bindparam("prediction_id"))
    .values(feedback_score=bindparam("feedback_score"), is_correct=bindparam("is_correct"))
)


class SqlSink:
    """Writes records to `prediction_logs` and `outcomes`, each batch in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Compiled once and run by the driver: the rows are ready, and SQLAlchemy would look at every cell again.
        compiled = _INSERT_PREDICTION.compile(engine, column_keys=_PREDICTION_COLUMNS)
        self._insert = str(compiled)
        self._cells = itemgetter(*(compiled.positiontup or ()))

    def write(self, records: Sequence[Record], breathe: Callable[[], None] = go_on) -> None:
        """See `Sink.write`."""
        predictions = [record for record in records if isinstance(record, Prediction)]
        received = [record for record in records if isinstance(record, Outcome)]
        pieces = []
        with _refusals():  # before the lock is taken, which others wait for
            for start in range(0, len(predictions), _PIECE):
                pieces.append([self._cells(_prediction_row(record)) for record in predictions[start : start + _PIECE]])
                breathe()
        with writing(self._engine) as connection:
            connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}").close()
            with _refusals():
                for rows in pieces:
                    connection.exec_driver_sql(self._insert, rows)
                    breathe()
                if received:
                    connection.execute(_KEEP_OUTCOME, [_outcome_row(record) for record in received])
            _join(connection, predictions, received)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        reason = getattr(error, "orig", None) or error
        raise ContractError(f"the database refuses a record: {reason}") from error


def _prediction_row(record: Prediction) -> dict[str, Any]:
    failed = record.error is not None
    return {
        "id": record.prediction_id,
        "classifier": record.classifier,
        "model_version": record.model_version,
        "release_digest": record.release_digest,
        "policy_digest": record.policy_digest,
        "deployment_id": record.deployment_id,
        "request_id": record.request_id,
        "entity_hash": record.entity_hash,
        "input_text": record.input_text,
        "input_hash": record.input_hash,
        "predicted_label": None if failed or not isinstance(record.label_index, int) else record.label_index,
        "predicted_class": None if failed else label_text(record.label),
        "decision": None if failed else decision_text(record.decision),
        "confidence_score": None if failed else record.confidence,
        "prediction": None if failed or not isinstance(record.prediction, float) else record.prediction,
        "probabilities": None if failed else _json(record.probabilities),
        "prediction_time": record.latency_ms,
        "predicted_at": record.predicted_at,
        "features": None if record.features is None else _json(record.features),
        "cache_hit": record.cache_hit,
        "degraded": _json(record.degraded) if record.degraded else None,
        "metadata": record.metadata,
        "error": record.error,
    }


def _outcome_row(record: Outcome) -> dict[str, Any]:
    return msgspec.structs.asdict(record) | {"label": label_text(record.label)}


def _json(value: object) -> str:
    return _JSON.encode(value).decode()


def _join(connection: Connection, predictions: Sequence[Prediction], received: Sequence[Outcome]) -> None:
    """Give every prediction that these records touch the outcome that counts for it."""
    touched = _touched_by_id(connection, predictions, received)
    touched |= _touched_by_entity(connection, predictions, received)
    rows = _select_in(connection, select(_LOGS.id, _LOGS.predicted_class, *_PLACE), _LOGS.id, touched)
    if not rows:
        return
    known: defaultdict[str | None, list[Outcome]] = defaultdict(list)
    for found in _select_in(connection, select(outcomes), outcomes.c.prediction_id, touched):
        known[found["prediction_id"]].append(Outcome(**found))
    awaited = _entities_with_outcomes(connection, {row["entity_hash"] for row in rows})
    for row in rows:
        if row["entity_hash"] in awaited:
            known[row["id"]] += _outcomes_after(connection, row)
    connection.execute(_SET_FEEDBACK, [_feedback(row, effective(known[row["id"]])) for row in rows])


def _feedback(row: RowMapping, outcome: Outcome | None) -> dict[str, Any]:
    told = label_text(outcome.label) if outcome is not None and row["predicted_class"] is not None else None
    return {
        "prediction_id": row["id"],
        "feedback_score": outcome.score if outcome is not None else None,
        "is_correct": same_labels(told, row["predicted_class"]) if told is not None else None,
    }


def _touched_by_id(connection: Connection, predictions: Sequence[Prediction], received: Sequence[Outcome]) -> set[str]:
    """Predictions named by these outcomes, and those of these predictions whose outcome came early."""
    column = outcomes.c.prediction_id
    early = _select_in(connection, select(column).distinct(), column, {record.prediction_id for record in predictions})
    return {row["prediction_id"] for row in early} | {
        outcome.prediction_id for outcome in received if outcome.prediction_id is not None
    }


def _touched_by_entity(
    connection: Connection, predictions: Sequence[Prediction], received: Sequence[Outcome]
) -> set[str]:
    """The last prediction about an entity at the time of each outcome; and new predictions that come between an
    outcome and the prediction it counted for, with that one.
    """
    touched: set[str] = set()
    for outcome in received:
        if outcome.prediction_id is None and outcome.predicted_at is not None:
            touched |= _last_before(connection, outcome.entity_hash, _LOGS.predicted_at <= outcome.predicted_at)
    awaited = _entities_with_outcomes(connection, {record.entity_hash for record in predictions})
    for record in predictions:
        if record.entity_hash in awaited:
            touched.add(record.prediction_id)
            touched |= _last_before(
                connection, record.entity_hash, tuple_(*_ORDER) < (record.predicted_at, record.prediction_id)
            )
    return touched


def _last_before(connection: Connection, entity_hash: str | None, place: ColumnElement[bool]) -> set[str]:
    found = connection.execute(
        select(_LOGS.id)
        .where(_LOGS.entity_hash == entity_hash, place)
        .order_by(_LOGS.predicted_at.desc(), _LOGS.id.desc())
        .limit(1)
    ).scalar()
    return set() if found is None else {found}


def _outcomes_after(connection: Connection, row: RowMapping) -> list[Outcome]:
    """The outcomes about a prediction's entity from its time up to that of the entity's next prediction."""
    following = connection.execute(
        select(_LOGS.predicted_at)
        .where(_LOGS.entity_hash == row["entity_hash"], tuple_(*_ORDER) > (row["predicted_at"], row["id"]))
        .order_by(*_ORDER)
        .limit(1)
    ).scalar()
    query = select(outcomes).where(
        outcomes.c.prediction_id.is_(None),
        outcomes.c.entity_hash == row["entity_hash"],
        outcomes.c.predicted_at >= row["predicted_at"],
    )
    if following is not None:
        query = query.where(outcomes.c.predicted_at < following)
    return [Outcome(**found) for found in connection.execute(query).mappings()]


def _entities_with_outcomes(connection: Connection, entities: Collection[str | None]) -> set[str]:
    column = outcomes.c.entity_hash
    query = select(column).where(outcomes.c.prediction_id.is_(None)).distinct()
    return {row["entity_hash"] for row in _select_in(connection, query, column, entities)}


def _select_in(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Collection[str | None]
) -> Sequence[RowMapping]:
    """One statement however many values there are: they travel as one JSON text."""
    wanted = sorted(value for value in values if value is not None)
    if not wanted:
        return []
    return connection.execute(query.where(column.in_(_WANTED)), {"wanted": _json(wanted)}).mappings().all()
