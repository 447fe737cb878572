"""Which candidate is chosen: the simplest one that no richer one beats by a measured gain."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.measures.intervals import mean_interval
from assay.training.lesson import Trial
from assay.training.losses import tempered_losses
from assay.values import Interval


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """How a candidate did on the validation rows: its log loss in nats a row, at its best temperature.

    `gain` is what it took off that of the best simpler one. Both are None where it was not tried. `told` is what a
    reader wants to know of the settings: those that were chosen on this data or by a search.
    """

    name: str
    log_loss: float | None
    gain: Interval | None
    settings: dict[str, float | int]
    chosen: bool
    why: str
    told: str = ""


def select(
    trials: Mapping[str, Trial],
    targets: NDArray[np.int64],
    margin: float,
    clusters: NDArray[np.int64] | None = None,
) -> tuple[str, tuple[Tried, ...]]:
    """Choose among trials, given from the simplest to the richest; returns the name chosen and how all of them did.

    A richer candidate takes the place of the best simpler one if its log loss is lower by at least `margin` on average
    and the 95 % interval of the paired gain is above zero: a normal approximation over rows, or over whole groups where
    `clusters` (rows asked,) numbers them.
    """
    best = ""
    losses: dict[str, NDArray[np.float64]] = {}
    found: dict[str, tuple[Interval | None, str]] = {}
    for name, trial in trials.items():
        losses[name] = tempered_losses(trial.scores, targets)
        if not best:
            best, found[name] = name, (None, "the baseline")
            continue
        gain = mean_interval(losses[best] - losses[name], clusters)
        if gain.value >= margin and gain.low > 0.0:
            found[name] = gain, f"gains {gain.value:.4f} over {best}"
            best = name
        else:
            found[name] = gain, _why_not(gain, margin, best)
    return best, tuple(
        Tried(
            name=name,
            log_loss=float(losses[name].mean()),
            gain=gain,
            settings=dict(trials[name].settings),
            chosen=name == best,
            why=why,
            told=tell_settings(trials[name]),
        )
        for name, (gain, why) in found.items()
    )


def tell_settings(trial: Trial) -> str:
    """The settings that are not the usual ones, to four digits; of several `rounds of LABEL` the range.

    >>> tell_settings(Trial(np.zeros((2, 1)), {"rounds of a": 7, "rounds of b": 40, "leaves": 31}, {"leaves": 31}))
    'rounds 7 to 40'
    """
    kinds: dict[str, list[float]] = {}
    for name, value in trial.settings.items():
        if trial.usual.get(name) != value:
            kinds.setdefault(name.partition(" of ")[0], []).append(value)
    return ", ".join(
        f"{kind} {min(values):.4g}" + (f" to {max(values):.4g}" if max(values) > min(values) else "")
        for kind, values in kinds.items()
    )


def not_tried(name: str, why: str) -> Tried:
    """What is said of a candidate that the data's shape does not suit."""
    return Tried(name=name, log_loss=None, gain=None, settings={}, chosen=False, why=f"not tried: {why}")


def _why_not(gain: Interval, margin: float, best: str) -> str:
    if gain.value <= 0.0:
        return f"does not beat {best}"
    if gain.value < margin:
        return f"gains {gain.value:.4f} over {best}, less than the margin of {margin:g}"
    return f"gains {gain.value:.4f} over {best}, which may be chance"
