from __future__ import annotations

import numpy as np
import pytest

from assay.measures.curves import coverage, precision_recall, reliability, threshold_table


def test_a_reliability_bin_says_what_was_said_and_seen() -> None:
    said = np.repeat([0.1, 0.9], 100)
    truth = np.concatenate([np.arange(100) < 10, np.arange(100) < 90])
    bins = reliability(said, truth)
    assert [(row.said, row.seen, row.rows) for row in bins] == [
        (pytest.approx(0.1), 0.1, 100),
        (pytest.approx(0.9), 0.9, 100),
    ]
    assert all(row.low < row.seen < row.high for row in bins)


def test_the_threshold_table_counts_what_each_threshold_does() -> None:
    probabilities = np.array([0.1, 0.4, 0.6, 0.9])
    truth = np.array([False, True, False, True])
    table = threshold_table(probabilities, truth, costs=((0.0, 5.0), (1.0, 0.0)), steps=3)
    assert [row.threshold for row in table] == [0.0, 0.5, 1.0]
    assert [row.flagged for row in table] == [1.0, 0.5, 0.0]
    assert [row.recall for row in table] == [1.0, 0.5, 0.0]
    assert [row.precision for row in table] == [0.5, 0.5, None]
    assert [row.cost for row in table] == [2.5, 1.5, 0.5]
    assert table[1].f1 == pytest.approx(0.5)


def test_without_costs_nothing_costs() -> None:
    [row] = threshold_table(np.array([0.5]), np.array([False]), steps=1)
    assert row.cost is None
    assert (row.recall, row.f1) == (0.0, 0.0)


def test_no_rows_have_no_table() -> None:
    assert threshold_table(np.empty(0), np.empty(0, dtype=bool)) == []


def test_the_cost_of_a_threshold_is_what_its_mistakes_cost() -> None:
    probabilities, truth = np.array([0.1, 0.4, 0.6, 0.9]), np.array([True, False, False, True])
    table = threshold_table(probabilities, truth, ((0.0, 3.0), (7.0, 0.0)), steps=3)
    assert [(row.threshold, row.cost) for row in table] == [(0.0, 6 / 4), (0.5, 10 / 4), (1.0, 14 / 4)]
    assert len(threshold_table(probabilities, truth)) == 101
    assert table[-1].f1 == 0.0


def test_the_recall_curve_lies_on_the_one_of_every_threshold() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.random(500).round(2)
    truth = generator.random(500) < probabilities
    points = precision_recall(probabilities, truth, most=20)
    assert 10 <= len(points) <= 20
    for point in points:
        flagged = probabilities >= point.threshold
        assert point.precision == pytest.approx((flagged & truth).sum() / flagged.sum())
        assert point.recall == pytest.approx((flagged & truth).sum() / truth.sum())
    assert points[-1].recall == 1.0


def test_a_class_without_rows_has_no_recall_curve() -> None:
    assert precision_recall(np.array([0.5]), np.array([False])) == []
    assert precision_recall(np.empty(0), np.empty(0, dtype=bool)) == []


def test_the_surest_rows_are_covered_first() -> None:
    points = coverage(np.array([0.9, 0.6, 0.8, 0.7]), np.array([True, False, True, False]), steps=4)
    assert [(point.coverage, point.confidence, point.accuracy.value) for point in points] == [
        (0.25, 0.9, 1.0),
        (0.5, 0.8, 1.0),
        (0.75, 0.7, 2 / 3),
        (1.0, 0.6, 0.5),
    ]
    assert coverage(np.empty(0), np.empty(0, dtype=bool)) == []
