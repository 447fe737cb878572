"""Figures of several labels, held against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference

from assay.measures.labels import evaluate_labels, label_log_losses, ranking_losses
from assay.measures.metrics import Ranking
from assay.measures.rankings import Rankings

Rows = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
NAMES = ("art", "money", "sport", "war")


def rows(count: int = 600) -> Rows:
    generator = np.random.default_rng(2)
    truth = (generator.random((count, 4)) < (0.5, 0.3, 0.1, 0.05)).astype(np.int64)
    probabilities = 1.0 / (1.0 + np.exp(-(generator.normal(size=truth.shape) + 2.5 * truth - 1.5)))
    return truth, probabilities, (probabilities >= 0.4).astype(np.int64)


def test_the_figures_are_those_of_scikit_learn() -> None:
    truth, probabilities, said = rows()
    found, table = evaluate_labels(truth, probabilities, said, NAMES)
    expected = {
        "subset_accuracy": reference.accuracy_score(truth, said),
        "hamming_loss": reference.hamming_loss(truth, said),
        "ranking_loss": reference.label_ranking_loss(truth, probabilities),
        "roc_auc": reference.roc_auc_score(truth, probabilities, average="macro"),
        "pr_auc": reference.average_precision_score(truth, probabilities, average="macro"),
        "brier": np.mean((probabilities - truth) ** 2),
        "log_loss": np.mean([reference.log_loss(truth[:, at], probabilities[:, at]) for at in range(4)]),
    }
    for average in ("micro", "macro", "samples"):
        parts = reference.precision_recall_fscore_support(truth, said, average=average, zero_division=0)
        expected |= {
            f"{name}_{average}": value for name, value in zip(("precision", "recall", "f1"), parts, strict=False)
        }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value), name
        assert found[name].low <= found[name].value <= found[name].high
        assert 0.0 < found[name].high - found[name].low < 0.3
    assert found.keys() == {*expected, "ece"}
    by_label = reference.precision_recall_fscore_support(truth, said, average=None)
    for at, row in enumerate(table):
        assert (row.label, row.rows) == (NAMES[at], truth[:, at].sum())
        figures = (row.precision.value, row.recall.value, row.f1.value)
        assert figures == pytest.approx([part[at] for part in by_label[:3]])
        assert row.roc_auc is not None
        assert row.roc_auc.value == pytest.approx(reference.roc_auc_score(truth[:, at], probabilities[:, at]))
        assert row.f1.low < row.f1.value < row.f1.high


def test_costs_are_those_of_every_label_of_a_row() -> None:
    truth, probabilities, said = rows()
    found, _ = evaluate_labels(truth, probabilities, said, NAMES, costs=((0, 5), (1, 0)))
    wrong = np.where(truth != said, np.where(said == 1, 5, 1), 0).sum(axis=1)
    assert found["cost"].value == pytest.approx(wrong.mean())


def test_a_label_without_rows_says_nothing_and_does_not_count() -> None:
    truth, probabilities, said = rows(200)
    truth[:, 3] = 0
    found, table = evaluate_labels(truth, probabilities, said, NAMES)
    assert table[3].roc_auc is None
    assert table[3].recall.value == 0.0
    macro = reference.f1_score(truth[:, :3], said[:, :3], average="macro")
    assert found["f1_macro"].value == pytest.approx(macro)
    nothing, _ = evaluate_labels(truth, probabilities, np.zeros_like(said), NAMES)
    assert nothing["f1_micro"].value == nothing["precision_samples"].value == 0.0
    assert evaluate_labels(truth[:0], probabilities[:0], said[:0], NAMES) == ({}, ())


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, probabilities, said = rows(150)
    assert evaluate_labels(truth, probabilities, said, NAMES, seed=4) == evaluate_labels(
        truth, probabilities, said, NAMES, seed=4
    )


def test_a_probability_of_0_that_was_wrong_costs_no_infinite_loss() -> None:
    losses = label_log_losses(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[1, 1], [1, 0]]))
    assert np.isfinite(losses).all()
    assert losses[1] == pytest.approx(0.0)


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.5, 0.9]), st.booleans()), min_size=4, max_size=4), min_size=1
    )
)
def test_ranking_losses_agree_with_scikit_learn_row_by_row(cells: list[list[tuple[float, bool]]]) -> None:
    probabilities = np.array([[probability for probability, _ in row] for row in cells])
    truth = np.array([[int(flag) for _, flag in row] for row in cells])
    for found, flags, said in zip(ranking_losses(probabilities, truth), truth, probabilities, strict=True):
        assert found == pytest.approx(reference.label_ranking_loss([flags], [said]))


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2), st.integers(0, 2**32 - 1))
def test_many_rankings_at_once_are_those_of_each_alone(count: int, classes: int, digits: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = np.round(generator.random((count, classes)), digits)
    truth = generator.random((count, classes)) < 0.3
    weights = generator.integers(0, 3, count).astype(np.float64)
    roc, pr = Rankings(scores, truth).aucs(weights)
    for at in range(classes):
        alone = Ranking(scores[:, at], truth[:, at])
        np.testing.assert_allclose([roc[at], pr[at]], [alone.roc_auc(weights), alone.pr_auc(weights)], atol=1e-12)
