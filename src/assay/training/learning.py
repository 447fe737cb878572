"""The learning curve: what more rows have brought, and so what still more might."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from assay.errors import DataError
from assay.measures.intervals import mean_interval
from assay.measures.metrics import Floats, Integers
from assay.training.lesson import Lesson, Part, Tick, Trial
from assay.training.losses import tempered_losses
from assay.values import Interval

#: Halved and halved again, so that three models are fitted in less than the time of one.
SHARES = (0.125, 0.25, 0.5)
_LEAST_ROWS = 100


class LearningPoint(msgspec.Struct, frozen=True):
    """The log loss of the candidate, at its best temperature, after learning from so many rows; `gain` is what it took
    off that of the point before, in pairs. Both with 95 % intervals, in nats a row.
    """

    rows: int
    log_loss: Interval
    gain: Interval | None


def learning_curve(
    lesson: Lesson, attempt: Callable[[Lesson], Trial], scores: Floats, tick: Tick
) -> tuple[LearningPoint, ...]:
    """Try the candidate, by `attempt`, on parts of the first part's rows, nested; `scores` are its raw scores of all
    asked rows. Calls `tick` once a share. A share that lacks a class is left out.
    """
    teach, ask = lesson.parts[0]
    targets, clusters = lesson.targets[ask], lesson.clusters_of(ask)
    order = np.random.default_rng(lesson.seed).permutation(teach)
    losses: list[tuple[int, Floats]] = []
    for share in SHARES:
        taught = np.sort(order[: int(share * teach.size)])
        if taught.size >= _LEAST_ROWS and _has_all(lesson, taught):
            small = replace(lesson, parts=(Part(taught, ask),))
            try:
                trial = attempt(small)
            except DataError:
                continue  # So few rows yield no feature.
            losses.append((taught.size, tempered_losses(trial.scores, targets)))
        tick()
    losses.append((teach.size, tempered_losses(scores[: ask.size], targets)))
    return tuple(
        LearningPoint(
            rows, mean_interval(loss, clusters), mean_interval(losses[at - 1][1] - loss, clusters) if at else None
        )
        for at, (rows, loss) in enumerate(losses)
    )


def _has_all(lesson: Lesson, rows: Integers) -> bool:
    targets = lesson.targets
    if targets.ndim == 2:
        return bool((np.ptp(targets[rows], axis=0) == np.ptp(targets, axis=0)).all())
    return len(np.unique(targets[rows])) == len(np.unique(targets))
