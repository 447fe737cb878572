from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from assay.measures.sketch import LEVELS, Sketch, sketch_categories, sketch_numbers


def test_numbers_are_summed_up_by_their_quantiles() -> None:
    sketch = sketch_numbers(np.append(np.arange(101.0), [math.nan] * 25))
    assert (sketch.rows, sketch.mean) == (126, 50.0)
    assert sketch.missing == pytest.approx(25 / 126)
    assert len(sketch.quantiles) == len(LEVELS)
    assert (sketch.quantiles[0], sketch.quantiles[LEVELS.index(0.5)], sketch.quantiles[-1]) == (0.0, 50.0, 100.0)


def test_the_levels_grow() -> None:
    assert list(LEVELS) == sorted(set(LEVELS))


@pytest.mark.parametrize("values", [np.empty(0), np.array([math.nan, math.nan])])
def test_a_column_of_nothing_has_a_sketch(values: np.ndarray) -> None:
    sketch = sketch_numbers(values)
    assert (sketch.rows, sketch.mean, sketch.quantiles) == (len(values), None, ())


def test_categories_are_summed_up_by_their_shares() -> None:
    sketch = sketch_categories(["a"] * 6 + ["b"] * 3 + [None])
    assert sketch.shares == {"a": 0.6}
    assert (sketch.rows, sketch.missing, sketch.other, sketch.distinct) == (10, 0.1, 0.3, 2)


def test_a_rare_value_is_never_named() -> None:
    sketch = sketch_categories(["common"] * 50 + ["jane@example.com"])
    assert "jane@example.com" not in sketch.shares


def test_only_the_most_frequent_values_are_kept() -> None:
    sketch = sketch_categories([f"v{index:03}" for index in range(150)] * 5)
    assert len(sketch.shares) == 100
    assert sketch.other == pytest.approx(50 / 150)
    assert next(iter(sketch.shares)) == "v000"


def test_no_categories_have_a_sketch() -> None:
    assert sketch_categories([]).rows == 0


def test_sketches_travel_as_json() -> None:
    for sketch in (sketch_numbers(np.arange(5.0)), sketch_categories(["a"] * 9)):
        assert msgspec.json.decode(msgspec.json.encode(sketch), type=Sketch) == sketch


def test_categories_stand_by_their_number_and_then_by_name() -> None:
    found = sketch_categories(["b"] * 5 + ["c"] * 9 + ["a"] * 5)
    assert list(found.shares) == ["c", "a", "b"]


def test_a_sketch_of_nothing_misses_nothing() -> None:
    found = sketch_categories([])
    assert (found.missing, found.other) == (0.0, 0.0)
