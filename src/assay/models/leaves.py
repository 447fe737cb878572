"""Many rows through many trees at once, without walking: each feature says which leaves a row cannot reach.

The leaves of a tree are bits, numbered from the left. A split that sends a row to the right rules out the leaves on its
left; of what no split rules out, the leftmost leaf is where the row ends (Lucchese et al. 2015, "QuickScorer: a fast
algorithm to rank documents with additive ensembles of regression trees", section 3). It only compares,
so the leaf is the one that walking finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.models.sets import SET_SIZE, places_in_sets

if TYPE_CHECKING:
    from assay.models.trees import TreeArrays

#: Inputs (features, rows) -> the value of the leaf that each row reaches in each tree, shape (trees, rows).
Reach = Callable[[NDArray[np.float32]], NDArray[np.float64]]
#: Values of a feature -> the lines of its table.
Find = Callable[[NDArray[np.float32]], NDArray[np.intp]]

_MOST_LEAVES = 64
_MOST_BYTES = 64 << 20
_BLOCK_ROWS = 256
_ALL = np.uint64(2**64 - 1)
#: Where the exponent of a float64 begins, and what is added to it (IEEE 754).
_EXPONENT_AT, _EXPONENT_BIAS = np.uint64(52), np.uint64(1023)


def prepare_leaves(trees: TreeArrays) -> Reach | None:
    """The function that finds leaves; None where a tree has more than 64 of them or the tables would be too large."""
    found = _number_leaves(trees)
    inner = np.flatnonzero(trees.feature >= 0)
    if found is None or inner.size * trees.root.size * 8 > _MOST_BYTES:
        return None
    left_of, tree_of, values = found
    by_set = trees.choice[inner] >= 0 if trees.choice.size else np.zeros(inner.size, dtype=np.bool_)
    tables: list[tuple[int, Find, NDArray[np.uint64]]] = []
    for feature, nodes in _by_feature(trees, inner[~by_set]):
        edges = np.unique(trees.threshold[nodes])
        table = np.full((edges.size + 1, trees.root.size), _ALL)
        at = np.searchsorted(edges, trees.threshold[nodes]) + 1
        np.bitwise_and.at(table, (at, tree_of[nodes]), ~left_of[nodes])
        tables.append((feature, edges.searchsorted, np.bitwise_and.accumulate(table, axis=0)))
    for feature, nodes in _by_feature(trees, inner[by_set]):
        table = np.full((SET_SIZE + 1, trees.root.size), _ALL)
        for node in nodes.tolist():
            outside = np.append(trees.sets[trees.choice[node]] == 0, True)
            table[outside, tree_of[node]] &= ~left_of[node]
        tables.append((feature, places_in_sets, table))
    offset = np.arange(trees.root.size) * _MOST_LEAVES

    def reach(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        rows = inputs.shape[1]
        reached = np.empty((trees.root.size, rows))
        for first in range(0, rows, _BLOCK_ROWS):
            last = min(first + _BLOCK_ROWS, rows)
            left = np.full((last - first, trees.root.size), _ALL)
            for feature, find, table in tables:
                left &= table.take(find(inputs[feature, first:last]), axis=0)
            lowest = (left & (~left + np.uint64(1))).astype(np.float64).view(np.uint64)
            leaf = ((lowest >> _EXPONENT_AT) - _EXPONENT_BIAS).astype(np.int64)
            reached[:, first:last] = values.take(leaf + offset).T
        return reached

    return reach


def _by_feature(trees: TreeArrays, nodes: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    for feature in np.unique(trees.feature[nodes]).tolist():
        yield feature, nodes[trees.feature[nodes] == feature]


def _number_leaves(
    trees: TreeArrays,
) -> tuple[NDArray[np.uint64], NDArray[np.intp], NDArray[np.float64]] | None:
    """By node the leaves below its left child, as bits, and its tree; and the leaves' values, 64 places a tree."""
    left_of = np.zeros(trees.feature.size, dtype=np.uint64)
    tree_of = np.zeros(trees.feature.size, dtype=np.intp)
    values = np.zeros((trees.root.size, _MOST_LEAVES))
    for tree, root in enumerate(trees.root.tolist()):
        leaves = 0
        #: Nodes to visit, leftmost last; a node met again, as its complement, has its left side behind it.
        waiting, begun = [root], dict[int, int]()
        while waiting:
            node = waiting.pop()
            if node < 0:
                left_of[~node] = np.uint64((1 << leaves) - (1 << begun[~node]))
                continue
            tree_of[node] = tree
            if trees.feature[node] >= 0:
                begun[node] = leaves
                waiting += [int(trees.right[node]), ~node, int(trees.left[node])]
            elif leaves == _MOST_LEAVES:
                return None
            else:
                values[tree, leaves] = trees.value[node]
                leaves += 1
    return left_of, tree_of, values.ravel()
