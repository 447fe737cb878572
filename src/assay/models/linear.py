"""Linear models: a weighted sum of features, one for each output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay import native
from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow

Row = Callable[[FeatureRow], list[float]]


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
        self.row: Row = _prepare_row(self)

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


def _prepare_row(model: LinearModel) -> Row:
    if model.intercept.size > 1:
        return _prepare_several(model)
    return _prepare_in_python(model) if native.LOOPS is None else _prepare_compiled(model, native.LOOPS)


def _prepare_compiled(model: LinearModel, loops: ModuleType) -> Row:
    dense = model.means.size
    add = loops.LinearSum(model.intercept.item(), model.coefficients[0].tolist(), dense).sum
    weights = model.coefficients[0, dense:]

    def row(features: FeatureRow) -> list[float]:
        indices, values = features.indices, features.values
        if isinstance(indices, list):
            return [add(features.dense, indices, values)]
        total: float = add(features.dense, [], [])
        return [total + _in_order(weights[indices] * values) if indices.size else total]

    return row


def _prepare_in_python(model: LinearModel) -> Row:
    """The twin of the compiled sum."""
    dense = model.means.size
    start, dense_weights = model.intercept.item(), model.coefficients[0, :dense].tolist()
    weights = model.coefficients[0, dense:]
    weight_of = weights.tolist()

    def row(features: FeatureRow) -> list[float]:
        total: float = start
        for value, weight in zip(features.dense, dense_weights, strict=True):
            # Adding a product with 0.0 changes no bit of a total that is never -0.0.
            if value:
                total += value * weight
        indices, values = features.indices, features.values
        if isinstance(indices, list):
            part = 0.0
            for at, value in zip(indices, values, strict=True):
                part += weight_of[at] * value
            return [total + part]
        return [total + _in_order(weights[indices] * values) if indices.size else total]

    return row


def _prepare_several(model: LinearModel) -> Row:
    dense = model.means.size
    sparse = np.ascontiguousarray(model.coefficients[:, dense:].T)
    outputs = list(zip(model.intercept.tolist(), model.coefficients[:, :dense].tolist(), strict=True))

    def row(features: FeatureRow) -> list[float]:
        present = [(at, value) for at, value in enumerate(features.dense) if value]
        scores: list[float] = []
        for start, weights in outputs:
            total = start
            for at, value in present:
                total += value * weights[at]
            scores.append(total)
        indices, values = features.sparse()
        if indices.size:
            sums = np.add.accumulate(sparse[indices] * values[:, None])[-1].tolist()
            return [score + part for score, part in zip(scores, sums, strict=True)]
        return scores

    return row


def _in_order(parts: NDArray[np.float64]) -> float:
    """Their sum, added one by one in the order given."""
    total: float = np.add.accumulate(parts)[-1].item()
    return total
