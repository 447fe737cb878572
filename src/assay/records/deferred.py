"""The log in mode `off`: answers wait for nothing. Records are written behind them, and a killed process loses some."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

from assay.errors import UnavailableError
from assay.records.log import Record
from assay.records.spool import Spool

logger = logging.getLogger(__name__)

_MOST_RECORDS = 100_000


class DeferredLog:
    """Keeps records in memory and hands them to a spool every `interval_s`."""

    def __init__(self, spool: Spool, *, interval_s: float = 0.01, most_records: int = _MOST_RECORDS) -> None:
        self._spool = spool
        self._interval_s = interval_s
        self._most_records = most_records
        self._records: deque[Record] = deque()
        self._closed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="assay-deferred", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> bool:
        """Remember one record. False when memory for more is used up and it is dropped (and counted)."""
        return self.append_many((record,))

    def append_many(self, records: Sequence[Record]) -> bool:
        """Remember several records, all or none."""
        if self._closed:
            raise UnavailableError("the prediction log is closed", remedy="the server is stopping: try another one")
        if len(self._records) + len(records) > self._most_records:
            self._spool.drop(len(records))
            return False
        self._records.extend(records)
        return True

    def close(self) -> None:
        """Write what is remembered; the spool stays open."""
        self._closed = True
        self._stop.set()
        self._thread.join()

    def _keep_writing(self) -> None:
        while True:
            stopping = self._stop.wait(self._interval_s)
            self._write([self._records.popleft() for _ in range(len(self._records))])
            if stopping:
                return

    def _write(self, records: Sequence[Record]) -> None:
        """Write all at once; where that fails, what can be written alone."""
        try:
            if records:
                self._spool.append_many(records)
        except Exception as error:  # noqa: BLE001 - edge of a thread that must not end
            if len(records) > 1:
                for record in records:
                    self._write((record,))
                return
            self._spool.drop(1)
            logger.warning("a record of the log is dropped: %s", error)
