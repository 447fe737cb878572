"""What the request path costs, as a ratio to a bare ASGI echo on the same core: `make bench`.

One server process is pinned to one core, the load (wrk, 32 connections) to another; validation, features, model,
policy, metrics and the log in its default mode are on. The servers take turns, so that a busy machine disturbs both.
Requests a second compare wall clocks; processor time a request is steadier on a busy machine. Both include shipping.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as Grid

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
CONNECTIONS, SECONDS, ROUNDS = 32, 3, 5
READY_TIMEOUT_S = 60.0


class Server(NamedTuple):
    """A running server: its process and the address that is measured."""

    process: subprocess.Popen[bytes]
    address: str


class Measured(NamedTuple):
    """One round against one address."""

    requests_a_second: float
    processor_us: float
    p99_ms: float


def main() -> None:
    """Measure and print."""
    if shutil.which("wrk") is None or shutil.which("taskset") is None:
        sys.exit("the benchmark needs wrk and taskset (util-linux) on a Linux machine with two cores")
    sys.path.insert(0, str(HERE))
    from releases import publish_all

    from assay.app import open_app
    from assay.settings import Settings

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        examples = publish_all(open_app(settings=Settings(home=home)))
        bodies = {name: json.dumps({"model": name, "features": row}) for name, row in examples.items()}
        echo = stack.enter_context(_echo())
        assay = stack.enter_context(_assay(home))
        rounds: dict[str, list[Measured]] = {}
        for number in range(ROUNDS):
            for name, body in bodies.items():
                script = _script(home, name, body)
                yardstick = _load(echo, "/", script)
                answered = _load(assay, "/v1/predict", script)
                if number:
                    rounds.setdefault(name, []).append(yardstick)
                    rounds.setdefault(f"{name} answered", []).append(answered)
                _settle(assay)
        _show(list(bodies), rounds)


def _show(names: list[str], rounds: dict[str, list[Measured]]) -> None:
    grid = Grid(title=f"{CONNECTIONS} connections, medians of {ROUNDS - 1} rounds of {SECONDS} s")
    for title in ("", "echo req/s", "assay req/s", "of the echo", "echo us", "assay us", "times the echo", "p99 ms"):
        grid.add_column(title, justify="right" if title else "left")
    for name in names:
        bare, full = rounds[name], rounds[f"{name} answered"]
        share = statistics.median(a.requests_a_second / b.requests_a_second for a, b in zip(full, bare, strict=True))
        times = statistics.median(a.processor_us / b.processor_us for a, b in zip(full, bare, strict=True))
        grid.add_row(
            name,
            f"{_median(bare, 'requests_a_second'):.0f}",
            f"{_median(full, 'requests_a_second'):.0f}",
            f"{share:.2f}",
            f"{_median(bare, 'processor_us'):.1f}",
            f"{_median(full, 'processor_us'):.1f}",
            f"{times:.2f}",
            f"{_median(full, 'p99_ms'):.1f}",
        )
    Console(width=120).print(grid)


def _median(rounds: list[Measured], what: str) -> float:
    return statistics.median(getattr(one, what) for one in rounds)


@contextmanager
def _echo() -> Iterator[Server]:
    options = ["--no-access-log", "--log-level", "error", "--lifespan", "off", "--app-dir", str(HERE)]
    with _running([str(BIN / "uvicorn"), "echo:app", *options], {}, "POST", "/") as server:
        yield server


@contextmanager
def _assay(home: Path) -> Iterator[Server]:
    with _running([str(BIN / "assay"), "serve"], {"ASSAY_HOME": str(home)}, "GET", "/readyz") as server:
        yield server


@contextmanager
def _running(command: list[str], settings: dict[str, str], method: str, probe: str) -> Iterator[Server]:
    port = _free_port()
    pinned = ["taskset", "-c", "0", *command, "--port", str(port)]
    process = subprocess.Popen(pinned, env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: _answers(port, method, probe), READY_TIMEOUT_S, f"{command[0]} did not start")
        yield Server(process, f"http://127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _load(server: Server, path: str, script: Path) -> Measured:
    before = _processor_s(server)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(script)]
    done = subprocess.run([*command, server.address + path], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        sys.exit(f"{path} did not answer every request:\n{done}")
    count = int(_found(r"(\d+) requests in", done))
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}[_found(r"99%\s+[\d.]+(us|ms|s)", done)]
    p99_ms = float(_found(r"99%\s+([\d.]+)", done)) * scale
    spent_us = (_processor_s(server) - before) / count * 1e6
    return Measured(float(_found(r"Requests/sec:\s+([\d.]+)", done)), spent_us, p99_ms)


def _settle(server: Server) -> None:
    """Wait until the server has shipped what this round left behind."""

    def idle() -> bool:
        before = _processor_s(server)
        time.sleep(0.5)
        return _processor_s(server) - before < 0.05

    _wait(idle, 120.0, "the server is still busy with the last round")


def _script(home: Path, name: str, body: str) -> Path:
    path = home / f"{name}.lua"
    path.write_text(
        f'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = {json.dumps(body)}\n'
    )
    return path


def _processor_s(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"wrk printed something unexpected:\n{text}")
    return match[1]


def _wait(holds: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(otherwise)
        time.sleep(0.05)


def _answers(port: int, method: str, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
