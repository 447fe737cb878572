"""What is made beside the first answers, and the life of the application in front of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from assay.api.crowd import Crowd
from assay.api.hot import HotDoor
from assay.api.later import Later
from assay.serving.metrics import DoorCounters, Slab
from tests.api.door import call

Message = dict[str, Any]


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def counted(made: list[int], go_on: threading.Event) -> Callable[[], Any]:
    def make() -> Any:
        assert go_on.wait(30.0)
        made.append(1)
        return hello

    return make


def door_to(behind: Any, folder: Path, **more: Any) -> HotDoor:
    counters = DoorCounters(Slab(folder, "w"), ("internal",))
    return HotDoor(behind, {}, counters, frozenset(), 1000, Crowd(64, monotonic), **more)


def test_requests_wait_until_it_is_made_and_it_is_made_once(tmp_path: Path) -> None:
    made, go_on = list[int](), threading.Event()
    later = Later(counted(made, go_on))
    later.begin()
    door = door_to(later, tmp_path)

    async def ask() -> list[bytes]:
        asked = [asyncio.ensure_future(call(door, "GET", "/x", [b""], [])) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(one.done() for one in asked)
        go_on.set()
        return [(await one).body for one in asked]

    assert asyncio.run(ask()) == [b"hello"] * 3
    assert asyncio.run(call(door, "GET", "/x", [b""], [])).body == b"hello"
    assert made == [1]


def test_a_caller_that_goes_away_takes_nothing_from_the_others(tmp_path: Path) -> None:
    made, go_on = list[int](), threading.Event()
    door = door_to(Later(counted(made, go_on)), tmp_path)

    async def ask() -> bytes:
        gone = asyncio.ensure_future(call(door, "GET", "/x", [b""], []))
        stays = asyncio.ensure_future(call(door, "GET", "/x", [b""], []))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return (await stays).body

    assert asyncio.run(ask()) == b"hello"


def test_what_kept_it_from_being_made_is_a_500_each_time(tmp_path: Path) -> None:
    def make() -> Any:
        raise ModuleNotFoundError("planted")

    door = door_to(Later(make), tmp_path)
    told = [asyncio.run(call(door, "GET", "/x", [b""], [])) for _ in range(2)]
    assert [one.status for one in told] == [500, 500]
    assert "planted" not in told[0].body.decode()


def live(door: HotDoor) -> list[str]:
    """The lifespan of an application that is asked to begin and to stop."""
    asked, sent = iter(["lifespan.startup", "lifespan.shutdown"]), list[str]()

    async def receive() -> Message:
        return {"type": next(asked)}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    async def run() -> None:
        await door({"type": "lifespan"}, receive, send)

    try:
        asyncio.run(run())
    except ZeroDivisionError:
        sent.append("raised")
    return sent


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        ("", ["lifespan.startup.complete", "lifespan.shutdown.complete"]),
        ("startup", ["lifespan.startup.failed", "raised"]),
        ("shutdown", ["lifespan.startup.complete", "lifespan.shutdown.failed", "raised"]),
    ],
)
def test_the_life_of_the_application_is_framed(tmp_path: Path, fails: str, told: list[str]) -> None:
    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        if fails == "startup":
            raise ZeroDivisionError
        yield
        if fails == "shutdown":
            raise ZeroDivisionError

    assert live(door_to(hello, tmp_path, life=life)) == told
