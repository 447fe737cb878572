"""A server in a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0


class Running:
    """A server in a process of its own; `said` is what it printed so far."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        command = [sys.executable, "-W", "error", "-c", "from assay.cli.main import main; main()"]
        environment = {**os.environ, "ASSAY_HOME": str(home), "COLUMNS": "500", "TERM": "dumb"} | settings
        self.process = subprocess.Popen(
            [*command, "serve", "--port", "0", *arguments], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.said: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"serving at http://127\.0\.0\.1:(\d+)")[1])

    def _read(self) -> None:
        for line in self.process.stderr or ():
            with self._news:
                self.said.append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Wait until so many lines match; the last of them."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.said if (match := re.search(pattern, line))]

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= count, TIMEOUT_S), "\n".join(self.said)
            return found()[-1]

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            headers = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            raw = response.read()
            return response.status, json.loads(raw) if "json" in response.headers["content-type"] else raw.decode()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(TIMEOUT_S)
        self._reader.join(TIMEOUT_S)
        return code


@contextmanager
def running(home: Path, *arguments: str, **settings: str) -> Iterator[Running]:
    """A server; `settings` are variables of its environment."""
    server = Running(home, *arguments, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        if server.process.stderr is not None:
            server.process.stderr.close()
