"""ROC-AUC and PR-AUC of many classes or labels at once, for any weights of the rows; see `Ranking` for one of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from assay.measures.metrics import Flags, Floats, Integers

_BLOCK = 1 << 21


class Rankings:
    """Rows ordered by each class's score, once. `scores` and `truth` have the shape (rows, classes).

    Only the positive rows of a class are looked at again under other weights, and the cumulated weights at the ends of
    their groups of equal scores.
    """

    def __init__(self, scores: Floats, truth: Flags) -> None:
        self.classes = scores.shape[1]
        step = max(1, _BLOCK // max(1, len(scores)))
        self._blocks = [
            _Block(scores[:, first : first + step], truth[:, first : first + step])
            for first in range(0, self.classes, step)
        ]

    def aucs(self, weights: Floats) -> tuple[Floats, Floats]:
        """ROC-AUC and PR-AUC (classes,); nan where the rows of a class, or those of the others, have no weight."""
        parts = [block.aucs(weights) for block in self._blocks]
        return np.concatenate([roc for roc, _ in parts]), np.concatenate([pr for _, pr in parts])


class _Block:
    """Some classes. Positives are listed class by class, the highest score first."""

    def __init__(self, scores: Floats, truth: Flags) -> None:
        self._classes = scores.shape[1]
        self._order = np.argsort(-scores, axis=0, kind="stable").T.astype(np.int32)
        of_class, start, end, row, last = zip(*self._positives(scores, truth), strict=True)
        self._of_class: Integers = np.concatenate(of_class)
        self._start, self._end = np.concatenate(start), np.concatenate(end)
        self._row, self._last = np.concatenate(row), np.concatenate(last)
        sizes = np.bincount(self._of_class, minlength=self._classes)
        self._first = np.cumsum(sizes) - sizes

    def _positives(
        self, scores: Floats, truth: Flags
    ) -> Iterator[tuple[Integers, Integers, Integers, Integers, Integers]]:
        """Of each class's positives: the class, where its group of equal scores starts and ends among all rows, the
        row, and the number of the last positive of the group among all positives.
        """
        known = 0
        for at, order in enumerate(self._order):
            ordered = scores[order, at]
            changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
            places = np.flatnonzero(truth[order, at])
            group = np.searchsorted(changes, places, side="right")
            starts, ends = np.concatenate(([0], changes)), np.append(changes, len(ordered))
            last = np.searchsorted(group, group, side="right") - 1 + known
            known += len(places)
            yield np.full(len(places), at), starts[group], ends[group], order[places].astype(np.int64), last

    def aucs(self, weights: Floats) -> tuple[Floats, Floats]:
        cumulated = np.zeros((self._classes, len(weights) + 1))
        np.cumsum(weights[self._order], axis=1, out=cumulated[:, 1:])
        positive = weights[self._row]
        hits = np.concatenate(([0.0], np.cumsum(positive)))
        before = hits[self._first][self._of_class]
        through = hits[self._last + 1] - before
        flagged = np.maximum(cumulated[self._of_class, self._end], np.finfo(np.float64).tiny)
        found = np.bincount(self._of_class, positive * (through / flagged), self._classes)
        # The negatives of a group: all of it but its positives, which are those through it less those through the one
        # before.
        above = self._hits_above(hits) - before
        over = cumulated[self._of_class, self._start] - above
        tied = cumulated[self._of_class, self._end] - through - over
        total = np.bincount(self._of_class, positive, self._classes)
        rest = cumulated[:, -1] - total
        with np.errstate(divide="ignore", invalid="ignore"):
            lost = np.bincount(self._of_class, positive * (over + tied / 2.0), self._classes)
            roc = np.where((total > 0) & (rest > 0), 1.0 - lost / (total * rest), np.nan)
            pr = np.where(total > 0, found / total, np.nan)
        return roc, pr

    def _hits_above(self, hits: Floats) -> Floats:
        """The weight of all listed positives before the group of each."""
        leads = np.concatenate(([True], (self._start[1:] != self._start[:-1]) | np.diff(self._of_class).astype(bool)))
        first = np.maximum.accumulate(np.where(leads, np.arange(len(leads)), 0))
        return np.asarray(hits[first[: len(self._start)]])
