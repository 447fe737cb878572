"""The compiled loops beside their twins in Python: the same bits, whatever comes."""

from __future__ import annotations

import shutil
import struct
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay import native
from assay.features.plan import FeatureRow, Terms
from assay.features.statistics import text_statistics
from assay.features.terms import prepare_coder, prepare_row_terms
from assay.models.linear import LinearModel
from assay.models.trees import TreeArrays, TreeModel
from tests.loops import twins_only

#: Every ASCII character, those that separate words or chunks often; now and then a letter that is none.
TEXTS = st.text(st.one_of(st.characters(max_codepoint=127), st.sampled_from("aAbB _1!?\t\n\x1c\x1f\x7f")), max_size=120)
ANY_TEXTS = st.one_of(TEXTS, st.text(max_size=40), st.sampled_from(["see www.a.example", "HTTP://a.b", "me@a.example"]))
SPANS = st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3), (2, 4)])
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def test_the_loops_are_built_where_a_compiler_is() -> None:
    compiler, header = shutil.which("cc"), Path(sysconfig.get_paths()["include"], "Python.h")
    assert native.LOOPS is not None or compiler is None or not header.exists()


@st.composite
def vocabularies(draw: st.DrawFn) -> Terms:
    """Terms that texts of `TEXTS` have, and some that they never have."""
    words = draw(st.one_of(st.none(), SPANS))
    characters = draw(st.one_of(st.none(), SPANS))
    parts = ["a", "b", "ab", "_1", "1", "é", "aa"]
    grams = [*parts, *(f"{one} {other}" for one in parts for other in parts), "a b a"]
    pieces = [" ", " a", "a ", "a", "b", "ab", "!", "?!", "b!", " ab", "é", "a1_ ", "aa"]
    return Terms(
        column="text",
        words=words,
        characters=characters,
        counting=draw(st.sampled_from(["log", "count", "presence"])),
        norm=draw(st.sampled_from(["l2", "none"])),
        word_terms=tuple(sorted(draw(st.sets(st.sampled_from(grams))))) if words else (),
        character_terms=tuple(sorted(draw(st.sets(st.sampled_from(pieces))))) if characters else (),
    )


@given(terms=vocabularies(), texts=st.lists(ANY_TEXTS, max_size=5), seed=st.integers(0, 9))
@example(Terms(column="t", characters=(1, 5), character_terms=("a", "aa")), ["a" * 5000, "b " * 3000], 1)
@example(Terms(column="t", words=(1, 2), word_terms=("a", "a a", "b")), ["a " * 2000, "\x1ca\x1fB", ""], 2)
def test_terms(terms: Terms, texts: list[str], seed: int) -> None:
    idf = np.random.default_rng(seed).uniform(0.5, 9.0, len(terms.word_terms) + len(terms.character_terms))
    ours, code = prepare_row_terms(terms, idf), prepare_coder(terms)
    with twins_only():
        theirs, code_in_python = prepare_row_terms(terms, idf), prepare_coder(terms)
    for text in texts:
        assert as_bits(ours(text)) == as_bits(theirs(text))
        assert sorted(np.frombuffer(code(text), np.int64)) == sorted(np.frombuffer(code_in_python(text), np.int64))


def test_many_terms_are_sorted_like_few() -> None:
    names = tuple(sorted(f"w{number}" for number in range(70_000)))
    terms = Terms(column="t", words=(1, 1), word_terms=names)
    idf = np.random.default_rng(3).uniform(0.5, 9.0, len(names))
    text = " ".join(np.random.default_rng(4).choice(names, 3000))
    ours = prepare_row_terms(terms, idf)(text)
    with twins_only():
        assert as_bits(ours) == as_bits(prepare_row_terms(terms, idf)(text))


@given(text=ANY_TEXTS)
@example("Aa aA aa  !!! ??")
@example(" \t ")
@example("x" * 3000 + " y" * 3000)
def test_statistics(text: str) -> None:
    with twins_only():
        twin = text_statistics(text)
    assert bits(text_statistics(text)) == bits(twin)


@given(
    weights=st.lists(NUMBERS, min_size=3, max_size=40),
    dense=st.lists(st.one_of(NUMBERS, st.sampled_from([0.0, -0.0])), min_size=2, max_size=2),
    start=NUMBERS,
    places=st.sets(st.integers(0, 37)),
)
def test_linear_sums(weights: list[float], dense: list[float], start: float, places: set[int]) -> None:
    indices = sorted(place for place in places if place < len(weights) - 2)
    values = [1.0 / (place + 3) for place in indices]
    ours = linear(weights, start)
    with twins_only():
        twin = linear(weights, start)
    for row in (
        FeatureRow(dense, indices, values),
        FeatureRow(dense, np.array(indices, dtype=np.int64), np.array(values)),
    ):
        assert bits(ours.row(row)) == bits(twin.row(row))


@given(
    values=st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.5, 255.0, 256.0, 1e30]), min_size=2, max_size=2),
    thresholds=st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.5, 2.0])),
    members=st.sets(st.integers(0, 255), min_size=1),
)
def test_trees(values: list[float], thresholds: tuple[float, float], members: set[int]) -> None:
    sets = np.zeros((1, 256), dtype=np.uint8)
    sets[0, sorted(members | {2})] = 1
    trees = TreeArrays(
        feature=np.array([0, 1, -1, -1, -1, 1, -1, -1], dtype=np.int32),
        threshold=np.array([thresholds[0], 0, 0, 0, 0, thresholds[1], 0, 0], dtype=np.float32),
        left=np.array([1, 2, -1, -1, -1, 6, -1, -1], dtype=np.int32),
        right=np.array([4, 3, -1, -1, -1, 7, -1, -1], dtype=np.int32),
        value=np.array([0, 0, 0.1, -0.7, 0.3, 0, 1e-9, 12.3]),
        cover=np.ones(8),
        root=np.array([0, 5], dtype=np.int32),
        output=np.array([0, 0], dtype=np.int32),
        base=np.array([0.25]),
        dense=np.array([2]),
        choice=np.array([-1, 0, -1, -1, -1, -1, -1, -1], dtype=np.int32),
        sets=sets,
    )
    row = FeatureRow(values, [], [])
    ours = TreeModel(trees).row(row)
    with twins_only():
        assert bits(TreeModel(trees).row(row)) == bits(ours)


def test_what_does_not_fit_is_refused() -> None:
    loops = native.LOOPS
    if loops is None:
        pytest.skip("the compiled loops were not built here: no compiler when Assay was installed")
    many = [1.0] * 256
    with pytest.raises(ValueError, match="one number a term"):
        loops.TermCounter(("a",), (), (1, 1), (1, 0), [], many, True)
    with pytest.raises(ValueError, match="one number a count"):
        loops.TermCounter((), (), (1, 1), (1, 0), [], [1.0], True)
    with pytest.raises(TypeError, match="not a str"):
        loops.TermCounter((1,), (), (1, 1), (1, 0), [1.0], many, True)
    with pytest.raises(TypeError, match="a text is a str"):
        loops.TermCounter((), (), (1, 1), (1, 0), [], many, True).weigh(7)
    add = loops.LinearSum(0.0, [1.0, 2.0], 1).sum
    for dense, indices, values in (([], [], []), ([1.0], [0], []), ((1.0,), [], [])):
        with pytest.raises(ValueError, match="sum takes"):
            add(dense, indices, values)
    for place in (-1, 1):
        with pytest.raises(IndexError):
            add([1.0], [place], [1.0])
    with pytest.raises(TypeError):
        add(["1"], [], [])
    with pytest.raises(ValueError, match="at most as many"):
        loops.LinearSum(0.0, [1.0], 2)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("left", [0, -1, -1]),
        ("right", [9, -1, -1]),
        ("feature", [1, -1, -1]),
        ("root", [3]),
        ("output", [-1]),
        ("value", [0]),
    ],
)
def test_trees_that_never_end_or_lead_nowhere_are_refused(name: str, values: list[int]) -> None:
    loops = native.LOOPS
    if loops is None:
        pytest.skip("the compiled loops were not built here: no compiler when Assay was installed")
    arrays: dict[str, Any] = {
        "feature": [0, -1, -1],
        "threshold": [0.5, 0.0, 0.0],
        "left": [1, -1, -1],
        "right": [2, -1, -1],
        "value": [0.0, 1.0, 2.0],
        "choice": [-1, -1, -1],
        "root": [0],
        "output": [0],
        "base": [0.0],
        "sets": [],
    }
    kinds = {"threshold": np.float64, "value": np.float64, "base": np.float64, "sets": np.uint8}

    def packed(given: dict[str, Any]) -> dict[str, Any]:
        return {key: np.array(array, dtype=kinds.get(key, np.int32)) for key, array in given.items()}

    assert loops.Trees(**packed(arrays), inputs=1).score([0.5]) == [1.0]
    with pytest.raises(ValueError, match="not those of trees"):
        loops.Trees(**packed({**arrays, name: values}), inputs=1)


def linear(weights: list[float], start: float) -> LinearModel:
    return LinearModel(np.array([weights]), np.array([start]), np.zeros(2))


def bits(numbers: Any) -> bytes:
    return struct.pack(f"{len(numbers)}d", *numbers)


def as_bits(found: Any) -> tuple[list[int], bytes]:
    indices, values = found
    return list(map(int, indices)), bits(list(map(float, values)))
