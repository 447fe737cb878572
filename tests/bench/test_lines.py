"""Connections of the load, against a server of a few lines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from assay.bench.generator import generate
from assay.bench.lines import is_whole, open_lines, post
from assay.bench.load import Plan
from assay.errors import UnavailableError

HEAD = b"HTTP/1.1 200 OK\r\nserver: toy\r\nContent-Length: 5\r\n\r\n"


@contextmanager
def toy(*answers: bytes) -> Iterator[int]:
    """A server on a free port: on each connection it gives these answers, one a request, and then closes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            for told in answers:
                if not connection.recv(65536):
                    return
                for at in range(0, len(told), 20):
                    connection.sendall(told[at : at + 20])

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join(10)


@pytest.mark.parametrize(
    ("read", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\n", False),
        (HEAD, False),
        (HEAD + b"1234", False),
        (HEAD + b"12345", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    ],
)
def test_the_end_of_an_answer_is_found(read: bytes, whole: bool) -> None:
    assert is_whole(read) is whole


def test_a_request_is_written_as_http_has_it() -> None:
    exchange = post("/v1/predict", b'{"a":1}', b"ham")
    head, _, body = exchange.request.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /v1/predict HTTP/1.1"
    assert b"content-length: 7" in head.splitlines()
    assert (body, exchange.expected) == (b'{"a":1}', b"ham")


def _next(lines: object) -> tuple[int, bytes | None]:
    while not (arrived := lines.wait(10.0)):  # type: ignore[attr-defined] - the seam has no type of its own here
        pass
    return arrived[0]


def test_an_answer_in_pieces_is_one_answer() -> None:
    with toy(HEAD + b"12345", HEAD + b"67890") as port, open_lines("127.0.0.1", port, 2) as lines:
        for expected in (b"12345", b"67890"):
            lines.send(1, b"POST")
            line, answer = _next(lines)
            assert line == 1
            assert answer is not None
            assert answer.endswith(expected)


def test_a_line_that_was_closed_is_open_again() -> None:
    with toy(HEAD + b"12345") as port, open_lines("127.0.0.1", port, 1) as lines:
        for _ in range(3):
            lines.send(0, b"POST")
            answers = [_next(lines)[1], _next(lines)[1]]
            assert answers == [HEAD + b"12345", None]


@pytest.mark.integration
@pytest.mark.parametrize("rate", [None, 200.0])
def test_a_process_of_its_own_sends_and_counts(rate: float | None) -> None:
    exchanges = (post("/", b"{}", b"12345"), post("/", b"[]", b"other"))
    with toy(*[HEAD + b"12345"] * 10_000) as port:
        told = generate(Plan(exchanges=exchanges, connections=2, seconds=0.3, warmup_s=0.0, rate=rate), port)
    assert told.answers >= told.requests > 0
    assert set(told.faults) == {"different"}
    assert abs(told.faults["different"] - told.answers) <= 2


@pytest.mark.integration
def test_without_a_server_it_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"could not be sent to 127.0.0.1:{port}"):
        generate(Plan(exchanges=(post("/", b"{}", b""),), connections=1, seconds=0.1), port)
