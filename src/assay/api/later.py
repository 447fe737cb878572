"""An application that is made beside the first answers, which need none of it."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, MutableMapping
from concurrent.futures import Future
from typing import Any

from assay.api.hot import Asgi, Receive, Send


class Later:
    """Makes an ASGI application in a thread, once: from `begin` on, or from the first request to it, which waits."""

    def __init__(self, make: Callable[[], Asgi]) -> None:
        self._make = make
        self._made: Future[Asgi] = Future()
        self._beginning = threading.Lock()

    def begin(self) -> None:
        """Have it made, unless that has begun."""
        if self._beginning.acquire(blocking=False):
            threading.Thread(target=self._run, daemon=True, name="assay-later").start()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Raises what kept it from being made."""
        if not self._made.done():
            self.begin()
            await asyncio.shield(asyncio.wrap_future(self._made))
        await self._made.result()(scope, receive, send)

    def _run(self) -> None:
        try:
            made = self._make()
        except Exception as error:  # noqa: BLE001 - told to everyone who asks for it
            self._made.set_exception(error)
        else:
            gc.freeze()
            self._made.set_result(made)
