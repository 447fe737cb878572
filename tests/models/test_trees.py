"""Tree models: compiled, walked and columnar scores agree to the bit; damaged arrays are refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ReleaseError
from assay.features.plan import FeatureRow
from assay.models import codegen
from assay.models.trees import TreeArrays, TreeModel, node_depths
from tests.models.examples import chain, frame_of, goes_left, numbered, random_frame, random_trees, rows_of, with_sets


def by_hand(trees: TreeArrays, row: FeatureRow) -> list[float]:
    """Scores by the plainest walk there is."""
    values = dict(enumerate(row.dense))
    values |= {len(row.dense) + int(at): float(value) for at, value in zip(row.indices, row.values, strict=True)}
    scores = trees.base.tolist()
    for root, output in zip(trees.root, trees.output, strict=True):
        node = root
        while trees.feature[node] >= 0:
            left = goes_left(trees, node, values.get(int(trees.feature[node]), 0.0))
            node = trees.left[node] if left else trees.right[node]
        scores[output] += float(trees.value[node])
    return scores


@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.integers(0, 7),
    terms=st.sampled_from([0, 1, 12]),
    outputs=st.sampled_from([1, 3]),
    sets=st.booleans(),
)
def test_every_way_of_scoring_agrees_to_the_bit(seed: int, depth: int, terms: int, outputs: int, sets: bool) -> None:
    random = np.random.default_rng(seed)
    trees = random_trees(random, trees=7, depth=depth, dense=3, terms=terms, outputs=outputs)
    inputs = random_frame(random, 20, 3, terms + 2)
    if sets:
        trees, inputs = with_sets(random, trees), numbered(inputs)
    model = TreeModel(trees)
    expected = [by_hand(trees, row) for row in rows_of(inputs)]
    assert [model.row(row) for row in rows_of(inputs)] == expected
    assert model.frame(inputs).tolist() == expected


def test_walking_gives_the_bits_of_the_compiled_function(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    trees = with_sets(random, random_trees(random, trees=30, depth=6, dense=4, terms=3, outputs=2))
    inputs = rows_of(numbered(random_frame(random, 50, 4, 3)))
    compiled = [TreeModel(trees).row(row) for row in inputs]
    monkeypatch.setattr(codegen, "_MOST_NODES", 0)
    assert [TreeModel(trees).row(row) for row in inputs] == compiled


@pytest.mark.parametrize("depth", [59, 60, 61, 3000])
def test_trees_of_any_depth_are_scored(depth: int) -> None:
    trees = chain(depth)
    model = TreeModel(trees)
    inputs = random_frame(np.random.default_rng(0), 5, 1, 0)
    inputs.dense[:, 0] = [1.0, 0.0, -5.0, -depth + 1.0, -depth]
    assert node_depths(trees) == [depth]
    assert (codegen.tree_sources(trees) is None) == (depth > 60)
    assert model.frame(inputs).tolist() == [by_hand(trees, row) for row in rows_of(inputs)]
    assert [model.row(row) for row in rows_of(inputs)] == model.frame(inputs).tolist()


def test_the_source_of_a_model_is_numbers_and_positions() -> None:
    trees = random_trees(np.random.default_rng(1), trees=2, depth=2, dense=2)
    (source,) = codegen.tree_sources(trees) or []
    words = {word for word in re.findall(r"\w+", source) if word.isalpha()}
    assert words <= {"def", "add", "if", "else", "return", "x"}


def test_compiling_in_pieces_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    trees = random_trees(random, trees=20, depth=4, dense=3, outputs=2)
    inputs = rows_of(random_frame(random, 20, 3, 0))
    monkeypatch.setattr(codegen, "_PIECE_NODES", 30)
    assert len(codegen.tree_sources(trees) or []) > 3
    assert [TreeModel(trees).row(row) for row in inputs] == [by_hand(trees, row) for row in inputs]


def test_a_model_without_trees_says_its_base() -> None:
    trees = random_trees(np.random.default_rng(7), trees=1, depth=0, dense=1)
    empty = trees._replace(root=trees.root[:0], output=trees.output[:0])
    inputs = random_frame(np.random.default_rng(0), 2, 1, 0)
    assert TreeModel(empty).frame(inputs).tolist() == [[0.25]] * 2
    assert [TreeModel(empty).row(row) for row in rows_of(inputs)] == [[0.25]] * 2


def test_a_block_boundary_changes_nothing() -> None:
    random = np.random.default_rng(2)
    model = TreeModel(random_trees(random, trees=3, depth=3, dense=2, terms=2))
    inputs = random_frame(random, 4100, 2, 2)
    scores = model.frame(inputs).tolist()
    rows = rows_of(inputs)
    assert [model.row(rows[at]) for at in (0, 2047, 2048, 4095, 4096, 4099)] == [
        scores[at] for at in (0, 2047, 2048, 4095, 4096, 4099)
    ]


def replaced(name: str, change: Callable[[np.ndarray], object]) -> Callable[[TreeArrays], TreeArrays]:
    return lambda trees: trees._replace(**{name: np.asarray(change(getattr(trees, name).copy()))})


def first(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[0] = value
        return array

    return change


@pytest.mark.parametrize("number", [-1.0, 0.5, 7.0, 255.0, 256.0, 1e30])
def test_a_number_outside_of_a_set_goes_right(number: float) -> None:
    random = np.random.default_rng(9)
    model = TreeModel(with_sets(random, random_trees(random, trees=5, depth=3, dense=1)))
    inputs = frame_of([[number], [99.0]])
    rows = [model.row(row) for row in rows_of(inputs)]
    assert rows == model.frame(inputs).tolist()
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "damage",
    [
        replaced("choice", lambda array: array + 9),
        replaced("choice", lambda array: array - 1),
        replaced("choice", lambda array: array[:-1]),
        replaced("choice", lambda array: array[:0]),
        replaced("sets", lambda array: array[:0]),
        replaced("sets", lambda array: array[:, :9]),
        replaced("sets", np.zeros_like),
    ],
)
def test_damaged_sets_are_refused(damage: Callable[[TreeArrays], TreeArrays]) -> None:
    random = np.random.default_rng(4)
    trees = with_sets(random, random_trees(random, trees=3, depth=4, dense=2))
    assert TreeModel(trees).arrays()["choice"].size
    with pytest.raises(ReleaseError, match="tree model"):
        TreeModel(damage(trees))


@pytest.mark.parametrize(
    "damage",
    [
        replaced("left", first(0)),
        replaced("left", first(10**6)),
        replaced("right", first(-1)),
        replaced("root", first(-1)),
        replaced("root", first(10**6)),
        replaced("output", first(1)),
        replaced("cover", first(0.0)),
        replaced("value", first(np.nan)),
        replaced("threshold", first(np.inf)),
        replaced("value", lambda array: array[:-1]),
        replaced("feature", lambda array: array.astype(np.float64)),
        replaced("base", lambda array: array[None]),
        replaced("dense", lambda array: np.append(array, 1)),
        replaced("root", lambda array: array[:-1]),
    ],
)
def test_damaged_arrays_are_refused(damage: Callable[[TreeArrays], TreeArrays]) -> None:
    trees = random_trees(np.random.default_rng(4), trees=3, depth=4, dense=2)
    assert trees.feature[0] >= 0
    with pytest.raises(ReleaseError, match="tree model"):
        TreeModel(damage(trees))
