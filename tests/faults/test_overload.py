"""Faults 15 and 16: more at once than a server takes, and a poison row among many."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assay.adapters.sql.log_view import all_predictions
from assay.app import App
from assay.records.shipper import Shipper
from tests.faults.figures import Figure
from tests.faults.server import BODY, Server, deployed, serving

CLIENTS, EACH = 48, 60
SLOW = 400
#: A storm goes on until so many requests were refused, however quick the machine is.
REFUSALS = 200
TIMEOUT_S = 120.0

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = deployed(tmp_path / "home")
    yield app
    app.engine.dispose()


class Crowd:
    """Clients that ask again at once, whatever they are told; what came of it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.acknowledged: list[str] = []
        self.refused = 0
        self.others: list[bytes] = []

    async def storm(self, until_refused: int) -> None:
        """`EACH` requests of each of `CLIENTS`, and more until `until_refused` of all were refused."""
        await asyncio.wait_for(asyncio.gather(*[self._ask(until_refused) for _ in range(CLIENTS)]), TIMEOUT_S)

    async def _ask(self, until_refused: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        asked = 0
        while asked < EACH or self.refused < until_refused:
            asked += 1
            writer.write(_request(BODY))
            status, body = await _answer(reader)
            if status == 200:
                self.acknowledged.append(msgspec.json.decode(body)["prediction_id"])
            elif status == 503 and b"urn:assay:problem:overloaded" in body:
                self.refused += 1
            else:
                self.others.append(body)
        writer.close()
        await writer.wait_closed()


def stormed(server: Server, *, until_refused: int = 0) -> Crowd:
    crowd = Crowd(server.port)
    asyncio.run(crowd.storm(until_refused))
    return crowd


def logged(app: App) -> list[str]:
    Shipper(app.spools, lambda: app.sink).adopt()
    return [str(row["prediction_id"]) for row in all_predictions(app.engine)]


def test_a_storm_is_shed_and_what_was_answered_is_on_record(app: App, figure: Figure) -> None:
    with serving(app.home, ASSAY_MAX_READY="1") as server:
        crowd = stormed(server, until_refused=REFUSALS)
        while not (after := stormed_alone(server)):
            crowd.refused += 1
        concerns = server.concerns()
    found = logged(app)
    lost = set(crowd.acknowledged) - set(found)
    figure(refused=crowd.refused, acknowledged=len(crowd.acknowledged), lost=len(lost), others=len(crowd.others))
    assert crowd.acknowledged
    assert crowd.others == []
    assert set(found) == {*crowd.acknowledged, after}
    assert concerns == []


def test_with_room_for_all_none_is_refused(app: App, figure: Figure) -> None:
    with serving(app.home, ASSAY_MAX_READY=str(CLIENTS)) as server:
        crowd = stormed(server)
    figure(refused=crowd.refused, acknowledged=len(crowd.acknowledged), others=len(crowd.others))
    assert (crowd.refused, len(crowd.acknowledged), crowd.others) == (0, CLIENTS * EACH, [])


def test_slow_clients_keep_nobody_waiting_and_are_answered_in_the_end(app: App, figure: Figure) -> None:
    whole = _request(BODY)

    async def run(server: Server) -> tuple[list[str], Crowd]:
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(SLOW)]
        for number, (_, writer) in enumerate(slow):
            writer.write(whole[: 1 + number % (len(whole) - 1)])
        crowd = Crowd(server.port)
        await crowd.storm(0)
        for number, (_, writer) in enumerate(slow):
            writer.write(whole[1 + number % (len(whole) - 1) :])
        answers = [await _answer(reader) for reader, _ in slow]
        for _, writer in slow:
            writer.close()
            await writer.wait_closed()
        assert {status for status, _ in answers} == {200}
        return [msgspec.json.decode(body)["prediction_id"] for _, body in answers], crowd

    with serving(app.home, ASSAY_MAX_READY=str(SLOW)) as server:
        slow, crowd = asyncio.run(asyncio.wait_for(run(server), TIMEOUT_S))
    figure(slow=len(slow), acknowledged=len(crowd.acknowledged), refused=crowd.refused, others=len(crowd.others))
    assert (crowd.refused, len(crowd.acknowledged), crowd.others) == (0, CLIENTS * EACH, [])
    assert set(logged(app)) == {*slow, *crowd.acknowledged}


def stormed_alone(server: Server) -> str | None:
    """The id of an answer to one client alone; None where it was refused."""

    async def ask() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(_request(BODY))
        told = await _answer(reader)
        writer.close()
        await writer.wait_closed()
        return told

    status, body = asyncio.run(ask())
    return str(msgspec.json.decode(body)["prediction_id"]) if status == 200 else None


def _request(body: bytes) -> bytes:
    head = "POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json"
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
    return int(head.split(b" ")[1]), await reader.readexactly(length)
