"""A model as another library holds it, as arrays: over its own inputs, before it becomes one of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.importing.inputs import Input, Vocabulary

Floats = NDArray[np.float64]

#: Where a node of a tree sends a missing number: left, right, or where 0 goes.
LEFT, RIGHT, AS_ZERO = 0, 1, 2


class Trees(NamedTuple):
    """All nodes of all trees, as `assay.models.trees.TreeArrays` has them, but over inputs, with float64 thresholds.

    A row goes left where its input, after the input's steps, is at most the threshold; `missing` says where a missing
    one goes.
    """

    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing: NDArray[np.int8]
    value: Floats
    cover: Floats
    root: NDArray[np.int32]
    output: NDArray[np.int32]
    base: Floats


class Linear(NamedTuple):
    """`coefficients` (outputs, inputs) and `intercept` (outputs,)."""

    coefficients: Floats
    intercept: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """What was read of a model file.

    A binary model has one output, for the second of its `classes`; otherwise there is one a class. `classes` is None
    where the file does not name them. Leaves of a `forest` hold probabilities; its outputs are their means. `closed`
    has the values of the columns of which the model refuses others; `takes_missing` says whether its trees take missing
    numbers; `single`, whether the library adds up in float32.

    Raises:
        ValueError: a split names an input that there is not.
    """

    kind: Literal["linear", "trees", "forest"]
    framework: str
    inputs: tuple[Input, ...]
    arrays: Trees | Linear
    classes: tuple[str, ...] | None = None
    vocabularies: tuple[Vocabulary, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    takes_missing: bool = False
    single: bool = False
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.arrays, Trees) and self.arrays.feature.max(initial=-1) >= len(self.inputs):
            raise ValueError("a split of a tree names an input that there is not")

    @property
    def outputs(self) -> int:
        """Raw scores a row."""
        return int(self.arrays.base.size if isinstance(self.arrays, Trees) else self.arrays.intercept.size)


class Tree(NamedTuple):
    """One tree; its root is the first node, leaves have feature -1, children stand behind their parents."""

    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing: NDArray[np.int8]
    value: Floats
    cover: Floats


def plant(trees: Sequence[Tree], output: Sequence[int], base: Sequence[float]) -> Trees:
    """Trees side by side; `output` says which score each adds to, `base` where the scores start."""
    sizes = [tree.feature.size for tree in trees]
    starts = np.cumsum([0, *sizes], dtype=np.int32)[:-1]
    shift = np.repeat(starts, sizes)
    columns: list[Any] = [np.concatenate(parts) for parts in zip(*trees, strict=True)] if trees else []
    if not columns:
        columns = [np.zeros(0, dtype=kind) for kind in _KINDS]
    feature, threshold, left, right, missing, value, cover = columns
    return Trees(
        feature=feature.astype(np.int32),
        threshold=threshold,
        left=(left + shift).astype(np.int32),
        right=(right + shift).astype(np.int32),
        missing=missing.astype(np.int8),
        value=value,
        cover=np.maximum(cover, 1e-9),
        root=starts,
        output=np.asarray(output, dtype=np.int32),
        base=np.asarray(base, dtype=np.float64),
    )


_KINDS = (np.int32, np.float64, np.int32, np.int32, np.int8, np.float64, np.float64)


def counted(tree: Tree) -> Tree:
    """The tree in order, with the cover of its splits summed up from its leaves."""
    tree = in_order(tree)
    left, right, cover = tree.left.tolist(), tree.right.tolist(), np.maximum(tree.cover, 1e-9).tolist()
    for node in range(len(cover) - 1, -1, -1):
        if tree.feature[node] >= 0:
            cover[node] = cover[left[node]] + cover[right[node]]
    return tree._replace(cover=np.array(cover))


def in_order(tree: Tree) -> Tree:
    """The tree with its nodes in the order of a walk from the root, so that children stand behind their parents.

    Raises:
        ValueError: the nodes make no tree.
    """
    order: list[int] = []
    waiting = [0]
    left, right, feature = tree.left.tolist(), tree.right.tolist(), tree.feature.tolist()
    met = [False] * len(feature)
    while waiting:
        node = waiting.pop()
        if not 0 <= node < len(met) or met[node]:
            raise ValueError("nodes of a tree have two parents, or are not there")
        met[node] = True
        order.append(node)
        if feature[node] >= 0:
            waiting += (right[node], left[node])
    place = np.zeros(tree.feature.size, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    inner = tree.feature[order] >= 0
    return tree._replace(
        **{name: getattr(tree, name)[order] for name in ("feature", "threshold", "missing", "value", "cover")},
        left=np.where(inner, place[tree.left[order].clip(0)], 0).astype(np.int32),
        right=np.where(inner, place[tree.right[order].clip(0)], 0).astype(np.int32),
    )
