"""From the libraries that fit models to models of plain arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.errors import NotSupportedError
from assay.features.plan import FeaturePlan
from assay.models.linear import LinearModel
from assay.models.sets import SET_SIZE
from assay.models.trees import TreeArrays, TreeModel


def linear_from_sklearn(
    estimator: Any, mean: NDArray[np.float64], spread: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> LinearModel:
    """The model of a fitted scikit-learn linear classifier whose dense features were scaled by (x - mean) / spread, and
    whose sparse ones, which follow them, were multiplied by `weights`, if given.

    The scaling is folded into the coefficients, so the model takes features in their own units; its scores are those of
    `decision_function` within 1e-9.
    """
    coefficients = np.array(estimator.coef_, dtype=np.float64)
    intercept = np.array(estimator.intercept_, dtype=np.float64)
    coefficients[:, : mean.size] /= spread
    intercept -= (coefficients[:, : mean.size] * mean).sum(axis=1)
    if weights is not None:
        coefficients[:, mean.size :] *= weights
    return LinearModel(coefficients, intercept, mean)


def spread_out(model: LinearModel, columns: NDArray[np.intp], dense: int) -> LinearModel:
    """The same model where its dense features are those at `columns` of `dense` ones; the others weigh nothing."""
    known = model.means.size
    coefficients = np.zeros((model.intercept.size, dense + model.coefficients.shape[1] - known))
    coefficients[:, columns] = model.coefficients[:, :known]
    coefficients[:, dense:] = model.coefficients[:, known:]
    means = np.zeros(dense)
    means[columns] = model.means
    return LinearModel(coefficients, model.intercept, means)


def trees_from_booster(
    booster: Any, plan: FeaturePlan, *others: Any, columns: NDArray[np.intp] | None = None
) -> TreeModel:
    """The model of a fitted LightGBM booster (up to its best iteration, where it has one); with `others` that of
    several boosters, the raw scores of each following those of the one before.

    The boosters' features are those at `columns` of the plan's, the sparse ones counted behind the dense; None: all.

    Its scores equal the booster's raw scores bit for bit on features of the plan, which are float32: a threshold
    between two such numbers decides like the largest float32 not above it.

    Raises:
        NotSupportedError: the booster has linear leaves, averages its trees, treats 0 as missing, or splits categories
            beyond number 255.
    """
    trees: list[_Tree] = []
    output: list[int] = []
    outputs = 0
    for each in (booster, *others):
        found = _trees(each)
        size = int(each.num_model_per_iteration())
        trees += found
        output += [outputs + number % size for number in range(len(found))]
        outputs += size
    sizes = [tree.feature.size for tree in trees]
    starts = np.cumsum([0, *sizes[:-1]], dtype=np.int32) if trees else np.zeros(0, dtype=np.int32)
    shift = np.repeat(starts, sizes)
    joined = _Tree(*(np.concatenate(parts) for parts in zip(*trees, strict=True)))
    before = np.cumsum([0, *(len(tree.sets) for tree in trees[:-1])], dtype=np.int32)[: len(trees)]
    choice = np.where(joined.choice >= 0, joined.choice + np.repeat(before, sizes), -1).astype(np.int32)
    return TreeModel(
        TreeArrays(
            feature=joined.feature if columns is None else _renumbered(joined.feature, columns),
            threshold=joined.threshold,
            left=joined.left + shift,
            right=joined.right + shift,
            value=joined.value,
            cover=joined.cover,
            root=starts,
            output=np.array(output, dtype=np.int32),
            base=np.zeros(outputs),
            dense=np.array([len(plan.names)]),
            choice=choice if len(joined.sets) else choice[:0],
            sets=joined.sets,
        )
    )


def _renumbered(feature: NDArray[np.int32], columns: NDArray[np.intp]) -> NDArray[np.int32]:
    """Features by their place in the plan; a leaf's stays -1."""
    return np.append(columns, -1)[feature].astype(np.int32)


class _Tree(NamedTuple):
    """One tree: its splits, then its leaves."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    cover: NDArray[np.float64]
    choice: NDArray[np.int32]
    sets: NDArray[np.uint8]


def _trees(booster: Any) -> list[_Tree]:
    text = booster.model_to_string()
    if "\naverage_output\n" in text:
        raise NotSupportedError("a booster that averages its trees cannot be converted")
    blocks = text.split("\nend of trees")[0].split("\nTree=")[1:]
    return [_tree(dict(line.partition("=")[::2] for line in block.splitlines()[1:])) for block in blocks]


def _tree(fields: dict[str, str]) -> _Tree:
    leaves = int(fields["num_leaves"])
    kinds = _numbers(fields, "decision_type", np.int32)
    if int(fields.get("is_linear", "0")) or (kinds & _MISSING == _ZERO_IS_MISSING).any():
        raise NotSupportedError("a booster with linear leaves or zero as missing cannot be converted")
    splits = leaves - 1
    by_set = kinds & _CATEGORICAL == _CATEGORICAL
    thresholds = _numbers(fields, "threshold", np.float64)
    choice = np.where(by_set, thresholds, -1.0).astype(np.int32)
    none = np.zeros(leaves, dtype=np.int32)
    children = [np.append(_absolute(_numbers(fields, name, np.int32), splits), none) for name in _CHILDREN]
    counts = np.append(_numbers(fields, "internal_count", np.float64), _numbers(fields, "leaf_count", np.float64))
    return _Tree(
        feature=np.append(_numbers(fields, "split_feature", np.int32), none - 1),
        threshold=np.append(_lightgbm_thresholds(np.where(by_set, 0.0, thresholds)), none.astype(np.float32)),
        left=children[0],
        right=children[1],
        value=np.append(np.zeros(splits), _numbers(fields, "leaf_value", np.float64)),
        cover=np.maximum(counts if counts.size == splits + leaves else np.ones(1), 1.0),
        choice=np.append(choice, none - 1),
        sets=_sets(fields),
    )


def _sets(fields: dict[str, str]) -> NDArray[np.uint8]:
    """The sets of a tree, from words of 32 bits each; set i has those from boundary i to i + 1."""
    boundaries = _numbers(fields, "cat_boundaries", np.int64).tolist()
    bits = np.unpackbits(_numbers(fields, "cat_threshold", np.uint32).astype("<u4").view(np.uint8), bitorder="little")
    sets = np.zeros((max(len(boundaries) - 1, 0), SET_SIZE), dtype=np.uint8)
    for at, (begin, end) in enumerate(pairwise(boundaries)):
        members = bits[32 * begin : 32 * end]
        if members[SET_SIZE:].any():
            raise NotSupportedError(
                f"a booster that splits categories beyond number {SET_SIZE - 1} cannot be converted"
            )
        sets[at, : members.size] = members[:SET_SIZE]
    return sets


#: Flags of LightGBM's decision types.
_CATEGORICAL, _MISSING, _ZERO_IS_MISSING = 1, 12, 4
_CHILDREN = ("left_child", "right_child")
_ZERO = np.float32(1e-35)


def _numbers(fields: dict[str, str], name: str, dtype: Any) -> NDArray[Any]:
    return np.array([dtype(word) for word in fields.get(name, "").split()], dtype=dtype)


def _absolute(children: NDArray[np.int32], splits: int) -> NDArray[np.int32]:
    """LightGBM numbers leaves by their complement; here they follow the splits."""
    return np.where(children >= 0, children, splits + ~children).astype(np.int32)


def floor_float32(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 not above each threshold."""
    limit = np.finfo(np.float32).max
    near = thresholds.clip(-limit, limit).astype(np.float32)
    return np.where(near.astype(np.float64) > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _lightgbm_thresholds(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """LightGBM takes numbers within its zero for 0."""
    floor = floor_float32(thresholds)
    floor = np.where((thresholds >= 0) & (floor <= _ZERO), _ZERO, floor)
    return np.where((thresholds < 0) & (floor >= -_ZERO), np.nextafter(-_ZERO, np.float32(-np.inf)), floor)
