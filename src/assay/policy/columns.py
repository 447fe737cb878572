"""Raw scores of many rows -> their probabilities, column by column: the steps of `assay.policy.apply`, in their order.

Sums, products and quotients are the same in numpy and in Python; `exp` and `log` are not, so theirs are taken one by
one from the same library: the two agree bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from assay import native
from assay.policy.policy import Calibration, Policy

Floats = NDArray[np.float64]

_LEAST = 1e-15


def probability_columns(policy: Policy, raw: Floats) -> Floats:
    """Probabilities (rows, classes) of raw scores (rows, outputs); all NaN in a row with a score that is not finite."""
    with np.errstate(all="ignore"):
        found = _TASKS[policy.task](policy, raw)
    found[np.isnan(found).any(axis=1)] = np.nan
    return found


def _binary(policy: Policy, raw: Floats) -> Floats:
    positive = _logistic_column(policy.calibration, raw[:, 0], 0)
    both = (1.0 - positive, positive) if policy.positive_index == 1 else (positive, 1.0 - positive)
    return np.stack(both, axis=1)


def _labels(policy: Policy, raw: Floats) -> Floats:
    columns = [_logistic_column(policy.calibration, raw[:, at], at) for at in range(len(policy.classes))]
    return np.stack(columns, axis=1)


def _classes(policy: Policy, raw: Floats) -> Floats:
    calibration = policy.calibration
    if calibration.method == "temperature":
        return _softmax(raw / calibration.temperature)
    probabilities = _softmax(raw)
    if calibration.method == "none":
        return probabilities
    held = np.minimum(np.maximum(probabilities, _LEAST), 1.0 - _LEAST)
    odds = _one_by_one(math.log, held / (1.0 - held))
    curve = _curve if calibration.method == "isotonic" else _platt
    parts = np.stack([curve(calibration, odds[:, at], at) for at in range(odds.shape[1])], axis=1)
    total = _row_sums(parts)
    even = np.full(parts.shape, 1.0 / parts.shape[1])
    shares = np.where(total > 0.0, parts / total, even)
    return np.where(np.isnan(probabilities), np.nan, shares)


_TASKS: dict[str, Callable[[Policy, Floats], Floats]] = {
    "binary": _binary,
    "multiclass": _classes,
    "multilabel": _labels,
}


def _logistic_column(calibration: Calibration, scores: Floats, output: int) -> Floats:
    if calibration.method == "isotonic":
        return np.where(np.isfinite(scores), _curve(calibration, scores, output), np.nan)
    if calibration.method == "sigmoid":
        return _platt(calibration, scores, output)
    if calibration.method == "temperature":
        return _logistic(scores / calibration.temperature)
    return _logistic(scores)


def _platt(calibration: Calibration, scores: Floats, output: int) -> Floats:
    return _logistic(calibration.slope[output] * scores + calibration.intercept[output])


def _logistic(scores: Floats) -> Floats:
    power = _powers(-np.abs(scores))
    found = np.where(scores >= 0.0, 1.0, power) / (1.0 + power)
    return np.where(np.isfinite(scores), found, np.nan)


def _softmax(scores: Floats) -> Floats:
    powers = _powers(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    total = _row_sums(powers)
    return np.where(total >= 1.0, powers / total, np.nan)


def _row_sums(parts: Floats) -> Floats:
    """The sum of each row (rows, 1), from left to right."""
    total = np.zeros((len(parts), 1))
    for column in range(parts.shape[1]):
        total[:, 0] += parts[:, column]
    return total


def _curve(calibration: Calibration, scores: Floats, output: int) -> Floats:
    """Linear interpolation over growing x, held at the ends."""
    x, y = np.array(calibration.x[output]), np.array(calibration.y[output])
    right = np.searchsorted(x, np.where(np.isnan(scores), 0.0, scores), side="right")
    left = np.maximum(right - 1, 0)
    upper = np.minimum(right, len(x) - 1)
    between = y[left] + (y[upper] - y[left]) * ((scores - x[left]) / (x[upper] - x[left]))
    return np.asarray(np.where(right == 0, y[0], np.where(right == len(x), y[-1], between)))


def _powers(exponents: Floats) -> Floats:
    """Powers of e; no exponent is above 0."""
    if native.LOOPS is None:
        return _one_by_one(math.exp, exponents)
    given = np.ascontiguousarray(exponents)
    return np.frombuffer(native.LOOPS.powers(given), dtype=np.float64).reshape(given.shape)


def _one_by_one(function: Callable[[float], float], values: Floats) -> Floats:
    """The function of every value; NaN of what is NaN."""
    return np.array(list(map(function, values.ravel().tolist())), dtype=np.float64).reshape(values.shape)
