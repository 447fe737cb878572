"""The three small optimisations behind calibration: Platt's line, a temperature, an isotonic curve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_COLDEST, _HOTTEST = math.log(0.02), math.log(50.0)


def fit_platt(scores: Floats, truth: Flags) -> tuple[float, float]:
    """Slope and intercept of logistic(slope * score + intercept), by Newton's method with Platt's softened targets
    (Platt 1999; Lin, Lin & Weng 2007). The slope is never negative: a calibration does not turn the order round.
    """
    positives = float(truth.sum())
    negatives = len(truth) - positives
    targets = np.where(truth, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    slope, intercept = 0.0, math.log((positives + 1.0) / (negatives + 1.0))
    loss = _platt_loss(scores, targets, slope, intercept)
    for _ in range(100):
        said = _logistic(slope * scores + intercept)
        error = said - targets
        curve = np.maximum(said * (1.0 - said), 1e-12)
        gradient = float((error * scores).sum()), float(error.sum())
        aa, ab, bb = float((curve * scores * scores).sum()) + 1e-12, float((curve * scores).sum()), float(curve.sum())
        determinant = aa * (bb + 1e-12) - ab * ab
        if max(abs(gradient[0]), abs(gradient[1])) < 1e-9 * len(scores) or determinant <= 0.0:
            break
        down = (
            -(bb * gradient[0] - ab * gradient[1]) / determinant,
            -(aa * gradient[1] - ab * gradient[0]) / determinant,
        )
        step = 1.0
        while step > 1e-10:
            tried = _platt_loss(scores, targets, slope + step * down[0], intercept + step * down[1])
            if tried < loss:
                break
            step /= 2.0
        else:
            break
        slope, intercept, loss = slope + step * down[0], intercept + step * down[1], tried
    if slope < 0.0:
        return 0.0, math.log((positives + 1.0) / (negatives + 1.0))
    return slope, intercept


def fit_temperature(raw: Floats, labels: NDArray[np.int64], positive: int | None) -> float:
    """The temperature of least log loss (Guo et al. 2017), by golden-section search on its logarithm, 0.02 to 50.

    With a `positive` class `raw` is (rows, 1), else (rows, classes). `labels` are class numbers, or of several labels
    flags of the shape of `raw`, 1 being `positive`.
    """
    flags = (labels if labels.ndim == 2 else labels[:, None]) == positive

    def loss(logarithm: float) -> float:
        scaled = raw / math.exp(logarithm)
        if positive is not None:
            signed = np.where(flags, scaled, -scaled)
            return float(np.logaddexp(0.0, -signed).sum())
        shifted = scaled - scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=1))
        return float((total - shifted[np.arange(len(labels)), labels]).sum())

    low, high = _COLDEST, _HOTTEST
    first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_first, at_second = loss(first), loss(second)
    for _ in range(40):
        if at_first <= at_second:
            high, second, at_second = second, first, at_first
            first = high - _GOLDEN * (high - low)
            at_first = loss(first)
        else:
            low, first, at_first = first, second, at_second
            second = low + _GOLDEN * (high - low)
            at_second = loss(second)
    return math.exp((low + high) / 2.0)


def fit_isotonic(scores: Floats, truth: Flags) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The curve (x, y) of the best growing fit, by pooling adjacent violators (Ayer et al. 1955).

    Probabilities are held off 0 and 1 by one row in two more than there are, so that no log loss is infinite.
    """
    x, inverse = np.unique(scores, return_inverse=True)
    mass = np.bincount(inverse).astype(np.float64)
    hits = np.bincount(inverse, weights=truth.astype(np.float64))
    blocks: list[tuple[int, int, float, float]] = []
    for position, (new_mass, new_hits) in enumerate(zip(mass.tolist(), hits.tolist(), strict=True)):
        block = (position, position, new_mass, new_hits)
        while blocks and blocks[-1][3] * block[2] >= block[3] * blocks[-1][2]:
            before = blocks.pop()
            block = (before[0], position, before[2] + block[2], before[3] + block[3])
        blocks.append(block)
    least = 1.0 / (len(scores) + 2.0)
    xs: list[float] = []
    ys: list[float] = []
    for start, end, weight, hit in blocks:
        height = min(max(hit / weight, least), 1.0 - least)
        for place in sorted({start, end}):
            xs.append(float(x[place]))
            ys.append(height)
    return tuple(xs), tuple(ys)


def _platt_loss(scores: Floats, targets: Floats, slope: float, intercept: float) -> float:
    line = slope * scores + intercept
    return float((np.logaddexp(0.0, line) - targets * line).sum())


def _logistic(values: Floats) -> Floats:
    powers = np.exp(-np.abs(values))
    return np.where(values >= 0.0, 1.0, powers) / (1.0 + powers)
