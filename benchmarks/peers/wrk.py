"""The load: wrk with 32 connections on a core of its own, and what it prints."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from processes import LOAD_CORE, Server

CONNECTIONS = 32
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Printed(NamedTuple):
    """What wrk says of a round."""

    requests: int
    requests_a_second: float
    p50_ms: float
    p99_ms: float


class Measured(NamedTuple):
    """One round against one address; `processor_us` a request, of all the server's processes."""

    requests_a_second: float
    processor_us: float
    p50_ms: float
    p99_ms: float


def require_tools() -> None:
    """End with what is lacking."""
    if shutil.which("wrk") is None or shutil.which("taskset") is None:
        sys.exit("the benchmark needs wrk and taskset (util-linux) on a Linux machine with two cores")


def measure(server: Server, path: str, script: Path, seconds: int) -> Measured:
    """One round. Raises RuntimeError when not every request was answered well."""
    before = server.processor_s()
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--latency",
        "--timeout",
        "10s",
    ]
    done = subprocess.run(
        [*command, "-s", str(script), server.address + path], capture_output=True, text=True, check=True
    )
    spent_s = server.processor_s() - before
    printed = read_printed(done.stdout)
    return Measured(printed.requests_a_second, spent_s / printed.requests * 1e6, printed.p50_ms, printed.p99_ms)


def read_printed(text: str) -> Printed:
    """What wrk printed, in numbers. Raises RuntimeError for errors among the answers and for text of another kind."""
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"not every request was answered well:\n{text}")
    requests = int(_found(r"(\d+) requests in", text))
    if not requests:
        raise RuntimeError(f"no request was answered:\n{text}")
    return Printed(requests, float(_found(r"Requests/sec:\s+([\d.]+)", text)), _latency(50, text), _latency(99, text))


def write_script(path: Path, bodies: Sequence[bytes]) -> Path:
    """A script for wrk that posts the bodies in turn."""
    listed = ",\n".join(json.dumps(body.decode("ascii")) for body in bodies)
    path.write_text(
        f"""local bodies = {{{listed}}}
local requests, at = {{}}, 0
function init(args)
  for number, body in ipairs(bodies) do
    requests[number] = wrk.format("POST", nil, {{["content-type"] = "application/json"}}, body)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"""
    )
    return path


def _latency(percent: int, text: str) -> float:
    match = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f"wrk printed something unexpected:\n{text}")
    return float(match[1]) * _MS[match[2]]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"wrk printed something unexpected:\n{text}")
    return match[1]
