"""Every threshold worth trying on binary validation scores, and what each would do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST = 5000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Thresholds from high to low, each at the midpoint between two observed probabilities, with the number of rows
    `flagged` (at or above it) and of positives among them (`hits`). The first flags nothing, the last everything.
    """

    thresholds: Floats
    flagged: Floats
    hits: Floats
    rows: int
    positives: int

    @classmethod
    def of(cls, probabilities: Floats, truth: NDArray[np.bool_]) -> Candidates:
        """The candidates of at least one row; evenly thinned when there are very many."""
        order = np.argsort(-probabilities, kind="stable")
        ordered = probabilities[order]
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        if len(ends) > _MOST:
            ends = ends[np.unique(np.linspace(0, len(ends) - 1, _MOST).round().astype(np.int64))]
        above = ordered[ends].tolist()
        below = [*ordered[np.minimum(ends[:-1] + 1, len(ordered) - 1)].tolist(), 0.0]
        highest = _between(1.0, above[0]) if above[0] < 1.0 else math.nextafter(1.0, 2.0)
        hits = np.cumsum(truth[order])[ends]
        return cls(
            thresholds=np.array([highest, *map(_between, above, below)]),
            flagged=np.concatenate(([0.0], ends + 1.0)),
            hits=np.concatenate(([0.0], hits)).astype(np.float64),
            rows=len(probabilities),
            positives=int(truth.sum()),
        )

    def accuracy(self) -> Floats:
        """The share of rows decided rightly."""
        return (self.rows - self.positives - self.flagged + 2.0 * self.hits) / self.rows

    def precision(self) -> Floats:
        """The share of positives among the flagged; 0 where nothing is flagged."""
        return self.hits / np.maximum(self.flagged, 1.0)

    def recall(self) -> Floats:
        """The share of the positives that is flagged."""
        return self.hits / max(self.positives, 1)

    def f1(self) -> Floats:
        """Harmonic mean of precision and recall."""
        return 2.0 * self.hits / np.maximum(self.flagged + self.positives, 1.0)

    def best(self, values: Floats, allowed: NDArray[np.bool_] | None = None) -> int:
        """The place of the largest value, of equal ones that with the threshold nearest to 0.5."""
        places = np.flatnonzero(allowed) if allowed is not None else np.arange(len(values))
        ties = places[values[places] == values[places].max()]
        return int(ties[np.abs(self.thresholds[ties] - 0.5).argmin()])

    def ranking(self, values: Floats) -> Iterator[int]:
        """All places, the largest value first, of equal ones that which flags the fewest rows."""
        return iter(np.argsort(-values, kind="stable").tolist())


def _between(above: float, below: float) -> float:
    """The midpoint; `above` itself where there is no float between the two."""
    middle = below + (above - below) / 2.0
    return middle if below < middle <= above else above
