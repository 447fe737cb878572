"""Which columns a release lives on: what it loses when the values of one are shuffled among the rows."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from assay.contract.table import Table
from assay.measures.intervals import mean_interval
from assay.measures.labels import label_log_losses
from assay.measures.metrics import Floats, Integers, log_losses
from assay.release.core import Release
from assay.training.judged import Judged
from assay.values import Interval

_MOST_ROWS = 2000


class Importance(msgspec.Struct, frozen=True):
    """How much the log loss of a row grows, in nats, with its 95 % interval, when this column is shuffled."""

    column: str
    loss: Interval


def importances(release: Release, rows: Judged, seed: int) -> tuple[Importance, ...]:
    """Permutation importance (Breiman 2001, section 10) of every column that can be a feature, on up to 2000 of the
    rows, the most important first.
    """
    random = np.random.default_rng(seed)
    count = len(rows.labels)
    some = np.sort(random.choice(count, size=min(count, _MOST_ROWS), replace=False))
    table, losses = rows.table.take(some), _losses(release, rows.labels[some])
    before, clusters = losses(table), None if rows.clusters is None else rows.clusters[some]
    found = []
    for column in release.contract.columns:
        if column.type != "id":
            mixed = table.columns[column.name][random.permutation(len(some))]
            shuffled = Table({**table.columns, column.name: mixed}, table.rows)
            found.append(Importance(column.name, mean_interval(losses(shuffled) - before, clusters)))
    return tuple(sorted(found, key=lambda one: -one.loss.value))


def _losses(release: Release, labels: Integers) -> Callable[[Table], Floats]:
    if release.contract.task == "multilabel":
        return lambda table: label_log_losses(release.probabilities(table), labels)
    return lambda table: log_losses(release.probabilities(table), labels)
