"""The short way of a request, over real sockets: it must tell the same as uvicorn's own way, whatever a client does."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from assay.api import protocol as wire
from assay.api.crowd import Crowd
from assay.api.hold import Hold
from assay.api.hot import HotDoor, Receive, Send
from assay.api.predict import Call, Handler
from assay.api.problems import KIND_NAMES, Reply
from assay.api.protocol import HotProtocol
from assay.errors import UnavailableError
from assay.serving.metrics import DoorCounters, Slab

TIMEOUT_S = 30.0
MAX_BODY = 1000
HEADERS = {"host": "h", "content-type": "application/json"}


def echo(call: Call) -> Reply:
    if call.body == b"fail":
        raise UnavailableError("not now")
    if call.body == b"broken":
        raise RuntimeError("secret")
    return Reply(200, call.body)


async def _later(body: bytes) -> Reply:
    await asyncio.sleep(0)
    if body == b"fail":
        raise UnavailableError("not now")
    return Reply(200, b"later " + body)


def later(call: Call) -> Awaitable[Reply]:
    return _later(call.body)


def large(call: Call) -> Reply:
    return Reply(200, call.body * 1_000)


async def behind(scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
    body = json.dumps([scope["method"], scope["path"], scope["query_string"].decode()]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A server in a thread of this process."""

    def __init__(
        self, app: HotDoor, protocol: type[HttpToolsProtocol], refused: list[str], keep_alive_s: int = 30
    ) -> None:
        self.door = app
        self.refused = refused
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        config = uvicorn.Config(
            app, http=protocol, log_config=None, access_log=False, server_header=False,
            proxy_headers=False, lifespan="on",
            timeout_keep_alive=keep_alive_s, timeout_graceful_shutdown=5,
        )  # fmt: skip
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listening]))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_S)

    def stop(self) -> None:
        self.server.should_exit = True


@contextmanager
def running(
    tmp_path: Path,
    protocol: type[HttpToolsProtocol] = HotProtocol,
    handlers: dict[str, Handler] | None = None,
    crowd: Crowd | None = None,
    sync: Callable[[], None] | None = None,
    **more: Any,
) -> Iterator[Running]:
    counters = DoorCounters(Slab(tmp_path / "counters", "worker-1"), KIND_NAMES)
    refused: list[str] = []
    counters.error = refused.append  # type: ignore[method-assign] - what is counted, in order
    routes = handlers or {"/echo": echo, "/later": later, "/large": large}
    hold = None if sync is None else Hold(sync)
    crowd = crowd or Crowd(64, time.monotonic)
    door = HotDoor(behind, routes, counters, frozenset({b"h"}), MAX_BODY, crowd, hold)
    server = Running(door, protocol, refused, **more)
    server.thread.start()
    try:
        yield server
    finally:
        server.stop()
        server.thread.join(TIMEOUT_S)
        server.listening.close()
        assert not server.thread.is_alive()


def nothing() -> None:
    """A sync that is done at once."""


def at_fault() -> None:
    raise UnavailableError("the log cannot be made durable")


@pytest.fixture(params=[None, nothing], ids=["at once", "held"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(tmp_path, sync=request.param) as server:
        yield server


def post(path: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "host: h", "content-type: application/json", *headers]
    if not any(line.lower().startswith("transfer-encoding") for line in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def head_of(*headers: str) -> bytes:
    lines = ["POST /echo HTTP/1.1", "host: h", "content-type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode()


def read_answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """So many answers with a content-length, in order."""
    raw, answers = b"", []
    while len(answers) < count:
        head, found, rest = raw.partition(b"\r\n\r\n")
        if found:
            status, *lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            size = int(headers.get("content-length", 0))
            if len(rest) >= size:
                answers.append((int(status.split()[1]), headers, rest[:size]))
                raw = rest[size:]
                continue
        piece = connection.recv(65536)
        assert piece, f"the connection ended early: {raw!r}"
        raw += piece
    assert raw == b""
    return answers


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection without another byte."""
    with suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def ask(server: Running, request: bytes, count: int = 1) -> list[tuple[int, dict[str, str], bytes]]:
    with server.connect() as connection:
        connection.sendall(request)
        return read_answers(connection, count)


@pytest.mark.parametrize(
    "request_",
    [
        post("/echo", b'{"a": 1}'),
        post("/echo", b""),
        post("/echo", b"1", "x-request-id: mine"),
        post("/echo", b"1", "x-request-id: \x01"),
        post("/echo", b"fail"),
        post("/echo", b"broken", "x-request-id: mine"),
        post("/echo", b"x" * (MAX_BODY + 1)),
        post("/echo", b"1", "content-encoding: gzip"),
        post("/echo", b"1", "connection: close"),
        post("/echo", b"1", version="1.0"),
        post("/echo", b"1", "connection: upgrade", "upgrade: h2c"),
        post("/echo?x=1", b"1"),
        post("/ec%68o", b"1"),
        post("/later", b"1"),
        post("/later", b"fail", "x-request-id: mine"),
        post("/echo", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "transfer-encoding: chunked"),
        post("/elsewhere", b"1"),
        post("/echo", b"1").replace(b"POST", b"PUT"),
        post("/echo", b"1").replace(b"host: h", b"host: elsewhere"),
        post("/echo", b"1").replace(b"application/json", b"text/plain"),
        b"GET /elsewhere?x=1 HTTP/1.1\r\nhost: h\r\n\r\n",
    ],
)
@pytest.mark.parametrize("sync", [None, nothing, at_fault], ids=["at once", "held", "not durable"])
def test_both_ways_tell_the_same(tmp_path: Path, request_: bytes, sync: Callable[[], None] | None) -> None:
    told = []
    for protocol in (HotProtocol, HttpToolsProtocol):
        with running(tmp_path / protocol.__name__, protocol) as server:
            for _ in range(2):
                ((status, headers, body),) = ask(server, request_)
                headers.pop("date")
                told.append((status, headers, re.sub(rb'"request_id":"[0-9a-f]{32}"', b"", body)))
    assert told[0] == told[1] == told[2] == told[3]


def test_a_plain_request_takes_the_short_way(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the usual way")

    with monkeypatch.context() as patched:
        patched.setattr(HttpToolsProtocol, "_start_asgi_task", refuse)
        assert ask(server, post("/echo", b"1", "x-request-id: mine") * 2, 2)[1][1]["x-request-id"] == "mine"


def test_a_head_that_is_known_is_not_parsed_again(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    known, other = post("/echo", b"12"), post("/echo", b"123")
    with server.connect() as connection:
        connection.sendall(known)
        read_answers(connection, 1)
        monkeypatch.setattr(HttpToolsProtocol, "data_received", lambda *_: pytest.fail("it was parsed"))
        connection.sendall(known.replace(b"12", b"34"))
        assert read_answers(connection, 1)[0][2] == b"34"
        monkeypatch.undo()
        connection.sendall(other + known)
        assert [body for _, _, body in read_answers(connection, 2)] == [b"123", b"12"]


@pytest.mark.parametrize("path", ["/later", "/echo"])
def test_a_known_head_is_answered_whichever_way_its_answer_goes(server: Running, path: str) -> None:
    with server.connect() as connection:
        for body in (b"12", b"34", b"fa", b"56"):
            connection.sendall(post(path, body))
            assert read_answers(connection, 1)[0][2] == (b"later " if path == "/later" else b"") + body
        connection.sendall(post(path, b"fail") * 2 + post(path, b"12"))
        assert [status for status, _, _ in read_answers(connection, 3)] == [503, 503, 200]


def test_a_known_head_with_a_piece_of_its_body_waits_for_the_rest(server: Running) -> None:
    with server.connect() as connection:
        for _ in range(3):
            request = post("/echo", b"12")
            connection.sendall(request[:-1])
            connection.sendall(request[-1:] + request[:10])
            connection.sendall(request[10:])
            assert [body for _, _, body in read_answers(connection, 2)] == [b"12", b"12"]


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n" + head_of("content-length: 2"),
        head_of("content-length: 2").replace(b"\r", b""),
        head_of("x-request-id: a", "content-length: 2"),
        head_of("x: " + "y" * 1000, "content-length: 2"),
    ],
    ids=["blank lines before", "bare line feeds", "an id of its own", "long"],
)
def test_odd_heads_are_parsed_every_time(tmp_path: Path, head: bytes) -> None:
    with running(tmp_path) as server, server.connect() as connection:
        connection.sendall(head + b"12" + b"\r\n\r\n"[: 4 * head.startswith(b"\r")])
        (status, _, body), *_ = read_answers(connection, 1)
        assert (status, body) in {(200, b"12"), (400, body)}
        assert server.door.known_heads == {}


def test_the_heads_that_are_kept_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.api.hot._MOST_HEADS", 3)
    with running(tmp_path) as server:
        for at in range(1, 9):
            assert ask(server, post("/echo", b"1" * at))[0][2] == b"1" * at
            assert 0 < len(server.door.known_heads) <= 3


def test_a_connection_is_kept_for_the_next_request(server: Running) -> None:
    with server.connect() as connection:
        for number in range(3):
            connection.sendall(post("/echo", b"%d" % number))
            assert [body for _, _, body in read_answers(connection, 1)] == [b"%d" % number]


def test_a_request_may_come_byte_by_byte(server: Running) -> None:
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post("/echo", b'{"a": 1}') * 2:
            connection.sendall(bytes([byte]))
        assert [body for _, _, body in read_answers(connection, 2)] == [b'{"a": 1}'] * 2


def test_pipelined_requests_are_answered_in_order_whichever_way_they_go(server: Running) -> None:
    paths = ["/echo", "/later", "/echo", "/elsewhere", "/later", "/echo", "/echo"]
    with server.connect() as connection:
        connection.sendall(b"".join(post(path, b"%d" % at) for at, path in enumerate(paths)))
        bodies = [body for _, _, body in read_answers(connection, len(paths))]
    wanted = [
        {"/echo": b"%d", "/later": b"later %d"}[path] % at if path != "/elsewhere" else b'["POST", "/elsewhere", ""]'
        for at, path in enumerate(paths)
    ]
    assert bodies == wanted


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(server: Running) -> None:
    head, body = post("/echo", b"1", "expect: 100-continue")[:-1], b"1"
    with server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_answers(connection, 1)[0][2] == b"1"


def test_a_body_without_end_is_refused_before_it_ends(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(post("/echo", b"", "transfer-encoding: chunked"))
        connection.sendall(b"%x\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1) + b"\r\n")
        ((status, headers, _),) = read_answers(connection, 1)
        assert (status, headers["connection"]) == (413, "close")
        assert is_closed(connection)


def test_rubbish_is_a_400_and_the_end(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert read_answers(connection, 1)[0][0] == 400
        assert is_closed(connection)


def test_a_reader_that_stops_is_waited_for_and_others_are_served(server: Running) -> None:
    count, size = 40, 900
    with server.connect() as slow:
        for at in range(count):
            slow.sendall(post("/large", b"%d" % (at % 10) * size))
        for _ in range(20):
            assert ask(server, post("/echo", b"1"))[0][2] == b"1"
        answers = read_answers(slow, count)
    assert [body[:1] for _, _, body in answers] == [b"%d" % (at % 10) for at in range(count)]
    assert {len(body) for _, _, body in answers} == {size * 1_000}


def test_a_client_that_goes_away_in_mid_request_harms_nobody(server: Running) -> None:
    for cut in (10, 60, -1):
        with server.connect() as connection:
            connection.sendall(post("/echo", b"12345")[:cut])
    with server.connect() as connection:
        connection.sendall(post("/large", b"1" * 900))
    assert ask(server, post("/echo", b"1"))[0][2] == b"1"


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(tmp_path: Path) -> None:
    with running(tmp_path, keep_alive_s=1) as server, server.connect() as busy, server.connect() as idle:
        idle.sendall(post("/echo", b"1"))
        assert len(read_answers(idle, 1)) == 1
        begun = time.monotonic()
        busy.sendall(post("/echo", b"1"))
        assert len(read_answers(busy, 1)) == 1
        busy.sendall(post("/echo", b"12")[:-1])
        assert is_closed(idle)
        assert time.monotonic() - begun > 0.5
        busy.sendall(b"2")
        assert read_answers(busy, 1)[0][2] == b"12"


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"POST /ec", head_of("content-length: 2") + b"1"])
def test_a_client_that_does_not_come_to_an_end_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(wire, "_WHOLE_WITHIN_S", 1.0)
    with running(tmp_path, keep_alive_s=1) as server, server.connect() as fresh, server.connect() as known:
        for path in ("/echo", "/later"):
            known.sendall(post(path, b"1"))
            assert len(read_answers(known, 1)) == 1
        fresh.sendall(begun)
        known.sendall(begun)
        assert (is_closed(fresh), is_closed(known)) == (True, True)


@pytest.mark.parametrize("rest", [b"a" * 4_000, b"a: b\r\n" * 700], ids=["one header", "many headers"])
def test_a_head_that_does_not_end_is_not_read_on(tmp_path: Path, rest: bytes) -> None:
    with running(tmp_path) as server, server.connect() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nhost: h\r\nx: y")
        with suppress(ConnectionError):
            while True:
                connection.sendall(rest)
        assert server.refused == ["head_too_large"]
        assert ask(server, post("/echo", b"1"))[0][2] == b"1"


@pytest.mark.parametrize("sync", [None, nothing], ids=["at once", "held"])
def test_one_connection_that_pipelines_leaves_others_their_turn(
    tmp_path: Path, sync: Callable[[], None] | None
) -> None:
    turns: list[int] = []
    ended = True

    def tell(call: Call) -> Reply:
        nonlocal ended
        if ended:
            turns.append(0)
            asyncio.get_running_loop().call_soon(end)
            ended = False
        turns[-1] += 1
        return Reply(200, call.body)

    def end() -> None:
        nonlocal ended
        ended = True

    waiting: list[int] = []

    class Watched(HotProtocol):
        def on_response_complete(self) -> None:
            super().on_response_complete()
            waiting.append(len(self.pipeline))

    count = 9_000
    with running(tmp_path, Watched, {"/tell": tell}, sync=sync) as server, server.connect() as connection:
        sending = threading.Thread(
            target=connection.sendall, args=(b"".join(post("/tell", b"%04d" % at) for at in range(count)),)
        )
        sending.start()
        answers = read_answers(connection, count)
        sending.join(TIMEOUT_S)
    assert [body for _, _, body in answers] == [b"%04d" % at for at in range(count)]
    assert max(turns) <= wire._MOST_AT_ONCE + 1
    assert 0 < max(waiting) < count / 2, "no more is read than what one call brings"


def test_a_request_that_is_coming_in_when_the_server_stops_is_still_answered(tmp_path: Path) -> None:
    arrived = threading.Event()

    def tell(call: Call) -> Reply:
        return Reply(200, call.body)

    class Watched(HotProtocol):
        def on_body(self, body: bytes) -> None:
            super().on_body(body)
            arrived.set()

        def shutdown(self) -> None:
            super().shutdown()
            stopping.set()

    stopping = threading.Event()
    with running(tmp_path, Watched, {"/echo": tell}) as server, server.connect() as connection:
        connection.sendall(post("/echo", b"12")[:-1])
        assert arrived.wait(TIMEOUT_S)
        server.stop()
        assert stopping.wait(TIMEOUT_S)
        connection.sendall(b"2")
        ((status, headers, body),) = read_answers(connection, 1)
        assert (status, headers["connection"], body) == (200, "close", b"12")
        assert is_closed(connection)


def test_answers_that_are_ready_together_share_a_sync(tmp_path: Path) -> None:
    syncs: list[int] = []
    with running(tmp_path, sync=lambda: syncs.append(1)) as server, server.connect() as connection:
        connection.sendall(b"".join(post("/echo", b"%d" % at) for at in range(20)))
        assert [body for _, _, body in read_answers(connection, 20)] == [b"%d" % at for at in range(20)]
        assert 1 <= len(syncs) < 20


def test_an_answer_that_is_not_durable_is_a_503_and_a_refusal_waits_for_nothing(tmp_path: Path) -> None:
    with running(tmp_path, sync=at_fault) as server, server.connect() as connection:
        connection.sendall(post("/echo", b"1") + post("/echo", b"fail") + post("/later", b"2"))
        answers = read_answers(connection, 3)
        assert [status for status, _, _ in answers] == [503, 503, 503]
        assert [b"durable" in body for _, _, body in answers] == [True, False, True]
        assert all("retry-after" in headers for _, headers, _ in answers)


def broken_disk() -> None:
    raise OSError("EIO")


def test_whatever_fails_in_a_sync_those_who_wait_are_told(tmp_path: Path) -> None:
    with running(tmp_path, sync=broken_disk) as server:
        assert [status for status, _, _ in ask(server, post("/echo", b"1") * 2 + post("/later", b"2"), 3)] == [503] * 3


def test_rubbish_behind_a_held_answer_is_told_after_it(tmp_path: Path) -> None:
    with running(tmp_path, sync=nothing) as server, server.connect() as connection:
        connection.sendall(post("/echo", b"12") + b"rubbish\r\n\r\n")
        told = b""
        while piece := connection.recv(65536):
            told += piece
        assert told.startswith(b"HTTP/1.1 200")
        assert b"\r\n\r\n12HTTP/1.1 400" in told


def test_an_answer_that_is_held_when_the_server_stops_still_leaves(tmp_path: Path) -> None:
    def stop() -> None:
        server.stop()
        for connection in list(server.server.server_state.connections):
            connection.shutdown()

    with running(tmp_path, sync=stop) as server, server.connect() as connection:
        connection.sendall(post("/echo", b"12"))
        assert read_answers(connection, 1)[0][2] == b"12"
        assert is_closed(connection)


def _by_httpx(url: str, bodies: list[bytes]) -> list[bytes]:
    with httpx.Client(trust_env=False) as client:
        answers = [client.post(url, content=body, headers=HEADERS) for body in bodies]
    assert {answer.http_version for answer in answers} == {"HTTP/1.1"}
    assert all("date" in answer.headers and answer.headers["cache-control"] == "no-store" for answer in answers)
    return [answer.content for answer in answers]


def _by_aiohttp(url: str, bodies: list[bytes]) -> list[bytes]:
    async def post_one(client: aiohttp.ClientSession, body: bytes) -> bytes:
        async with client.post(url, data=body, headers=HEADERS) as answer:
            return await answer.read()

    async def post_all() -> list[bytes]:
        async with aiohttp.ClientSession() as client:
            return list(await asyncio.gather(*[post_one(client, body) for body in bodies]))

    return asyncio.run(post_all())


def _by_curl(url: str, bodies: list[bytes]) -> list[bytes]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    given = [part for name, value in HEADERS.items() for part in ("-H", f"{name}: {value}")]
    asked = [["-s", "-m", f"{TIMEOUT_S}", *given, "-d", body.decode(), "-w", "\n", url, "--next"] for body in bodies]
    told = subprocess.run(["curl", *chain.from_iterable(asked)][:-1], check=True, stdout=subprocess.PIPE).stdout
    return told.splitlines()


@pytest.mark.parametrize("client", [_by_httpx, _by_aiohttp, _by_curl])
def test_a_client_finds_nothing_unusual(server: Running, client: Callable[[str, list[bytes]], list[bytes]]) -> None:
    bodies = [b"[%d]" % at for at in range(5)]
    assert client(f"http://127.0.0.1:{server.port}/echo", bodies) == bodies
