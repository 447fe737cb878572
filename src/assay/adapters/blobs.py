"""Blobs in a directory: every file is named by the SHA-256 of its bytes, appears whole, and is checked when read."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from assay.errors import ReleaseError, StorageError

_CHUNK = 1 << 20
_HEX = frozenset("0123456789abcdef")


class DirectoryBlobs:
    """A `BlobStore`. `root/ab/ab12...` holds a blob; `root/staging` what is being written, on the same file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / "staging"

    def put_all(self, blobs: Sequence[bytes]) -> Sequence[str]:
        digests = [hashlib.sha256(blob).hexdigest() for blob in blobs]
        try:
            with self._staged():
                new = {digest: blob for digest, blob in zip(digests, blobs, strict=True) if not self._holds(digest)}
                for digest, blob in new.items():
                    _write_durably(self._staging / digest, blob)
                for digest in new:
                    self._path(digest).parent.mkdir(exist_ok=True)
                    (self._staging / digest).replace(self._path(digest))
                for directory in {self._path(digest).parent for digest in new} | {self._root, self._root.parent}:
                    _sync_directory(directory)
        except OSError as error:
            raise StorageError(
                f"{self._root} did not take a release: {error.strerror or error}; nothing half-written was kept",
                remedy="free some space there, or check that you can write to it, and try again",
            ) from error
        return digests

    def get(self, digest: str, *, limit: int) -> bytes:
        if len(digest) != 64 or not _HEX.issuperset(digest):
            raise ReleaseError(f"{digest!r} is not the digest of a blob")
        try:
            return self._read(digest, limit)
        except FileNotFoundError:
            raise ReleaseError(f"blob {digest} is not in {self._root}") from None
        except OSError as error:
            raise StorageError(f"{self._path(digest)} cannot be read: {error.strerror or error}") from error

    def _read(self, digest: str, limit: int) -> bytes:
        descriptor = self._open(digest)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ReleaseError(f"blob {digest} is not a file")
            if status.st_size > limit:
                raise ReleaseError(f"blob {digest} has {status.st_size} bytes, more than the {limit} it should have")
            content, seen = bytearray(), hashlib.sha256()
            while chunk := os.read(descriptor, min(_CHUNK, limit + 1 - len(content))):
                content += chunk
                seen.update(chunk)
        finally:
            os.close(descriptor)
        if seen.hexdigest() != digest:
            raise ReleaseError(f"blob {digest} was changed: its bytes do not have this digest")
        return bytes(content)

    def _open(self, digest: str) -> int:
        # Not through a link, and not waiting for whoever is to write into a pipe.
        try:
            return os.open(self._path(digest), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise ReleaseError(f"blob {digest} is a link, not a file") from None
            raise

    def _holds(self, digest: str) -> bool:
        """Whether a blob is there and sound; one that is not is written anew."""
        path = self._path(digest)
        try:
            self._read(digest, path.stat().st_size)
        except (FileNotFoundError, ReleaseError):
            return False
        return True

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    @contextmanager
    def _staged(self) -> Iterator[None]:
        """One writer at a time: what stands in the staging directory when it begins was left by a dead one."""
        self._root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            shutil.rmtree(self._staging, ignore_errors=True)
            self._staging.mkdir()
            try:
                yield
            finally:
                shutil.rmtree(self._staging, ignore_errors=True)
        finally:
            os.close(lock)


def _write_durably(path: Path, content: bytes) -> None:
    """Write, fsync and read back."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(descriptor)
        file.seek(0)
        if file.read(len(content) + 1) != content:
            raise OSError(None, "what was written does not read back")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
