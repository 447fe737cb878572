"""Weak slices: a planted one is found, clean data yields none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, fisher_exact

from assay.measures.slices import FALSE_SHARE, Groups, SliceSearch, adjust, find_slices

ROWS = 2000


def columns(seed: int, count: int = 6, groups: int = 4) -> dict[str, Groups]:
    generator = np.random.default_rng(seed)
    names = [str(number) for number in range(groups)]
    return {f"column {at}": Groups(names, generator.integers(0, groups, ROWS)) for at in range(count)}


def errors(seed: int, share: float | NDArray[np.float64] = 0.1) -> NDArray[np.bool_]:
    return np.random.default_rng([seed, 1]).random(ROWS) < share


def found_where(search: SliceSearch) -> list[dict[str, str]]:
    return [dict(one.where) for one in search.found]


def test_clean_data_yields_no_slice() -> None:
    """240 slices are tested each time: without control, twelve of each would be found by chance."""
    trials = 100
    searches = [find_slices(columns(seed), errors(seed)) for seed in range(trials)]
    assert all(search.tested > 200 for search in searches)
    assert sum(search.weak > 0 for search in searches) <= FALSE_SHARE * trials


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_slice_of_one_column_is_found(seed: int) -> None:
    groups = columns(seed)
    weak = groups["column 2"].codes == 3
    search = find_slices(groups, errors(seed, np.where(weak, 0.25, 0.1)))
    assert found_where(search)[0] == {"column 2": "3"}
    first = search.found[0]
    assert first.rows == weak.sum()
    assert first.errors.low < 0.25 < first.errors.high
    assert first.elsewhere < first.errors.low
    assert first.chance <= FALSE_SHARE


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_slice_of_two_columns_is_found_as_that(seed: int) -> None:
    groups = columns(seed)
    weak = (groups["column 0"].codes == 1) & (groups["column 4"].codes == 2)
    search = find_slices(groups, errors(seed, np.where(weak, 0.45, 0.1)))
    assert {"column 0": "1", "column 4": "2"} in found_where(search)


def test_a_weak_column_does_not_make_pairs_of_every_other_one_weak() -> None:
    groups = columns(1)
    search = find_slices(groups, errors(1, np.where(groups["column 2"].codes == 3, 0.4, 0.05)))
    assert found_where(search) == [{"column 2": "3"}]


def test_rows_in_no_group_and_small_groups_are_not_looked_at() -> None:
    codes = np.full(ROWS, -1)
    codes[:20] = 0
    codes[20:1000] = 1
    search = find_slices({"a": Groups(["few", "many"], codes)}, np.arange(ROWS) < 20)
    assert (search.tested, search.weak) == (1, 0)


def test_rows_of_one_cluster_count_as_fewer() -> None:
    groups = {"a": Groups(["x", "y"], np.repeat([0, 1], ROWS // 2))}
    clusters = np.arange(ROWS) // 100
    wrong = np.isin(clusters, [0, 1, 2, 10])
    assert find_slices(groups, wrong).weak == 1
    assert find_slices(groups, wrong, clusters).weak == 0


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40))
def test_adjusted_chances_are_those_of_benjamini_and_hochberg(chances: list[float]) -> None:
    assert adjust(chances) == pytest.approx(false_discovery_control(chances))


@given(st.integers(0, 60), st.integers(60, 300), st.integers(0, 60), st.integers(300, 600))
def test_the_chance_of_one_slice_is_that_of_fishers_exact_test(
    inside: int, rows: int, outside: int, other: int
) -> None:
    codes = np.repeat([0, -1], [rows, other])
    wrong = np.concatenate([np.arange(rows) < inside, np.arange(other) < outside])
    search = find_slices({"a": Groups(["x"], codes)}, wrong)
    expected = fisher_exact([[inside, rows - inside], [outside, other - outside]], alternative="greater").pvalue
    if inside * other > outside * rows and expected <= FALSE_SHARE:
        assert search.found[0].chance == pytest.approx(expected, rel=1e-6)
    else:
        assert search.weak == 0


def test_without_rows_there_is_nothing_to_find() -> None:
    assert find_slices({}, np.empty(0, dtype=bool)) == SliceSearch(tested=0, weak=0)
