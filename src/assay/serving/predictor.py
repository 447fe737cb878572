"""The way of a request: gather -> release core -> commit. It knows no door.

Gathering is empty: a classifier whose features all stand in the request never awaits before its answer is committed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence

import msgspec

from assay.errors import ContractError, Problem
from assay.features.plan import FeatureRow
from assay.policy.apply import NOT_FINITE
from assay.records.ids import entity_hash
from assay.records.log import PredictionLog
from assay.serving.answer import Answer, Explained, LabelsAnswer, Options, Thought
from assay.serving.cache import ScoreCache
from assay.serving.metrics import Reason
from assay.serving.served import Served
from assay.serving.vitals import tell_failure
from assay.values import Prediction, Row

_log = logging.getLogger(__name__)
_PLAIN = Options()
#: Said in an answer that the full log let go, as `ASSAY_LOG_FULL=answer_unlogged` declares.
NOT_LOGGED = "not logged: the log is full"
_UNSEEN = FeatureRow([], [], [])


class Predictor:
    """Answers with a warm release and puts every answer on record.

    `next_id` makes prediction ids and `clock` tells epoch seconds, UTC.
    """

    def __init__(self, log: PredictionLog, next_id: Callable[[], str], clock: Callable[[], float]) -> None:
        self._log = log
        self._next_id = next_id
        self._clock = clock
        self._canonical = msgspec.msgpack.Encoder().encode

    def think(self, served: Served, raw: bytes, options: Options = _PLAIN) -> Thought:
        """Decode one example and let the core decide; nothing is recorded yet unless it fails.

        Raises:
            MalformedError: `raw` is not JSON.
            ContractError: the example or the entity breaks the contract.
        """
        row = served.release.decode(raw)
        return self.think_row(served, row, served.release.truncated(raw), options)

    def think_row(self, served: Served, row: Row, cut: tuple[str, ...] = (), options: Options = _PLAIN) -> Thought:
        """Let the core decide on a decoded example; `cut` are the columns whose text decoding has cut. Where the model
        fails the fallback answers, if there is one; else its error is on record and raised.

        Raises:
            ContractError: the entity breaks the contract.
        """
        release = served.release
        _check_entity(served, row, options)
        if served.cache is not None and (thought := self._recall(served, served.cache, row, cut, options)) is not None:
            return thought
        try:
            features = release.features(row)
            scores = release.scores(features)
            decision = release.decide(scores)
        except Exception as error:
            why = tell_failure(error)
            served.vitals.failed(why)
            fallen = self._fall_back(served, row, cut, "not_finite" if why == NOT_FINITE else "failed", why)
            if fallen is None:
                self._log.append(self._failed(served, row, options, error))
                raise
            return fallen
        served.vitals.answers += 1
        if served.cache is not None:
            served.cache.keep(served.key(row), scores)
        return Thought(row, features, scores, decision, _tell_cut(cut))

    def _recall(
        self, served: Served, cache: ScoreCache, row: Row, cut: tuple[str, ...], options: Options
    ) -> Thought | None:
        """What the policy makes of scores that were kept; None where there are none that are fresh."""
        kept = cache.find(served.key(row))
        hit = kept is not None and kept.fresh
        served.counters.looked_up(hit=hit)
        if kept is None or not hit:
            return None
        scores = list(kept.scores)
        features = served.release.features(row) if options.explain else _UNSEEN
        return Thought(row, features, scores, served.release.decide(scores), _tell_cut(cut), cache_hit=True)

    def _fall_back(self, served: Served, row: Row, cut: tuple[str, ...], reason: Reason, why: str) -> Thought | None:
        """What scores that were kept too long or the release's fallback make of a row; None where there is neither, or
        it fails too.
        """
        kept = served.cache.find(served.key(row)) if served.cache is not None else None
        if kept is not None:
            scores = list(kept.scores)
            told = (*_tell_cut(cut), f"answered by scores of earlier: {why}")
            return Thought(row, _UNSEEN, scores, served.release.decide(scores), told, reason, cache_hit=True)
        fallback = served.release.fallback
        if fallback is None:
            return None
        try:
            features, scores, decision = fallback.answer(row)
        except Exception as error:  # noqa: BLE001 - what the model raised is what the caller is told
            _log.warning("a fallback failed", extra={"fallback": fallback.name, "error": type(error).__name__})
            return None
        told = (*_tell_cut(cut), f"answered by the fallback {fallback.name}: {why}")
        return Thought(row, features, scores, decision, told, reason)

    def commit(
        self,
        served: Served,
        thought: Thought,
        latency_ms: float,
        options: Options = _PLAIN,
        explanation: Explained | None = None,
        degraded: tuple[str, ...] = (),
    ) -> Answer | LabelsAnswer:
        """Put one answer on record; when this returns, it is acknowledged.

        Raises:
            UnavailableError: the log takes no more.
        """
        record = self._record(served, thought, latency_ms, options, degraded)
        logged = self._log.append(record)
        return self._answer(served, thought, record, options, explanation, logged=logged)

    def commit_many(
        self,
        served: Served,
        thoughts: Sequence[Thought],
        latency_ms: float,
        options: Options = _PLAIN,
        explanations: Sequence[Explained | None] = (),
        degraded: tuple[str, ...] = (),
    ) -> list[Answer | LabelsAnswer]:
        """Put several answers on record in one write: all are acknowledged or none."""
        records = [self._record(served, thought, latency_ms, options, degraded) for thought in thoughts]
        logged = self._log.append_many(records)
        reasons = explanations or [None] * len(thoughts)
        return [
            self._answer(served, thought, record, options, explanation, logged=logged)
            for thought, record, explanation in zip(thoughts, records, reasons, strict=True)
        ]

    def _record(
        self, served: Served, thought: Thought, latency_ms: float, options: Options, degraded: tuple[str, ...]
    ) -> Prediction:
        release, decision, row = served.release, thought.decision, thought.row
        # In the order of the fields: given by name, they take a microsecond more.
        return Prediction(
            self._next_id(),
            release.classifier,
            release.version,
            release.digest,
            release.policy_digest,
            self._clock(),
            latency_ms,
            self._hash(row),
            decision.label,
            decision.label_index,
            decision.decision,
            decision.confidence,
            decision.prediction,
            decision.probabilities,
            served.deployment.deployment_id if served.deployment else None,
            options.request_id,
            _entity_hash(served, row, options),
            None,
            served.logged(row),
            thought.cache_hit,
            (*thought.degraded, *degraded),
            options.metadata,
        )

    def _failed(self, served: Served, row: Row, options: Options, error: Exception) -> Prediction:
        """An accepted request that failed is on record like an answer, with the kind of its error."""
        release = served.release
        return Prediction(
            prediction_id=self._next_id(),
            classifier=release.classifier,
            model_version=release.version,
            release_digest=release.digest,
            policy_digest=release.policy_digest,
            predicted_at=self._clock(),
            latency_ms=0.0,
            input_hash=self._hash(row),
            deployment_id=served.deployment.deployment_id if served.deployment else None,
            request_id=options.request_id,
            entity_hash=_entity_hash(served, row, options),
            error=type(error).__name__,
        )

    def _answer(
        self,
        served: Served,
        thought: Thought,
        record: Prediction,
        options: Options,
        explanation: Explained | None,
        *,
        logged: bool,
    ) -> Answer | LabelsAnswer:
        decision = thought.decision
        served.counters.count(
            decision.label_index,
            decision.confidence,
            record.latency_ms / 1000.0,
            review=decision.decision != decision.label,
            explained=explanation is not None,
        )
        if thought.instead is not None:
            served.counters.fell_back(thought.instead)
        probabilities = None
        if options.return_probabilities:
            probabilities = dict(zip(served.release.contract.classes, decision.probabilities, strict=True))
        return served.answer(
            record.prediction_id,
            record.classifier,
            record.model_version,
            record.policy_digest,
            decision.label,
            decision.decision,
            decision.confidence,
            decision.prediction,
            probabilities,
            explanation,
            record.latency_ms,
            thought.cache_hit,
            record.degraded if logged else (*record.degraded, NOT_LOGGED),
        )

    def _hash(self, row: Row) -> str:
        return hashlib.sha256(self._canonical(row)).hexdigest()


def _tell_cut(cut: tuple[str, ...]) -> tuple[str, ...]:
    return tuple([f"{name} was truncated" for name in cut])


def _entity_hash(served: Served, row: Row, options: Options) -> str | None:
    entity = None if served.entity_at is None else row[served.entity_at]
    entity = options.entity if entity is None else entity
    return entity_hash(served.release.classifier, entity) if isinstance(entity, str) else None


def _check_entity(served: Served, row: Row, options: Options) -> None:
    if options.entity is None or served.entity_at is None or row[served.entity_at] in (None, options.entity):
        return
    column = served.release.contract.entity
    raise ContractError(
        "the entity is given twice and differs",
        problems=[Problem("entity", f"is not what features.{column} says; leave one of them out")],
    )
