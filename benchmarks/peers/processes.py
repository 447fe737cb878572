"""Servers as a benchmark sees them: started on one core, watched with all their processes, stopped without a trace.

A server adopts whatever its processes leave behind (PR_SET_CHILD_SUBREAPER of prctl(2)), so its tree is whole.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.executable).parent
BENCHMARKS = Path(__file__).resolve().parents[1]
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 20.0
SERVER_CORE, LOAD_CORE = "0", "1"
_CHILD_SUBREAPER = 36
#: Below what Linux hands out (net.ipv4.ip_local_port_range).
_OWN_PORTS = (20_000, 32_000)
#: Fields of /proc/PID/stat behind the name: parent, user and system time in ticks, when it began.
_PARENT, _USER, _SYSTEM, _BEGAN = 1, 11, 12, 19


class Server(NamedTuple):
    """A running server: its first process and its port on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[int]:
        """Its first process and all descendants."""
        return _tree(self.process.pid)

    def processor_s(self) -> float:
        """Processor time of all its living processes so far."""
        ticks = sum(stat[_USER] + stat[_SYSTEM] for stat in map(_stat, self.processes()) if stat)
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory of all its processes in MB; pages that several share count once (PSS)."""
        return sum(map(_proportional_kb, self.processes())) / 1024


@contextmanager
def running(
    command: list[str],
    ready: Callable[[int], bool],
    *,
    settings: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path = Path(os.devnull),
) -> Iterator[Server]:
    """A server pinned to its core. `{port}` in the command becomes a free port; it is ready when `ready(port)` holds.

    Raises:
        RuntimeError: it ended or was not ready in time.
    """
    port = free_port()
    pinned = ["taskset", "-c", SERVER_CORE, *(word.replace("{port}", str(port)) for word in command)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            pinned,
            env={**os.environ, **(settings or {})},
            cwd=cwd,
            stdout=said,
            stderr=said,
            preexec_fn=_adopt,  # noqa: PLW1509 - this process has one thread
        )
    server = Server(process, port)
    try:
        wait(lambda: process.poll() is not None or ready(port), READY_TIMEOUT_S, "it was not ready in time", 0.01)
        if process.poll() is not None:
            raise RuntimeError(f"it ended with exit code {process.returncode}")
        yield server
    finally:
        _stop(server)


def echo() -> contextlib.AbstractContextManager[Server]:
    """The yardstick: a bare ASGI application under uvicorn."""
    options = ["--no-access-log", "--log-level", "error", "--lifespan", "off", "--app-dir", str(BENCHMARKS)]
    command = [str(BIN / "uvicorn"), "echo:app", "--port", "{port}", *options]
    return running(command, lambda port: answers(port, "POST", "/"))


def assay(home: Path, *names: str) -> contextlib.AbstractContextManager[Server]:
    """`assay serve` of what is deployed in a home."""
    command = [str(BIN / "assay"), "serve", *names, "--port", "{port}"]
    return running(command, lambda port: answers(port, "GET", "/readyz"), settings={"ASSAY_HOME": str(home)})


def answers(port: int, method: str, path: str, body: bytes = b"{}") -> bool:
    """Whether a request is answered with 200."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(port, method, path, body)[0] == 200
    return False


def ask(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"content-type": "application/json"}
        connection.request(method, path, body if method == "POST" else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def settle(server: Server) -> None:
    """Wait until the server has done what the last round left behind."""

    def idle() -> bool:
        before = server.processor_s()
        time.sleep(0.5)
        return server.processor_s() - before < 0.05

    wait(idle, 120.0, "the server is still busy with the last round")


def wait(holds: Callable[[], bool], timeout_s: float, otherwise: str, every_s: float = 0.05) -> None:
    """Wait until something holds. Raises RuntimeError when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(every_s)


def free_port() -> int:
    """A port of this machine on which nobody listens. None that the system hands out by itself: a server of many
    processes takes such ports before it binds the one that it was told.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = random.randrange(*_OWN_PORTS)  # noqa: S311 - a port is no secret
            probe.bind(("127.0.0.1", port))
            return port


def _adopt() -> None:
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _stop(server: Server) -> None:
    """Ask it to end; what is left of its processes after a while is killed."""
    known = {pid: stat[_BEGAN] for pid in server.processes() if (stat := _stat(pid))}
    with contextlib.suppress(ProcessLookupError):
        server.process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.process.wait(STOP_TIMEOUT_S)

    def survivors() -> list[int]:
        return [pid for pid, began in known.items() if (stat := _stat(pid)) and stat[_BEGAN] == began]

    with contextlib.suppress(RuntimeError):
        wait(lambda: not survivors(), 3.0, "")
    for pid in survivors():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(STOP_TIMEOUT_S)


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        if stat := _stat(int(path.name)):
            children.setdefault(stat[_PARENT], []).append(int(path.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _stat(pid: int) -> list[int] | None:
    """The numbers of /proc/PID/stat behind the name; None for a process that is gone or only waits to be buried."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else [0, *map(int, rest)]


def _proportional_kb(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
