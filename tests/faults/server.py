"""A real server in a process of its own, with a hand-made release, under load from this one."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from assay.app import App, open_app
from assay.registry.releases import Registration, publish
from assay.settings import Settings
from tests.release.material import trees_bundle

BODY = msgspec.json.encode({"model": "topic", "features": {"goals": 3, "price": 1.5, "page": "a"}})
COUNTED = "classification_predictions_total{"
REQUEST_TIMEOUT_S = 30.0
START_TIMEOUT_S = 120.0


def deployed(home: Path) -> App:
    """A home in which one classifier is deployed."""
    app = open_app(settings=Settings(home=home))
    registration = Registration(passed=True, framework="lightgbm", metrics={}, created_at=1.0, created_by="test")
    version = publish(trees_bundle(), {}, registration, registry=app.registry, blobs=app.blobs)
    app.registry.deploy("topic", version.version, expected_generation=0, by="test", at=1.0)
    return app


class Server:
    """A running server; `acknowledged` are the ids of all answers that clients have read to the end."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.acknowledged: list[str] = []
        self.broken = 0
        self._again = self._enough = False
        self._clients: list[threading.Thread] = []

    def load(self, clients: int, *, again: bool = False) -> None:
        """Send requests from several threads until the server is gone; with `again` over new connections."""
        self._again = again
        self._clients = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(clients)]
        for client in self._clients:
            client.start()

    def shippers(self) -> list[int]:
        """The processes that ship for this server: its children by that name."""
        return self._children(b"assay.api.shipping")

    def workers(self) -> list[int]:
        """The processes that answer, where there are several."""
        return self._children(b"spawn_main")

    def _children(self, name: bytes) -> list[int]:
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and name in (directory / "cmdline").read_bytes():
                    found.append(int(directory.name))
        return found

    def counted(self) -> int:
        """How many predictions /metrics tells of."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", "/metrics")
            told = connection.getresponse().read().decode()
        finally:
            connection.close()
        return int(sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith(COUNTED)))

    def concerns(self) -> list[str]:
        """What /health says is wrong."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            return list(msgspec.json.decode(connection.getresponse().read())["reasons"])
        finally:
            connection.close()

    def rest(self) -> None:
        """End the load and wait for the last answers."""
        self._enough = True
        for client in self._clients:
            client.join(REQUEST_TIMEOUT_S)

    def kill(self, signal_number: int) -> int:
        """Send the signal and wait for the end of the process and of all clients; its exit code."""
        self.process.send_signal(signal_number)
        code = self.process.wait(REQUEST_TIMEOUT_S)
        for client in self._clients:
            client.join(REQUEST_TIMEOUT_S)
        return code

    def _ask_on(self) -> None:
        while self._ask():
            if not self._again:
                return

    def _ask(self) -> bool:
        """Ask on one connection until it breaks; whether another can be made."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.connect()
        except OSError:
            return False
        try:
            while True:
                if self._enough:
                    return False
                connection.request("POST", "/v1/predict", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status == 200:
                    self.acknowledged.append(msgspec.json.decode(content)["prediction_id"])
        except (OSError, http.client.HTTPException):
            self.broken += 1
            return True
        finally:
            connection.close()


@contextmanager
def serving(home: Path, *arguments: str, **settings: str) -> Iterator[Server]:
    """Serve what is deployed in `home` on a free port; the process does not outlive the block."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("assay")), "serve", "--port", "0", *arguments],
        env={**os.environ, "ASSAY_HOME": str(home), **settings},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    reader = _Reader(process)
    try:
        yield Server(process, reader.port())
    finally:
        process.kill()
        process.wait()
        reader.end()


class _Reader:
    """Reads what a server says, so that it never waits for a full pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []
        self._port: int | None = None
        self._known = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def port(self) -> int:
        """Where it serves, as soon as it says so."""
        self._known.wait(START_TIMEOUT_S)
        if self._port is None:
            raise AssertionError("the server did not start:\n" + "".join(self._said))
        return self._port

    def end(self) -> None:
        """Close the pipe when the last process that writes to it has gone."""
        self._thread.join(REQUEST_TIMEOUT_S)
        assert not self._thread.is_alive(), "a process of the server outlives it"
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self._said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self._port = int(found[1])
                self._known.set()
        self._known.set()
