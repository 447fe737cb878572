"""How much may be open at once of what is not answered at once: bulk requests, explanations of trees.

What comes above that is refused before anything is done for it. Nothing waits that nobody counts.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from assay.errors import OverloadedError

T = TypeVar("T")
#: Whether nobody waits any more.
GivenUp = Callable[[], bool]


class Room:
    """Of one worker. `most` may be in it at once; of bulk requests one thinks at a time, in the order in which they
    came, so that a single request never waits for more than one of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open = 0
        self._lock = threading.Lock()
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(thread_name_prefix="assay-aside")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Take a place as long as the context is open.

        Raises:
            OverloadedError: there is none.
        """
        self._enter()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until no other bulk request thinks."""
        async with self._turn:
            yield

    async def aside(self, work: Callable[[GivenUp], T], timeout_s: float | None, *, placed: bool = False) -> T:
        """What `work` gives, run in a thread. It takes a place, unless its caller is `placed` already, and one is kept
        until it is done, even where nobody waits any more. It is told when nobody does, to end early.

        Raises:
            OverloadedError: there is no place.
            TimeoutError: it took longer than `timeout_s`.
        """
        if not placed:
            self._enter()
        given_up = threading.Event()
        try:
            task = self._threads.submit(work, given_up.is_set)
        except RuntimeError:
            if not placed:
                self._leave()
            raise
        if not placed:
            task.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(task), timeout_s)
        finally:
            given_up.set()
            if placed and not task.done():
                self._enter(beyond=True)
                task.add_done_callback(self._done)

    def _done(self, _task: Future[T]) -> None:
        self._leave()

    def _enter(self, *, beyond: bool = False) -> None:
        """Take a place; `beyond` the last one where the work has begun already."""
        with self._lock:
            if self._open >= self._most and not beyond:
                raise OverloadedError(f"{self._open} requests of this kind are open here, and no more are taken now")
            self._open += 1

    def _leave(self) -> None:
        with self._lock:
            self._open -= 1
