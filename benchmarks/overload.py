"""What becomes of a server that is asked too much: `python benchmarks/overload.py`.

One server on one core, clients on another, each with a connection that stays and one request open at a time. `polite`
clients come again after the seconds of `Retry-After`, the others at once. Processor time is the server's own, so that a
busy machine disturbs it least; latencies are the clients' wall clocks and mean something on a machine that is not.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from assay.settings import Settings

HERE = Path(__file__).resolve().parent
SECONDS = 4.0
CROWDS = ((32, True), (96, True), (320, True), (1000, True), (96, False), (320, False), (1000, False))
#: As it ships, and so that nothing is ever refused.
BOUNDS = (str(Settings().max_ready), "1000000")


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, *, polite: bool, answered: list[float], refused: list[float]) -> None:
        self._request = request
        self._polite = polite
        self._answered = answered
        self._refused = refused
        self._raw = b""
        self._began = 0.0
        self.stopped = False

    def connection_made(self, transport: Any) -> None:
        """Ask at once."""
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and ask again."""
        self._raw += data
        head, found, rest = self._raw.partition(b"\r\n\r\n")
        if not found or len(rest) < int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]):
            return
        self._raw = b""
        taken = time.perf_counter() - self._began
        ok = head.startswith(b"HTTP/1.1 200")
        (self._answered if ok else self._refused).append(taken)
        if self._polite and not ok:
            asyncio.get_running_loop().call_later(1.0, self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        if not self.stopped and not self.transport.is_closing():
            self._began = time.perf_counter()
            self.transport.write(self._request)


class Measured(NamedTuple):
    """One crowd: answers and refusals a second, their 99th percentiles in ms, the server's processor us an answer."""

    answered: float
    refused: float
    answered_p99: float
    refused_p99: float
    processor_us: float


async def _crowd(port: int, request: bytes, connections: int, pid: int, *, polite: bool) -> Measured:
    answered: list[float] = []
    refused: list[float] = []
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, polite=polite, answered=answered, refused=refused), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.sleep(1.0)
    answered.clear()
    refused.clear()
    began, spent = time.perf_counter(), _processor_s(pid)
    await asyncio.sleep(SECONDS)
    taken, spent = time.perf_counter() - began, _processor_s(pid) - spent
    for client in clients:
        client.stopped = True
    await asyncio.sleep(0.3)
    for client in clients:
        client.transport.close()
    count = max(1, len(answered))
    return Measured(len(answered) / taken, len(refused) / taken, _p99(answered), _p99(refused), spent / count * 1e6)


def _p99(taken: list[float]) -> float:
    return sorted(taken)[int(len(taken) * 0.99)] * 1000.0 if taken else 0.0


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print one line a crowd."""
    sys.path.insert(0, str(HERE))
    import uvloop
    from releases import publish_all
    from servers import assay_serve

    from assay.app import open_app

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        name = "lightgbm_200x31"
        example = publish_all(open_app(settings=Settings(home=home)))[name]
        body = json.dumps({"model": name, "features": example}).encode()
        head = "POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json"
        request = f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        os.sched_setaffinity(0, {1})
        for bound in BOUNDS:
            os.environ["ASSAY_MAX_READY"] = bound
            with assay_serve(home, probe={"model": "lightgbm_200x31", "features": example}, core=0) as server:
                for connections, polite in CROWDS:
                    found = uvloop.run(_crowd(server.port, request, connections, server.pid, polite=polite))
                    told = ", ".join(f"{key.replace('_', ' ')} {value:.1f}" for key, value in found._asdict().items())
                    name = f"ASSAY_MAX_READY={bound}, {connections} {'polite' if polite else 'storming'}"
                    print(f"{name}: {told}", flush=True)
                    server.settle()


if __name__ == "__main__":
    main()
