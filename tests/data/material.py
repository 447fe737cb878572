"""Small data sets in memory, for tests of what comes after reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.contract.columns import Column, ColumnType, Contract
from assay.contract.table import Table
from assay.data.dataset import Dataset
from assay.spec import Spec, parse_spec


def spec(data: str = "", rest: str = "") -> Spec:
    """A spec whose `data` has the given further lines."""
    lines = "".join(f"  {line}\n" for line in data.splitlines())
    return parse_spec(f"name: test\ndata:\n  source: rows.csv\n  label: label\n{lines}{rest}")


def dataset(
    labels: Sequence[str],
    columns: Mapping[str, tuple[ColumnType, Sequence[Any]]],
    *,
    entity: str | None = None,
    time: str | None = None,
    part: Sequence[str | None] | None = None,
    **facts: Any,
) -> Dataset:
    """A data set of these labels (classes by the alphabet) and columns {name: (type, cells)}."""
    classes = tuple(sorted(set(labels)))
    arrays = {name: _array(kind, cells) for name, (kind, cells) in columns.items()}
    contract = Contract(
        task="binary" if len(classes) == 2 else "multiclass",
        classes=classes,
        columns=tuple(Column(name=name, type=kind, missing="median") for name, (kind, _) in columns.items()),
        entity=entity,
        time=time,
    )
    return Dataset(
        table=Table(arrays, len(labels)),
        labels=np.array([classes.index(label) for label in labels], dtype=np.int64),
        contract=contract,
        checksum="0" * 64,
        place=lambda row: f"row {row + 1}",
        entity=None if entity is None else arrays[entity],
        time=None if time is None else arrays[time],
        part=None if part is None else np.array(part, dtype=object),
        **facts,
    )


def _array(kind: ColumnType, cells: Sequence[Any]) -> np.ndarray[Any, Any]:
    if kind in ("number", "boolean", "timestamp"):
        return np.array([np.nan if cell is None else float(cell) for cell in cells])
    array = np.empty(len(cells), dtype=object)
    array[:] = list(cells)
    return array
