"""Linear models: the row and the frame agree to the bit, and contributions add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame
from assay.models.linear import LinearModel
from tests.models.examples import frame_of, rows_of

FINITE = st.floats(-1e30, 1e30).map(lambda value: value if abs(value) > 1e-300 else 0.0)
VALUES = st.one_of(FINITE, st.just(0.0), st.just(-0.0))


@st.composite
def models(draw: st.DrawFn) -> tuple[LinearModel, FeatureFrame]:
    outputs, rows = draw(st.sampled_from([1, 3])), draw(st.integers(0, 5))
    dense, terms = draw(st.integers(0, 6)), draw(st.sampled_from([0, 1, 9]))
    model = LinearModel(
        draw(hnp.arrays(np.float64, (outputs, dense + terms), elements=VALUES)),
        draw(hnp.arrays(np.float64, outputs, elements=VALUES)),
        draw(hnp.arrays(np.float64, dense, elements=VALUES)),
    )
    inputs = frame_of(
        draw(hnp.arrays(np.float64, (rows, dense), elements=VALUES)),
        draw(hnp.arrays(np.float64, (rows, terms), elements=VALUES)),
    )
    return model, inputs


@given(case=models())
def test_row_and_frame_agree_to_the_bit(case: tuple[LinearModel, FeatureFrame]) -> None:
    model, inputs = case
    by_frame = model.frame(inputs)
    by_row = np.array([model.row(row) for row in rows_of(inputs)]).reshape(by_frame.shape)
    assert by_row.tobytes() == by_frame.tobytes()


@pytest.mark.parametrize("outputs", [1, 4])
def test_long_sums_agree_to_the_bit(outputs: int) -> None:
    random = np.random.default_rng(outputs)
    model = LinearModel(random.normal(size=(outputs, 530)), random.normal(size=outputs), np.zeros(30))
    inputs = frame_of(random.normal(size=(50, 30)), random.normal(size=(50, 500)) * (random.random((50, 500)) < 0.6))
    assert [model.row(row) for row in rows_of(inputs)] == model.frame(inputs).tolist()


def test_scores_are_those_of_the_formula() -> None:
    model = LinearModel(np.array([[2.0, -1.0, 10.0, 0.5]]), np.array([0.25]), np.array([1.0, 1.0]))
    inputs = frame_of([[3.0, 4.0]], [[0.0, 8.0]])
    assert model.frame(inputs).tolist() == [[0.25 + 6.0 - 4.0 + 4.0]]


@pytest.mark.parametrize("output", [0, 1, 2])
def test_contributions_are_exact_and_add_up(output: int) -> None:
    random = np.random.default_rng(3)
    model = LinearModel(random.normal(size=(3, 7)), random.normal(size=3), random.normal(size=4))
    (row,) = rows_of(frame_of(random.normal(size=(1, 4)), [[0.0, 2.0, 0.5]]))
    base, dense, sparse = model.contributions(row, output)
    assert base + sum(dense) + sum(sparse) == pytest.approx(model.row(row)[output], abs=1e-12)
    weights = model.coefficients[output]
    assert dense == pytest.approx((weights[:4] * (np.array(row.dense) - model.means)).tolist())
    assert sparse == pytest.approx([weights[5] * 2.0, weights[6] * 0.5])


def test_a_model_without_features_says_the_same_of_every_row() -> None:
    model = LinearModel(np.zeros((2, 0)), np.array([1.0, -1.0]), np.zeros(0))
    inputs = frame_of(np.zeros((3, 0)))
    assert model.frame(inputs).tolist() == [[1.0, -1.0]] * 3
    assert [model.row(row) for row in rows_of(inputs)] == [[1.0, -1.0]] * 3
    assert model.contributions(rows_of(inputs)[0], 1) == (-1.0, [], [])


@pytest.mark.parametrize(
    ("coefficients", "intercept", "means"),
    [
        (np.zeros(3), np.zeros(1), np.zeros(3)),
        (np.zeros((2, 3)), np.zeros(1), np.zeros(3)),
        (np.zeros((1, 3)), np.zeros(1), np.zeros(4)),
        (np.zeros((1, 3)), np.zeros(1), np.zeros((1, 1))),
        (np.zeros((0, 3)), np.zeros(0), np.zeros(3)),
        (np.full((1, 3), np.nan), np.zeros(1), np.zeros(3)),
        (np.zeros((1, 3)), np.array([np.inf]), np.zeros(3)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(coefficients: Any, intercept: Any, means: Any) -> None:
    with pytest.raises(ReleaseError, match="linear model"):
        LinearModel(coefficients, intercept, means)
