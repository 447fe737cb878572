"""Multinomial logistic regression for so many coefficients that the memory they take is what fitting costs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
#: A loss and its gradient at some coefficients.
Objective = Callable[[Singles], tuple[float, Singles]]

_TOLERANCE = 1e-4
_PAIRS = 6
_ENOUGH = 1e-4
_MOST_HALVINGS = 20
_FLAT = 1e-10


class SoftmaxRegression:
    """The model of scikit-learn's LogisticRegression over several classes, with its face, for a large sparse matrix.

    It minimises the same loss, until no slope is above 1e-4, by L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and
    7.5) in float32. `fit` starts from the coefficients of the fit before.
    """

    def __init__(self, outputs: int, max_iter: int) -> None:
        self._outputs = outputs
        self._max_iter = max_iter
        self._strength = 1.0
        self._weights: Singles | None = None

    def set_params(self, C: float) -> Self:
        """The inverse strength of the penalty."""
        self._strength = C
        return self

    def fit(self, matrix: Any, targets: NDArray[np.int64]) -> Self:
        """`matrix` (rows, features) is sparse, by row, float32; `targets` (rows,) are class numbers."""
        start = self._weights
        if start is None:
            start = np.zeros((matrix.shape[1] + 1) * self._outputs, dtype=np.float32)
        objective = _penalised(matrix, targets, self._outputs, 1.0 / (self._strength * len(targets)))
        self._weights = minimise(objective, start, self._max_iter)
        return self

    def decision_function(self, matrix: Any) -> NDArray[np.float64]:
        """Raw scores (rows, classes)."""
        table = self._table()
        scores: NDArray[np.float64] = matrix @ table[:-1] + table[-1]
        return scores

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients (classes, features)."""
        coefficients: NDArray[np.float64] = self._table()[:-1].T
        return coefficients

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """Intercepts (classes,), which are not penalised."""
        intercepts: NDArray[np.float64] = self._table()[-1]
        return intercepts

    def _table(self) -> NDArray[np.float64]:
        if self._weights is None:
            raise ValueError("nothing was fitted yet")
        return np.asarray(self._weights.reshape(-1, self._outputs), dtype=np.float64)


def _penalised(matrix: Any, targets: NDArray[np.int64], outputs: int, penalty: float) -> Objective:
    """Mean log loss in nats, and half the `penalty` times the squares; coefficients are one row a feature, then the
    intercepts.
    """
    rows, features = np.arange(len(targets)), matrix.T.tocsr()

    def objective(weights: Singles) -> tuple[float, Singles]:
        table = weights.reshape(-1, outputs)
        scores = matrix @ table[:-1]
        scores += table[-1]
        scores -= scores.max(axis=1, keepdims=True)
        of_truth = scores[rows, targets].astype(np.float64)
        chances = np.exp(scores, out=scores)
        total = chances.sum(axis=1, keepdims=True)
        loss = float((np.log(total[:, 0].astype(np.float64)) - of_truth).mean())
        chances /= total
        chances[rows, targets] -= 1.0
        chances /= np.float32(len(rows))
        slopes = np.concatenate([features @ chances, chances.sum(axis=0, keepdims=True)])
        slopes[:-1] += np.float32(penalty) * table[:-1]
        penalised = table[:-1].ravel()
        return loss + 0.5 * penalty * float(penalised @ penalised), slopes.ravel()

    return objective


class _Pair(NamedTuple):
    """A step that was taken, how the slopes changed with it, and one over the product of both."""

    step: Singles
    change: Singles
    inverse: float


def minimise(objective: Objective, start: Singles, most_steps: int) -> Singles:
    """Where the objective, convex and smooth, is least: no slope is above 1e-4 there, or float32 tells no difference
    any more, or `most_steps` were taken.
    """
    at, (value, slopes) = start, objective(start)
    pairs: deque[_Pair] = deque(maxlen=_PAIRS)
    for _ in range(most_steps):
        if np.abs(slopes).max() <= _TOLERANCE:
            break
        way = _downhill(slopes, pairs)
        fall = float(slopes @ way)
        length = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(slopes).sum()))
        for _ in range(_MOST_HALVINGS):
            there = at + np.float32(length) * way
            found, slopes_there = objective(there)
            if found <= value + _ENOUGH * length * fall:
                break
            length /= 2.0
        else:
            break
        step, change = there - at, slopes_there - slopes
        curvature = float(step @ change)
        if curvature > _FLAT:
            pairs.append(_Pair(step, change, 1.0 / curvature))
        at, value, slopes = there, found, slopes_there
    return at


def _downhill(slopes: Singles, pairs: deque[_Pair]) -> Singles:
    """Against the slopes, by the curvature that the pairs tell of."""
    way = -slopes
    shares: list[float] = []
    for pair in reversed(pairs):
        shares.append(pair.inverse * float(pair.step @ way))
        way -= np.float32(shares[-1]) * pair.change
    if pairs:
        last = pairs[-1]
        way /= np.float32(last.inverse * float(last.change @ last.change))
    for pair, share in zip(pairs, reversed(shares), strict=True):
        way += np.float32(share - pair.inverse * float(pair.change @ way)) * pair.step
    return way
