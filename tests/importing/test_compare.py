"""An import that does not reproduce names the first row, both answers and where they part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assay.errors import ReleaseError
from assay.importing.compare import Comparison
from assay.importing.foreign import LEFT, Foreign, Linear, Tree, plant
from assay.importing.inputs import Input, Step, Value
from tests.importing.material import Converted, convert, frame

INPUTS = (Input(Value("amount", 3.0), (Step("subtract", 1.0),)), Input(Value("visits")))


def linear() -> Converted:
    arrays = Linear(np.array([[0.25, -0.5]]), np.array([0.1]))
    return convert(Foreign(kind="linear", framework="none", inputs=INPUTS, arrays=arrays), frame(60))


def trees() -> Converted:
    """Four rounds of one stump each."""
    stump = Tree(
        feature=np.array([0, -1, -1], dtype=np.int32),
        threshold=np.array([8.0, 0.0, 0.0]),
        left=np.array([1, 0, 0], dtype=np.int32),
        right=np.array([2, 0, 0], dtype=np.int32),
        missing=np.full(3, LEFT, dtype=np.int8),
        value=np.array([0.0, 0.5, -0.5]),
        cover=np.array([2.0, 1.0, 1.0]),
    )
    arrays = plant([stump] * 4, [0] * 4, [0.0])
    return convert(Foreign(kind="trees", framework="none", inputs=INPUTS, arrays=arrays), frame(60))


def check(converted: Converted, original: Any, **more: Any) -> float:
    comparison = Comparison(
        foreign=converted.foreign,
        composed=converted.composed,
        contract=converted.contract,
        original=original,
        **more,
    )
    return comparison.check(converted.table, lambda row: f"line {row + 2}")


def test_an_exact_conversion_passes_with_its_largest_difference() -> None:
    converted = linear()
    assert check(converted, converted.scores()) == 0.0


def test_the_first_row_and_both_answers_are_named() -> None:
    converted = linear()
    original = converted.scores().copy()
    original[[7, 20]] = 0.0
    with pytest.raises(
        ReleaseError, match=r"in 2 of 60 rows; the first is line 9: the original says 1 0\.5, the release"
    ):
        check(converted, original)


def test_the_input_at_which_they_part_is_named() -> None:
    converted = linear()
    original = converted.scores() + 1.0
    with pytest.raises(ReleaseError, match="begins at the input made of column visits, -1 there"):
        check(
            converted,
            original,
            given=lambda row: np.array(
                [float(np.nan_to_num(converted.table.columns["amount"][row], nan=3.0)) - 1.0, -1.0]
            ),
        )


def test_the_round_at_which_they_part_is_found() -> None:
    converted = trees()
    whole = converted.scores()

    def first(row: int, rounds: int) -> Any:
        return whole[row] / 4 * rounds + (0.75 if rounds >= 3 else 0.0)

    with pytest.raises(ReleaseError, match="begins in round 3 of 4"):
        check(converted, whole + 0.75, rounds=4, first=first)


def test_scores_that_are_not_numbers_never_pass() -> None:
    converted = linear()
    original = converted.scores().copy()
    original[3] = np.nan
    with pytest.raises(ReleaseError):
        check(converted, original)
