"""Reads a spool's records in order, from where it was shipped to. The cursor moves only when told to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.records.log import Record, go_on
from assay.records.segment import Damage, Frame, Segment, scan, segments
from assay.records.slot import Cursor, read_counters, read_cursor, save_cursor, sync_directory

logger = logging.getLogger(__name__)

_DECODER: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)
# So few records at a time that others get the processor in between.
_PIECE = 50


class Entry(NamedTuple):
    """One record with its sequence number. A payload that cannot be decoded comes as its bytes."""

    sequence: int
    record: Record | bytes


class Batch(NamedTuple):
    """Records to ship, the cursor before them and the one behind; `missing` counts numbers that are not there.

    `done` are the segments of which nothing is left once these records are shipped.
    """

    entries: list[Entry]
    missing: int
    before: Cursor
    behind: Cursor
    done: list[Segment]


def cursor_of(directory: Path) -> Cursor:
    """How far a spool was shipped. Without a cursor all that still stands there is shipped again; the rest had been."""
    cursor = read_cursor(directory)
    if cursor is not None:
        return cursor
    found = segments(directory)
    before = found[0].first - 1 if found else read_counters(directory)[0]
    return Cursor(sequence=before, shipped=before)


def read_batch(directory: Path, limit: int, written: int | None, breathe: Callable[[], None] = go_on) -> Batch:
    """The next records of a spool, at most `limit`.

    `written` is the last sequence number that its writer had counted before this call: what stands behind it may still
    be taken back. None when nobody writes: then everything that is whole is read, and what should be there is missing.
    `breathe` is called every few records; what it raises is let through.
    """
    before = cursor_of(directory)
    walk = _Walk(before, written, breathe)
    done: list[Segment] = []
    found = segments(directory)
    ended = True
    for segment in found:
        growing = written is not None and segment is found[-1]
        ended = walk.through(segment, limit, growing=growing)
        if ended and not growing:
            done.append(segment)
        if not ended or len(walk.entries) == limit:
            break
    if not walk.entries and ended:
        if written is None:
            walk.jump(read_counters(directory)[0])
        elif found:
            walk.jump(min(found[-1].first - 1, written))
    return Batch(walk.entries, walk.missing, before, walk.cursor(), done)


def acknowledge(directory: Path, batch: Batch, refused: int) -> None:
    """Save the cursor behind a batch, of which the sink refused some; then unlink what is shipped."""
    if batch.behind != batch.before:
        moved = msgspec.structs.replace(
            batch.behind,
            shipped=batch.behind.shipped + len(batch.entries) - refused,
            refused=batch.behind.refused + refused,
            damaged=batch.behind.damaged + batch.missing,
        )
        save_cursor(directory, moved)
    for segment in batch.done:
        segment.path.unlink(missing_ok=True)
    if batch.done:
        sync_directory(directory)


class _Walk:
    """One pass over segments, from a cursor on."""

    def __init__(self, start: Cursor, written: int | None, breathe: Callable[[], None]) -> None:
        self._breathe = breathe
        self.entries: list[Entry] = []
        self.missing = 0
        self._start = start
        self._written = written
        self._segment, self._offset, self._sequence = start.segment, start.offset, start.sequence

    def through(self, segment: Segment, limit: int, *, growing: bool) -> bool:
        """Take records of a segment up to the limit; whether none is left in it. A torn end may still grow whole."""
        start = self._start.offset if segment.name == self._start.segment else 0
        try:
            with segment.path.open("rb") as file:
                file.seek(start)
                data = file.read()
        except FileNotFoundError:  # empty, and its writer removed it just now
            return True
        self._segment, self._offset = segment.name, start
        for found in scan(data, segment.mark):
            if isinstance(found, Damage):
                if growing and found.end == len(data):
                    return True
                logger.warning("%d damaged bytes in the log segment %s", found.end - found.start, segment.name)
            elif len(self.entries) == limit or (self._written is not None and found.sequence > self._written):
                return False
            elif found.sequence > self._sequence:
                self.jump(found.sequence - 1)
                self._sequence = found.sequence
                self.entries.append(Entry(found.sequence, _decode(found)))
                if len(self.entries) % _PIECE == 0:
                    self._breathe()
            self._offset = start + found.end
        return True

    def jump(self, sequence: int) -> None:
        """Go on behind `sequence`; the numbers in between are missing."""
        self.missing += max(0, sequence - self._sequence)
        self._sequence = max(sequence, self._sequence)

    def cursor(self) -> Cursor:
        return msgspec.structs.replace(self._start, segment=self._segment, offset=self._offset, sequence=self._sequence)


def _decode(found: Frame) -> Record | bytes:
    try:
        return _DECODER.decode(found.payload)
    except msgspec.MsgspecError:
        return bytes(found.payload)
