"""The processes that score beside this one: forks of a process that has loaded what they need and used none of it.

Loading takes as long as half a million rows do. A command that has loaded none of it yet loads it, forks at once, and
goes on. A process that has used polars must not be forked, as its forks may deadlock: another loads it again and forks.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkContext, ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

_LOADED = ["__main__", "assay.batch.worker"]
_THREADS = "POLARS_MAX_THREADS"
#: Under so many bytes of input, starting more processes costs more than they gain.
_SMALL = 8 << 20
#: Processes that wait for work.
_waiting: list[tuple[BaseProcess, Connection]] = []


def crew_size(wanted: int, size: int) -> int:
    """How many processes score an input of `size` bytes; `wanted` 0 takes one a core."""
    return wanted or (1 if size < _SMALL else len(os.sched_getaffinity(0)))


def begin_crew(size: int) -> None:
    """Fork `size` processes that wait for work, where this process may be forked yet.

    Raises:
        ModuleNotFoundError: a library that they need is not installed.
    """
    if "polars" in sys.modules:
        return
    with _one_thread():
        import assay.batch.worker  # noqa: F401 - what is loaded here is loaded in the forks
    for _ in range(size):
        _waiting.append(_start(get_context("fork"), [connection for _, connection in _waiting]))


def hire(work: Callable[[Any, Connection], None], task: Any) -> tuple[BaseProcess, Connection]:
    """Have a process do `work` with `task` and a connection to the one that is returned."""
    if not _waiting:
        context = get_context("forkserver")
        context.set_forkserver_preload(_LOADED)
        with _one_thread():
            _waiting.append(_start(context, []))
    process, connection = _waiting.pop()
    connection.send((work, task))
    return process, connection


def _start(context: ForkContext | ForkServerContext, masters: Sequence[Connection]) -> tuple[BaseProcess, Connection]:
    """A process that waits. A fork has the `masters` ends of all pipes until now and closes them: while one is open in
    any process, nobody learns that the master has ended.
    """
    ours, theirs = context.Pipe()
    inherited = [ours, *masters] if isinstance(context, ForkContext) else []
    process = context.Process(target=_wait, args=(theirs, inherited), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _wait(connection: Connection, inherited: Sequence[Connection]) -> None:
    """Do what comes; where nothing does, its master has ended."""
    for end in inherited:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        work, task = connection.recv()
        work(task, connection)


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
