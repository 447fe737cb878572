"""The log in mode `power` for a caller that answers one at a time: each append waits until it is durable."""

from __future__ import annotations

from collections.abc import Sequence

from assay.records.log import Record
from assay.records.spool import Spool


class SyncedLog:
    """Writes to a spool and syncs it. What raises is not acknowledged, though it may be in the log."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def append(self, record: Record) -> bool:
        """Write one record durably."""
        return self.append_many((record,))

    def append_many(self, records: Sequence[Record]) -> bool:
        """Write several records durably, with one sync."""
        written = self._spool.append_many(records)
        self._spool.sync()
        return written

    def close(self) -> None:
        """Nothing waits here; the spool stays open."""
