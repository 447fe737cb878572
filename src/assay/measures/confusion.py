"""What was said of which class: the confusion matrix, and each class for itself."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from assay.measures.intervals import wilson
from assay.measures.metrics import Integers
from assay.values import Interval


class Confused(msgspec.Struct, frozen=True):
    """So many rows of class `actual` were said to be `said`. Pairs without rows are left out."""

    actual: str
    said: str
    rows: int


class ClassFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One class against the rest: its rows, how often it was said, and its precision and recall with Wilson intervals;
    None where there is nothing to count.
    """

    name: str
    rows: int
    said: int
    precision: Interval | None
    recall: Interval | None


def confusion(labels: Integers, said: Integers, classes: Sequence[str]) -> tuple[Confused, ...]:
    """The confusion matrix, row by row, from true and decided classes (rows,)."""
    count = len(classes)
    matrix = np.bincount(labels * count + said, minlength=count * count)
    return tuple(
        Confused(classes[index // count], classes[index % count], int(matrix[index]))
        for index in np.flatnonzero(matrix).tolist()
    )


def class_figures(labels: Integers, said: Integers, classes: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Every class for itself, from true and decided classes (rows,), or flags of several labels (rows, labels)."""
    count = len(classes)
    if labels.ndim == 2:
        return _figures(classes, labels.sum(axis=0), said.sum(axis=0), (labels & said).sum(axis=0))
    hits = np.bincount(labels[labels == said], minlength=count)
    return _figures(classes, np.bincount(labels, minlength=count), np.bincount(said, minlength=count), hits)


def _figures(classes: Sequence[str], rows: Integers, said: Integers, hits: Integers) -> tuple[ClassFigures, ...]:
    return tuple(
        ClassFigures(
            name=name,
            rows=true,
            said=times,
            precision=wilson(right, times) if times else None,
            recall=wilson(right, true) if true else None,
        )
        for name, true, times, right in zip(classes, rows.tolist(), said.tolist(), hits.tolist(), strict=True)
    )
