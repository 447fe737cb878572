"""Ensembles of decision trees as flat arrays: a row goes left where its feature is at most the threshold, or, where
the feature is a category's number, one of a set.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay import native
from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow
from assay.models.codegen import Score, prepare_trees
from assay.models.leaves import Reach, prepare_leaves
from assay.models.sets import SET_SIZE, places_in_sets
from assay.models.shap import TreePaths, trace_paths

_BLOCK_ROWS = 2048
_NO_CHOICE = np.empty(0, dtype=np.int32)
_NO_SETS = np.empty((0, SET_SIZE), dtype=np.uint8)
_NO_CHOICE.setflags(write=False)
_NO_SETS.setflags(write=False)


class TreeArrays(NamedTuple):
    """All nodes of all trees. A leaf has feature -1; a child always comes after its parent.

    `feature` counts the dense features first, `dense` (one number) of them, then the sparse ones. `threshold` is
    float32, like the features that trees get; of imported trees it is float64, and so are their features. `cover` is
    how many training rows reached the node. `root` and `output` have one entry a tree: its first node, and the raw
    score that its leaves add to. `base` is where each score starts.

    A node whose `choice` is not -1 does not look at its threshold: a row goes left where its feature is a number in the
    set of that row of `sets` (sets, 256), which holds 1 for members. Trees without such nodes leave both empty.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32] | NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    root: NDArray[np.int32]
    output: NDArray[np.int32]
    base: NDArray[np.float64]
    dense: NDArray[np.int64]
    choice: NDArray[np.int32] = _NO_CHOICE
    sets: NDArray[np.uint8] = _NO_SETS

    def members(self, node: int) -> tuple[int, ...] | None:
        """The numbers that go left at a node; None where its threshold decides."""
        if not self.choice.size or self.choice[node] < 0:
            return None
        return tuple(np.flatnonzero(self.sets[self.choice[node]]).tolist())


_OF_SETS = frozenset(TreeArrays._field_defaults)


class TreeModel:
    """The sum of trees. Every score is base + tree + tree ..., in the order of the trees, in the row and the frame."""

    kind = "trees"

    def __init__(self, trees: TreeArrays) -> None:
        """Check and prepare. Raises ReleaseError when the arrays are not those of trees."""
        _check(trees)
        self._given = trees
        self._dense = int(trees.dense[0])
        used = np.unique(trees.feature[trees.feature >= self._dense])
        self._terms: NDArray[np.int64] = used.astype(np.int64) - self._dense
        # Only the sparse features that some tree splits on get a place behind the dense ones.
        feature = trees.feature.copy()
        feature[feature >= self._dense] = self._dense + np.searchsorted(used, feature[feature >= self._dense])
        self._trees = trees._replace(feature=feature)
        self._score = _prepare_score(self._trees, self._dense + self._terms.size)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> TreeModel:
        """The model that `arrays` came from. Raises ReleaseError when one is missing or does not fit."""
        try:
            needed = [name for name in TreeArrays._fields if name in arrays or name not in _OF_SETS]
            return cls(TreeArrays(**{name: np.asarray(arrays[name]) for name in needed}))
        except KeyError as error:
            raise ReleaseError(f"the tree model lacks the array {error}") from None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` needs."""
        found = self._given._asdict()
        return found if self._given.choice.size else {name: found[name] for name in found if name not in _OF_SETS}

    def row(self, features: FeatureRow) -> list[float]:
        """Raw scores of one row."""
        return self._score(self._inputs(features) if self._terms.size else features.dense)

    def frame(self, features: FeatureFrame) -> NDArray[np.float64]:
        """Raw scores, shape (rows, outputs)."""
        rows = features.dense.shape[0]
        scores = np.empty((rows, self._trees.base.size))
        for first in range(0, rows, _BLOCK_ROWS):
            last = min(first + _BLOCK_ROWS, rows)
            scores[first:last] = self._walk(self._block(features, first, last))
        return scores

    def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
        """Exact path-dependent SHAP values. What terms absent from the row contribute is part of the base."""
        base, values = self._paths.contributions(np.asarray(self._inputs(features)), output)
        by_term = dict(zip(self._terms.tolist(), values[self._dense :].tolist(), strict=True))
        present = [by_term.pop(term, 0.0) for term in features.sparse()[0].tolist()]
        return base + sum(by_term.values()), values[: self._dense].tolist(), present

    @cached_property
    def _paths(self) -> TreePaths:
        return trace_paths(self._trees, self._dense + self._terms.size)

    def _inputs(self, features: FeatureRow) -> list[float]:
        """The dense features, then the terms that the trees know."""
        if not self._terms.size:
            return features.dense
        terms = np.zeros(int(self._terms[-1]) + 1)
        indices, values = features.sparse()
        within = indices < terms.size
        terms[indices[within]] = values[within]
        known: list[float] = terms[self._terms].tolist()
        return features.dense + known

    def _block(self, features: FeatureFrame, first: int, last: int) -> NDArray[Any]:
        """The inputs of some rows, one line a feature."""
        inputs = np.zeros((self._dense + self._terms.size, last - first), dtype=self._trees.threshold.dtype)
        inputs[: self._dense] = features.dense[first:last].T
        if self._terms.size:
            begin, end = features.indptr[first], features.indptr[last]
            row_of = np.repeat(np.arange(last - first), np.diff(features.indptr[first : last + 1]))
            indices = features.indices[begin:end]
            place = np.minimum(np.searchsorted(self._terms, indices), self._terms.size - 1)
            known = self._terms[place] == indices
            inputs[self._dense + place[known], row_of[known]] = features.values[begin:end][known]
        return inputs

    def _walk(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Which leaf each row reaches, by bits where trees are small; else all rows go down each tree level by level,
        and who has reached a leaf stays there.
        """
        trees, rows = self._trees, inputs.shape[1]
        scores = np.tile(trees.base, (rows, 1))
        if self._reach is not None:
            for values, output in zip(self._reach(inputs), trees.output.tolist(), strict=True):
                scores[:, output] += values
            return scores
        offset, children = trees.feature.clip(0).astype(np.int64) * rows, self._children
        line = np.arange(rows)
        flat = inputs.ravel()
        choosing = trees.choice.size > 0
        for root, depth, output in zip(trees.root.tolist(), self._depths, trees.output.tolist(), strict=True):
            node = np.full(rows, root)
            for _ in range(depth):
                values = flat.take(offset.take(node) + line)
                beyond = values > trees.threshold.take(node)
                if choosing:
                    self._choose(node, values, beyond)
                node = children.take(2 * node + beyond)
            scores[:, output] += trees.value.take(node)
        return scores

    def _choose(self, node: NDArray[np.int64], values: NDArray[np.float32], beyond: NDArray[np.bool_]) -> None:
        """Say anew which rows go right, for those at nodes that split on a set."""
        choice = self._trees.choice.take(node)
        at = np.flatnonzero(choice >= 0)
        beyond[at] = self._outside[choice[at], places_in_sets(values[at])]

    @cached_property
    def _outside(self) -> NDArray[np.bool_]:
        """By set and place, whether it is not in the set; the last place is in none."""
        return np.pad(self._trees.sets == 0, ((0, 0), (0, 1)), constant_values=True)

    @cached_property
    def _reach(self) -> Reach | None:
        return prepare_leaves(self._trees)

    @cached_property
    def _children(self) -> NDArray[np.int64]:
        """Left and right child of every node, side by side; a leaf is its own child."""
        here = np.arange(self._trees.feature.size)
        leaf = self._trees.feature < 0
        pair = [np.where(leaf, here, self._trees.left), np.where(leaf, here, self._trees.right)]
        return np.stack(pair, axis=1).ravel()

    @cached_property
    def _depths(self) -> list[int]:
        return node_depths(self._trees)


def node_depths(trees: TreeArrays) -> list[int]:
    """How many splits the longest path of each tree has."""
    below = [0] * trees.feature.size
    left, right = trees.left.tolist(), trees.right.tolist()
    for node in range(trees.feature.size - 1, -1, -1):
        if trees.feature[node] >= 0:
            below[node] = 1 + max(below[left[node]], below[right[node]])
    return [below[root] for root in trees.root.tolist()]


def _prepare_score(trees: TreeArrays, inputs: int) -> Score:
    """The function from a row's inputs to its raw scores: the compiled loop, or its twin in generated Python."""
    if native.LOOPS is None:
        return prepare_trees(trees)
    choice = trees.choice if trees.choice.size else np.full(trees.feature.size, -1, dtype=np.int32)
    kinds = {"threshold": np.float64, "value": np.float64, "base": np.float64, "sets": np.uint8}
    parts = trees._replace(choice=choice)._asdict()
    del parts["cover"], parts["dense"]
    packed = {name: np.ascontiguousarray(array, dtype=kinds.get(name, np.int32)) for name, array in parts.items()}
    score: Score = native.LOOPS.Trees(**packed, inputs=inputs).score
    return score


def _check(trees: TreeArrays) -> None:
    nodes = trees.feature.size
    inner = trees.feature >= 0
    here = np.arange(nodes)
    floats = (trees.threshold, trees.value, trees.cover, trees.base)
    fits = (
        all(array.ndim == 1 for array in trees[:-1])
        and all(array.size == nodes for array in trees[1:6])
        and trees.root.size == trees.output.size
        and trees.dense.size == 1
        and all(array.dtype.kind == "i" for array in (trees.feature, trees.left, trees.right, trees.root, trees.output))
        and _sets_fit(trees)
        and all(np.isfinite(array).all() for array in floats)
    )
    if not fits:
        raise ReleaseError("the arrays of the tree model do not fit together")
    points_down = all(((here < child) & (child < nodes))[inner].all() for child in (trees.left, trees.right))
    known = ((trees.root >= 0) & (trees.root < nodes)).all() and (
        (trees.output >= 0) & (trees.output < trees.base.size)
    ).all()
    if not points_down or not known or not (trees.cover > 0).all():
        raise ReleaseError("the tree model has a node, root or output that points nowhere, or that no row reached")


def _sets_fit(trees: TreeArrays) -> bool:
    choice, sets = trees.choice, trees.sets
    if sets.ndim != 2 or sets.shape[1] != SET_SIZE or choice.ndim != 1 or choice.dtype.kind != "i":
        return False
    if not choice.size or not len(sets):
        return not choice.size and not len(sets)
    named = choice.size == trees.feature.size and choice.min() >= -1 and choice.max() < len(sets)
    return bool(named and sets.any(axis=1).all())
