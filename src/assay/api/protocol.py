"""The hot routes answered where bytes come in: uvicorn's protocol class, with a short way for what is ready at once.

A request takes the short way when it is a plain POST to a hot route on a connection where nothing else is open. It is
answered within the call that delivered its last byte: no scope, no task, one write. Clients send the same head again
and again: one that is known, with its whole body behind it, is not parsed. All else (other routes, refusals,
explanations of trees, `Expect: 100-continue`, a client that does not read, the last request before the end) goes
uvicorn's own way to the same `HotDoor`, which also serves under any other ASGI server.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from collections.abc import Awaitable, Collection, MutableMapping
from functools import partial
from time import perf_counter
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from assay.api.hot import SECURITY, Asgi, Head, HotDoor, Receive, Send, read_head
from assay.api.predict import Handler
from assay.api.problems import Reply
from assay.errors import AssayError

_HEAD_END = b"\r\n\r\n"
#: So many pipelined requests are answered before other connections have their turn; those behind them take the usual
#: way, one at a time, while nothing more is read.
_MOST_AT_ONCE = 16
#: Bytes of a request that are not its body.
_LARGEST_HEAD = 1 << 16
#: From its first byte to its last one.
_WHOLE_WITHIN_S = 60.0


class HotProtocol(HttpToolsProtocol):
    """One connection. `config.app` must be a `HotDoor` for the short way; any other application is served as usual."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._door: HotDoor | None = self.app if isinstance(self.app, HotDoor) else None
        self._handler: Handler | None = None
        self._head = Head(b"", b"", b"", b"", None)
        self._body: bytes | bytearray = b""
        self._between = True
        self._first_head = b""
        self._due: Reply | Awaitable[Reply] | None = None
        self._started = 0.0
        self._is_last = False
        self._held = 0
        self._answered = 0
        self._overhead = 0
        #: When the wait for a request, or for the rest of one, began; None while one is answered the usual way.
        self._idle_since: float | None = None
        self._begun: float | None = None
        self._watch: TimerHandle | None = None
        self._dated: list[tuple[bytes, bytes]] | None = None
        self._begin = b""

    def connection_made(self, transport: Any) -> None:
        """A client is there, and is expected to say something."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        if self._door is not None:
            self._idle_since = self.loop.time()
            self._watch = self.loop.call_later(self.timeout_keep_alive, self._look)

    def data_received(self, data: bytes) -> None:
        """Answer a request whose head is known, or have what came in parsed."""
        door, self._first_head, self._answered = self._door, b"", 0
        if door is not None and self._between:
            end = data.find(_HEAD_END) + len(_HEAD_END)
            head = data[:end]
            known = door.known_heads.get(head)
            if known is None:
                self._first_head = head
            elif len(data) == end + known.length and self._is_free() and self.timeout_keep_alive_task is None:
                answer = door.answer(known.handler, data[end:], perf_counter(), None)
                if self._tell(door, answer, None):
                    return
                self._due = answer
        self._overhead += len(data)
        super().data_received(data)
        if door is not None and self._overhead > _LARGEST_HEAD:
            self._refuse_head(door)
        if self._between and self._idle_since is None and (self.cycle is None or self.cycle.response_complete):
            self._idle_since = self.loop.time()

    def on_message_begin(self) -> None:
        """A request begins; the scope is made when it is needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._handler = None
        self._between = False
        self._idle_since = None
        self._begun = self.loop.time()
        self._overhead = 0

    def on_headers_complete(self) -> None:
        """Choose the way."""
        door = self._door
        due, self._due = self._due, None
        if door is not None and due is not None:
            self._go_the_usual_way(_telling(door, due, None))
            return
        handler = None if door is None else door.find(self.url.decode("latin-1"))
        if door is None or handler is None or not self._is_plain():
            self._go_the_usual_way()
            return
        self._started = perf_counter()
        head = self._head = read_head(self.headers)
        refused = door.refuse("POST", head)
        if refused is not None:
            self._go_the_usual_way(_telling(door, refused, head.request_id))
            return
        if self._first_head:
            door.remember(self._first_head, handler, head)
            self._first_head = b""
        self._handler = handler
        self._body = b""

    def on_body(self, body: bytes) -> None:
        """A piece of a body comes in; one that is too long is refused before the rest of it comes."""
        self._overhead = max(0, self._overhead - len(body))
        if self._handler is None:
            super().on_body(body)
            return
        if not self._body:
            self._body = body
        else:
            self._body = self._body if isinstance(self._body, bytearray) else bytearray(self._body)
            self._body += body
        if self._door is not None and len(self._body) > self._door.max_body:
            self._answer(self._door, self._handler)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._between = True
        self._begun = None
        self._overhead = 0
        if self._handler is not None and self._door is not None:
            self._answer(self._door, self._handler)
        if self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Tell that this is no HTTP, after all that is held."""
        if self._held and self._door is not None and self._door.hold is not None:
            self._door.hold.until_durable(lambda _: super(HotProtocol, self).send_400_response(msg))
        else:
            super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def shutdown(self) -> None:
        """The server stops: a request that is coming in is still answered."""
        if self._handler is None and not self._held:
            super().shutdown()
        self._is_last = True

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.expect_100_continue
            and self._is_free()
        )

    def _is_free(self) -> bool:
        """Whether an answer may be written now."""
        return (
            self._answered < _MOST_AT_ONCE
            and not self.flow.write_paused
            and not self._is_last
            and self.limit_concurrency is None
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _answer(self, door: HotDoor, handler: Handler) -> None:
        self._handler = None
        request_id = self._head.request_id
        answer = door.answer(handler, bytes(self._body), self._started, request_id)
        if not self._tell(door, answer, request_id):
            self._go_the_usual_way(_telling(door, answer, request_id))
            self.cycle.keep_alive = not self._is_last

    def _tell(self, door: HotDoor, answer: Reply | Awaitable[Reply], request_id: str | None) -> bool:
        """Write or hold what is ready; False where it has to go the usual way."""
        if not isinstance(answer, Reply) or (answer.headers and answer.status != 503) or self._is_last:
            return False
        if door.hold is None or (answer.status >= 400 and not self._held):
            self.transport.write(self._encode(answer, request_id))
        else:
            self._held += 1
            door.hold.until_durable(partial(self._release, door, answer, request_id))
        self.server_state.total_requests += 1
        self._answered += 1
        self._idle_since = self.loop.time()
        return True

    def _release(self, door: HotDoor, answer: Reply, request_id: str | None, error: AssayError | None) -> None:
        """Write an answer that was held."""
        self._held -= 1
        if error is not None and answer.status < 400:
            answer = door.failed(error, request_id)
        self.transport.write(self._encode(answer, request_id))
        self._idle_since = self.loop.time()
        if self._is_last and not self._held and self._handler is None:
            super().shutdown()

    def _look(self) -> None:
        """Close a connection that says nothing, or does not come to an end. One timer watches many requests, where
        uvicorn's own way sets one after each, and none before the first.
        """
        self._watch = None
        if self.transport.is_closing():
            return
        left: float = self.timeout_keep_alive
        if self._begun is not None:
            left = self._begun + _WHOLE_WITHIN_S - self.loop.time()
        elif self._idle_since is not None:
            left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(min(left, self.timeout_keep_alive), self._look)
        else:
            self.transport.close()

    def _refuse_head(self, door: HotDoor) -> None:
        """A request that does not come to its body is not read on."""
        if self._is_free() and not self._held and not self.transport.is_closing():
            self.transport.write(self._encode(door.head_too_large(_LARGEST_HEAD), None))
        self.transport.close()

    def _encode(self, answer: Reply, request_id: str | None) -> bytes:
        if self._dated is not self.server_state.default_headers:
            self._dated = self.server_state.default_headers
            self._begin = b"".join(b"%b: %b\r\n" % header for header in (*self._dated, *SECURITY))
        given = b"" if request_id is None else b"\r\nx-request-id: " + request_id.encode()
        for name, value in answer.headers:
            given += b"\r\n%b: %b" % (name, value)
        return b"%b%bcontent-type: %b\r\ncontent-length: %d%b\r\n\r\n%b" % (
            STATUS_LINE[answer.status], self._begin, answer.content_type, len(answer.body), given, answer.body,
        )  # fmt: skip

    def _go_the_usual_way(self, app: Asgi | None = None) -> None:
        """Have uvicorn take the request over, as its head stands in this object."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        served = self.app
        self.app = app or served
        super().on_headers_complete()
        self.app = served


class _Flow(FlowControl):
    """Reads nothing more while requests wait that were read already."""

    def __init__(self, transport: Transport, waiting: Collection[object]) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, unless one waits."""
        if not self._waiting:
            super().resume_reading()


def _telling(door: HotDoor, answer: Reply | Awaitable[Reply], request_id: str | None) -> Asgi:
    """An application that sends an answer of the door."""

    async def tell(_scope: MutableMapping[str, Any], _receive: Receive, send: Send) -> None:
        await door.send(send, answer if isinstance(answer, Reply) else await answer, request_id)

    return tell
