"""Cores, processor time and memory of processes, as far as the machine tells."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import NamedTuple

import msgspec

_PROC = Path("/proc")


class Cores(msgspec.Struct, frozen=True):
    """The core that the server is held to, and that of the load; None where they are held to none."""

    server: int | None = None
    load: int | None = None


class Spent(NamedTuple):
    """Seconds of processor time of a process and of its children."""

    own_s: float
    children_s: float


def choose_cores() -> Cores:
    """The first core that this process may use for the server, the last for the load; none where there is but one."""
    usable = sorted(_usable())
    return Cores(usable[0], usable[-1]) if len(usable) > 1 else Cores()


def hold_to(core: int | None) -> None:
    """Hold this process, with all threads and children that it will have, to a core; None leaves it free."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def processor_time(pid: int) -> Spent | None:
    """What a process and its children have used so far, in steps of 10 ms; None where the machine does not tell."""
    try:
        return Spent(_used_s(pid), sum(map(_used_s, children(pid))))
    except OSError:
        return None


def resident_mb(pid: int) -> tuple[float, float] | None:
    """Resident memory of a process and of its children in MB; None where the machine does not tell."""
    try:
        return _resident_mb(pid), sum(map(_resident_mb, children(pid)))
    except OSError:
        return None


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    return [int(child) for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]


def describe() -> str:
    """The machine in one line: processor, cores, Python."""
    try:
        told = (_PROC / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        told = []
    models = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    processor = next(models, "") or platform.processor() or platform.machine()
    cores = len(_usable()) or os.cpu_count() or 1
    return f"{processor}, {cores} core{'s' * (cores > 1)}, Python {platform.python_version()}"


def _usable() -> set[int]:
    """Empty where the machine holds no process to a core."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _used_s(pid: int) -> float:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
