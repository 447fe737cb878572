"""Our softmax regression, against scikit-learn's and against the slopes of its own loss."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from assay.training.softmax import SoftmaxRegression, _penalised, minimise

ROWS, FEATURES, CLASSES = 600, 40, 5


@pytest.fixture(scope="module")
def material() -> tuple[Any, NDArray[np.int64]]:
    """Sparse rows, and classes that follow from them but for some noise."""
    random = np.random.default_rng(3)
    matrix = sparse.random(ROWS, FEATURES, density=0.3, format="csr", dtype=np.float32, random_state=random)
    scores = matrix @ random.normal(0.0, 2.0, (FEATURES, CLASSES)) + random.gumbel(0.0, 0.5, (ROWS, CLASSES))
    return matrix, scores.argmax(axis=1).astype(np.int64)


@pytest.mark.parametrize("strength", [0.1, 1.0, 30.0])
def test_the_model_is_that_of_scikit_learn(material: tuple[Any, NDArray[np.int64]], strength: float) -> None:
    matrix, targets = material
    ours = SoftmaxRegression(CLASSES, 500).set_params(C=strength).fit(matrix, targets)
    theirs = LogisticRegression(C=strength, tol=1e-6, max_iter=5000).fit(matrix.astype(np.float64), targets)
    least, _ = _loss(matrix, targets, strength, np.vstack([theirs.coef_.T, theirs.intercept_]))
    reached, slopes = _loss(matrix, targets, strength, np.vstack([ours.coef_.T, ours.intercept_]))
    assert reached - least < 1e-4
    assert np.abs(slopes).max() <= 1.1e-4
    asked = matrix.astype(np.float64)
    assert (ours.decision_function(asked).argmax(axis=1) == theirs.predict(asked)).mean() > 0.99


def _loss(
    matrix: Any, targets: NDArray[np.int64], strength: float, table: NDArray[np.float64]
) -> tuple[float, NDArray[np.float32]]:
    objective = _penalised(matrix, targets, CLASSES, 1.0 / (strength * ROWS))
    return objective(table.astype(np.float32).ravel())


def test_the_slopes_are_those_of_the_loss(material: tuple[Any, NDArray[np.int64]]) -> None:
    matrix, targets = material
    objective = _penalised(matrix, targets, CLASSES, 0.05)
    random = np.random.default_rng(4)
    at = random.normal(0.0, 1.0, (FEATURES + 1) * CLASSES).astype(np.float32)
    _, slopes = objective(at)
    for _ in range(5):
        way = random.normal(0.0, 1.0, at.size).astype(np.float32)
        length = np.float32(1e-2)
        change = (objective(at + length * way)[0] - objective(at - length * way)[0]) / (2.0 * float(length))
        assert change == pytest.approx(float(slopes @ way), rel=1e-2, abs=1e-3)


def test_a_fit_starts_where_the_one_before_ended(material: tuple[Any, NDArray[np.int64]]) -> None:
    matrix, targets = material
    model = SoftmaxRegression(CLASSES, 500).set_params(C=1.0).fit(matrix, targets)
    before = model.coef_
    assert np.array_equal(model.fit(matrix, targets).coef_, before)
    assert not np.array_equal(model.set_params(C=5.0).fit(matrix, targets).coef_, before)


def test_a_fit_is_the_same_again(material: tuple[Any, NDArray[np.int64]]) -> None:
    matrix, targets = material
    first, second = (SoftmaxRegression(CLASSES, 500).set_params(C=3.0).fit(matrix, targets) for _ in range(2))
    assert np.array_equal(first.coef_, second.coef_)


def test_the_steps_have_a_limit_and_each_goes_down() -> None:
    def narrow(at: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        scale = np.array([1.0, 100.0], dtype=np.float32)
        return float(0.5 * (scale * at * at).sum()), scale * at

    start = np.array([5.0, 5.0], dtype=np.float32)
    values = [narrow(minimise(narrow, start, steps))[0] for steps in range(6)]
    assert values[0] == narrow(start)[0]
    assert all(after < before for before, after in pairwise(values))
    assert np.abs(minimise(narrow, start, 100)).max() <= 1e-4


def test_where_no_step_goes_down_it_stays() -> None:
    def lying(at: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        return float(-at.sum()), np.ones_like(at)

    start = np.zeros(3, dtype=np.float32)
    assert np.array_equal(minimise(lying, start, 50), start)


def test_nothing_is_told_before_a_fit() -> None:
    with pytest.raises(ValueError, match="nothing was fitted"):
        _ = SoftmaxRegression(CLASSES, 5).coef_
