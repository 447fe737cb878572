"""Gaps between groups: planted ones are found, thin groups are named, equal groups are let through."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from assay.measures.fairness import METRICS, Decided, Disparity, disparity
from assay.measures.slices import Groups
from assay.spec.tree import FairnessMetric

ROWS = 2000


def decided(rates: dict[str, float], rows: int = ROWS, seed: int = 0) -> tuple[Decided, Groups]:
    """Half of each group's rows are positive; of these a share of `rates` is found, and of the others a tenth."""
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(rates)), rows)
    truth = generator.random(len(codes)) < 0.5
    found = np.where(truth, np.array([*rates.values()])[codes], 0.1)
    said = generator.random(len(codes)) < found
    return Decided(["yes"], truth[:, None], said[:, None]), Groups([*rates], codes)


def gap(metric: str, rates: dict[str, float], rows: int = ROWS, seed: int = 0, most: float = 0.1) -> Disparity:
    return disparity(*decided(rates, rows, seed), by="who", metric=metric, most=most)


def test_every_metric_of_the_spec_has_its_rates() -> None:
    assert set(METRICS) == set(get_args(FairnessMetric))


@pytest.mark.parametrize("metric", ["equal_opportunity", "equalized_odds"])
def test_a_planted_gap_of_ten_points_is_found_with_2000_rows_a_group(metric: str) -> None:
    for seed in range(20):
        found = gap(metric, {"a": 0.9, "b": 0.8}, seed=seed, most=0.05)
        assert found.gap is not None
        assert found.gap.low > 0.02
        assert found.gap.value > 0.05
        assert found.thin == ()
        assert found.rates[0].between == ("a", "b")


def test_a_planted_gap_in_selection_is_found() -> None:
    found = gap("demographic_parity", {"a": 0.9, "b": 0.7}, most=0.05)
    assert found.gap is not None
    assert found.gap.low > 0.05
    assert found.gap.value == pytest.approx(0.1, abs=0.03)


def test_equal_groups_pass_however_many_there_are() -> None:
    """The interval of the widest gap is simultaneous: six equal groups rarely look apart for certain."""
    apart = 0
    for seed in range(100):
        found = gap("equal_opportunity", dict.fromkeys("abcdef", 0.8), seed=seed, rows=600)
        assert found.gap is not None
        apart += found.gap.low > 0.0
    assert apart <= 5


def test_the_interval_holds_the_true_gap() -> None:
    held = 0
    for seed in range(200):
        found = gap("equal_opportunity", {"a": 0.9, "b": 0.8, "c": 0.85}, rows=400, seed=seed)
        assert found.gap is not None
        held += found.gap.low <= 0.1 <= found.gap.high
    assert held >= 186


def test_a_group_of_few_rows_is_thin_and_named() -> None:
    rows, groups = decided({"a": 0.8, "b": 0.8, "c": 0.8})
    kept = np.flatnonzero((groups.codes < 2) | (np.arange(3 * ROWS) % 200 == 0))
    few = Decided(rows.outputs, rows.truth[kept], rows.said[kept]), Groups(groups.names, groups.codes[kept])
    found = disparity(*few, by="who", metric="equal_opportunity", most=0.1)
    assert found.thin == ("c",)
    assert [group.thin for group in found.rates[0].groups] == [False, False, True]
    left_out = disparity(*few, by="who", metric="equal_opportunity", most=0.1, judge_thin=False)
    assert left_out.thin == ("c",)
    assert found.gap is not None
    assert left_out.gap is not None
    assert left_out.gap.high < 0.1 < found.gap.high


def test_a_group_that_nothing_can_be_said_of_is_thin() -> None:
    rows, groups = decided({"a": 0.8, "b": 0.8})
    truth = rows.truth & (groups.codes == 0)[:, None]
    found = disparity(Decided(["yes"], truth, rows.said), groups, by="who", metric="equal_opportunity", most=0.1)
    assert found.gap is None
    assert found.thin == ("b",)
    assert found.rates[0].groups[1].rate is None


def test_rows_of_one_cluster_count_as_fewer() -> None:
    rows, groups = decided({"a": 0.9, "b": 0.8}, rows=100)
    copies = np.repeat(np.arange(200), 20)
    many = Decided(["yes"], rows.truth[copies], rows.said[copies]), Groups(groups.names, groups.codes[copies])
    naive = disparity(*many, by="who", metric="equal_opportunity", most=0.5)
    honest = disparity(*many, by="who", metric="equal_opportunity", most=0.5, clusters=copies)
    assert naive.gap is not None
    assert honest.gap is not None
    assert honest.gap.high - honest.gap.low > 3 * (naive.gap.high - naive.gap.low)


def test_every_class_of_several_is_compared() -> None:
    generator = np.random.default_rng(0)
    labels, codes = generator.integers(0, 3, 6000), generator.integers(0, 2, 6000)
    missed = (labels == 2) & (codes == 1) & (generator.random(6000) < 0.3)
    said = np.where(missed, 0, labels)
    outputs = np.arange(3)
    rows = Decided(["x", "y", "z"], labels[:, None] == outputs, said[:, None] == outputs)
    found = disparity(rows, Groups(["a", "b"], codes), by="who", metric="equal_opportunity", most=0.1)
    assert found.gap is not None
    assert found.gap.low > 0.1
    assert max(found.rates, key=lambda rate: rate.gap.value if rate.gap else 0.0).output == "z"
