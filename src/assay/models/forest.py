"""Forests: the mean of trees whose leaves hold probabilities, as a raw score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow
from assay.models.trees import TreeArrays, TreeModel

#: A probability is held this far from 0 and 1, so that its score is finite.
_LEAST = 1e-15


class ForestModel:
    """`trees` has as many trees for each output. Their mean is the probability of the positive class, or of each class;
    the raw score is its log-odds, or its logarithm, so that the logistic function or the softmax gives it back.
    """

    kind = "forest"

    def __init__(self, trees: TreeArrays) -> None:
        """Check and prepare. Raises ReleaseError when the arrays are not those of a forest."""
        self._sum = TreeModel(trees)
        self._score = _log_odds if trees.base.size == 1 else _logarithm
        self._each = trees.root.size // max(1, trees.base.size)
        if not self._each or not np.array_equal(np.bincount(trees.output), np.full(trees.base.size, self._each)):
            raise ReleaseError("a forest needs as many trees for each output, at least one")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ForestModel:
        """The model that `arrays` came from. Raises ReleaseError when one is missing or does not fit."""
        return cls(TreeArrays(**TreeModel.from_arrays(arrays).arrays()))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` needs."""
        return self._sum.arrays()

    def row(self, features: FeatureRow) -> list[float]:
        """Raw scores of one row."""
        score = self._score
        return [score(total / self._each) for total in self._sum.row(features)]

    def frame(self, features: FeatureFrame) -> NDArray[np.float64]:
        """Raw scores, shape (rows, outputs)."""
        return log_scores(self._sum.frame(features) / self._each)

    def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
        """SHAP values of the mean probability, exact and path-dependent, stretched so that with the score of the base
        they add up to the raw score.
        """
        base, dense, sparse = self._sum.contributions(features, output)
        expected, mean = base / self._each, self._sum.row(features)[output] / self._each
        start = self._score(expected)
        apart = mean - expected
        stretch = (self._score(mean) - start) / apart / self._each if apart else 0.0
        return start, [part * stretch for part in dense], [part * stretch for part in sparse]


def log_scores(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """The raw scores of probabilities (rows, outputs), number by number as one row has them: of one output the
    log-odds, of several their logarithms.
    """
    score = _log_odds if probabilities.shape[1] == 1 else _logarithm
    scores = [[score(mean) for mean in row] for row in probabilities.tolist()]
    return np.array(scores, dtype=np.float64).reshape(probabilities.shape)


def _log_odds(probability: float) -> float:
    held = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(held / (1.0 - held))


def _logarithm(probability: float) -> float:
    return math.log(max(probability, _LEAST))
