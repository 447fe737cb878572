"""The servers that are measured, each a process held to the first core: Assay's own, the echo, the hello-world."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.bench.server import Server

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
READY_TIMEOUT_S = 120.0
_LOOK_S = 0.002


@contextmanager
def uvicorn(application: str, *, probe: Any, core: int, factory: bool = False, **settings: str) -> Iterator[Server]:
    """An application of this folder behind uvicorn, once it answers `probe`."""
    options = ["--no-access-log", "--log-level", "error", "--lifespan", "off", "--app-dir", str(HERE)]
    command = [str(BIN / "uvicorn"), application, *options, *["--factory"] * factory]
    with _running(command, settings, core, "/", probe) as server:
        yield server


@contextmanager
def assay_serve(home: Path, *, probe: Any, core: int) -> Iterator[Server]:
    """`assay serve` as it is typed, once it answers `probe`."""
    settings = {"ASSAY_HOME": str(home), "ASSAY_LOG_LEVEL": "error"}
    with _running([str(BIN / "assay"), "serve"], settings, core, "/v1/predict", probe) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], settings: Mapping[str, str], core: int, path: str, probe: Any) -> Iterator[Server]:
    port = _free_port()
    environment = {**os.environ, **settings}
    process = subprocess.Popen(
        [*command, "--port", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.sched_setaffinity(process.pid, {core})
    try:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _answers(port, path, json.dumps(probe)):
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit(f"{' '.join(command)} did not start")
            time.sleep(_LOOK_S)
        yield Server(process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _answers(port: int, path: str, body: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", path, body, {"content-type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
