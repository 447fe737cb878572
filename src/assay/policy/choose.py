"""Chooses the decision policy on validation probabilities: what the spec wishes for, under its floors and limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Contract
from assay.errors import DataError
from assay.measures.intervals import design_effect, is_at_least
from assay.policy.apply import distances
from assay.policy.policy import Policy, Rule
from assay.policy.thresholds import Candidates
from assay.spec import Spec, cost_matrix
from assay.spec.tree import PolicyWish

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: How sure a floor should be, and how sure it is where the rows are too few for that: the best of many thresholds is
#: chosen, and what is measured on a later part must still reach the floor (decision 0048).
_CONFIDENCES = (0.99, 0.95)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a policy must cope with: `costs` (actual x predicted; of several labels those of each, not applying first),
    and how many rows come and can be reviewed a day.
    """

    costs: Sequence[Sequence[float]] = ()
    positive_index: int = 1
    rows_per_day: float | None = None
    review_per_day: float | None = None


def begin_policy(spec: Spec, contract: Contract) -> Policy:
    """The policy before anything was chosen: the task, its classes and the rules of the spec."""
    return Policy(
        task=contract.task,
        classes=contract.classes,
        positive_index=contract.positive_index,
        reasons=tuple(
            Rule(feature=rule.feature, op=rule.op, value=rule.value, reason=rule.reason or "")
            for rule in spec.policy.reasons
        ),
    )


def circumstances(spec: Spec, contract: Contract, rows_per_day: float | None) -> Circumstances:
    """The circumstances that the spec names; `rows_per_day` is seen in the data."""
    binary = contract.task == "binary"
    return Circumstances(
        costs=decision_costs(spec, contract),
        positive_index=contract.positive_index if binary else 1,
        rows_per_day=rows_per_day,
        review_per_day=spec.decision.limits.review_per_day,
    )


def decision_costs(spec: Spec, contract: Contract) -> tuple[tuple[float, ...], ...]:
    """The costs (actual x predicted) of the classes; of several labels those of each one, not applying first."""
    if contract.task == "multilabel":
        return cost_matrix(spec.decision.cost, ("no", "yes"))
    return cost_matrix(spec.decision.cost, contract.classes, contract.positive_index)


def choose(
    policy: Policy,
    probabilities: Floats,
    labels: Integers,
    wish: PolicyWish,
    around: Circumstances,
    clusters: Integers | None = None,
) -> Policy:
    """The policy completed with thresholds, costs and the review band, and with the story of the choice.

    `probabilities` (rows, classes) and true classes `labels` (rows,), or flags (rows, labels), are of validation rows;
    `clusters` (rows,) numbers the groups of rows that are alike. A floor counts as reached when its one-sided 99 %
    lower bound reaches it, or its 95 % bound where no threshold is that sure, rows of a group counting for as many as
    they are worth; where none does, the threshold of the best F1 is taken and `note` says so.

    Raises:
        DataError: there are no rows to choose on, or nothing says how many rows a wish or a limit per day meets.
    """
    if len(labels) == 0:
        raise DataError("there are no validation rows to choose a policy on")
    if policy.task == "binary":
        positive = policy.positive_index
        rows = _Rows(probabilities[:, positive], labels == positive, clusters)
        found = _choose_threshold(rows, wish, around)
        chosen = msgspec.structs.replace(
            policy, thresholds=(found.threshold,), chosen_by=found.chosen_by, note=found.note
        )
    elif policy.task == "multilabel":
        rows_of = [_Rows(probabilities[:, at], labels[:, at] == 1, clusters) for at in range(len(policy.classes))]
        chosen = _choose_thresholds(policy, rows_of, wish, around)
    elif wish.minimise == "cost":
        costs = tuple(tuple(float(cost) for cost in row) for row in around.costs)
        chosen = msgspec.structs.replace(policy, costs=costs, chosen_by="least expected cost")
    else:
        chosen = msgspec.structs.replace(policy, chosen_by="most probable class")
    return _choose_band(chosen, probabilities, wish, around)


class _Rows(NamedTuple):
    """The probability of the positive class or of a label, whether it is so, and the groups of rows that are alike."""

    positive: Floats
    truth: Flags
    clusters: Integers | None


class _Threshold(NamedTuple):
    """A threshold, how it was chosen, and what must be said about that."""

    threshold: float
    chosen_by: str
    note: str = ""


def _choose_thresholds(policy: Policy, rows_of: Sequence[_Rows], wish: PolicyWish, around: Circumstances) -> Policy:
    """A threshold for each label, chosen for it alone; what must be said is said once with the labels it is about."""
    found = [_choose_threshold(rows, wish, around) for rows in rows_of]
    if not wish.maximise and not wish.minimise:
        story = "each label that is more likely than not"
    else:
        story = f"for each label: {max((each.chosen_by for each in found), key=len)}"
    notes: dict[str, list[str]] = {}
    for name, each in zip(policy.classes, found, strict=True):
        if each.note:
            notes.setdefault(each.note.partition(" (")[0], []).append(name)
    told = "; ".join(f"{note}: {', '.join(names)}" for note, names in notes.items())
    return msgspec.structs.replace(
        policy, thresholds=tuple(each.threshold for each in found), chosen_by=story, note=told
    )


def _choose_threshold(rows: _Rows, wish: PolicyWish, around: Circumstances) -> _Threshold:
    candidates = Candidates.of(rows.positive, rows.truth)
    note = ""
    if wish.capacity is not None:
        if not around.rows_per_day:
            raise DataError(
                "a capacity per day needs to know how many rows come in a day",
                remedy="name the column of the event time in data.time, or choose another policy",
            )
        share = wish.capacity.per_day / around.rows_per_day
        best = candidates.best(candidates.flagged, candidates.flagged <= share * candidates.rows)
        chosen_by = f"capacity of {wish.capacity.per_day:g} a day among {around.rows_per_day:.0f}"
    elif wish.minimise == "cost":
        best = candidates.best(-_total_cost(around.positive_index, candidates, around.costs))
        chosen_by = "least cost"
    elif wish.maximise is not None:
        best, chosen_by, note = _maximise(candidates, wish, rows)
    else:
        return _Threshold(0.5, "most probable class")
    return _Threshold(float(candidates.thresholds[best]), chosen_by, note)


def _maximise(candidates: Candidates, wish: PolicyWish, rows: _Rows) -> tuple[int, str, str]:
    """The place of the best candidate, how it was chosen, and what must be said about that."""
    goals: dict[str, Callable[[Candidates], Floats]] = {
        "accuracy": Candidates.accuracy,
        "precision": Candidates.precision,
        "recall": Candidates.recall,
        "f1": Candidates.f1,
    }
    goal = wish.maximise or "f1"
    floors = [
        (name, floor)
        for name, floor in (("precision", wish.subject_to.precision), ("recall", wish.subject_to.recall))
        if floor is not None
    ]
    values = goals[goal](candidates)
    if not floors:
        return candidates.best(values), f"best {goal}", ""
    said = " and ".join(f"{name} >= {floor:g}" for name, floor in floors)
    for confidence in _CONFIDENCES:
        for place in candidates.ranking(values):
            if all(_reaches(candidates, place, name, floor, rows, confidence) for name, floor in floors):
                return place, f"best {goal} with {said} by {_bound(confidence)}", ""
    best = candidates.best(candidates.f1())
    reached = ", ".join(f"{name} {goals[name](candidates)[best]:.3f}" for name, _ in floors)
    cannot = f"cannot be reached with {_bound(_CONFIDENCES[-1])} on the validation rows"
    note = f"{said} {cannot}; fell back to the best F1 ({reached})"
    return best, f"best f1, for want of {said}", note


def _bound(confidence: float) -> str:
    return f"its one-sided {confidence:.0%} lower bound".replace("%", " %")


def _reaches(candidates: Candidates, place: int, name: str, floor: float, rows: _Rows, confidence: float) -> bool:
    hits = int(candidates.hits[place])
    trials = int(candidates.flagged[place]) if name == "precision" else candidates.positives
    if rows.clusters is None or not is_at_least(floor, hits, trials, confidence):
        return is_at_least(floor, hits, trials, confidence)
    flagged = rows.positive >= candidates.thresholds[place]
    counted, hit = (flagged, rows.truth) if name == "precision" else (rows.truth, flagged)
    effect = design_effect(hit[counted], rows.clusters[counted])
    return is_at_least(floor, hits / effect, trials / effect, confidence)


def _total_cost(yes: int, candidates: Candidates, costs: Sequence[Sequence[float]]) -> Floats:
    """The cost of every candidate; `yes` is the place of the positive class in `costs`."""
    no = 1 - yes
    hits, flagged = candidates.hits, candidates.flagged
    missed = candidates.positives - hits
    alarms = flagged - hits
    right = candidates.rows - candidates.positives - alarms
    return hits * costs[yes][yes] + missed * costs[yes][no] + alarms * costs[no][yes] + right * costs[no][no]


def _choose_band(policy: Policy, probabilities: Floats, wish: PolicyWish, around: Circumstances) -> Policy:
    """The review band, narrowed to what can be reviewed in a day where the spec limits that."""
    if wish.review is None or wish.review.within <= 0.0:
        return policy
    within = wish.review.within
    policy = msgspec.structs.replace(policy, review_within=within)
    if around.review_per_day is None:
        return policy
    if not around.rows_per_day:
        raise DataError(
            "a limit on reviews per day needs to know how many rows come in a day",
            remedy="name the column of the event time in data.time, or remove decision.limits.review_per_day",
        )
    most = int(around.review_per_day / around.rows_per_day * len(probabilities))
    nearest = np.sort(distances(policy, probabilities))
    if int(np.searchsorted(nearest, within, side="left")) <= most:
        return policy
    narrowed = float(nearest[most])
    said = f"the review band was narrowed from {within:g} to {narrowed:.3g} to keep to {around.review_per_day:g} a day"
    note = f"{policy.note}; {said}" if policy.note else said
    return msgspec.structs.replace(policy, review_within=narrowed, note=note)
