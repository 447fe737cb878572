"""The yardstick: a bare ASGI application that reads JSON and writes it back, and does nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


async def app(_scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer the body as it came."""
    message = await receive()
    body = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    told = _encode(_decode(body))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(told))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})
