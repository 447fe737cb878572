"""Group leakage: values that come back on both sides of the split and take their label with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contract.columns import Column
from assay.data.dataset import Dataset
from assay.data.groups import number_groups
from assay.data.proxies import aucs_by_share, least_auc
from assay.data.split import Split

#: A column with fewer values is a property of rows, not a name for what they are about.
_FEWEST_VALUES = 30


@dataclass(frozen=True, slots=True)
class Recurring:
    """A column whose values name what rows are about. Of the gate's rows `rows` have a value that is also learned from;
    on these, the label share of the same value has the ROC-AUC `auc` (of the class told worst; NaN: too few rows).
    """

    column: str
    values: int
    rows: int
    auc: float


def find_recurring(dataset: Dataset, split: Split) -> Iterator[Recurring]:
    """The entity, and every column of ids, categories or whole numbers whose values come back beyond the split."""
    for column in dataset.contract.columns:
        codes = _names(column, dataset.table.columns[column.name], is_entity=column.name == dataset.contract.entity)
        if codes is None:
            continue
        taught, gate = split.all_but_gate, split.gate
        known = np.isin(codes[gate], codes[taught][codes[taught] >= 0])
        if known.any():
            judged = gate[known]
            aucs = aucs_by_share(dataset, codes + 1, taught, judged)
            yield Recurring(column.name, int(codes.max()) + 1, len(judged), least_auc(aucs))


def _names(column: Column, cells: NDArray[Any], is_entity: bool) -> NDArray[np.intp] | None:
    """A number for each different value, -1 where it is missing; None where the values name nothing that comes back."""
    if cells.dtype == np.float64:
        present = ~np.isnan(cells)
        whole = cells[present]
        if column.type != "number" or not len(whole) or (whole != np.floor(whole)).any():
            return None
        codes = np.full(len(cells), -1, dtype=np.intp)
        codes[present] = np.unique(whole, return_inverse=True)[1]
    elif column.type in ("id", "category"):
        present = np.array([cell is not None for cell in cells], dtype=bool)
        codes = np.full(len(cells), -1, dtype=np.intp)
        codes[present] = number_groups(cells[present].tolist())
    else:
        return None
    values = int(codes.max(initial=-1)) + 1
    named = values >= _FEWEST_VALUES and values <= present.sum() / 2
    return codes if values and (named or is_entity) else None
