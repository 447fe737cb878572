"""SHAP values of trees, against the definition by subsets and against their own sum."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.models.trees import TreeArrays, TreeModel
from tests.models.examples import chain, goes_left, numbered, random_frame, random_trees, rows_of, with_sets


def expected_value(trees: TreeArrays, values: list[float], known: frozenset[int]) -> float:
    """The score when only `known` features are known and the others follow the training rows (EXPVALUE, Lundberg et
    al. 2018, algorithm 1).
    """

    def below(node: int) -> float:
        feature = int(trees.feature[node])
        if feature < 0:
            return float(trees.value[node])
        left, right = int(trees.left[node]), int(trees.right[node])
        if feature in known:
            return below(left if goes_left(trees, node, values[feature]) else right)
        return float(trees.cover[left] * below(left) + trees.cover[right] * below(right)) / float(trees.cover[node])

    return float(trees.base[0]) + sum(below(int(root)) for root in trees.root)


def shapley(trees: TreeArrays, values: list[float]) -> list[float]:
    features = range(len(values))
    result = []
    for feature in features:
        others = [other for other in features if other != feature]
        total = 0.0
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(values))
            for subset in combinations(others, size):
                known = frozenset(subset)
                gain = expected_value(trees, values, known | {feature}) - expected_value(trees, values, known)
                total += weight * gain
        result.append(total)
    return result


@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(0, 6), sets=st.booleans())
@example(seed=20, depth=6, sets=True)  # all leaves of one width ask for the same set
@settings(max_examples=40)
def test_contributions_are_the_shapley_values(seed: int, depth: int, sets: bool) -> None:
    random = np.random.default_rng(seed)
    trees = random_trees(random, trees=3, depth=depth, dense=4)
    inputs = random_frame(random, 1, 4, 0)
    if sets:
        trees, inputs = with_sets(random, trees), numbered(inputs)
    (row,) = rows_of(inputs)
    base, dense, sparse = TreeModel(trees).contributions(row, 0)
    assert base == pytest.approx(expected_value(trees, row.dense, frozenset()), abs=1e-12)
    assert dense == pytest.approx(shapley(trees, row.dense), abs=1e-12)
    assert sparse == []


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_base_and_contributions_add_up_to_the_score(seed: int) -> None:
    random = np.random.default_rng(seed)
    model = TreeModel(random_trees(random, trees=9, depth=7, dense=5, terms=6, outputs=3))
    for row in rows_of(random_frame(random, 3, 5, 7)):
        for output, score in enumerate(model.row(row)):
            base, dense, sparse = model.contributions(row, output)
            assert base + sum(dense) + sum(sparse) == pytest.approx(score, abs=1e-9)
            assert len(dense) == 5
            assert len(sparse) == len(row.indices)


def test_terms_that_are_absent_count_into_the_base() -> None:
    random = np.random.default_rng(8)
    trees = random_trees(random, trees=9, depth=4, dense=2, terms=3)
    inputs = rows_of(random_frame(random, 30, 2, 3))
    absent = next(row for row in inputs if row.indices.tolist() == [1])
    full = [*absent.dense, 0.0, float(absent.values[0]), 0.0]
    exact = shapley(trees, full)
    base, dense, sparse = TreeModel(trees).contributions(absent, 0)
    assert dense == pytest.approx(exact[:2], abs=1e-12)
    assert sparse == pytest.approx([exact[3]], abs=1e-12)
    assert base == pytest.approx(expected_value(trees, full, frozenset()) + exact[2] + exact[4], abs=1e-12)


def test_a_deep_tree_still_adds_up() -> None:
    model = TreeModel(chain(200))
    (row,) = rows_of(random_frame(np.random.default_rng(0), 1, 1, 0))
    row.dense[0] = -100.0
    base, dense, _ = model.contributions(row, 0)
    assert base + dense[0] == pytest.approx(model.row(row)[0], abs=1e-9)
