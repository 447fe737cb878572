from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference

from assay.measures.metrics import (
    CalibrationBins,
    Ranking,
    brier_losses,
    cost_losses,
    equal_mass_groups,
    f1,
    log_losses,
    precision,
    recall,
)

FEW = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.booleans(), st.integers(0, 3)), min_size=1)


@given(FEW)
def test_auc_and_average_precision_are_the_known_ones_for_any_weights(drawn: list[tuple[float, bool, int]]) -> None:
    scores, truth, weights = (np.array(part) for part in zip(*drawn, strict=True))
    weights = weights.astype(np.float64)
    ranking = Ranking(scores, truth)
    if (weights @ truth) == 0:
        assert math.isnan(ranking.pr_auc(weights))
        assert math.isnan(ranking.roc_auc(weights))
        return
    expected = reference.average_precision_score(truth, scores, sample_weight=weights)
    assert ranking.pr_auc(weights) == pytest.approx(expected)
    if (weights @ ~truth) == 0:
        assert math.isnan(ranking.roc_auc(weights))
    else:
        assert ranking.roc_auc(weights) == pytest.approx(reference.roc_auc_score(truth, scores, sample_weight=weights))


def binary() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(1)
    positive = generator.random(500)
    return np.column_stack([1 - positive, positive]), (generator.random(500) < positive).astype(np.int64)


def test_the_counting_figures_are_the_known_ones() -> None:
    probabilities, labels = binary()
    said, truth, ones = probabilities[:, 1] > 0.6, labels == 1, np.ones(500)
    assert precision(said, truth, ones) == pytest.approx(reference.precision_score(truth, said))
    assert recall(said, truth, ones) == pytest.approx(reference.recall_score(truth, said))
    assert f1(said, truth, ones) == pytest.approx(reference.f1_score(truth, said))


def test_the_probability_figures_are_the_known_ones() -> None:
    probabilities, labels = binary()
    assert log_losses(probabilities, labels).mean() == pytest.approx(reference.log_loss(labels, probabilities))
    assert brier_losses(probabilities, labels).mean() == pytest.approx(
        reference.brier_score_loss(labels, probabilities[:, 1])
    )


def test_nothing_said_leaves_precision_open() -> None:
    nothing, truth = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
    assert math.isnan(precision(nothing, truth, np.ones(3)))
    assert f1(nothing, truth, np.ones(3)) == 0.0
    assert math.isnan(f1(nothing, nothing, np.ones(3)))


def test_the_log_loss_of_a_certain_mistake_is_finite() -> None:
    assert np.isfinite(log_losses(np.array([[1.0, 0.0]]), np.array([1]))).all()


def test_the_brier_score_of_several_classes_is_summed_over_them() -> None:
    assert brier_losses(np.array([[0.5, 0.3, 0.2]]), np.array([0])).tolist() == pytest.approx([0.25 + 0.09 + 0.04])


def test_calibration_error_sees_what_is_wrong_and_chance_is_taken_off() -> None:
    generator = np.random.default_rng(0)
    said = generator.random(2000)
    right = CalibrationBins(said, generator.random(2000) < said)
    wrong = CalibrationBins(said, generator.random(2000) < np.minimum(1, said + 0.2))
    ones = np.ones(2000)
    assert right.ece_debiased(ones) < right.ece(ones) < 0.05
    assert wrong.ece(ones) == pytest.approx(0.18, abs=0.03)
    assert wrong.ece_debiased(ones) == pytest.approx(wrong.ece(ones), abs=0.01)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 1.0]), min_size=1), st.integers(1, 12))
def test_equal_probabilities_are_never_parted(values: list[float], bins: int) -> None:
    groups = equal_mass_groups(np.array(values), bins)
    assert len({(value, group) for value, group in zip(values, groups.tolist(), strict=True)}) == len(set(values))
    assert set(groups.tolist()) == set(range(int(groups.max()) + 1))
    assert int(groups.max()) < bins


def test_groups_have_about_the_same_size() -> None:
    groups = equal_mass_groups(np.random.default_rng(0).random(1000), 10)
    assert set(np.bincount(groups).tolist()) == {100}


def test_costs_are_looked_up_by_actual_and_predicted() -> None:
    costs = np.array([[0.0, 5.0], [1.0, 0.0]])
    assert cost_losses(np.array([1, 0, 1]), np.array([0, 1, 1]), costs).tolist() == [5.0, 1.0, 0.0]
