"""A segment while it is written: which of its bytes are durable, and what becomes of it when a sync fails."""

from __future__ import annotations

import fcntl
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from assay.records.segment import Frame, Segment, scan, segment_at, segments
from assay.records.slot import write_whole

logger = logging.getLogger(__name__)

#: Copies that are not whole yet; no reader looks at them.
STAGED_SUFFIX = ".copy"

Sync = Callable[[int], None]


def sync_data(descriptor: int) -> None:
    """Make a file's data durable. On macOS only F_FULLFSYNC reaches the medium."""
    if sys.platform == "darwin":
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(descriptor)


class Writing:
    """A segment open for writing. Of its `size` bytes `synced` are known to be durable.

    After a failed sync the descriptor is not trusted again: the kernel may have dropped what it could not write.
    """

    def __init__(self, directory: Path, first: int, mark: bytes) -> None:
        self.segment = _free_segment(directory, first, mark)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(self.segment.path, flags, 0o600)
        self.size = 0
        self.synced = 0
        self._trusted = True

    def make_durable(self, size: int, sync: Sync) -> bool:
        """Sync what `size` covers; False when that failed, now or before."""
        if self._trusted and size > self.synced:
            try:
                sync(self.descriptor)
            except OSError as error:
                self._trusted = False
                logger.warning("the log segment %s failed to sync and is sealed: %s", self.segment.name, error.strerror)
            else:
                self.synced = size
        return self._trusted

    def finish(self, sync: Sync) -> tuple[Path, int] | None:
        """Make the sealed segment durable and close it; where its sync fails, its unsynced part goes to a new one.

        Returns:
            The new segment and its bytes, if there is one.

        Raises:
            OSError: the copy failed too; to be tried again.
        """
        copied = None if self.make_durable(self.size, sync) else self._copy(sync)
        os.close(self.descriptor)
        return copied

    def discard(self) -> None:
        """Close and remove a segment that holds no record."""
        os.close(self.descriptor)
        with suppress(OSError):
            self.segment.path.unlink()

    def _copy(self, sync: Sync) -> tuple[Path, int] | None:
        data = os.pread(self.descriptor, self.size - self.synced, self.synced)
        first = next((found.sequence for found in scan(data, self.segment.mark) if isinstance(found, Frame)), None)
        if first is None:
            return None
        copy = _free_segment(self.segment.path.parent, first, self.segment.mark)
        staged = copy.path.with_suffix(STAGED_SUFFIX)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_whole(descriptor, data)
            sync(descriptor)
        finally:
            os.close(descriptor)
        staged.rename(copy.path)
        return copy.path, len(data)


def _free_segment(directory: Path, first: int, mark: bytes) -> Segment:
    taken = [other.copy for other in segments(directory) if other.first == first]
    return segment_at(directory, first, max(taken, default=-1) + 1, mark)
