"""A server of the bench's own: a process, held to a core, that ends with whoever started it, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.api.run import serve
from assay.app import App
from assay.bench.machine import hold_to, processor_time
from assay.errors import AssayError, UnavailableError
from assay.settings import Settings

_HOST = "127.0.0.1"
_STOP_S = 30.0
_IDLE_LOOK_S = 0.3
_IDLE_SHARE = 0.1
_IDLE_PATIENCE_S = 60.0


class _Plan(msgspec.Struct, frozen=True):
    home: str
    settings: msgspec.Raw
    core: int | None


class Server(NamedTuple):
    """A running server."""

    pid: int
    port: int

    def settle(self) -> None:
        """Wait until it is idle: its log is shipped. At most a minute, and not where the machine tells nothing."""
        until = time.monotonic() + _IDLE_PATIENCE_S
        before = processor_time(self.pid)
        while before is not None and time.monotonic() < until:
            time.sleep(_IDLE_LOOK_S)
            now = processor_time(self.pid)
            if now is None or sum(now) - sum(before) < _IDLE_SHARE * _IDLE_LOOK_S:
                return
            before = now


@contextmanager
def running(app: App, core: int | None) -> Iterator[Server]:
    """Serve what is deployed in an application's home, one worker on a free port of this machine.

    Raises:
        UnavailableError: it did not start; says why.
    """
    settings = msgspec.Raw(app.settings.model_dump_json().encode())
    plan = msgspec.json.encode(_Plan(str(app.home), settings, core))
    said = app.home / "server.log"
    with said.open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "assay.bench.server"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
        )  # fmt: skip
    try:
        if process.stdin is None or process.stdout is None:
            raise UnavailableError("the server has no pipes")
        process.stdin.write(plan + b"\n")
        process.stdin.flush()
        port = process.stdout.readline().strip()
        if not port.isdigit():
            raise UnavailableError(f"the server of the bench did not start: {_last_line(said)}")
        yield Server(process.pid, int(port))
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The end of its stdin ends it."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(said: Path) -> str:
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def main() -> None:
    """Serve for the parent until it ends or closes the pipe."""
    commands = FileIO(0)
    plan = msgspec.json.decode(commands.readline(), type=_Plan)
    hold_to(plan.core)
    threading.Thread(target=_end_with, args=(commands,), daemon=True).start()
    app = App(Settings.model_validate_json(bytes(plan.settings)), Path(plan.home))

    def announce(address: str, _command: str) -> None:
        sys.stdout.write(f"{address.rpartition(':')[2]}\n")
        sys.stdout.flush()

    try:
        serve(app, (), host=_HOST, port=0, workers=1, announce=announce)
    except AssayError as error:
        sys.exit(error.message)


def _end_with(commands: FileIO) -> None:
    commands.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
