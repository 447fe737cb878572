"""The local durable log of one worker: append-only segments under one lock. It knows no sink; the shipper reads it.

In mode `process` a record is acknowledged when it stands in the page cache (one `write`), which a killed process cannot
take back; a thread makes it durable every 100 ms. In mode `power` it is acknowledged after a `sync`, which all records
written before it share.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal
from zlib import crc32

import msgspec

from assay.errors import ContractError, StorageError, UnavailableError
from assay.records.log import Record
from assay.records.segment import HEADER, TRAILER_BYTES, Frame, Segment, frame, scan, segments
from assay.records.slot import Slot, read_cursor, sync_directory, write_whole
from assay.records.writing import STAGED_SUFFIX, Writing, sync_data

logger = logging.getLogger(__name__)

WhenFull = Literal["reject", "answer_unlogged"]
_HEADER_BYTES = HEADER.size
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_UNENCODABLE = (TypeError, ValueError, OverflowError, RecursionError)
_WARN_AT = (0.95, 0.8, 0.5)


class Spool:
    """Appends records to the segments of one slot, from any thread; the lock costs an uncontended 0.05 us.

    `sync` makes a descriptor's data durable, an argument so that its failure can be rehearsed.

    Raises:
        StorageError: the slot's directory cannot be read or written.
    """

    def __init__(
        self,
        slot: Slot,
        *,
        cap_bytes: int,
        when_full: WhenFull = "reject",
        segment_bytes: int = 4 << 20,
        flush_interval_s: float = 0.1,
        sync: Callable[[int], None] = sync_data,
    ) -> None:
        self.slot = slot
        self.cap_bytes = cap_bytes
        self._when_full = when_full
        # Only a segment that is full and shipped gives its room back, so a small cap needs several of them.
        self._segment_bytes = min(segment_bytes, cap_bytes // 4)
        self._flush_interval_s = flush_interval_s
        self._sync = sync
        self._mark = os.urandom(4)
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        encoder = msgspec.msgpack.Encoder()
        self._encode = encoder.encode
        self._encode_into = encoder.encode_into
        self._pack_into = HEADER.pack_into
        self._buffer = bytearray(_HEADER_BYTES)
        self._cells = slot.counters.cells
        self._retired: list[Writing] = []
        self._renamed = True
        self._warned_at = 0.0
        self._closed = False
        try:
            self._sequence = _recover(slot)
            self._sealed = deque(_sizes(slot.directory))
            self._sealed_bytes = sum(size for _, size in self._sealed)
            self._active: Writing | None = Writing(slot.directory, self._sequence + 1, self._mark)
            sync_directory(slot.directory.parent)
        except OSError as error:
            raise StorageError(f"the spool in {slot.directory} cannot be opened: {error.strerror}") from error
        self._descriptor = self._active.descriptor
        self._room = self._granted = 0
        self._grant()
        self._stop = threading.Event()
        self._flusher = threading.Thread(target=self._keep_flushing, name="assay-spool", daemon=True)
        self._flusher.start()

    def append(self, record: Record) -> bool:
        """Write one record; this is the log's whole cost on the way of a request. See `PredictionLog.append`."""
        with self._lock:
            buffer = self._buffer
            try:
                self._encode_into(record, buffer, _HEADER_BYTES)
            except _UNENCODABLE as error:
                raise ContractError(f"the record cannot be written to the log: {error}") from error
            sequence = self._sequence + 1
            self._pack_into(buffer, 0, self._mark, len(buffer) - _HEADER_BYTES, sequence)
            buffer += crc32(buffer).to_bytes(TRAILER_BYTES, "little")
            size = len(buffer)
            if size > self._room:
                return self._place(bytes(buffer), 1)
            try:
                whole = os.write(self._descriptor, buffer) == size
            except OSError:
                whole = False
            if not whole:
                self._take_back()
                return self._place(bytes(buffer), 1)
            self._room -= size
            self._sequence = self._cells[0] = sequence
            return True

    def append_many(self, records: Sequence[Record]) -> bool:
        """Write several records at once. See `PredictionLog.append_many`."""
        encode = self._encode
        with self._lock:
            try:
                frames = [
                    frame(self._mark, sequence, encode(record))
                    for sequence, record in enumerate(records, self._sequence + 1)
                ]
            except _UNENCODABLE as error:
                raise ContractError(f"the records cannot be written to the log: {error}") from error
            return self._place(b"".join(frames), len(frames))

    def sync(self) -> None:
        """Make durable whatever was written before the call.

        Raises:
            UnavailableError: the disk does not take it, neither where it stands nor in a segment of its own.
        """
        if not (self._flush() or self._flush()):
            raise UnavailableError(
                "the prediction log cannot be made durable",
                remedy="look at the disk under ASSAY_HOME; ASSAY_LOG_DURABILITY=process does not wait for it",
            )

    def drop(self, count: int) -> None:
        """Count records that policy let go unlogged."""
        with self._lock:
            self._cells[1] += count

    @property
    def sequence(self) -> int:
        """The number of the last record written."""
        return self._sequence

    @property
    def closed(self) -> bool:
        return self._closed

    def held_bytes(self) -> int:
        """Bytes that wait to be shipped or unlinked."""
        with self._lock:
            self._settle()
            self._look()
            return self._held()

    def close(self) -> None:
        """Make everything durable and take no more. The slot stays held."""
        with self._lock:
            if self._closed:
                return
            self._retire()
            self._closed = True
        self._stop.set()
        self._flusher.join()
        self._flush()
        for left in self._retired:
            os.close(left.descriptor)

    def _place(self, frames: bytes, count: int) -> bool:
        """The slower way: with a new segment where one is needed, a second try, and the declared policy at the end."""
        if self._closed:
            raise UnavailableError("the prediction log is closed", remedy="the server is stopping: try another one")
        for _ in range(2):
            self._settle()
            if self._held() + len(frames) > self.cap_bytes:
                self._look()
            if self._held() + len(frames) > self.cap_bytes:
                return self._refuse(count, f"is full ({self.cap_bytes} bytes wait to be shipped)")
            try:
                write_whole(self._writable(len(frames)).descriptor, frames)
            except OSError as error:
                failure = error
                self._take_back(keep=error.errno in _NO_SPACE)
            else:
                self._sequence += count
                self._cells[0] = self._sequence
                self._room -= len(frames)
                self._grant()
                return True
        return self._refuse(count, f"cannot be written: {failure.strerror}")

    def _refuse(self, count: int, why: str) -> bool:
        if self._when_full == "answer_unlogged":
            self._cells[1] += count
            return False
        raise UnavailableError(
            f"the prediction log {why}",
            remedy="free the disk or bring the database back; ASSAY_LOG_FULL decides what happens until then",
        )

    def _writable(self, size: int) -> Writing:
        active = self._active
        if active is not None and (active.size == 0 or active.size + size <= self._segment_bytes):
            return active
        self._retire()
        active = Writing(self.slot.directory, self._sequence + 1, self._mark)
        self._active, self._descriptor, self._renamed = active, active.descriptor, True
        self._grant()
        return active

    def _take_back(self, *, keep: bool = True) -> None:
        """Cut off what a failed write left behind; a segment that cannot be cut is sealed with its torn end."""
        self._settle()
        if self._active is None:
            return
        try:
            os.ftruncate(self._active.descriptor, self._active.size)
        except OSError:
            keep = False
        else:
            keep = keep or self._active.size == 0
        if not keep:
            self._retire()

    def _retire(self) -> None:
        self._settle()
        if self._active is not None and self._active.size > 0:
            self._retired.append(self._active)
            self._seal(self._active.segment.path, self._active.size)
        elif self._active is not None:
            self._active.discard()
        self._active = None
        self._room = self._granted = 0

    def _seal(self, path: Path, size: int) -> None:
        self._sealed.append((path, size))
        self._sealed_bytes += size

    def _look(self) -> None:
        """Give back the room of segments that are gone: whoever shipped them, in whatever process, unlinked them."""
        while self._sealed and _is_gone(self._sealed[0][0]):
            self._sealed_bytes -= self._sealed.popleft()[1]
        self._grant()

    def _settle(self) -> None:
        """Book what the fast way wrote since it was granted room."""
        if self._active is not None:
            self._active.size += self._granted - self._room
        self._granted = self._room

    def _grant(self) -> None:
        """Tell the fast way how many bytes it may write without asking."""
        self._settle()
        if self._active is not None:
            self._room = min(self._segment_bytes - self._active.size, self.cap_bytes - self._held())
            self._granted = self._room

    def _held(self) -> int:
        return self._sealed_bytes + (self._active.size if self._active is not None else 0)

    def _keep_flushing(self) -> None:
        while not self._stop.wait(self._flush_interval_s):
            self._flush()

    def _flush(self) -> bool:
        """Whether all that was written before is durable; what failed is tried again from a copy the next time."""
        with self._flushing:
            with self._lock:
                self._settle()
                self._look()
                retired, self._retired = self._retired, []
                renamed, self._renamed = self._renamed, False
                active, size = self._active, self._active.size if self._active is not None else 0
                fill = self._held() / self.cap_bytes
            self._warn(fill)
            kept = [writing for writing in retired if not self._finish(writing)]
            failed = active is not None and not active.make_durable(size, self._sync)
            with self._lock:
                if failed and self._active is active:
                    self._retire()
                self._retired[:0] = kept
            named = not (renamed or self._renamed) or self._sync_names()
            return named and not failed and not kept

    def _sync_names(self) -> bool:
        """Make the names of new segments durable."""
        self._renamed = False
        try:
            sync_directory(self.slot.directory)
        except OSError:
            self._renamed = True
            return False
        return True

    def _finish(self, writing: Writing) -> bool:
        try:
            copied = writing.finish(self._sync)
        except OSError as error:
            logger.warning("the log segment %s cannot be copied yet: %s", writing.segment.name, error.strerror)
            return False
        if copied is not None:
            with self._lock:
                self._seal(*copied)
                self._renamed = True
        return True

    def _warn(self, fill: float) -> None:
        level = next((level for level in _WARN_AT if fill >= level), 0.0)
        if level > self._warned_at:
            logger.warning("the prediction log is filled to %d %% of its cap", round(100 * fill))
        self._warned_at = level


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _recover(slot: Slot) -> int:
    """The last sequence number ever given in this slot, from what is on disk and from the counters."""
    for staged in slot.directory.glob(f"*{STAGED_SUFFIX}"):
        staged.unlink()
    cursor = read_cursor(slot.directory)
    last = max(slot.counters.cells[0], cursor.sequence if cursor else 0)
    for segment in reversed(segments(slot.directory)):
        try:
            data = segment.path.read_bytes()
        except FileNotFoundError:  # shipped and unlinked meanwhile
            continue
        if not data:
            segment.path.unlink(missing_ok=True)
        last = max([last, segment.first - 1, *_sequences(data, segment)])
        if last >= segment.first:
            break
    slot.counters.cells[0] = last
    return last


def _sizes(directory: Path) -> Iterator[tuple[Path, int]]:
    for segment in segments(directory):
        with suppress(FileNotFoundError):  # shipped and unlinked meanwhile
            yield segment.path, segment.path.stat().st_size


def _sequences(data: bytes, segment: Segment) -> list[int]:
    return [found.sequence for found in scan(data, segment.mark) if isinstance(found, Frame)]
