"""The room for what is not answered at once."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from assay.errors import OverloadedError
from assay.serving.room import GivenUp, Room

TIMEOUT_S = 30.0


def test_what_does_not_fit_is_refused_and_a_place_that_is_left_is_free() -> None:
    room = Room(2)
    refused = pytest.raises(OverloadedError, match="2 requests of this kind are open")
    with room.entered(), room.entered(), refused, room.entered():
        raise AssertionError
    with room.entered():
        pass


def test_an_error_leaves_its_place() -> None:
    room = Room(1)
    for _ in range(3):
        with suppress(ZeroDivisionError), room.entered():
            raise ZeroDivisionError


def test_what_runs_aside_gives_its_result_or_its_error() -> None:
    room = Room(1)
    assert asyncio.run(room.aside(lambda _: 7, None)) == 7

    def fail(_: GivenUp) -> None:
        raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError):
        asyncio.run(room.aside(fail, None))
    assert asyncio.run(room.aside(lambda _: 8, None)) == 8


def test_work_that_nobody_waits_for_any_more_keeps_its_place_until_it_is_done() -> None:
    room, go_on, done = Room(1), threading.Event(), threading.Event()

    def hang(_: GivenUp) -> None:
        assert go_on.wait(TIMEOUT_S)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await room.aside(hang, 0.01)
        with pytest.raises(OverloadedError):
            await room.aside(hang, None)
        assert await room.aside(lambda _: 7, None, placed=True) == 7
        go_on.set()
        await asyncio.to_thread(_wait_for_place, room, done)

    asyncio.run(run())
    assert done.is_set()


def test_work_of_who_has_a_place_keeps_one_when_it_is_given_up_and_is_told_so() -> None:
    room, done = Room(1), threading.Event()

    def go_on_until_told(given_up: GivenUp) -> None:
        pause = threading.Event()
        while not (given_up() and go_on.is_set()):
            pause.wait(0.001)

    go_on = threading.Event()

    async def run() -> None:
        with pytest.raises(TimeoutError), room.entered():
            await room.aside(go_on_until_told, 0.01, placed=True)
        with pytest.raises(OverloadedError), room.entered():
            raise AssertionError
        go_on.set()
        await asyncio.to_thread(_wait_for_place, room, done)

    asyncio.run(run())
    assert done.is_set()


def test_bulk_requests_think_one_at_a_time_in_the_order_in_which_they_came() -> None:
    room = Room(9)
    seen: list[str] = []

    async def think(name: str) -> None:
        async with room.turn():
            for step in range(3):
                seen.append(f"{name}{step}")
                await asyncio.sleep(0)

    async def run() -> None:
        tasks = [asyncio.create_task(think(name)) for name in "abcd"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert seen == [f"{name}{step}" for name in "acd" for step in range(3)]


def _wait_for_place(room: Room, done: threading.Event) -> None:
    pause = threading.Event()
    for _ in range(3000):
        with suppress(OverloadedError), room.entered():
            done.set()
            return
        pause.wait(0.01)
