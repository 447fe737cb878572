"""Workers and cost from what one worker can do."""

from __future__ import annotations

import pytest

from assay.bench.sizing import Wish, size


def test_without_a_wish_it_says_what_a_worker_may_be_given() -> None:
    told = size(10_000.0, Wish())
    assert (told.planned_per_second, told.workers, told.cost_per_1000) == (5_000.0, None, None)


@pytest.mark.parametrize(("rate", "workers", "busy"), [(0.5, 1, 0.00005), (5_000, 1, 0.5), (5_001, 2, 0.25005)])
def test_a_rate_needs_whole_workers(rate: float, workers: int, busy: float) -> None:
    told = size(10_000.0, Wish(rate=rate))
    assert told.workers == workers
    assert told.busy == pytest.approx(busy)


def test_the_cost_is_that_of_the_cores_that_are_paid_for() -> None:
    planned = size(1_000.0, Wish(price=1.8))
    assert planned.cost_per_1000 == pytest.approx(1.8 / 3600 / 500 * 1000)
    wished = size(1_000.0, Wish(price=1.8, rate=600.0))
    assert wished.workers == 2
    assert wished.cost_per_1000 == pytest.approx(2 * 1.8 / 3600 / 600 * 1000)


def test_headroom_is_a_choice() -> None:
    assert size(1_000.0, Wish(rate=700.0, utilisation=0.8)).workers == 1
