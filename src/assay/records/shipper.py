"""Carries records from spools to a sink: those of the own process, those that dead workers left behind, or all.

Order of a step: the sink commits, the cursor is saved durably, the segment is unlinked. A crash in between repeats
records, and sinks take a repeated record as done. All that is known between two steps stands in the spool's directory,
so any process may take the next one.
"""

from __future__ import annotations

import base64
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from assay.errors import ContractError, StorageError
from assay.records.log import Record, Sink, go_on
from assay.records.reader import Entry, acknowledge, cursor_of, read_batch
from assay.records.segment import segments
from assay.records.slot import Counters, Slot, hold, read_counters, slots, write_whole
from assay.records.turn import turn

logger = logging.getLogger(__name__)

# A commit costs several syncs, and the more rows it has the fewer pages of the indexes are written twice.
BATCH_RECORDS = 4000
# From so many on it goes on at once; below it waits until more have come together.
_WORTHWHILE = 1000
# From so many on answers do not come first any more; neither from this share of a spool's bytes on.
_MANY_WAITING = 100_000
_FULL = 0.25
# A batch holds the sink's lock: a thread that does not come to the processor for so long hands it over.
_PATIENCE_S = 2.0
_LONGEST_PAUSE_S = 15.0
_OTHERS_TURN_S = 0.02
# Who ships because many wait shares the processor with answers in short turns; the kernel's own would be its ticks.
_STRETCH_S, _REST_S = 0.001, 0.00005


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record that can never land, with the reason; `raw` (base64) where it cannot even be decoded.

    `missing` counts records before this one of which nothing readable is left.
    """

    sequence: int
    reason: str
    at: float
    record: Record | None = None
    raw: str | None = None


class _GivenUpError(Exception):
    """The batch is for somebody else; the sink takes it back."""


class Shipper:
    """Ships every spool under `root`; with `own`, a spool's directory, that one and those that nobody writes.

    A spool of `cap_bytes` is full. `sink` is asked for when there is something to ship, and again after it failed, so a
    database that is away at the start is no reason not to start. `clock` gives epoch seconds for dead letters.
    """

    def __init__(
        self,
        root: Path,
        sink: Callable[[], Sink],
        *,
        own: Path | None = None,
        interval_s: float = 0.5,
        cap_bytes: int = 1 << 30,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._sink = sink
        self._own = own
        self._interval_s = interval_s
        self._cap_bytes = cap_bytes
        self._clock = clock
        self._pauses: dict[Path, tuple[float, float]] = {}
        self._stop = threading.Event()
        self._urgent = self._overdue = False
        self._began = self._tired = 0.0
        self._thread: threading.Thread | None = None

    def start(self, lower: Callable[[], None] = go_on) -> None:
        """Ship from a thread until `stop`. `lower` is called in it first, to lower its priority."""
        self._thread = threading.Thread(target=self._keep_shipping, args=(lower,), name="assay-shipper", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the thread, which gives up the batch that it is at. False when the sink holds it for longer than
        `timeout_s`.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def ship(self) -> int:
        """Ship one batch of each spool; returns how many records are done with.

        Raises:
            StorageError: the sink or the disk of a spool does not take them now. They stay in the spool.
        """
        return sum(self._ship(directory) or 0 for directory in slots(self._root))

    def adopt(self) -> int:
        """Ship everything of every spool that nobody writes; returns how many records are done with.

        Raises like `ship`.
        """
        shipped = 0
        for directory in slots(self._root):
            while count := self._ship(directory, abandoned=True):
                shipped += count
                if self._stop.is_set():
                    break
        return shipped

    def drain(self, timeout_s: float) -> bool:
        """Ship what is left in spools that nobody writes any more. False when time ran out or the sink is away."""
        deadline = time.monotonic() + timeout_s
        left = [self._own] if self._own is not None else slots(self._root)
        try:
            while left:
                counts = {directory: self._ship(directory, abandoned=True) for directory in left}
                left = [directory for directory, count in counts.items() if count != 0]
                if left and time.monotonic() > deadline:
                    return False
                if left and not any(counts.values()):  # another process has the turn
                    time.sleep(_OTHERS_TURN_S)
        except StorageError as error:
            logger.warning("the log is not shipped yet: %s", error)
            return False
        return True

    def keep_up(self) -> int:
        """Where more waits than the thread comes to, or it holds a batch for too long, ship a batch of each spool from
        here, until half of what waits is gone; returns how many.
        """
        full = self._fill()
        self._urgent = self._overdue or full > (0.5 if self._urgent else 1.0)
        if not self._urgent:
            return 0
        self._overdue = False
        return sum(self._try(directory) for directory in slots(self._root))

    def _keep_shipping(self, lower: Callable[[], None]) -> None:
        lower()
        while True:
            shipped = 0 if self._urgent else sum(self._try(directory) for directory in slots(self._root))
            if self._stop.wait(0.0 if shipped >= _WORTHWHILE else self._interval_s):
                return

    def _breathe(self) -> None:
        """Let others run. Where this is the thread, give the batch up if somebody is to take over."""
        if threading.current_thread() is not self._thread:
            if self._urgent and time.monotonic() > self._tired:
                time.sleep(_REST_S)
                self._tired = time.monotonic() + _STRETCH_S
            return
        os.sched_yield()
        self._overdue = self._overdue or time.monotonic() - self._began > _PATIENCE_S
        if self._urgent or self._overdue or self._stop.is_set():
            raise _GivenUpError

    def _fill(self) -> float:
        """How much waits, by number or by bytes, of what may."""
        try:
            found = slots(self._root)
            number = sum(read_counters(slot)[0] - cursor_of(slot).sequence for slot in found)
            most = max((sum(segment.path.stat().st_size for segment in segments(slot)) for slot in found), default=0)
        except OSError:
            return 0.0
        return max(number / _MANY_WAITING, most / (_FULL * self._cap_bytes))

    def _try(self, directory: Path) -> int:
        """Ship a batch of one spool; after a failure this spool waits, longer each time, and the others do not."""
        pause, until = self._pauses.get(directory, (self._interval_s, 0.0))
        if time.monotonic() < until or self._stop.is_set():
            return 0
        try:
            shipped = self._ship(directory) or 0
        except _GivenUpError:
            return 0
        except StorageError as error:
            logger.warning("the log is not shipped, next try in %.1f s: %s", pause, error)
        except Exception:
            logger.exception("the log is not shipped, next try in %.1f s", pause)
        else:
            self._pauses.pop(directory, None)
            return shipped
        self._pauses[directory] = (min(pause * 2, _LONGEST_PAUSE_S), time.monotonic() + pause)
        return 0

    def _ship(self, directory: Path, *, abandoned: bool = False) -> int | None:
        """Ship a batch, or only of a spool that nobody writes; None when another process is at it."""
        abandoned = abandoned or self._own not in {None, directory}
        try:
            if not segments(directory) and read_counters(directory)[0] <= cursor_of(directory).sequence:
                return 0
            with turn(directory) as mine:
                if not mine:
                    return None
                slot = hold(directory)
                if slot is None:
                    return 0 if abandoned else self._ship_batch(directory)
                try:
                    return self._ship_batch(directory, slot)
                finally:
                    slot.release()
        except OSError as error:
            raise StorageError(f"the spool in {directory} fails: {error.strerror}") from error

    def _ship_batch(self, directory: Path, abandoned: Slot | None = None) -> int:
        self._began = time.monotonic()
        written = None if abandoned is not None else _counted(directory)
        batch = read_batch(directory, BATCH_RECORDS, written, self._breathe)
        letters = [
            DeadLetter(entry.sequence, "cannot be decoded", self._clock(), raw=base64.b64encode(entry.record).decode())
            for entry in batch.entries
            if isinstance(entry.record, bytes)
        ]
        letters += self._deliver([entry for entry in batch.entries if not isinstance(entry.record, bytes)])
        if batch.missing:
            logger.error("%d records of the log in %s are damaged", batch.missing, directory.name)
        _keep(letters, directory)
        if abandoned is not None:  # its writer may have died after a write and before counting it
            cells = abandoned.counters.cells
            cells[0] = max(cells[0], batch.behind.sequence)
        acknowledge(directory, batch, len(letters))
        return len(batch.entries) + batch.missing

    def _deliver(self, entries: Sequence[Entry]) -> list[DeadLetter]:
        """Write to the sink; a batch that it refuses is halved until the records at fault stand alone."""
        records = [entry.record for entry in entries if not isinstance(entry.record, bytes)]
        if not records:
            return []
        self._began = time.monotonic()
        try:
            self._sink().write(records, self._breathe)
        except ContractError as error:
            if len(records) == 1:
                logger.warning("a record of the log can never land and becomes a dead letter: %s", error)
                return [DeadLetter(entries[0].sequence, error.message, self._clock(), record=records[0])]
            middle = len(entries) // 2
            return self._deliver(entries[:middle]) + self._deliver(entries[middle:])
        return []


def _counted(directory: Path) -> int:
    """The last sequence number written, read in one piece while its writer goes on."""
    with closing(Counters(directory / "counters")) as counters:
        return counters.cells[0]


def _keep(letters: list[DeadLetter], directory: Path) -> None:
    if not letters:
        return
    path = directory / "dead.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        write_whole(descriptor, b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
