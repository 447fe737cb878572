from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from assay.measures.evaluate import Answers, compare, evaluate, prepare_measure
from assay.values import Interval

BINARY_FIGURES = {
    "accuracy", "brier", "ece", "f1", "log_loss", "pr_auc", "precision", "recall", "roc_auc", "positive_rate",
}  # fmt: skip


def binary(count: int = 1500, seed: int = 0) -> tuple[NDArray[np.int64], Answers]:
    generator = np.random.default_rng(seed)
    positive = 1 / (1 + np.exp(-2 * generator.normal(size=count)))
    labels = (generator.random(count) < positive).astype(np.int64)
    return labels, Answers(np.column_stack([1 - positive, positive]), (positive >= 0.5).astype(np.int64))


def classes(count: int = 900) -> tuple[NDArray[np.int64], Answers]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, count)
    scores = generator.normal(size=(count, 3))
    scores[np.arange(count), labels] += 1.5
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return labels, Answers(probabilities, probabilities.argmax(axis=1))


def test_a_binary_task_has_every_figure_with_an_interval_around_it() -> None:
    labels, answers = binary()
    figures = evaluate(labels, answers, positive=1, costs=((0, 5), (1, 0)))
    assert set(figures) == BINARY_FIGURES | {"cost"}
    for name, interval in figures.items():
        assert interval.low <= interval.value <= interval.high, name
        assert interval.high - interval.low < 0.5, name
    assert figures["roc_auc"].value == pytest.approx(reference.roc_auc_score(labels, answers.probabilities[:, 1]))
    assert figures["cost"].value == pytest.approx(
        np.where(answers.said == labels, 0, np.where(answers.said == 1, 5, 1)).mean()
    )


def test_several_classes_are_averaged_over_the_classes() -> None:
    labels, answers = classes()
    figures = evaluate(labels, answers, positive=None)
    assert set(figures) == BINARY_FIGURES - {"positive_rate"}
    assert figures["f1"].value == pytest.approx(reference.f1_score(labels, answers.said, average="macro"))
    assert figures["roc_auc"].value == pytest.approx(
        reference.roc_auc_score(labels, answers.probabilities, multi_class="ovr", average="macro")
    )


def test_a_class_that_is_never_said_counts_as_no_precision() -> None:
    labels = np.array([0, 1, 2] * 10)
    probabilities = np.full((30, 3), 1 / 3)
    figures = evaluate(labels, Answers(probabilities, np.zeros(30, dtype=np.int64)), positive=None)
    assert figures["precision"].value == pytest.approx(1 / 9)
    assert figures["recall"].value == pytest.approx(1 / 3)


def test_the_same_seed_gives_the_same_intervals() -> None:
    rows = binary(300)
    assert evaluate(*rows, positive=1, seed=4) == evaluate(*rows, positive=1, seed=4)
    assert evaluate(*rows, positive=1, seed=4) != evaluate(*rows, positive=1, seed=5)


def test_figures_that_one_class_cannot_say_are_left_out() -> None:
    labels = np.zeros(20, dtype=np.int64)
    figures = evaluate(labels, Answers(np.tile([0.8, 0.2], (20, 1)), labels), positive=1)
    assert not {"roc_auc", "pr_auc", "recall", "precision", "f1"} & set(figures)
    assert figures["accuracy"].value == 1.0


def test_no_rows_have_no_figures() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert evaluate(nothing, Answers(np.empty((0, 2)), nothing), positive=1) == {}


def test_intervals_hold_the_truth_about_as_often_as_they_promise() -> None:
    labels, answers = binary(100_000, seed=99)
    truth = {name: interval.value for name, interval in evaluate(labels, answers, positive=1).items()}
    trials, held = 60, dict.fromkeys(BINARY_FIGURES - {"ece"}, 0)
    for seed in range(trials):
        figures = evaluate(*binary(400, seed), positive=1, seed=seed)
        for name in held:
            held[name] += figures[name].low <= truth[name] <= figures[name].high
    assert all(count >= trials * 0.85 for count in held.values()), held


def test_figures_without_intervals_are_the_values_of_those_with() -> None:
    labels, answers = classes(200)
    with_intervals = {name: interval.value for name, interval in evaluate(labels, answers, positive=None).items()}
    assert prepare_measure(labels, answers, positive=None).values() == pytest.approx(with_intervals, abs=1e-12)


def test_rows_that_belong_together_are_drawn_together() -> None:
    """Ten copies of a row are no more evidence than the row: the interval stays as wide as for single rows."""
    labels, answers = binary(150)
    single = evaluate(labels, answers, positive=1)
    copies = np.repeat(np.arange(150), 10)
    many = labels[copies], Answers(answers.probabilities[copies], answers.said[copies])
    naive, clustered = evaluate(*many, positive=1), evaluate(*many, positive=1, clusters=copies)
    for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"):
        width = single[name].high - single[name].low
        assert naive[name].high - naive[name].low < 0.5 * width, name
        assert clustered[name].high - clustered[name].low == pytest.approx(width, rel=0.2), name


def test_a_comparison_is_paired() -> None:
    """A small gain on every row is certain, though each figure alone is not."""
    labels, answers = binary(400)
    sharper = answers.probabilities**1.05
    better = Answers(sharper / sharper.sum(axis=1, keepdims=True), answers.said)
    gain = compare(*(prepare_measure(labels, each, positive=1) for each in (better, answers)))
    alone = evaluate(labels, answers, positive=1)
    assert gain["log_loss"].high - gain["log_loss"].low < 0.2 * (alone["log_loss"].high - alone["log_loss"].low)
    assert gain["accuracy"] == Interval(0.0, 0.0, 0.0)
    assert "ece" not in gain


def test_turning_a_comparison_around_turns_its_signs() -> None:
    labels, one = binary(200, seed=1)
    other = Answers(one.probabilities[:, ::-1], 1 - one.said)
    ours, theirs = (prepare_measure(labels, each, positive=1) for each in (one, other))
    for name, interval in compare(ours, theirs, seed=3).items():
        back = compare(theirs, ours, seed=3)[name]
        assert (back.value, back.low, back.high) == pytest.approx((-interval.value, -interval.high, -interval.low))
