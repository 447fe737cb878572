"""One spool's directory: who holds it, how much went into it, and how far it was shipped. It reads no records.

A slot is held through a file lock, which the kernel frees however its process ends; so the spool of a dead worker can
be taken over by whoever gets the lock, and two processes never write one.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import sys
from pathlib import Path
from zlib import crc32

import msgspec

from assay.errors import StorageError

_COUNTERS_BYTES = 64
_MOST_SLOTS = 10_000


class Cursor(msgspec.Struct, frozen=True):
    """How far a spool was shipped: everything up to `sequence` was either shipped, refused by the sink, or damaged.

    `offset` in `segment` is where the next record stands, if that segment is still there.
    """

    segment: str = ""
    offset: int = 0
    sequence: int = 0
    shipped: int = 0
    refused: int = 0
    damaged: int = 0


class Counters:
    """Two numbers that outlive a killed process: they live in a shared memory map of a small file."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            missing = _COUNTERS_BYTES - os.fstat(descriptor).st_size
            if missing > 0:  # written, not truncated to length: a hole could meet a full disk when it is first used
                os.pwrite(descriptor, bytes(missing), _COUNTERS_BYTES - missing)
                os.fsync(descriptor)
            self._map = mmap.mmap(descriptor, _COUNTERS_BYTES)
        finally:
            os.close(descriptor)
        #: [0] the last sequence number written, [1] records dropped as the policy declared.
        self.cells = memoryview(self._map).cast("q")

    def close(self) -> None:
        self.cells.release()
        self._map.close()


def read_counters(directory: Path) -> tuple[int, int]:
    """The last sequence number written and the count of records dropped, without holding the slot."""
    try:
        raw = (directory / "counters").read_bytes()
    except FileNotFoundError:
        return 0, 0
    return int.from_bytes(raw[:8], sys.byteorder, signed=True), int.from_bytes(raw[8:16], sys.byteorder, signed=True)


def read_cursor(directory: Path) -> Cursor | None:
    """The saved cursor; None when there is none or it is damaged."""
    try:
        checksum, _, body = (directory / "cursor").read_bytes().partition(b" ")
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(body, type=Cursor) if int(checksum, 16) == crc32(body) else None
    except ValueError:
        return None


def save_cursor(directory: Path, cursor: Cursor) -> None:
    """Replace the cursor durably: the old one or the new one is there, whatever happens."""
    body = msgspec.json.encode(cursor)
    staged = directory / "cursor.new"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_whole(descriptor, b"%08x " % crc32(body) + body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    staged.rename(directory / "cursor")
    sync_directory(directory)


def write_whole(descriptor: int, data: bytes | bytearray) -> None:
    """Write everything, however often the kernel takes only a part."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Slot:
    """A spool's directory, held by this process until `release`."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self.counters = Counters(directory / "counters")
        self._lock = lock

    def release(self) -> None:
        self.counters.close()
        os.close(self._lock)


def hold(directory: Path) -> Slot | None:
    """Hold this directory's slot, or None when another process does."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Slot(directory, lock)
    except OSError as error:
        os.close(lock)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return None
        raise


def is_held(directory: Path) -> bool:
    """Whether some process holds this directory's slot now."""
    try:
        lock = os.open(directory / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def slots(root: Path) -> list[Path]:
    """The directories of all spools, held or not."""
    return sorted(path for path in root.glob("worker-*") if path.is_dir())


def claim(root: Path) -> Slot:
    """Hold the first slot that is free, making one where needed; its spool may hold records of a dead worker.

    Raises:
        StorageError: the directory cannot be made or written.
    """
    try:
        for number in range(_MOST_SLOTS):
            directory = root / f"worker-{number:04d}"
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            slot = hold(directory)
            if slot is not None:
                return slot
    except OSError as error:
        raise StorageError(
            f"the spool of the prediction log in {root} cannot be opened: {error.strerror}",
            remedy="make room and make sure that this user may write there",
        ) from error
    raise StorageError(f"all {_MOST_SLOTS} spools in {root} are held", remedy="stop processes that are not needed")
