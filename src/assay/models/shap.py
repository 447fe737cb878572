"""Exact SHAP values of trees, path-dependent (Lundberg, Erion & Lee 2018: a missing feature follows the training rows).

The Shapley value is the integral of a multilinear extension's partial derivative along the diagonal (Owen 1972,
"Multilinear Extensions of Games"). For one leaf with m features it is a polynomial of degree m - 1, which
Gauss-Legendre quadrature with m / 2 points integrates exactly; so all leaves are computed at once on arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.models.sets import SET_SIZE, places_in_sets

if TYPE_CHECKING:
    from assay.models.trees import TreeArrays


@dataclass(frozen=True, slots=True)
class _Leaves:
    """All leaves of one output whose paths split on the same number m of features; arrays (leaves, m).

    A row takes part in the leaf, as far as the feature goes, if low < value <= high and its number is allowed: `kind`
    is the row of `allowed`, which has a flag a number and one, the last, for whatever is no such number; it has no rows
    where no path asks for numbers. Of the training rows that met the other features, `share` met this one.
    """

    feature: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    share: NDArray[np.float64]
    value: NDArray[np.float64]
    kind: NDArray[np.intp]
    allowed: NDArray[np.bool_]

    def contributions(self, inputs: NDArray[np.float64], features: int) -> NDArray[np.float64]:
        width = self.feature.shape[1]
        points, weights = np.polynomial.legendre.leggauss((width + 1) // 2)
        points, weights = (points + 1) / 2, weights / 2
        values = inputs[self.feature]
        within = (values > self.low) & (values <= self.high)
        if self.allowed.size:
            within &= self.allowed[self.kind, places_in_sets(values)]
        meets = within.astype(np.float64)
        factors = meets[:, :, None] * points + self.share[:, :, None] * (1 - points)
        others = (factors.prod(axis=1, keepdims=True) / factors) @ weights
        parts = self.value[:, None] * (meets - self.share) * others
        return np.bincount(self.feature.ravel(), weights=parts.ravel(), minlength=features).astype(np.float64)


@dataclass(frozen=True, slots=True)
class TreePaths:
    """Every path from a root to a leaf, grouped for computing; `expected` is the mean score of each output."""

    features: int
    expected: list[float]
    groups: list[list[_Leaves]]

    def contributions(self, inputs: NDArray[np.float64], output: int) -> tuple[float, NDArray[np.float64]]:
        """The expected score of an output and what each feature adds to it for the row `inputs`."""
        total = np.zeros(self.features)
        for group in self.groups[output]:
            total += group.contributions(inputs, self.features)
        return self.expected[output], total


class _Step(NamedTuple):
    """What a path asks of one feature: a range, a set of numbers as the bits of an integer, and the share of the
    training rows, of those that met the rest, which met this.
    """

    low: float = -np.inf
    high: float = np.inf
    share: float = 1.0
    numbers: int = (2 << SET_SIZE) - 1


_Path = dict[int, _Step]


def trace_paths(trees: TreeArrays, features: int) -> TreePaths:
    """Follow every path once. Takes time and memory in proportion to leaves x depth."""
    expected = trees.base.tolist()
    by_width: list[dict[int, list[tuple[_Path, float]]]] = [{} for _ in expected]
    for root, output in zip(trees.root.tolist(), trees.output.tolist(), strict=True):
        for path, value in _leaves(trees, root):
            expected[output] += value * float(np.prod([step.share for step in path.values()]))
            by_width[output].setdefault(len(path), []).append((path, value))
    groups = [[_group(leaves) for width, leaves in sorted(found.items()) if width] for found in by_width]
    return TreePaths(features, expected, groups)


def _leaves(trees: TreeArrays, root: int) -> list[tuple[_Path, float]]:
    found: list[tuple[_Path, float]] = []
    waiting: list[tuple[int, _Path]] = [(root, {})]
    while waiting:
        node, path = waiting.pop()
        feature = int(trees.feature[node])
        if feature < 0:
            found.append((path, float(trees.value[node])))
            continue
        step = path.get(feature, _Step())
        to_left, to_right = _divide(step, float(trees.threshold[node]), trees.members(node))
        left, right = int(trees.left[node]), int(trees.right[node])
        for child, to_child in ((right, to_right), (left, to_left)):
            share = step.share * float(trees.cover[child] / trees.cover[node])
            waiting.append((child, {**path, feature: to_child._replace(share=share)}))
    return found


def _divide(step: _Step, threshold: float, members: tuple[int, ...] | None) -> tuple[_Step, _Step]:
    """What is asked on the left and on the right of a split."""
    if members is None:
        return step._replace(high=min(step.high, threshold)), step._replace(low=max(step.low, threshold))
    bits = sum(1 << number for number in members)
    return step._replace(numbers=step.numbers & bits), step._replace(numbers=step.numbers & ~bits)


def _group(leaves: list[tuple[_Path, float]]) -> _Leaves:
    steps = [list(path.values()) for path, _ in leaves]
    ranges = np.array([[step[:3] for step in path] for path in steps], dtype=np.float64)
    kinds: dict[int, int] = {}
    kind = np.array([[kinds.setdefault(step.numbers, len(kinds)) for step in path] for path in steps], dtype=np.intp)
    asked = [] if set(kinds) == {_Step().numbers} else list(kinds)
    allowed = [[bool(numbers >> number & 1) for number in range(SET_SIZE + 1)] for numbers in asked]
    return _Leaves(
        feature=np.array([list(path) for path, _ in leaves], dtype=np.intp),
        low=ranges[:, :, 0],
        high=ranges[:, :, 1],
        share=ranges[:, :, 2],
        value=np.array([value for _, value in leaves]),
        kind=kind,
        allowed=np.array(allowed, dtype=np.bool_),
    )
