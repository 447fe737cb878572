"""Rates of groups, the gaps between them with intervals, and which groups have too few rows to say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from assay.measures.intervals import design_effect, difference, wilson
from assay.measures.metrics import Flags, Integers
from assay.values import Interval

#: Of one output's truth and decision (rows,): the rows that count, and among them those that the rate is the share of.
_RATES: Mapping[str, Callable[[Flags, Flags], tuple[Flags, Flags]]] = {
    "selection rate": lambda truth, said: (np.ones_like(truth), said),
    "true positive rate": lambda truth, said: (truth, said),
    "false positive rate": lambda truth, said: (~truth, said),
    "precision": lambda truth, said: (said, truth),
    "accuracy": lambda truth, said: (np.ones_like(truth), truth == said),
}
#: The rates that must be alike in all groups (Barocas, Hardt & Narayanan 2023, chapter 3).
METRICS: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection rate",),
    "equal_opportunity": ("true positive rate",),
    "equalized_odds": ("true positive rate", "false positive rate"),
    "predictive_equality": ("false positive rate",),
    "predictive_parity": ("precision",),
    "accuracy_equality": ("accuracy",),
}


class GroupRate(msgspec.Struct, frozen=True):
    """The rate of one group: among how many rows, and its 95 % interval; `thin`: too few rows to judge by."""

    group: str
    rows: int
    rate: Interval | None
    thin: bool


class RateGap(msgspec.Struct, frozen=True, kw_only=True):
    """One rate of one output (a class) in every group, and the widest gap between two of the groups judged."""

    rate: str
    output: str
    groups: tuple[GroupRate, ...]
    gap: Interval | None
    between: tuple[str, str] | None


class Disparity(msgspec.Struct, frozen=True, kw_only=True):
    """All rates of a metric by one column. `gap` is the widest of theirs, its interval holding all of them at once."""

    by: str
    metric: str
    rates: tuple[RateGap, ...]
    gap: Interval | None
    thin: tuple[str, ...]


class Decided(NamedTuple):
    """Truth and decision of every output, (rows, outputs) each: the positive class of a binary task, otherwise every
    class.
    """

    outputs: Sequence[str]
    truth: NDArray[np.bool_]
    said: NDArray[np.bool_]


def disparity(
    decided: Decided,
    groups: tuple[Sequence[str], Integers],
    *,
    by: str,
    metric: str,
    most: float,
    clusters: Integers | None = None,
    judge_thin: bool = True,
) -> Disparity:
    """Compare a metric's rates between groups.

    `groups` are names and the group of each row (rows,), -1 for none. A group is thin for
    a rate when even equal rates could not be told from a gap of `most` with so few rows; without `judge_thin` such
    groups are listed but not compared. Intervals of gaps are Newcombe's (1998), simultaneous over all pairs, rates and
    outputs (Bonferroni); rows of a cluster count as fewer (Rao & Scott 1992).
    """
    names, codes = groups
    chosen = [
        (rate, output, *_RATES[rate](decided.truth[:, at], decided.said[:, at]))
        for rate in METRICS[metric]
        for at, output in enumerate(decided.outputs)
    ]
    comparisons = max(1, math.comb(len(names), 2) * len(chosen))
    sure = NormalDist().inv_cdf(1.0 - 0.025 / comparisons)
    rates = tuple(
        _gap(rate, output, _shares(counted & (codes >= 0), hit, codes, names, clusters), (most, sure, judge_thin))
        for rate, output, counted, hit in chosen
    )
    gaps = [rate.gap for rate in rates if rate.gap is not None]
    thin = sorted({group.group for rate in rates for group in rate.groups if group.thin}, key=list(names).index)
    return Disparity(by=by, metric=metric, rates=rates, gap=_widest(gaps), thin=tuple(thin))


class _Share(msgspec.Struct, frozen=True):
    """Successes and trials of a group, in rows that count as independent."""

    group: str
    rows: int
    successes: float
    trials: float


def _shares(
    counted: Flags, hit: Flags, codes: Integers, names: Sequence[str], clusters: Integers | None
) -> list[_Share]:
    shares = []
    for index, name in enumerate(names):
        rows = np.flatnonzero(counted & (codes == index))
        effect = design_effect(hit[rows], None if clusters is None else clusters[rows])
        shares.append(_Share(name, len(rows), float(hit[rows].sum()) / effect, len(rows) / effect))
    return shares


def _gap(rate: str, output: str, shares: Sequence[_Share], how: tuple[float, float, bool]) -> RateGap:
    most, sure, judge_thin = how
    successes, trials = sum(share.successes for share in shares), sum(share.trials for share in shares)
    pooled, largest = (successes / trials if trials else 0.5), max((share.trials for share in shares), default=0.0)
    thin = [_thin(share.trials, largest, pooled, (most, sure)) for share in shares]
    judged = [share for share, few in zip(shares, thin, strict=True) if share.trials and (judge_thin or not few)]
    gaps: list[tuple[Interval, tuple[str, str]]] = []
    for one, other in combinations(judged, 2):
        apart = difference(*(wilson(share.successes, share.trials, sure) for share in (one, other)))
        # The larger rate is named first, so that the gap is never negative.
        upright = apart.value >= 0.0
        low, high = (apart.low, apart.high) if upright else (-apart.high, -apart.low)
        pair = (one.group, other.group) if upright else (other.group, one.group)
        gaps.append((Interval(abs(apart.value), max(0.0, low), high), pair))
    widest = max(gaps, key=lambda gap: gap[0].value, default=None)
    return RateGap(
        rate=rate,
        output=output,
        groups=tuple(
            GroupRate(share.group, share.rows, wilson(share.successes, share.trials) if share.trials else None, few)
            for share, few in zip(shares, thin, strict=True)
        ),
        gap=_widest([gap for gap, _ in gaps]),
        between=widest[1] if widest else None,
    )


def _thin(trials: float, largest: float, pooled: float, how: tuple[float, float]) -> bool:
    """Whether the group could not pass beside the largest one though both had the pooled rate."""
    most, sure = how
    if not trials:
        return True
    alike = difference(wilson(pooled * trials, trials, sure), wilson(pooled * largest, largest, sure))
    return max(-alike.low, alike.high) > most


def _widest(gaps: Sequence[Interval]) -> Interval | None:
    """The largest gap: where every interval holds its own gap, the largest bounds hold the largest gap."""
    if not gaps:
        return None
    return Interval(max(gap.value for gap in gaps), max(gap.low for gap in gaps), max(gap.high for gap in gaps))
