"""Thresholds are moved from prepared inputs to cells without moving a single answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import NotSupportedError
from assay.features.row import LIMIT
from assay.importing.inputs import SINGLE, Operation, Step, apply_steps, fold, pull_back

NUMBERS = st.floats(-1e30, 1e30, allow_nan=False)
FACTORS = st.floats(1e-6, 1e6)
SHIFTS: tuple[Operation, ...] = ("add", "subtract")
STRETCHES: tuple[Operation, ...] = ("multiply", "divide")
STEPS = st.lists(
    st.one_of(
        st.builds(Step, st.sampled_from(SHIFTS), st.floats(-1e6, 1e6)),
        st.builds(Step, st.sampled_from(STRETCHES), FACTORS),
        st.just(SINGLE),
        st.builds(Step, st.just("flush"), st.floats(0.0, 1e-3)),
        st.builds(Step, st.just("at_most"), NUMBERS),
    ),
    max_size=4,
).map(tuple)


@given(steps=STEPS, cell=NUMBERS, other=NUMBERS)
def test_a_cell_is_below_its_threshold_where_the_input_is_below_the_models(
    steps: tuple[Step, ...], cell: float, other: float
) -> None:
    at = apply_steps(steps, np.array([cell]))
    for threshold in (at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), np.array([other])):
        moved = pull_back(steps, threshold)
        near = np.array([cell, moved[0], np.nextafter(moved[0], np.inf), np.nextafter(moved[0], -np.inf)])
        near = near.clip(-LIMIT, LIMIT)
        assert ((near <= moved) == (apply_steps(steps, near) <= threshold)).all()


def test_a_step_that_turns_numbers_round_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="multiplies by zero or less"):
        pull_back((Step("multiply", -1.0),), np.array([0.0]))


def test_steps_fold_into_a_line() -> None:
    slope, start = fold((Step("subtract", 2.0), Step("divide", 4.0), SINGLE, Step("add", 1.0)))
    assert (slope, start) == (0.25, 0.5)


def test_clipping_bends_the_line() -> None:
    with pytest.raises(NotSupportedError, match="clips"):
        fold((Step("at_most", 1.0),))
