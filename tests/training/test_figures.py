"""The baseline that every figure stands beside."""

from __future__ import annotations

from itertools import product

import numpy as np

from assay.contract.columns import Contract
from assay.measures.labels import prepare_labels
from assay.measures.metrics import Integers
from assay.training.figures import majority_answers

LABELS = ("a", "b", "c", "d")


def f1_of(truth: Integers, said: tuple[int, ...]) -> float:
    right = (truth * np.array(said)).sum()
    return float(2 * right / max(1, truth.sum() + len(truth) * sum(said)))


def test_the_baseline_of_several_labels_says_those_that_are_worth_saying() -> None:
    rng = np.random.default_rng(3)
    contract = Contract(columns=(), classes=LABELS, task="multilabel")
    for _ in range(50):
        truth = (rng.random((400, 4)) < rng.random(4) * 0.6).astype(np.int64)
        answers = majority_answers(contract, truth, len(truth))
        found = prepare_labels(truth, answers).values()["f1_micro"]
        assert found >= max(f1_of(truth, said) for said in product((0, 1), repeat=4)) - 0.01
        assert (answers.said == answers.said[0]).all()


def test_the_baseline_of_one_label_says_the_most_frequent() -> None:
    contract = Contract(columns=(), classes=LABELS, task="multiclass")
    answers = majority_answers(contract, np.array([2, 2, 1]), 2)
    assert answers.said.tolist() == [2, 2]
    assert np.allclose(answers.probabilities, [[1 / 7, 2 / 7, 3 / 7, 1 / 7]] * 2)
