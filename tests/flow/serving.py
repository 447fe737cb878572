"""A real server on a free port of this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.flow.material import environment

_LIMIT_S = 120.0


@contextmanager
def served(command: Sequence[str | Path], home: Path) -> Iterator[httpx.Client]:
    """Run a command that serves, and stop it with SIGTERM; it must end well and in time."""
    process = subprocess.Popen(
        list(map(str, command)), env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    limit = threading.Timer(_LIMIT_S, process.kill)
    limit.start()
    printed: list[str] = []
    try:
        address = _address(process, printed)
        rest = threading.Thread(target=lambda: printed.extend(process.stderr or ()), daemon=True)
        rest.start()
        with httpx.Client(base_url=address, timeout=30.0, trust_env=False) as client:
            yield client
        process.send_signal(signal.SIGTERM)
        code = process.wait(_LIMIT_S)
        rest.join(_LIMIT_S)
        assert code == 0, "".join(printed)
        assert "Traceback" not in "".join(printed)
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _address(process: subprocess.Popen[str], printed: list[str]) -> str:
    for line in process.stderr or ():
        printed.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("it does not serve:\n" + "".join(printed))
