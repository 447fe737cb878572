"""The outermost ASGI layer: answers the hot routes itself, with nothing between the socket and the handler, and lets
everything else through to the application behind it. Limits, host check and security headers for both.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from time import perf_counter
from typing import Any

import msgspec

from assay.api.crowd import Crowd
from assay.api.hold import Hold
from assay.api.predict import Call, Handler, log_failure
from assay.api.problems import (
    FORBIDDEN_HOST,
    HEAD_TOO_LARGE,
    KINDS,
    MEDIA_TYPE,
    METHOD,
    TOO_LARGE,
    Headers,
    Kind,
    Reply,
    document,
    kind_of,
    reply,
    reply_to,
)
from assay.errors import AssayError, OverloadedError
from assay.serving.metrics import DoorCounters

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
#: What is open as long as an application lives.
Life = Callable[[], AbstractAsyncContextManager[None]]

SECURITY = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
#: The pages of the door are local and run no inline script.
_PAGE_SECURITY = (
    *SECURITY,
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    ),
)
#: Probes come from machines that know the server by its address only.
_ANY_HOST = frozenset({"/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready"})
_LONGEST_ID = 200
_OVERLOADED = KINDS[OverloadedError].name
_LONGEST_HEAD = 1000
_MOST_HEADS = 4096


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the hot door reads of a request's head; empty where it is absent."""

    content_type: bytes
    content_length: bytes
    content_encoding: bytes
    host: bytes
    request_id: str | None


class KnownHead(msgspec.Struct, frozen=True, gc=False):
    """What a request with this very head asks: who answers, and how many bytes of body follow."""

    handler: Handler
    length: int


class HotDoor:
    """An ASGI application in front of another one.

    `routes` are answered here, POST only, while `life` is open. `hosts` are the names in the Host header that are
    answered, without port. What `hold` there is, an answer that was put on record waits for. Of a `crowd` that stands
    some are refused unread.
    """

    def __init__(
        self,
        behind: Asgi,
        routes: Mapping[str, Handler],
        counters: DoorCounters,
        hosts: frozenset[bytes],
        max_body: int,
        crowd: Crowd,
        hold: Hold | None = None,
        life: Life = nullcontext,
    ) -> None:
        self._behind = behind
        self._life = life
        self._routes = dict(routes)
        self._counters = counters
        self._hosts = hosts
        self.max_body = max_body
        self._admits = crowd.admits
        self._crowded = reply_to(OverloadedError("too many requests are ready at once"))
        self.hold = hold
        self.known_heads: dict[bytes, KnownHead] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            handler = self._routes.get(scope["path"])
            if handler is None:
                await self._pass_on(scope, receive, send)
            else:
                await self._answer(handler, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    def find(self, path: str) -> Handler | None:
        """Who answers a path here."""
        return self._routes.get(path)

    def remember(self, raw: bytes, handler: Handler, head: Head) -> None:
        """Keep a head that was taken, as it came in, so that the next one like it need not be parsed.

        Heads with an id of their own never come again; one with a bare line feed may not end where it seems to.
        """
        if (
            head.request_id is None
            and head.content_length.isdigit()
            and len(raw) <= _LONGEST_HEAD
            and raw.startswith(b"POST ")
            and raw.count(b"\n") == raw.count(b"\r\n")
        ):
            if len(self.known_heads) >= _MOST_HEADS:
                self.known_heads.clear()
            self.known_heads[raw] = KnownHead(handler, int(head.content_length))

    def refuse(self, method: str, head: Head) -> Reply | None:
        """What is refused unread."""
        if method != "POST":
            return self._refusal(METHOD, f"{method} is not answered here; use POST", headers=((b"allow", b"POST"),))
        media = head.content_type
        if media != b"application/json" and media.partition(b";")[0].strip().lower() != b"application/json":
            return self._refusal(MEDIA_TYPE, "the body must be sent with content-type: application/json")
        if head.content_encoding and head.content_encoding.lower() != b"identity":
            return self._refusal(MEDIA_TYPE, "the body must be sent without content-encoding")
        if not self._knows(head.host):
            return self._refusal(FORBIDDEN_HOST, "the Host header is not one of this server's")
        if head.content_length.isdigit() and int(head.content_length) > self.max_body:
            return self._too_large(head.request_id)
        return None

    def answer(self, handler: Handler, body: bytes, started: float, request_id: str | None) -> Reply | Awaitable[Reply]:
        """Answer a body at once, or say what to wait for; nothing is raised here."""
        if not self._admits():
            self._counters.error(_OVERLOADED)
            return self._crowded
        if len(body) > self.max_body:
            return self._too_large(request_id)
        try:
            answer = handler(Call(body, started, request_id))
        except Exception as error:  # noqa: BLE001 - edge of the process
            return self.failed(error, request_id)
        return answer if isinstance(answer, Reply) else self._wait_for(answer, request_id)

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan protocol of ASGI."""
        begun = False
        await receive()
        try:
            async with self._life():
                begun = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{'shutdown' if begun else 'startup'}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _wait_for(self, answer: Awaitable[Reply], request_id: str | None) -> Reply:
        try:
            return await answer
        except Exception as error:  # noqa: BLE001 - edge of the process
            return self.failed(error, request_id)

    async def _answer(self, handler: Handler, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        started = perf_counter()
        head = read_head(scope["headers"])
        answer: Reply | Awaitable[Reply] | None = self.refuse(scope["method"], head)
        if answer is None:
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body"):
                message, body = await self._gather(body, receive)
            if message["type"] == "http.disconnect":
                return
            answer = self.answer(handler, body, started, head.request_id)
        await self.send(send, answer if isinstance(answer, Reply) else await answer, head.request_id)

    async def _gather(self, first: bytes, receive: Receive) -> tuple[Message, bytes]:
        """The last message and the body of a request that comes in pieces, at most a piece above the limit."""
        gathered = bytearray(first)
        message: Message = {"type": "http.request", "more_body": True}
        while message.get("more_body") and len(gathered) <= self.max_body:
            message = await receive()
            gathered += message.get("body", b"")
        return message, bytes(gathered)

    async def _pass_on(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let the application behind answer, with security headers and, where it fails, a problem document."""
        headers = dict(scope["headers"])
        if scope["path"] not in _ANY_HOST and not self._knows(headers.get(b"host", b"")):
            await self.send(send, self._refusal(FORBIDDEN_HOST, "the Host header is not one of this server's"), None)
            return
        begun = False

        async def send_secured(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *_PAGE_SECURITY]
            await send(message)

        try:
            await self._behind(scope, receive, send_secured)
        except Exception as error:  # noqa: BLE001 - edge of the process
            failed = self.failed(error, None)
            if not begun:
                await self.send(send, failed, None)

    async def send(self, send: Send, answer: Reply, request_id: str | None) -> None:
        """Send an answer the ASGI way, once its record is durable."""
        if self.hold is not None and answer.status < 400:
            try:
                await self.hold.durable()
            except AssayError as error:
                answer = self.failed(error, request_id)
        length = (b"content-length", b"%d" % len(answer.body))
        headers = [*SECURITY, (b"content-type", answer.content_type), length, *answer.headers]
        if request_id is not None:
            headers.append((b"x-request-id", request_id.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def head_too_large(self, most: int) -> Reply:
        """A head that does not end. The connection ends."""
        return self._refusal(
            HEAD_TOO_LARGE, f"the head is larger than {most} bytes", headers=((b"connection", b"close"),)
        )

    def _too_large(self, request_id: str | None) -> Reply:
        """The connection ends: what the caller still sends is not worth reading."""
        told = f"the body is larger than {self.max_body} bytes"
        return self._refusal(TOO_LARGE, told, request_id, headers=((b"connection", b"close"),))

    def _refusal(self, kind: Kind, detail: str, request_id: str | None = None, headers: Headers = ()) -> Reply:
        self._counters.error(kind.name)
        return msgspec.structs.replace(reply(document(kind, detail, (), request_id)), headers=headers)

    def failed(self, error: Exception, given_id: str | None) -> Reply:
        """Count an error and tell it."""
        kind = kind_of(error)
        request_id = given_id or uuid.uuid4().hex
        self._counters.error(kind.name)
        if kind.status == 500:
            log_failure(error, request_id)
        return reply_to(error, request_id)

    def _knows(self, host: bytes) -> bool:
        name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
        return not self._hosts or name.lower() in self._hosts


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> Head:
    """What the hot door reads of a request's head."""
    kind = length = encoding = host = given = b""
    for name, value in headers:
        if name == b"content-type":
            kind = value
        elif name == b"content-length":
            length = value
        elif name == b"host":
            host = value
        elif name == b"x-request-id":
            given = value
        elif name == b"content-encoding":
            encoding = value
    return Head(kind, length, encoding, host, read_request_id(given) if given else None)


def read_request_id(given: bytes) -> str | None:
    """The caller's id where it is short and printable; it goes into the log and back into a header."""
    text = given.decode("latin-1")
    return text if 0 < len(text) <= _LONGEST_ID and text.isascii() and text.isprintable() else None
