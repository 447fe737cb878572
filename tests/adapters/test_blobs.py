"""Blobs in a directory, when the disk does not do what it should."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from assay.adapters.blobs import DirectoryBlobs
from assay.errors import ReleaseError, StorageError

SMALL, LARGE = b"small", b"x" * 300_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state" / "blobs"


@pytest.fixture
def blobs(root: Path) -> DirectoryBlobs:
    root.parent.mkdir()
    return DirectoryBlobs(root)


def _path(root: Path, content: bytes) -> Path:
    digest = sha256(content).hexdigest()
    return root / digest[:2] / digest


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk does, without one: writing beyond `size` bytes of a file fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing_half_written(blobs: DirectoryBlobs, root: Path) -> None:
    with _files_of_at_most(100_000), pytest.raises(StorageError) as caught:
        blobs.put_all([SMALL, LARGE])
    assert "space" in caught.value.remedy
    assert _files(root) == []
    assert not (root / "staging").exists()
    blobs.put_all([SMALL, LARGE])
    assert len(_files(root)) == 2


def test_a_short_write_goes_on_where_it_stopped(blobs: DirectoryBlobs, root: Path) -> None:
    with _files_of_at_most(len(LARGE)):
        (digest,) = blobs.put_all([LARGE])
    assert blobs.get(digest, limit=len(LARGE)) == LARGE


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        DirectoryBlobs(tmp_path / "file" / "blobs").put_all([SMALL])


def test_what_a_dead_writer_left_is_cleared_away(blobs: DirectoryBlobs, root: Path) -> None:
    (root / "staging").mkdir(parents=True)
    (root / "staging" / sha256(LARGE).hexdigest()).write_bytes(LARGE[:100])
    (digest,) = blobs.put_all([LARGE])
    assert blobs.get(digest, limit=len(LARGE)) == LARGE
    assert not (root / "staging").exists()


def test_a_writer_that_was_killed_leaves_no_blob_that_is_not_whole(blobs: DirectoryBlobs, root: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from assay.adapters import blobs\n"
        "real = os.fsync\n"
        "def fsync(descriptor):\n"
        "    real(descriptor); fsync.calls += 1\n"
        "    if fsync.calls == int(sys.argv[2]): os.kill(os.getpid(), 9)\n"
        "fsync.calls = 0; os.fsync = fsync\n"
        "blobs.DirectoryBlobs(Path(sys.argv[1])).put_all([b'%d' % at * 5000 for at in range(3)])\n"
    )
    killed = 0
    for at in (1, 3, 4, 6):
        done = subprocess.run([sys.executable, "-c", program, str(root), str(at)], check=False, timeout=60)
        killed += done.returncode == -9
        for path in _files(root):
            if path.parent.name != "staging":
                assert sha256(path.read_bytes()).hexdigest() == path.name
    assert killed >= 2
    contents = [b"%d" % at * 5000 for at in range(3)]
    digests = blobs.put_all(contents)
    assert [blobs.get(digest, limit=5000) for digest in digests] == contents


def test_a_link_a_pipe_and_a_directory_are_no_blobs(blobs: DirectoryBlobs, root: Path) -> None:
    (digest,) = blobs.put_all([SMALL])
    path = _path(root, SMALL)
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")
    with pytest.raises(ReleaseError, match="link"):
        blobs.get(digest, limit=100)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ReleaseError, match="not a file"):
        blobs.get(digest, limit=100)
    path.unlink()
    path.mkdir()
    with pytest.raises(ReleaseError, match="not a file"):
        blobs.get(digest, limit=100)


@pytest.mark.parametrize("content", [b"", b"smalL", b"small and more", b"smal"])
def test_a_changed_blob_is_refused_and_replaced_when_put_again(
    content: bytes, blobs: DirectoryBlobs, root: Path
) -> None:
    (digest,) = blobs.put_all([SMALL])
    path = _path(root, SMALL)
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(ReleaseError):
        blobs.get(digest, limit=100)
    blobs.put_all([SMALL])
    assert blobs.get(digest, limit=100) == SMALL


def test_a_blob_that_grew_is_refused_before_it_is_read(blobs: DirectoryBlobs, root: Path) -> None:
    (digest,) = blobs.put_all([SMALL])
    path = _path(root, SMALL)
    path.chmod(0o644)
    os.truncate(path, 1 << 40)
    with pytest.raises(ReleaseError, match="more than"):
        blobs.get(digest, limit=len(SMALL))


def test_a_present_blob_is_not_written_again(blobs: DirectoryBlobs, root: Path) -> None:
    blobs.put_all([SMALL])
    before = _path(root, SMALL).stat()
    blobs.put_all([SMALL, LARGE])
    after = _path(root, SMALL).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert after.st_mode & 0o222 == 0
