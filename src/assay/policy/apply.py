"""Raw scores -> probabilities -> decision, for one row and for many: the two agree bit for bit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.policy.columns import probability_columns
from assay.policy.policy import Calibration, Policy
from assay.values import Decision, Task

#: One row's raw scores -> the probability of each class, in the order of the classes.
Probabilities = Callable[[Sequence[float]], tuple[float, ...]]
Curve = Callable[[float], float]

#: What is wrong with a row that has no probabilities.
NOT_FINITE = "the model gave a score that is not finite"
_LEAST = 1e-15
#: The decision that a person decides.
REVIEW = "review"
_REVIEW = (REVIEW,)


class Decisions(NamedTuple):
    """Many decisions, by column: `label` and `decision` are arrays of str, `probabilities` is (rows, classes).

    In a multilabel task `label` and `decision` are arrays of tuples, `label_index` is (rows, labels), 1 where a label
    applies, and `prediction` is `probabilities`.
    """

    label_index: NDArray[np.int64]
    label: NDArray[Any]
    decision: NDArray[Any]
    confidence: NDArray[np.float64]
    prediction: NDArray[np.float64]
    probabilities: NDArray[np.float64]


def prepare(policy: Policy) -> Callable[[Sequence[float]], Decision]:
    """A function that decides one row from its raw scores.

    The function raises ReleaseError for scores that are not finite.
    """
    return _PREPARE[policy.task](policy)


def prepare_probabilities(policy: Policy) -> Probabilities:
    """A function from one row's raw scores to its probabilities."""
    if policy.task == "multilabel":
        return _prepare_each(policy)
    if policy.task != "binary":
        return _prepare_softmax(policy.calibration)
    probability = _prepare_logistic(policy.calibration)
    if policy.positive_index == 1:
        return lambda scores: (1.0 - (positive := probability(scores[0])), positive)
    return lambda scores: ((positive := probability(scores[0])), 1.0 - positive)


def probabilities_frame(policy: Policy, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (rows, classes) of raw scores (rows, outputs), each row as `prepare` has it.

    Raises:
        ReleaseError: a score is not finite.
    """
    found = probability_columns(policy, raw)
    if np.isnan(found).any():
        raise ReleaseError(NOT_FINITE)
    return found


def decide_frame(policy: Policy, probabilities: NDArray[np.float64]) -> Decisions:
    """Decisions from probabilities (rows, classes), each row as `prepare` has it."""
    if policy.task == "multilabel":
        return _decide_labels_frame(policy, probabilities)
    index = _decided(policy, probabilities)
    confidence = probabilities[np.arange(len(index)), index]
    reviewed = _distances(policy, probabilities, index) < policy.review_within
    classes = np.array([*policy.classes, REVIEW], dtype=object)
    return Decisions(
        label_index=index,
        label=classes[index],
        decision=classes[np.where(reviewed, len(policy.classes), index)],
        confidence=confidence,
        prediction=probabilities[:, policy.positive_index] if policy.task == "binary" else confidence,
        probabilities=probabilities,
    )


def _prepare_binary(policy: Policy) -> Callable[[Sequence[float]], Decision]:
    probability = _prepare_logistic(policy.calibration)
    threshold, within = _threshold(policy), policy.review_within
    yes, no = policy.positive_index, 1 - policy.positive_index
    yes_label, no_label = policy.classes[yes], policy.classes[no]

    def decide(scores: Sequence[float]) -> Decision:
        positive = probability(scores[0])
        negative = 1.0 - positive
        both = (negative, positive) if yes else (positive, negative)
        if positive >= threshold:
            said = REVIEW if positive - threshold < within else yes_label
            return Decision(yes_label, yes, said, positive, positive, both)
        said = REVIEW if threshold - positive < within else no_label
        return Decision(no_label, no, said, negative, positive, both)

    return decide


def _prepare_classes(policy: Policy) -> Callable[[Sequence[float]], Decision]:
    probabilities_of = _prepare_softmax(policy.calibration)
    classes, within = policy.classes, policy.review_within
    columns = tuple(zip(*policy.costs, strict=True))

    def decide(scores: Sequence[float]) -> Decision:
        probabilities = probabilities_of(scores)
        if columns:
            expected = [_expected(probabilities, column) for column in columns]
            index = expected.index(min(expected))
        else:
            index = probabilities.index(max(probabilities))
        label, confidence = classes[index], probabilities[index]
        said = label
        if within:
            other = max(probabilities[:index] + probabilities[index + 1 :])
            said = REVIEW if abs(confidence - other) < within else label
        return Decision(label, index, said, confidence, confidence, probabilities)

    return decide


def _prepare_labels(policy: Policy) -> Callable[[Sequence[float]], Decision]:
    probabilities_of = _prepare_each(policy)
    classes, within, thresholds = policy.classes, policy.review_within, label_thresholds(policy)
    numbers = tuple(range(len(classes)))

    def decide(scores: Sequence[float]) -> Decision:
        probabilities = probabilities_of(scores)
        applies = tuple([at for at in numbers if probabilities[at] >= thresholds[at]])
        labels = tuple([classes[at] for at in applies])
        confidence = min([probabilities[at] for at in applies]) if applies else 1.0 - max(probabilities)
        said = labels
        if within and min([abs(probabilities[at] - thresholds[at]) for at in numbers]) < within:
            said = _REVIEW
        by_label = dict(zip(classes, probabilities, strict=True))
        return Decision(labels, applies, said, confidence, by_label, probabilities)

    return decide


def _decide_labels_frame(policy: Policy, probabilities: NDArray[np.float64]) -> Decisions:
    applies = probabilities >= np.array(label_thresholds(policy))
    some = applies.any(axis=1)
    least = np.where(applies, probabilities, np.inf).min(axis=1)
    labels = _objects([tuple([policy.classes[at] for at in np.flatnonzero(row)]) for row in applies])
    reviewed = distances(policy, probabilities) < policy.review_within
    return Decisions(
        label_index=applies.astype(np.int64),
        label=labels,
        decision=_objects([_REVIEW if doubt else said for doubt, said in zip(reviewed, labels, strict=True)]),
        confidence=np.where(some, least, 1.0 - probabilities.max(axis=1)),
        prediction=probabilities,
        probabilities=probabilities,
    )


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    """Tuples as the elements of an array, not as its rows."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def label_thresholds(policy: Policy) -> tuple[float, ...]:
    """The probability from which on each label of a multilabel task applies."""
    return policy.thresholds or (0.5,) * len(policy.classes)


_PREPARE: dict[Task, Callable[[Policy], Callable[[Sequence[float]], Decision]]] = {
    "binary": _prepare_binary,
    "multiclass": _prepare_classes,
    "multilabel": _prepare_labels,
}


def distances(policy: Policy, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each row is from being decided otherwise, in probability: what the review band is compared with."""
    if policy.task == "multilabel":
        return np.asarray(np.abs(probabilities - np.array(label_thresholds(policy))).min(axis=1))
    return _distances(policy, probabilities, _decided(policy, probabilities))


def _decided(policy: Policy, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    if policy.task == "binary":
        flagged = probabilities[:, policy.positive_index] >= _threshold(policy)
        return np.where(flagged, policy.positive_index, 1 - policy.positive_index).astype(np.int64)
    if not policy.costs:
        return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
    expected = np.zeros_like(probabilities)
    for predicted, column in enumerate(zip(*policy.costs, strict=True)):
        for actual, cost in enumerate(column):
            expected[:, predicted] += probabilities[:, actual] * cost
    return np.asarray(expected.argmin(axis=1), dtype=np.int64)


def _distances(policy: Policy, probabilities: NDArray[np.float64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    if policy.task == "binary":
        return np.abs(probabilities[:, policy.positive_index] - _threshold(policy))
    rows = np.arange(len(index))
    others = probabilities.copy()
    others[rows, index] = -1.0
    return np.asarray(np.abs(probabilities[rows, index] - others.max(axis=1)), dtype=np.float64)


def _expected(probabilities: Sequence[float], costs: Sequence[float]) -> float:
    total = 0.0
    for probability, cost in zip(probabilities, costs, strict=True):
        total += probability * cost
    return total


def _threshold(policy: Policy) -> float:
    return policy.thresholds[0] if policy.thresholds else 0.5


def _prepare_each(policy: Policy) -> Probabilities:
    """Raw scores, one a label -> the probability of each label by itself."""
    curves = tuple(_prepare_logistic(policy.calibration, output) for output in range(len(policy.classes)))
    if policy.calibration.method in ("none", "temperature"):
        one = curves[0]
        return lambda scores: tuple([one(score) for score in scores])
    return lambda scores: tuple([curve(score) for curve, score in zip(curves, scores, strict=True)])


def _prepare_logistic(calibration: Calibration, output: int = 0) -> Curve:
    """Raw score -> probability of the positive class, or of the label that the output is about."""
    if calibration.method == "isotonic":
        curve = _prepare_curve(calibration.x[output], calibration.y[output])
        return lambda score: curve(_finite(score))
    if calibration.method == "sigmoid":
        slope, intercept = calibration.slope[output], calibration.intercept[output]
        return lambda score: logistic(slope * score + intercept)
    if calibration.method == "temperature":
        temperature = calibration.temperature
        return lambda score: logistic(score / temperature)
    return logistic


def logistic(score: float) -> float:
    """1 / (1 + exp(-score)), never overflowing. Raises ReleaseError for a score that is not finite."""
    if score >= 0.0:
        if score == math.inf:
            raise ReleaseError(NOT_FINITE)
        return 1.0 / (1.0 + math.exp(-score))
    if score > -math.inf:
        power = math.exp(score)
        return power / (1.0 + power)
    raise ReleaseError(NOT_FINITE)


def _prepare_softmax(calibration: Calibration) -> Probabilities:
    """Raw scores, one a class -> probabilities."""
    if calibration.method == "temperature":
        temperature = calibration.temperature
        return lambda scores: softmax([score / temperature for score in scores])
    if calibration.method == "none":
        return softmax
    curves = _class_curves(calibration)
    return lambda scores: _renormalise(
        [curve(log_odds(probability)) for curve, probability in zip(curves, softmax(scores), strict=True)]
    )


def softmax(scores: Sequence[float]) -> tuple[float, ...]:
    """exp(score) over their sum, never overflowing. Raises ReleaseError for a score that is not finite."""
    highest = max(scores)
    exp = math.exp
    powers = [exp(score - highest) for score in scores]
    total = 0.0
    for power in powers:
        total += power
    # One of the powers is exp(0); a sum below that comes from NaN, which compares with nothing.
    if not total >= 1.0:
        raise ReleaseError(NOT_FINITE)
    return tuple([power / total for power in powers])


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), held within the finite."""
    held = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(held / (1.0 - held))


def _class_curves(calibration: Calibration) -> tuple[Curve, ...]:
    if calibration.method == "isotonic":
        return tuple(_prepare_curve(x, y) for x, y in zip(calibration.x, calibration.y, strict=True))
    return tuple(
        _prepare_platt(slope, intercept)
        for slope, intercept in zip(calibration.slope, calibration.intercept, strict=True)
    )


def _prepare_platt(slope: float, intercept: float) -> Curve:
    return lambda score: logistic(slope * score + intercept)


def _prepare_curve(x: Sequence[float], y: Sequence[float]) -> Curve:
    """Linear interpolation over growing `x`, held at the ends."""
    first, last = y[0], y[-1]
    end = len(x)

    def curve(score: float) -> float:
        right = bisect_right(x, score)
        if right == 0:
            return first
        if right == end:
            return last
        left = right - 1
        return y[left] + (y[right] - y[left]) * ((score - x[left]) / (x[right] - x[left]))

    return curve


def _renormalise(parts: Sequence[float]) -> tuple[float, ...]:
    total = 0.0
    for part in parts:
        total += part
    if total > 0.0:
        return tuple([part / total for part in parts])
    return tuple([1.0 / len(parts)] * len(parts))


def _finite(score: float) -> float:
    if not -math.inf < score < math.inf:
        raise ReleaseError(NOT_FINITE)
    return score
