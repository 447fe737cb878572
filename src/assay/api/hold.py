"""Answers that wait for the log in mode `power`: one sync for all that were ready in one turn of the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from assay.errors import AssayError, UnavailableError

_log = logging.getLogger(__name__)

#: Told once the records are durable, or why they are not.
Tell = Callable[[AssayError | None], object]


class Hold:
    """Releases answers in the order in which they came, after `sync` has made durable what was appended before."""

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._waiting: list[Tell] = []

    def until_durable(self, tell: Tell) -> None:
        """Call back when everything that is appended by now is durable."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._release)
        self._waiting.append(tell)

    async def durable(self) -> None:
        """Wait until everything that is appended by now is durable.

        Raises:
            UnavailableError: the disk does not take it.
        """
        waiting = asyncio.get_running_loop().create_future()

        def tell(error: AssayError | None) -> None:
            if waiting.done():
                return
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)

        self.until_durable(tell)
        await waiting

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        failed: AssayError | None = None
        try:
            self._sync()
        except AssayError as error:
            failed = error
        except Exception as error:  # noqa: BLE001 - whatever failed, those who wait are told
            _log.exception("the log failed to sync")
            failed = UnavailableError(f"the prediction log cannot be made durable: {type(error).__name__}")
        for tell in waiting:
            try:
                tell(failed)
            except Exception:  # noqa: BLE001 - one connection's trouble must not keep the answers of the others
                _log.exception("an answer could not be told")
