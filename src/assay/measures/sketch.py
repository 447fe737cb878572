"""Small summaries of a column of numbers or of categories: the reference that later windows are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
import numpy as np

from assay.measures.metrics import Floats

#: The probabilities of the quantiles that a sketch holds.
LEVELS = (0.0, 0.001, 0.01, 0.05, *(step / 20 for step in range(2, 19)), 0.95, 0.99, 0.999, 1.0)
_MOST = 100


class NumberSketch(msgspec.Struct, frozen=True, tag="number"):
    """Numbers: how many, the share that is missing (nan), and of the others the mean, the standard deviation and the
    quantiles at `LEVELS` (empty when there are none).
    """

    rows: int
    missing: float
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()


class CategorySketch(msgspec.Struct, frozen=True, tag="category"):
    """Categories: the shares of the most frequent values among all rows, of the missing ones, and of the others.

    A value that occurs fewer than `least` times is never named: it might say who the row is about.
    """

    rows: int
    missing: float
    shares: dict[str, float]
    other: float
    distinct: int


Sketch = NumberSketch | CategorySketch


def sketch_numbers(values: Floats) -> NumberSketch:
    """The sketch of a float column; nan is missing."""
    kept = values[np.isfinite(values)]
    rows = len(values)
    missing = 1.0 - len(kept) / rows if rows else 0.0
    if not len(kept):
        return NumberSketch(rows, missing)
    quantiles = tuple(np.quantile(kept, LEVELS).tolist())
    return NumberSketch(rows, missing, float(kept.mean()), float(kept.std()), quantiles)


def sketch_categories(values: Iterable[str | None], least: int = 5) -> CategorySketch:
    """The sketch of a column of categories; None is missing."""
    counts = Counter(values)
    rows = counts.total()
    missing = counts.pop(None, 0)
    named = sorted(
        ((value, count) for value, count in counts.items() if value is not None and count >= least),
        key=lambda pair: (-pair[1], pair[0]),
    )[:_MOST]
    other = rows - missing - sum(count for _, count in named)
    shares = {value: count / rows for value, count in named}
    return CategorySketch(rows, missing / rows if rows else 0.0, shares, other / rows if rows else 0.0, len(counts))
