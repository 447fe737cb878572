"""POST /v1/feedback: a true label into the log. Whether it fits its prediction is judged where the log ends, since the
prediction may still be on its way there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from assay.api.predict import Call
from assay.api.problems import Reply
from assay.api.wire import FeedbackBody, read_body
from assay.errors import ContractError, NotFoundError, Problem
from assay.records.feedback import make_outcome
from assay.records.ids import entity_hash
from assay.records.log import PredictionLog
from assay.serving.loader import Loader
from assay.serving.metrics import DoorCounters
from assay.serving.served import Served


class FeedbackDoor:
    """Takes true labels."""

    def __init__(self, loader: Loader, log: PredictionLog, counters: DoorCounters, clock: Callable[[], float]) -> None:
        self._loader = loader
        self._log = log
        self._counters = counters
        self._clock = clock
        self._decoder = msgspec.json.Decoder(FeedbackBody)

    def feedback(self, call: Call) -> Reply:
        """202 once the label stands in the log. The same body sent again is the same outcome, with the same id."""
        body = read_body(self._decoder, call.body)
        candidates = self._candidates(body.model)
        named = body.prediction_id is not None
        if named == (body.entity is not None or body.time is not None):
            raise ContractError(
                "which prediction is meant is not clear", problems=[Problem("prediction_id", "or entity and time")]
            )
        outcome = make_outcome(
            _label(body.label, candidates),
            self._clock(),
            prediction_id=body.prediction_id,
            entity=None if named else (self._entity_hash(body, candidates), _seconds(body.time)),
            score=body.score,
            source=body.source,
            comment=body.comment,
            classes={label for served in candidates for label in served.release.contract.classes} or None,
        )
        self._log.append(outcome)
        self._counters.feedback()
        return Reply(202, msgspec.json.encode({"outcome_id": outcome.outcome_id, "status": "accepted"}))

    def _candidates(self, model: str | None) -> Sequence[Served]:
        """The classifiers that may be meant."""
        served = self._loader.served
        if model is None:
            return tuple(served.values())
        if model not in served:
            raise NotFoundError(
                f"no classifier {model!r} is served here", problems=[Problem("model", "see GET /v1/models")]
            )
        return (served[model],)

    def _entity_hash(self, body: FeedbackBody, candidates: Sequence[Served]) -> str:
        if body.entity is None:
            raise ContractError("the entity is missing", problems=[Problem("entity", "goes with time")])
        if len(candidates) != 1:
            raise ContractError("an entity needs a classifier", problems=[Problem("model", "required with entity")])
        return entity_hash(candidates[0].release.classifier, body.entity)


def _label(label: str | list[str], candidates: Sequence[Served]) -> str | list[str]:
    """A list where all that may be meant are multilabel; a list where none is, is refused."""
    tasks = {served.release.contract.task for served in candidates}
    if tasks == {"multilabel"} and isinstance(label, str):
        return [label]
    if tasks and "multilabel" not in tasks and not isinstance(label, str):
        raise ContractError("the feedback cannot be used", problems=[Problem("label", "is one label here, not a list")])
    return label


def _seconds(time: str | None) -> float:
    """RFC 3339 to epoch seconds; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(time or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ContractError(
            "the time cannot be read", problems=[Problem("time", "an RFC 3339 time such as 2026-01-31T12:00:00Z")]
        ) from None
