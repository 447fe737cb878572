"""Forests: probabilities of leaves, averaged, as raw scores that give the averages back."""

from __future__ import annotations

import numpy as np
import pytest

from assay.errors import ReleaseError
from assay.models.forest import ForestModel, log_scores
from assay.models.trees import TreeArrays
from assay.policy.apply import logistic, softmax
from tests.models.examples import random_frame, random_trees, rows_of


def forest(outputs: int, trees: int = 6) -> TreeArrays:
    random = np.random.default_rng(3)
    grown = random_trees(random, trees=trees, depth=4, dense=4, outputs=outputs)
    return grown._replace(value=random.random(grown.value.size), base=np.zeros(outputs))


def test_the_logistic_function_gives_the_mean_of_the_trees_back() -> None:
    model, inputs = ForestModel(forest(1)), random_frame(np.random.default_rng(1), 30, 4, 0)
    for row, scores in zip(rows_of(inputs), model.frame(inputs).tolist(), strict=True):
        assert model.row(row) == scores
        assert 0.0 < logistic(scores[0]) < 1.0


def test_scores_of_probabilities_turn_back_into_them() -> None:
    one, three = np.array([[0.0], [0.25], [1.0]]), np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    assert [logistic(score) for score in log_scores(one)[:, 0]] == pytest.approx([0.0, 0.25, 1.0], abs=1e-14)
    assert np.array([softmax(row) for row in log_scores(three).tolist()]) == pytest.approx(three, abs=1e-14)


@pytest.mark.parametrize("outputs", [1, 3])
def test_contributions_add_up_to_the_score(outputs: int) -> None:
    model, inputs = ForestModel(forest(outputs)), random_frame(np.random.default_rng(2), 10, 4, 0)
    for row in rows_of(inputs):
        for output in range(outputs):
            base, dense, sparse = model.contributions(row, output)
            assert base + sum(dense) + sum(sparse) == pytest.approx(model.row(row)[output], abs=1e-9)


def test_outputs_without_as_many_trees_are_refused() -> None:
    with pytest.raises(ReleaseError, match="as many trees for each output"):
        ForestModel(forest(3, trees=7))
