"""The rows that judge a release."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assay.contract.table import Table
from assay.data.dataset import Dataset
from assay.data.split import Split
from assay.measures.metrics import Integers


@dataclass(frozen=True, slots=True)
class Judged:
    """The gate's rows: `labels` are their true classes, `clusters` (rows,) number the groups that were divided as a
    whole, None where single rows were.
    """

    table: Table
    labels: Integers
    clusters: Integers | None = None

    @classmethod
    def of(cls, dataset: Dataset, split: Split) -> Judged:
        """The gate's rows of a data set."""
        clusters = None
        if split.clusters is not None:
            clusters = np.unique(split.clusters[split.gate], return_inverse=True)[1].astype(np.int64)
        return cls(dataset.table.take(split.gate), dataset.labels[split.gate], clusters)
