"""Trees and features for the model tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.features.plan import FeatureFrame, FeatureRow
from assay.models.trees import TreeArrays


def frame_of(dense: Any, terms: Any = None) -> FeatureFrame:
    """Features with the given dense part and sparse part, both as full matrices."""
    full = np.zeros((len(dense), 0)) if terms is None else np.asarray(terms, dtype=np.float64)
    row, column = np.nonzero(full)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(full)))])
    return FeatureFrame(np.asarray(dense, dtype=np.float64), indptr, column, full[row, column])


def rows_of(frame: FeatureFrame) -> list[FeatureRow]:
    parts = [slice(*frame.indptr[row : row + 2]) for row in range(len(frame.dense))]
    return [
        FeatureRow(dense.tolist(), frame.indices[part], frame.values[part])
        for dense, part in zip(frame.dense, parts, strict=True)
    ]


def random_frame(random: np.random.Generator, rows: int, dense: int, terms: int) -> FeatureFrame:
    """Features that are float32, on a coarse grid, so that many stand exactly at a threshold of `random_trees`."""
    grid = (random.integers(-4, 5, (rows, dense)) / 8).astype(np.float32)
    sparse = random.integers(0, 3, (rows, terms)) * random.integers(0, 2, (rows, terms)) / 4
    return frame_of(grid, sparse)


def random_trees(
    random: np.random.Generator, *, trees: int, depth: int, dense: int, terms: int = 0, outputs: int = 1
) -> TreeArrays:
    """Trees of random shape with splits on all features, down to at most `depth`."""
    nodes: list[list[Any]] = []
    roots = []
    for _ in range(trees):
        roots.append(len(nodes))
        _grow(random, nodes, depth, dense + terms, 64.0)
    columns: list[Any] = list(zip(*nodes, strict=True))
    kinds = (np.int32, np.float32, np.int32, np.int32, np.float64, np.float64)
    arrays: list[NDArray[Any]] = [np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)]
    return TreeArrays(
        *arrays,
        root=np.array(roots, dtype=np.int32),
        output=np.arange(trees, dtype=np.int32) % np.int32(outputs),
        base=np.linspace(-0.5, 0.5, outputs) if outputs > 1 else np.array([0.25]),
        dense=np.array([dense]),
    )


def with_sets(random: np.random.Generator, trees: TreeArrays) -> TreeArrays:
    """The same trees, whose splits on feature 0 go by random sets of the numbers from 0 to 3."""
    flags = random.integers(0, 2, (5, 4)).astype(np.uint8)
    flags[:, 0] |= ~flags.any(axis=1)
    sets = np.zeros((5, 256), dtype=np.uint8)
    sets[:, :4] = flags
    choice = np.where(trees.feature == 0, random.integers(0, 5, trees.feature.size), -1).astype(np.int32)
    return trees._replace(choice=choice, sets=sets)


def numbered(frame: FeatureFrame) -> FeatureFrame:
    """The same features, of which number 0 is a category's number, from -1 to 4."""
    dense = frame.dense.copy()
    dense[:, 0] = np.clip(dense[:, 0] * 8, -1, 4)
    return frame._replace(dense=dense)


def goes_left(trees: TreeArrays, node: int, value: float) -> bool:
    """What a split says, by its definition."""
    if trees.choice.size and trees.choice[node] >= 0:
        return value in np.flatnonzero(trees.sets[trees.choice[node]])
    return value <= float(trees.threshold[node])


def _grow(random: np.random.Generator, nodes: list[list[Any]], depth: int, features: int, cover: float) -> int:
    here = len(nodes)
    nodes.append([-1, 0.0, 0, 0, float(random.normal()), cover])
    if depth and random.random() < 0.85:
        share = float(random.uniform(0.1, 0.9))
        nodes[here][:2] = [int(random.integers(features)), float(random.integers(-4, 5)) / 8]
        nodes[here][2] = _grow(random, nodes, depth - 1, features, cover * share)
        nodes[here][3] = _grow(random, nodes, depth - 1, features, cover * (1 - share))
    return here


def chain(depth: int) -> TreeArrays:
    """One tree that goes down on one side only: x0 <= k at level k."""
    size = 2 * depth + 1
    inner = np.arange(size) % 2 == 0
    inner[-1] = False
    return TreeArrays(
        feature=np.where(inner, 0, -1).astype(np.int32),
        threshold=np.where(inner, -np.arange(size) // 2, 0).astype(np.float32),
        left=np.where(inner, np.arange(size) + 2, 0).astype(np.int32),
        right=np.where(inner, np.arange(size) + 1, 0).astype(np.int32),
        value=np.where(inner, 0.0, np.arange(size) / 3),
        cover=np.linspace(size, 1, size),
        root=np.zeros(1, dtype=np.int32),
        output=np.zeros(1, dtype=np.int32),
        base=np.zeros(1),
        dense=np.array([1]),
    )
