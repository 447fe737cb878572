"""Logistic regression for several labels: one for each label, with the face of one estimator."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression


class LabelwiseLogistic:
    """Binary logistic regressions side by side (binary relevance), with the face of one estimator of scikit-learn.

    `fit` starts from the coefficients of the fit before.
    """

    def __init__(self, max_iter: int) -> None:
        self._max_iter = max_iter
        self._strength = 1.0
        self._estimators: list[Any] = []

    def set_params(self, C: float) -> Self:
        """The inverse strength of the penalty, the same for all labels."""
        self._strength = C
        return self

    def fit(self, matrix: Any, targets: NDArray[np.int64]) -> Self:
        """`targets` (rows, labels) are 0 and 1, both in every column."""
        if not self._estimators:
            self._estimators = [
                LogisticRegression(solver="lbfgs", max_iter=self._max_iter, warm_start=True)
                for _ in range(targets.shape[1])
            ]
        for label, estimator in enumerate(self._estimators):
            estimator.set_params(C=self._strength).fit(matrix, targets[:, label])
        return self

    def decision_function(self, matrix: Any) -> NDArray[np.float64]:
        """Raw scores (rows, labels)."""
        return np.asarray(np.column_stack([each.decision_function(matrix) for each in self._estimators]))

    @property
    def coef_(self) -> NDArray[np.float64]:
        """Coefficients (labels, features)."""
        return np.concatenate([each.coef_ for each in self._estimators])

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """Intercepts (labels,)."""
        return np.concatenate([each.intercept_ for each in self._estimators])
