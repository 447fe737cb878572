"""The connections of the load: plain sockets and as much of HTTP as finding the end of an answer takes."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from assay.bench.load import Exchange

_CONNECT_S = 5.0
_BLOCK = 1 << 16
_LENGTH = b"\r\ncontent-length:"


class SocketLines:
    """`Lines` over TCP; see the seam in `load.py`."""

    def __init__(self, host: str, port: int, count: int) -> None:
        self._address = (host, port)
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._read: list[bytes] = [b""] * count
        for line in range(count):
            self._sockets.append(self._connect(line))

    def send(self, line: int, request: bytes) -> None:
        """Send a whole request."""
        try:
            self._sockets[line].sendall(request)
        except (BrokenPipeError, ConnectionResetError):  # closed while it was idle
            self._reconnect(line)
            self._sockets[line].sendall(request)

    def wait(self, timeout_s: float) -> list[tuple[int, bytes | None]]:
        """Lines whose answer is whole."""
        arrived: list[tuple[int, bytes | None]] = []
        for key, _ in self._selector.select(timeout_s):
            line: int = key.data
            try:
                block = self._sockets[line].recv(_BLOCK)
            except ConnectionResetError:
                block = b""
            if not block:
                self._reconnect(line)
                arrived.append((line, None))
                continue
            read = self._read[line] + block if self._read[line] else block
            whole = is_whole(read)
            self._read[line] = b"" if whole else read
            if whole:
                arrived.append((line, read))
        return arrived

    def close(self) -> None:
        """Close every connection."""
        for one in self._sockets:
            one.close()
        self._selector.close()

    def _connect(self, line: int) -> socket.socket:
        made = socket.create_connection(self._address, timeout=_CONNECT_S)
        made.settimeout(None)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(made, selectors.EVENT_READ, line)
        return made

    def _reconnect(self, line: int) -> None:
        self._selector.unregister(self._sockets[line])
        self._sockets[line].close()
        self._read[line] = b""
        self._sockets[line] = self._connect(line)


@contextmanager
def open_lines(host: str, port: int, count: int) -> Iterator[SocketLines]:
    """Connections to a server. Raises OSError where it takes none."""
    lines = SocketLines(host, port, count)
    try:
        yield lines
    finally:
        lines.close()


def post(path: str, body: bytes, expected: bytes) -> Exchange:
    """A POST of JSON to a server on this machine, and what must stand in its answer."""
    headers = ("host: 127.0.0.1", "content-type: application/json", f"content-length: {len(body)}")
    head = "\r\n".join((f"POST {path} HTTP/1.1", *headers, "", ""))
    return Exchange(head.encode() + body, expected)


def is_whole(read: bytes) -> bool:
    """Whether an answer with a content-length has come to its end."""
    end = read.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = read[: end + 2].lower()
    at = head.find(_LENGTH)
    if at < 0:
        return True
    begin = at + len(_LENGTH)
    return len(read) >= end + 4 + int(head[begin : head.index(b"\r\n", begin)])
