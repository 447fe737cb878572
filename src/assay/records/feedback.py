"""Rules of feedback: what an outcome must hold, when two are the same, and which of several counts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from uuid import UUID

from assay.errors import ContractError, Problem
from assay.records.ids import content_id
from assay.records.labels import label_text
from assay.values import Outcome

_LONGEST_SOURCE = 100
_LONGEST_COMMENT = 1000


def make_outcome(
    label: str | Sequence[str],
    received_at: float,
    *,
    prediction_id: str | None = None,
    entity: tuple[str, float] | None = None,
    score: float | None = None,
    source: str = "api",
    comment: str | None = None,
    classes: Collection[str] | None = None,
) -> Outcome:
    """Make an outcome for a prediction, or for the last one about an entity (its hash) at or before a time.

    The id is made of the content, so that the same feedback sent again is the same outcome, received later. The
    prediction may be unknown as yet. Labels are checked against `classes` where they are known. A sequence of labels
    are all those that apply to an example of a multilabel classifier.

    Raises:
        ContractError: names every field that is wrong.
    """
    told = label if isinstance(label, str) else tuple(sorted(set(label)))
    problems = [
        *_named_problems(prediction_id, entity),
        *(
            problem
            for each in ((told,) if isinstance(told, str) else told)
            for problem in _label_problems(each, classes)
        ),
        *_text_problems("source", source, _LONGEST_SOURCE),
        *_text_problems("comment", comment, _LONGEST_COMMENT),
    ]
    if score is not None and not math.isfinite(score):
        problems.append(Problem("score", "must be a finite number"))
    if problems:
        raise ContractError("the feedback cannot be used", problems=problems)
    entity_hash, predicted_at = entity if entity is not None else (None, None)
    identity = (prediction_id, entity_hash, predicted_at, label_text(told), score, source, comment)
    return Outcome(
        outcome_id=content_id("outcome", *("" if part is None else f"={part}" for part in identity)),
        label=told,
        received_at=received_at,
        prediction_id=prediction_id,
        entity_hash=entity_hash,
        predicted_at=predicted_at,
        score=score,
        source=source,
        comment=comment,
    )


def effective(outcomes: Iterable[Outcome]) -> Outcome | None:
    """The outcome that counts for one prediction: the one received last, of several at once that with the highest id.

    So the result does not depend on the order in which they arrive.
    """
    return max(outcomes, key=lambda outcome: (outcome.received_at, outcome.outcome_id), default=None)


def _named_problems(prediction_id: str | None, entity: tuple[str, float] | None) -> list[Problem]:
    if (prediction_id is None) == (entity is None):
        return [Problem("prediction_id", "give either the prediction's id or its entity and time")]
    if entity is not None and not math.isfinite(entity[1]):
        return [Problem("time", "must be a time")]
    if prediction_id is not None and not _is_uuid(prediction_id):
        return [Problem("prediction_id", "is no id of a prediction")]
    return []


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _label_problems(label: str, classes: Collection[str] | None) -> list[Problem]:
    if not label:
        return [Problem("label", "is missing")]
    if classes is None or label in classes:
        return _text_problems("label", label, max((len(name) for name in classes or ()), default=10_000))
    close = get_close_matches(label, list(classes), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return [Problem("label", f"{label[:100]!r} is none of the classes{hint}")]


def _text_problems(path: str, text: str | None, longest: int) -> list[Problem]:
    if text is None:
        return []
    if len(text) > longest:
        return [Problem(path, f"has {len(text)} characters, at most {longest} are allowed")]
    try:
        text.encode()
    except UnicodeEncodeError:
        return [Problem(path, "holds a character that is none (a lone surrogate)")]
    return []
