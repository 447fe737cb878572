"""What the libraries are given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from assay.features.plan import FeatureFrame, FeaturePlan, Number, Terms, TextStatistics
from assay.training.matrices import fit_scaling, linear_matrix, tree_matrix

NONE = np.empty(0)
DENSE = np.array([[1.0, 5.0, 0.1], [3.0, 5.0, 0.1], [5.0, 5.0, 0.1], [7.0, 5.0, 0.1]])
TARGETS = np.array([0, 1, 0, 1])
PLAIN = FeaturePlan(
    columns=("a", "b", "c"), names=("a", "b", "c"), encoders=tuple(Number(column=name) for name in "abc")
)
TEXT = FeaturePlan(
    columns=("a", "b", "text"),
    names=("a", "b", "char_count"),
    encoders=(
        Number(column="a"),
        Number(column="b"),
        TextStatistics(column="text", statistics=("char_count",)),
        Terms(column="text", words=(1, 1), word_terms=("both", "never", "one", "other")),
    ),
)


def dense_frame(dense: np.ndarray) -> FeatureFrame:
    return FeatureFrame(dense, np.zeros(len(dense) + 1, dtype=np.int64), NONE.astype(np.int64), NONE)


def text_frame() -> FeatureFrame:
    """Term 0 stands in every row, 2 in those of class 0, 3 in those of class 1."""
    indices = np.array([0, 2, 0, 3, 0, 2, 0, 3])
    return FeatureFrame(DENSE, np.array([0, 2, 4, 6, 8]), indices, np.full(8, 0.5))


def test_dense_features_are_standardised_and_constants_stay_finite() -> None:
    frame = dense_frame(DENSE)
    matrix = linear_matrix(PLAIN, frame, fit_scaling(PLAIN, frame, TARGETS))
    assert matrix[:, 0].mean() == pytest.approx(0.0)
    assert matrix[:, 0].std() == pytest.approx(1.0)
    assert np.abs(matrix[:, 1:]).max() < 1e-12


def test_trees_get_the_features_as_they_are() -> None:
    assert np.array_equal(tree_matrix(PLAIN, dense_frame(DENSE), np.arange(3)), DENSE)
    assert np.array_equal(tree_matrix(TEXT, text_frame(), np.arange(7)).toarray()[:, :3], DENSE)


def test_trees_get_what_they_take_for_zero_as_zero_beside_terms_too() -> None:
    frame = text_frame()._replace(dense=DENSE * np.float64(np.float32(-1e-35)))
    assert np.array_equal(tree_matrix(TEXT, frame, np.arange(7)).toarray()[0, :3], [0.0, frame.dense[0, 1], 0.0])


def test_terms_stand_beside_smaller_dense_features_and_keep_their_place() -> None:
    frame = text_frame()
    matrix = linear_matrix(TEXT, frame, fit_scaling(TEXT, frame, TARGETS))
    assert sparse.issparse(matrix)
    assert matrix.shape == (4, 7)
    assert matrix.toarray()[:, 0].std() == pytest.approx(0.1)
    assert np.count_nonzero(matrix.toarray()[:, 4]) == 0


def test_terms_count_by_how_much_they_tell() -> None:
    weights = fit_scaling(TEXT, text_frame(), TARGETS).weights
    assert weights[2] == pytest.approx(weights[3])
    assert weights[2] > 2.0 * weights[0]
    assert np.mean(weights**2) == pytest.approx(1.0)


def test_terms_that_tell_nothing_all_count_the_same() -> None:
    balanced = text_frame()._replace(indices=np.array([0, 2] * 4))
    assert np.ptp(fit_scaling(TEXT, balanced, TARGETS).weights) == 0.0
