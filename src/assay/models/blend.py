"""A weighted sum of models over the same features, as one model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.features.plan import FeatureFrame, FeatureRow
from assay.models.linear import LinearModel
from assay.models.trees import TreeModel

Part = LinearModel | TreeModel
_PARTS: Mapping[str, Callable[[Mapping[str, NDArray[Any]]], Part]] = {
    LinearModel.kind: LinearModel.from_arrays,
    TreeModel.kind: TreeModel.from_arrays,
}


class BlendModel:
    """A raw score is weight * score of the first part + weight * score of the second ..., added in this order in the
    row and the frame. Every part reads the same features and passes over those that it does not know.
    """

    kind = "blend"

    def __init__(self, parts: Sequence[Part], weights: Sequence[float]) -> None:
        """Check and prepare. Raises ReleaseError when there is not one finite weight a part."""
        if not parts or len(parts) != len(weights) or not all(map(math.isfinite, weights)):
            raise ReleaseError("the blend must have one finite weight for each of its models")
        self._parts = tuple(parts)
        self._weights = tuple(weights)
        self._rows = [(weight, part.row) for weight, part in zip(weights, parts, strict=True)]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> BlendModel:
        """The model that `arrays` came from. Raises ReleaseError when one is missing or does not fit."""
        try:
            weights = arrays["weights"].tolist()
            parts = [_read_part(arrays, at) for at in range(len(weights))]
        except (KeyError, TypeError) as error:
            raise ReleaseError(f"the blend lacks an array, or one of its arrays does not fit: {error}") from None
        return cls(parts, weights)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_arrays` needs: the weights, and each part's arrays behind its place and its kind."""
        found: dict[str, NDArray[Any]] = {"weights": np.array(self._weights, dtype=np.float64)}
        for at, part in enumerate(self._parts):
            found |= {f"{at}.{part.kind}.{name}": array for name, array in part.arrays().items()}
        return found

    def row(self, features: FeatureRow) -> list[float]:
        """Raw scores of one row."""
        (weight, row), *others = self._rows
        scores = [weight * score for score in row(features)]
        for weight, row in others:
            scores = [total + weight * score for total, score in zip(scores, row(features), strict=True)]
        return scores

    def frame(self, features: FeatureFrame) -> NDArray[np.float64]:
        """Raw scores, shape (rows, outputs)."""
        scores = self._weights[0] * self._parts[0].frame(features)
        for weight, part in zip(self._weights[1:], self._parts[1:], strict=True):
            scores += weight * part.frame(features)
        return scores

    def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
        """Exact SHAP values: they are linear in the model, so those of a weighted sum are the weighted sums."""
        base, dense, sparse = 0.0, np.zeros(len(features.dense)), np.zeros(len(features.indices))
        for weight, part in zip(self._weights, self._parts, strict=True):
            of_base, of_dense, of_sparse = part.contributions(features, output)
            base += weight * of_base
            dense += weight * np.asarray(of_dense)
            sparse += weight * np.asarray(of_sparse)
        return base, dense.tolist(), sparse.tolist()


def _read_part(arrays: Mapping[str, NDArray[Any]], at: int) -> Part:
    start = f"{at}."
    mine = {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
    kinds = {name.partition(".")[0] for name in mine}
    if len(kinds) != 1 or not kinds <= set(_PARTS):
        raise KeyError(f"{start}<{' or '.join(_PARTS)}>")
    kind = kinds.pop()
    return _PARTS[kind]({name.removeprefix(f"{kind}."): array for name, array in mine.items()})
