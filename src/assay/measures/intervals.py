"""How sure a measured value is: intervals of proportions, and the seeded bootstrap for everything else."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from assay.values import Interval

_Z95 = NormalDist().inv_cdf(0.975)
_WORK = 20_000_000


def wilson(successes: float, trials: float, z: float = _Z95) -> Interval:
    """Score interval of a proportion (Wilson 1927); without trials it is nan within 0..1."""
    if trials <= 0:
        return Interval(math.nan, 0.0, 1.0)
    share = successes / trials
    shrink = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / shrink
    half = z / shrink * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    return Interval(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def lower_bound(successes: int, trials: int, confidence: float = 0.95) -> float:
    """One-sided exact lower bound of a proportion (Clopper & Pearson 1934)."""
    if successes <= 0:
        return 0.0
    low, high = 0.0, successes / trials
    for _ in range(60):
        middle = (low + high) / 2.0
        if at_least(successes, trials, middle) <= 1.0 - confidence:
            low = middle
        else:
            high = middle
    return low


def is_at_least(share: float, successes: float, trials: float, confidence: float = 0.95) -> bool:
    """Whether the one-sided exact lower bound of the proportion reaches `share`; one tail instead of a search. Where
    rows count for less than one each (`design_effect`), the numbers need not be whole (Korn & Graubard 1998).
    """
    return trials > 0 and successes > share * trials and at_least(successes, trials, share) <= 1.0 - confidence


def at_least(successes: float, trials: float, share: float) -> float:
    """P(X >= successes) for X binomial(trials, share), as a regularised incomplete beta function (DLMF 8.17.5)."""
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    return regularised_beta(share, successes, trials - successes + 1)


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated with Lentz's method."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b
    return front * _beta_fraction(x, a, b) / a


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value


def resamples(
    rows: int, seed: int, cost: int = 1, clusters: NDArray[np.int64] | None = None
) -> Iterator[NDArray[np.float64]]:
    """Bootstrap resamples as weights: how often each row is drawn. 1000 of them, fewer (at least 200) for many rows;
    `cost` says how many numbers one row means. `clusters` (rows,) numbers the groups of rows that belong together, from
    0: then whole groups are drawn (Davison & Hinkley 1997, section 3.8).
    """
    generator = np.random.default_rng(seed)
    units = rows if clusters is None or not rows else int(clusters.max()) + 1
    for _ in range(min(1000, max(200, _WORK // max(1, rows * cost)))):
        drawn = generator.integers(0, units, size=units)
        weights = np.bincount(drawn, minlength=units).astype(np.float64)
        yield weights if clusters is None else weights[clusters]


def difference(one: Interval, other: Interval) -> Interval:
    """Interval of a proportion less an independent other one, from their score intervals (Newcombe 1998, method 10)."""
    value = one.value - other.value
    return Interval(
        value,
        value - math.hypot(one.value - one.low, other.high - other.value),
        value + math.hypot(one.high - one.value, other.value - other.low),
    )


def design_effect(successes: NDArray[np.bool_], clusters: NDArray[np.int64] | None) -> float:
    """How many rows count as one, at least 1, where rows of a cluster are alike (Rao & Scott 1992): the variance of the
    share of successes between clusters over that of independent rows. Both arguments have the shape (rows,).
    """
    if clusters is None or not len(successes):
        return 1.0
    numbers = np.unique(clusters, return_inverse=True)[1]
    count, rows = int(numbers.max()) + 1, len(successes)
    share = float(successes.mean())
    if count == 1 or share in {0.0, 1.0}:
        return rows / count
    between = np.bincount(numbers, successes - share)
    variance = count / (count - 1) * float(between @ between) / rows**2
    return max(1.0, variance * rows / (share * (1.0 - share)))


def mean_interval(values: NDArray[np.float64], clusters: NDArray[np.int64] | None = None) -> Interval:
    """The mean of `values` (rows,) with its interval by normal approximation; without bounds for a single value.

    Values are taken as independent, or where `clusters` (rows,) numbers the groups of rows that belong together, groups
    are: the variance is that of the groups' totals (Cochran 1977, chapter 9A, ratio to size).
    """
    mean = float(values.mean())
    apart = values - mean
    totals = apart if clusters is None else np.bincount(np.unique(clusters, return_inverse=True)[1], weights=apart)
    units = totals.size
    if units < 2:
        return Interval(mean, -math.inf, math.inf)
    spread = _Z95 * math.sqrt(units / (units - 1) * float(totals @ totals)) / values.size
    return Interval(mean, mean - spread, mean + spread)


def percentile(value: float, draws: NDArray[np.float64]) -> Interval:
    """The 95 % percentile interval of bootstrap draws (Efron 1981), widened to hold the value; without nan draws."""
    kept = draws[np.isfinite(draws)]
    if not len(kept):
        return Interval(value, value, value)
    low, high = np.quantile(kept, [0.025, 0.975])
    return Interval(value, min(value, float(low)), max(value, float(high)))
