"""Log losses of raw scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assay.training.losses import row_losses, tempered_losses


def test_one_score_a_row_is_the_log_odds_of_target_one() -> None:
    losses = row_losses(np.array([[0.0], [2.0], [2.0]]), np.array([1, 1, 0]))
    assert losses == pytest.approx([math.log(2), math.log1p(math.exp(-2)), math.log1p(math.exp(2))])


def test_several_scores_a_row_are_a_softmax() -> None:
    losses = row_losses(np.array([[1.0, 1.0, 1.0], [0.0, 1000.0, 0.0]]), np.array([2, 1]))
    assert losses == pytest.approx([math.log(3), 0.0])


def test_extreme_scores_stay_finite() -> None:
    assert np.isfinite(row_losses(np.array([[1e4], [-1e4]]), np.array([0, 1]))).all()


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_being_too_sure_or_not_sure_enough_does_not_count(factor: float) -> None:
    random = np.random.default_rng(1)
    scores = random.normal(size=(500, 1))
    targets = (random.random(500) < 1 / (1 + np.exp(-scores[:, 0]))).astype(np.int64)
    plain, stretched = tempered_losses(scores, targets).mean(), tempered_losses(scores * factor, targets).mean()
    assert stretched == pytest.approx(plain, abs=1e-6)
    assert row_losses(scores * factor, targets).mean() > plain + 0.01
