from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from assay.measures.intervals import (
    at_least,
    design_effect,
    difference,
    is_at_least,
    lower_bound,
    mean_interval,
    percentile,
    regularised_beta,
    resamples,
    wilson,
)


@given(st.integers(1, 5000), st.data())
def test_a_proportion_has_the_known_score_interval(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    interval = wilson(successes, trials)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_no_trials_say_nothing() -> None:
    interval = wilson(0, 0)
    assert math.isnan(interval.value)
    assert (interval.low, interval.high) == (0.0, 1.0)


@given(st.integers(1, 100_000), st.data())
def test_the_exact_lower_bound_is_the_known_one(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(1, trials))
    expected = stats.beta.ppf(0.05, successes, trials - successes + 1)
    assert lower_bound(successes, trials) == pytest.approx(expected, abs=1e-9)


def test_no_success_has_no_lower_bound() -> None:
    assert lower_bound(0, 10) == 0.0


@given(st.integers(1, 2000), st.floats(0.01, 0.99), st.data())
def test_reaching_a_share_means_that_the_lower_bound_does(trials: int, share: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    bound = lower_bound(successes, trials)
    if abs(bound - share) > 1e-9:
        assert is_at_least(share, successes, trials) == (bound > share)


def test_nothing_is_reached_without_trials() -> None:
    assert not is_at_least(0.5, 0, 0)


@pytest.mark.parametrize(("x", "expected"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 1.0), (0.5, 0.5)])
def test_the_beta_function_has_its_ends(x: float, expected: float) -> None:
    assert regularised_beta(x, 3.0, 3.0) == pytest.approx(expected)


@given(st.floats(0.001, 0.999), st.floats(0.5, 3000), st.floats(0.5, 3000))
def test_the_beta_function_is_the_known_one(x: float, a: float, b: float) -> None:
    assert regularised_beta(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)


@pytest.mark.parametrize(("successes", "expected"), [(0, 1.0), (-1, 1.0), (11, 0.0)])
def test_impossible_counts_are_certain_either_way(successes: int, expected: float) -> None:
    assert at_least(successes, 10, 0.3) == expected


def test_every_resample_draws_as_many_rows_as_there_are() -> None:
    drawn = list(resamples(50, seed=1))
    assert len(drawn) == 1000
    assert all(weights.sum() == 50 for weights in drawn)
    assert len(list(resamples(50, seed=1, cost=4000))) == 200


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_theory() -> None:
    values = np.random.default_rng(0).normal(size=400)
    draws = [float(weights @ values / weights.sum()) for weights in resamples(400, seed=0)]
    interval = percentile(float(values.mean()), np.array(draws))
    half = 1.96 * values.std() / 20
    assert interval.value == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_draws_that_cannot_be_said_are_left_out() -> None:
    interval = percentile(1.0, np.array([math.nan, 0.5, 2.0, 1.0]))
    assert 0.5 <= interval.low <= 1.0 <= interval.high <= 2.0
    nothing = percentile(1.0, np.array([math.nan]))
    assert (nothing.low, nothing.high) == (1.0, 1.0)


def test_the_difference_of_two_proportions_has_the_published_interval() -> None:
    """Newcombe 1998, table II, case (a): 56 of 70 less 48 of 80."""
    found = difference(wilson(56, 70), wilson(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("clusters", "effect"), [(None, 1.0), (np.arange(40), 1.0), (np.arange(40) // 10, 10.0)])
def test_rows_that_are_copies_count_as_one(clusters: NDArray[np.int64] | None, effect: float) -> None:
    """Four clusters of ten equal rows: as many rows as there are clusters, but for their small number."""
    successes = np.repeat([True, False, True, False], 10)
    assert design_effect(successes, clusters) == pytest.approx(effect, rel=0.34)


@pytest.mark.parametrize("successes", [np.zeros(12, dtype=bool), np.ones(12, dtype=bool)])
def test_without_any_difference_clusters_count(successes: NDArray[np.bool_]) -> None:
    assert design_effect(successes, np.arange(12) // 4) == 4.0


def test_clusters_are_drawn_as_a_whole() -> None:
    clusters = np.array([0, 1, 0, 2, 2, 1])
    for weights in resamples(6, seed=1, clusters=clusters):
        assert len({(number, weight) for number, weight in zip(clusters, weights, strict=True)}) == 3
        assert weights[clusters.tolist().index(0)] + weights[1] + weights[3] == 3


def test_a_mean_has_its_interval() -> None:
    found = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert (found.value, found.low) == (2.0, pytest.approx(2.0 - 1.96 / math.sqrt(3.0), abs=1e-3))
    assert mean_interval(np.array([5.0])).high == math.inf


def test_rows_of_a_group_that_say_the_same_count_once() -> None:
    values = np.array([1.0, 2.0, 3.0, 6.0])
    alone, repeated = mean_interval(values), mean_interval(np.repeat(values, 9), np.repeat(np.arange(4), 9))
    assert (repeated.value, repeated.low) == (alone.value, pytest.approx(alone.low))


def test_groups_of_one_row_are_rows() -> None:
    values = np.random.default_rng(0).normal(size=50)
    assert mean_interval(values, np.arange(50)[::-1].copy()).low == pytest.approx(mean_interval(values).low)


def test_a_mean_of_one_group_has_no_bounds() -> None:
    assert mean_interval(np.array([1.0, 2.0]), np.array([4, 4])).low == -math.inf
