"""The process of the load, so that what it costs is not the server's: a plan on stdin, what came of it on stdout."""

from __future__ import annotations

import gc
import subprocess
import sys
from time import perf_counter

import msgspec

from assay.bench.lines import open_lines
from assay.bench.load import DRAIN_S, Load, Plan, run
from assay.bench.machine import hold_to
from assay.errors import UnavailableError

_PATIENCE_S = 60.0


class _Task(msgspec.Struct, frozen=True):
    host: str
    port: int
    core: int | None
    plan: Plan


def generate(plan: Plan, port: int, *, host: str = "127.0.0.1", core: int | None = None) -> Load:
    """Run a plan against a server from a process of its own, held to `core`.

    Raises:
        UnavailableError: the server took no connection, or did not take what was sent.
    """
    task = msgspec.msgpack.encode(_Task(host, port, core, plan))
    command = [sys.executable, "-P", "-m", "assay.bench.generator"]
    timeout_s = plan.warmup_s + plan.seconds + DRAIN_S + _PATIENCE_S
    try:
        done = subprocess.run(command, input=task, capture_output=True, timeout=timeout_s, check=True)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"the server did not take what was sent to it within {timeout_s:.0f} s") from None
    except subprocess.CalledProcessError as error:
        told = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {error.returncode}"]
        raise UnavailableError(f"the load could not be sent to {host}:{port}: {told[-1]}") from None
    return msgspec.msgpack.decode(done.stdout, type=Load)


def main() -> None:
    """Do one task."""
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Task)
    hold_to(task.core)
    gc.disable()  # what is kept of an answer has no cycles, and a pause of the load would be the server's
    try:
        with open_lines(task.host, task.port, task.plan.connections) as lines:
            load = run(task.plan, lines, perf_counter)
    except OSError as error:
        sys.exit(error.strerror or type(error).__name__)
    sys.stdout.buffer.write(msgspec.msgpack.encode(load))


if __name__ == "__main__":
    main()
