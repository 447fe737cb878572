"""Where all records are: the checked equation served = shipped + spooled + dead-lettered + dropped.

Its sides come from different places (what the writers counted; the cursors, and the frames that stand in the segments),
so a record that went missing shows.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from assay.errors import StorageError
from assay.records.reader import cursor_of
from assay.records.segment import Frame, scan, segments
from assay.records.slot import Cursor, is_held, read_counters, slots
from assay.records.turn import turn

_TRIES = 3


class SpoolStats(msgspec.Struct, frozen=True):
    """The counts of one spool, in records. `damaged` is the part of `dead_lettered` that the sink never saw."""

    worker: str
    live: bool
    served: int
    shipped: int
    spooled: int
    dead_lettered: int
    damaged: int
    dropped: int
    spooled_bytes: int
    balanced: bool


class LogStats(msgspec.Struct, frozen=True):
    """The counts of all spools, summed; balanced when each of them is."""

    served: int
    shipped: int
    spooled: int
    dead_lettered: int
    dropped: int
    balanced: bool
    spools: tuple[SpoolStats, ...]


def read_stats(root: Path) -> LogStats:
    """Count the records of every spool, also while they are written and shipped.

    Raises:
        StorageError: a spool cannot be read.
    """
    try:
        found = tuple(_spool_stats(directory) for directory in slots(root))
    except OSError as error:
        raise StorageError(f"the spools in {root} cannot be read: {error.strerror}") from error
    return LogStats(
        served=sum(spool.served for spool in found),
        shipped=sum(spool.shipped for spool in found),
        spooled=sum(spool.spooled for spool in found),
        dead_lettered=sum(spool.dead_lettered for spool in found),
        dropped=sum(spool.dropped for spool in found),
        balanced=all(spool.balanced for spool in found),
        spools=found,
    )


def _spool_stats(directory: Path) -> SpoolStats:
    """One spool as it was when its counters were read: what came later is left out.

    What is shipped and unlinked between two looks is missing from both; then the cursor has moved, and it looks again,
    at last with the turn, so that nothing can move.
    """
    for _ in range(_TRIES):
        cursor = cursor_of(directory)
        try:
            found = _count(directory, cursor)
        except FileNotFoundError:
            continue
        if found.balanced or cursor_of(directory) == cursor:
            return found
    with turn(directory, wait=True):
        return _count(directory, cursor_of(directory))


def _count(directory: Path, cursor: Cursor) -> SpoolStats:
    written, dropped = read_counters(directory)
    spooled = spooled_bytes = 0
    last = cursor.sequence
    for segment in segments(directory):
        data = segment.path.read_bytes()
        spooled_bytes += len(data)
        for frame in scan(data, segment.mark):
            if isinstance(frame, Frame) and last < frame.sequence <= written:
                spooled += 1
                last = frame.sequence
    dead_lettered = cursor.refused + cursor.damaged
    return SpoolStats(
        worker=directory.name,
        live=is_held(directory),
        served=written + dropped,
        shipped=cursor.shipped,
        spooled=spooled,
        dead_lettered=dead_lettered,
        damaged=cursor.damaged,
        dropped=dropped,
        spooled_bytes=spooled_bytes,
        balanced=written == cursor.shipped + spooled + dead_lettered,
    )
