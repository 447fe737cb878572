"""When the event loop itself is the queue: how many requests it finds ready at once, and which of them are refused.

A request that is answered inline waits for those that were ready before it in the same turn of the loop, so their
number bounds its latency, whatever a model costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: A burst is answered; a crowd that stands for so long is not (a standing queue: Nichols & Jacobson 2012, section 3).
_PATIENCE_S = 0.1
#: So long after the last crowd the next one is not waited for.
_WARY_S = 10.0
#: Crowds so far apart are two.
_GAP_S = 1.0
_NO_LIMIT = 1 << 62


class Crowd:
    """Of one event loop. More than `most` ready requests are a crowd; `monotonic` is seconds from any start."""

    def __init__(self, most: int, monotonic: Callable[[], float]) -> None:
        self._most = most
        self._monotonic = monotonic
        self._ready = 0
        self._limit = _NO_LIMIT
        self._since: float | None = None
        self._last = 0.0

    def admits(self) -> bool:
        """Whether the next request is answered. It is counted in this turn of the loop either way."""
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._next_turn)
            if self._since is not None and self._monotonic() - self._last >= _WARY_S:
                self._since, self._limit = None, _NO_LIMIT
        self._ready += 1
        return self._ready <= self._limit

    def _next_turn(self) -> None:
        ready, self._ready = self._ready, 0
        if ready <= self._most and self._since is None:
            return
        now = self._monotonic()
        if ready > self._most:
            if self._since is None or (self._limit == _NO_LIMIT and now - self._last > _GAP_S):
                self._since = now
            self._last = now
            if now - self._since >= _PATIENCE_S:
                self._limit = self._most
        elif self._limit == _NO_LIMIT or now - self._last >= _WARY_S:
            self._since, self._limit = None, _NO_LIMIT
