"""The processes that score beside this one: forks of one server that has loaded what they need and used none of it.

Loading takes as long as half a million rows do: the server loads while this process does, and its forks share it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

_LOADED = ["__main__", "assay.batch.worker"]
_THREADS = "POLARS_MAX_THREADS"
#: Under so many bytes of input, starting more processes costs more than they gain.
_SMALL = 8 << 20


def crew_size(wanted: int, size: int) -> int:
    """How many processes score an input of `size` bytes; `wanted` 0 takes one a core."""
    return wanted or (1 if size < _SMALL else len(os.sched_getaffinity(0)))


def begin_crew() -> None:
    """Begin the server; a second time does nothing."""
    get_context("forkserver").set_forkserver_preload(_LOADED)
    with _one_thread():
        forkserver.ensure_running()


def hire(work: Callable[[Any, Connection], None], task: Any) -> tuple[ForkServerProcess, Connection]:
    """Start a process that does `work` with `task` and a connection to the one that is returned."""
    begin_crew()
    context = get_context("forkserver")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(task, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


@contextmanager
def _one_thread() -> Iterator[None]:
    """The processes are as many as the cores: each has one thread, which polars must know before it is loaded."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        os.environ.pop(_THREADS)
        if before is not None:
            os.environ[_THREADS] = before
