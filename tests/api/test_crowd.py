"""Which of many ready requests are refused: none of a burst, some of a crowd that stands."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from assay.api.crowd import Crowd


class Clock:
    """Seconds as the test has them."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def admitted(crowd: Crowd, clock: Clock, turns: Sequence[tuple[float, int]]) -> list[int]:
    """How many are answered in each turn of the loop, given the seconds since the one before and the ready requests."""

    async def run() -> list[int]:
        counted = []
        for seconds, ready in turns:
            clock.now += seconds
            counted.append(sum([crowd.admits() for _ in range(ready)]))
            await asyncio.sleep(0)
        return counted

    return asyncio.run(run())


def test_a_burst_is_answered_whole() -> None:
    clock = Clock()
    assert admitted(Crowd(4, clock), clock, [(0, 9), (0.05, 9), (0.04, 3), (0.05, 9), (0.09, 9)]) == [9, 9, 3, 9, 9]


def test_bursts_with_silence_between_them_are_answered_whole() -> None:
    clock = Clock()
    assert admitted(Crowd(4, clock), clock, [(0, 9), (60, 9), (60, 9), (0.05, 9), (5, 9), (0.05, 9)]) == [9] * 6


def test_after_a_long_silence_a_crowd_is_a_burst_again() -> None:
    clock = Clock()
    assert admitted(Crowd(4, clock), clock, [(0, 9), (0.05, 9), (0.06, 9), (0.01, 9), (60, 9)]) == [9, 9, 9, 4, 9]


def test_of_a_crowd_that_stands_as_many_are_answered_as_are_not_one() -> None:
    clock = Clock()
    assert admitted(Crowd(4, clock), clock, [(0, 9), (0.05, 9), (0.06, 9), (0.01, 9), (0.01, 5)]) == [9, 9, 9, 4, 4]


def test_the_next_crowd_is_not_waited_for() -> None:
    clock = Clock()
    turns = [(0, 9), (0.2, 9), (0.01, 9), (1.0, 3), (5.0, 4), (1.0, 9)]
    assert admitted(Crowd(4, clock), clock, turns) == [9, 9, 4, 3, 4, 4]


def test_after_ten_calm_seconds_a_burst_is_answered_whole_again() -> None:
    clock = Clock()
    turns = [(0, 9), (0.2, 9), (0.01, 9), (10.1, 1), (0.01, 9)]
    assert admitted(Crowd(4, clock), clock, turns) == [9, 9, 4, 1, 9]


@pytest.mark.parametrize("most", [1, 64])
def test_turns_with_few_requests_never_refuse_one(most: int) -> None:
    clock = Clock()
    assert set(admitted(Crowd(most, clock), clock, [(60.0, most)] * 50)) == {most}


def test_without_a_crowd_the_clock_is_not_looked_at() -> None:
    ticks = itertools.count()
    asyncio.run(_calm(Crowd(4, lambda: float(next(ticks)))))
    assert next(ticks) == 0


async def _calm(crowd: Crowd) -> None:
    for _ in range(100):
        assert crowd.admits()
        await asyncio.sleep(0)
