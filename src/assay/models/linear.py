"""Linear models: a weighted sum of features, one for each output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow


class LinearModel:
    """`coefficients` (outputs, dense + sparse features), `intercept` (outputs), `means` (dense features).

    A raw score is (intercept + dense terms in order) + (sparse terms in order); the row and the frame add in this very
    order, so they agree to the bit. `means` are the training rows' and only serve explanations; the mean of a sparse
    feature is 0 by definition. Without features the model says the same of every row.
    """

    kind = "linear"

    def __init__(
        self, coefficients: NDArray[np.float64], intercept: NDArray[np.float64], means: NDArray[np.float64]
    ) -> None:
        """Check and prepare. Raises ReleaseError when the shapes do not fit or a number is not finite."""
        self.coefficients = np.ascontiguousarray(coefficients, dtype=np.float64)
        self.intercept = np.asarray(intercept, dtype=np.float64) + 0.0
        self.means = np.asarray(means, dtype=np.float64)
        _check(self.coefficients, self.intercept, self.means)
        self.row: Callable[[FeatureRow], list[float]] = _prepare_row(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> LinearModel:
        """The model that `arrays` came from. Raises ReleaseError when one is missing."""
        try:
            return cls(arrays["coefficients"], arrays["intercept"], arrays["means"])
        except KeyError as error:
            raise ReleaseError(f"the linear model lacks the array {error}") from None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` needs."""
        return {"coefficients": self.coefficients, "intercept": self.intercept, "means": self.means}

    def frame(self, features: FeatureFrame) -> NDArray[np.float64]:
        """Raw scores, shape (rows, outputs)."""
        dense = self.means.size
        rows = features.dense.shape[0]
        row_of = np.repeat(np.arange(rows), np.diff(features.indptr))
        scores = np.empty((rows, self.intercept.size))
        for output, weights in enumerate(self.coefficients):
            total = np.full(rows, self.intercept[output])
            for column, weight in enumerate(weights[:dense].tolist()):
                total += features.dense[:, column] * weight
            if features.indices.size:
                parts = weights[dense:][features.indices] * features.values
                # bincount adds one by one in the order given; reduceat and dot products do not.
                total += np.bincount(row_of, weights=parts, minlength=rows)
            scores[:, output] = total
        return scores

    def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
        """Exact SHAP values of a linear model with independent features: weight * (value - mean)."""
        weights = self.coefficients[output]
        dense, sparse = weights[: self.means.size], weights[self.means.size :]
        base = float(self.intercept[output] + dense @ self.means)
        from_dense = dense * (np.asarray(features.dense) - self.means)
        indices, values = features.sparse()
        return base, from_dense.tolist(), (sparse[indices] * values).tolist()


def _check(coefficients: NDArray[np.float64], intercept: NDArray[np.float64], means: NDArray[np.float64]) -> None:
    fits = coefficients.ndim == 2 and intercept.shape == (coefficients.shape[0],) and intercept.size > 0
    if not fits or means.ndim != 1 or means.size > coefficients.shape[1]:
        raise ReleaseError(
            f"the arrays of the linear model do not fit together: coefficients {coefficients.shape}, "
            f"intercept {intercept.shape}, means {means.shape}"
        )
    if not all(np.isfinite(array).all() for array in (coefficients, intercept, means)):
        raise ReleaseError("the linear model has a coefficient, intercept or mean that is not finite")


def _prepare_row(model: LinearModel) -> Callable[[FeatureRow], list[float]]:
    dense = model.means.size
    sparse = np.ascontiguousarray(model.coefficients[:, dense:].T)
    dense_scores = _prepare_dense(model.intercept.tolist(), model.coefficients[:, :dense].tolist())
    if not sparse.shape[0]:
        return lambda features: dense_scores(features.dense)
    running_sum = np.add.accumulate
    if sparse.shape[1] == 1:
        weights = sparse[:, 0]
        weight_of = weights.tolist()

        def one_score(features: FeatureRow) -> list[float]:
            scores = dense_scores(features.dense)
            indices, values = features.indices, features.values
            if isinstance(indices, list):
                total = 0.0
                for at, value in zip(indices, values, strict=True):
                    total += weight_of[at] * value
                scores[0] += total
            elif indices.size:
                scores[0] += running_sum(weights[indices] * values)[-1].item()
            return scores

        return one_score

    def row(features: FeatureRow) -> list[float]:
        scores = dense_scores(features.dense)
        indices, values = features.sparse()
        if indices.size:
            sums = running_sum(sparse[indices] * values[:, None])[-1].tolist()
            return [score + part for score, part in zip(scores, sums, strict=True)]
        return scores

    return row


def _prepare_dense(intercept: list[float], coefficients: list[list[float]]) -> Callable[[list[float]], list[float]]:
    if len(intercept) == 1:
        start, weights = intercept[0], coefficients[0]

        def one_score(dense: list[float]) -> list[float]:
            total = start
            for value, weight in zip(dense, weights, strict=True):
                # Adding a product with 0.0 changes no bit of a total that is never -0.0.
                if value:
                    total += value * weight
            return [total]

        return one_score

    outputs = list(zip(intercept, coefficients, strict=True))

    def scores(dense: list[float]) -> list[float]:
        present = [(at, value) for at, value in enumerate(dense) if value]
        found: list[float] = []
        for start, weights in outputs:
            total = start
            for at, value in present:
                total += value * weights[at]
            found.append(total)
        return found

    return scores
