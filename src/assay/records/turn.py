"""Who ships: from each spool one at a time, whoever it is; and whether the process that ships for servers is there.

Both are file locks, which the kernel frees however a process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(directory: Path, *, wait: bool = False) -> Iterator[bool]:
    """The turn at moving one spool's cursor: True inside, or False when another has it and this is not to wait."""
    lock = os.open(directory / "turn", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(lock)


def hold_presence(root: Path) -> int:
    """A descriptor that says "spools under `root` are shipped" until its last copy, in whatever process, is closed."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(root / "shipping", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


def is_present(root: Path) -> bool:
    """Whether a process is there that ships all spools under `root`."""
    try:
        probe = os.open(root / "shipping", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(probe)
