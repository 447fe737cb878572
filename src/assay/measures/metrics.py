"""Figures of merit of a classifier, each for weighted rows. Labels are indices of classes, probabilities have the shape
(rows, classes).

A figure that the rows cannot say (the AUC of one class) is nan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LEAST = 1e-15


def ratio(part: float, whole: float) -> float:
    """One over the other, nan for an empty whole."""
    return part / whole if whole > 0 else math.nan


def precision(said: Flags, truth: Flags, weights: Floats) -> float:
    """The share of what was said to be positive that is; nan when nothing was."""
    return ratio(float(weights @ (said & truth)), float(weights @ said))


def recall(said: Flags, truth: Flags, weights: Floats) -> float:
    """The share of the positives that was found."""
    return ratio(float(weights @ (said & truth)), float(weights @ truth))


def f1(said: Flags, truth: Flags, weights: Floats) -> float:
    """Harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""
    return ratio(2.0 * float(weights @ (said & truth)), float(weights @ said) + float(weights @ truth))


def log_losses(probabilities: Floats, labels: Integers) -> Floats:
    """-log of the probability given to the true class, a row each; probabilities are held above 1e-15."""
    given = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(given, _LEAST)), dtype=np.float64)


def brier_losses(probabilities: Floats, labels: Integers) -> Floats:
    """Squared error of the probabilities, a row each (Brier 1950): summed over the classes, halved for two of them, so
    that the binary one is (p - y) squared.
    """
    errors = probabilities.copy()
    errors[np.arange(len(labels)), labels] -= 1.0
    total = np.asarray((errors**2).sum(axis=1), dtype=np.float64)
    return total / 2.0 if probabilities.shape[1] == 2 else total


class Ranking:
    """Rows ordered by a score, once; ROC-AUC and PR-AUC for any weights of them."""

    def __init__(self, scores: Floats, truth: Flags) -> None:
        order = np.argsort(-scores, kind="stable")
        self._order = order
        self._truth = truth[order]
        ordered = scores[order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(scores) else np.array([], int)

    def _cumulated(self, weights: Floats) -> tuple[Floats, Floats]:
        """True and false positives when everything down to each distinct score is said to be positive."""
        ordered = weights[self._order]
        hits = np.where(self._truth, ordered, 0.0)
        true = np.cumsum(hits)[self._ends]
        return true, np.cumsum(ordered - hits)[self._ends]

    def roc_auc(self, weights: Floats) -> float:
        """P(score of a positive > score of a negative), ties half (Hanley & McNeil 1982), by trapezoids."""
        true, false = self._cumulated(weights)
        if not len(true) or true[-1] <= 0 or false[-1] <= 0:
            return math.nan
        heights = true + np.concatenate(([0.0], true[:-1]))
        widths = np.diff(false, prepend=0.0)
        return float(heights @ widths / (2.0 * true[-1] * false[-1]))

    def pr_auc(self, weights: Floats) -> float:
        """Average precision: precision at each score, weighted by the recall it adds; no interpolation."""
        true, false = self._cumulated(weights)
        if not len(true) or true[-1] <= 0:
            return math.nan
        flagged = np.maximum(true + false, _LEAST)
        return float(np.diff(true, prepend=0.0) @ (true / flagged) / true[-1])


class CalibrationBins:
    """Rows in `bins` groups of equal mass by probability, equal probabilities never parted; the expected calibration
    error (Naeini et al. 2015) for any weights of them.
    """

    def __init__(self, probabilities: Floats, truth: Flags, bins: int = 10) -> None:
        self._probabilities = probabilities
        self._truth = truth.astype(np.float64)
        self.group = equal_mass_groups(probabilities, bins)
        self._count = int(self.group.max()) + 1 if len(self.group) else 0

    def _means(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        mass: Floats = np.asarray(np.bincount(self.group, weights, self._count), dtype=np.float64)
        kept = mass > 0
        said = np.bincount(self.group, weights * self._probabilities, self._count)[kept] / mass[kept]
        seen = np.bincount(self.group, weights * self._truth, self._count)[kept] / mass[kept]
        return mass[kept], said, seen

    def ece(self, weights: Floats) -> float:
        """Mean distance between what was said and what was seen, weighted by mass."""
        mass, said, seen = self._means(weights)
        return ratio(float(mass @ np.abs(said - seen)), float(mass.sum()))

    def ece_debiased(self, weights: Floats) -> float:
        """The same less what chance alone adds to it, never below 0 (Kumar et al. 2019, section 5, its Gaussian
        resampling in closed form: the mean of a folded normal distribution).
        """
        mass, said, seen = self._means(weights)
        distance = np.abs(said - seen)
        deviation = np.sqrt(np.maximum(seen * (1.0 - seen) / mass, _LEAST))
        erf = np.array([math.erf(value) for value in (distance / (deviation * math.sqrt(2.0))).tolist()])
        folded = deviation * math.sqrt(2.0 / math.pi) * np.exp(-((distance / deviation) ** 2) / 2.0) + distance * erf
        return ratio(max(0.0, float(mass @ (2.0 * distance - folded))), float(mass.sum()))


def equal_mass_groups(values: Floats, bins: int) -> Integers:
    """The group of each row when `values` are cut into at most `bins` groups of about equal size; ties stay whole."""
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)[1:-1])) if len(values) else np.array([0.0])
    groups = np.searchsorted(edges, values, side="left")
    return np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int64)


def cost_losses(said: Integers, labels: Integers, costs: Floats) -> Floats:
    """What each decision cost, from the matrix (actual x predicted)."""
    return np.asarray(costs[labels, said], dtype=np.float64)
