"""The seam between features and raw scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from assay.features.plan import FeatureFrame, FeatureRow


class Model(Protocol):
    """What a release needs of a model. Binary: one raw score (log-odds of the positive class); otherwise one a class.

    `row` and `frame` agree bit for bit: every sum runs in the same order in both.
    """

    kind: str

    def row(self, features: FeatureRow) -> list[float]:
        """Raw scores of one row."""

    def frame(self, features: FeatureFrame) -> NDArray[np.float64]:
        """Raw scores, shape (rows, outputs)."""

    def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
        """Exact SHAP values of one raw score: base, then one contribution a dense feature, then one a sparse value
        present in the row; base + all contributions = the raw score within 1e-6.
        """

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What must be stored for `from_arrays` to make this model again."""
