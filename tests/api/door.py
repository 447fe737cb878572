"""A door to knock at: the ASGI application over hand-made releases, called without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.api.hot import Asgi
from assay.api.server import create_api
from assay.api.services import Evidence, Services
from assay.app import App
from assay.registry.releases import open_release
from assay.serving.loader import Loader, Target
from assay.serving.metrics import Slab, read_samples
from assay.settings import Settings
from tests.serving.material import NOW, SPAM, ReadableLog, predictor_with

HOST = b"127.0.0.1"
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Told:
    """An answer of the door."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Door:
    """The application and what stands behind it."""

    api: Asgi
    loader: Loader
    log: ReadableLog
    slab: Slab
    concerns: list[str] = field(default_factory=list)

    def post(self, path: str, body: object, headers: Headers = ()) -> Told:
        """POST a body: bytes as they are, anything else as JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, [raw], [(b"content-type", b"application/json"), *headers])

    def get(self, path: str, headers: Headers = ()) -> Told:
        return self.send("GET", path, [b""], headers)

    def send(self, method: str, path: str, pieces: Sequence[bytes], headers: Headers) -> Told:
        """One request in pieces; raises LookupError when there is no answer."""
        return asyncio.run(call(self.api, method, path, pieces, headers))

    def errors(self) -> dict[str, int]:
        """Counted refusals by kind, without zeros."""
        samples = [s for s in read_samples(self.slab.directory) if s.metric.name == "classification_errors_total"]
        return {sample.labels[0]: sample.cells[0] for sample in samples if sample.cells[0]}


async def call(
    api: Asgi, method: str, path: str, pieces: Sequence[bytes | None], headers: Headers, *, host: bytes = HOST
) -> Told:
    """Call an ASGI application; a piece None is a caller that went away."""
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.disconnect"}
            if piece is None
            else {"type": "http.request", "body": piece, "more_body": at < len(pieces)}
            for at, piece in enumerate(pieces, start=1)
        ]
    )
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [*((name, value) for name, value in headers if name != b"host"), (b"host", _host(headers, host))],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await api(scope, receive, send)
    if not sent:
        raise LookupError("no answer")
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Told(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


def _host(headers: Headers, otherwise: bytes) -> bytes:
    return dict(headers).get(b"host", otherwise)


@contextmanager
def open_door(app: App, slabs: Path, *targets: Target, **settings: Any) -> Iterator[Door]:
    """The door over everything that is deployed in `app`, loaded now."""
    log, slab = ReadableLog(), Slab(slabs, "worker-1")
    loader = Loader(app.registry, lambda version: open_release(version, app.blobs), slab, targets, lambda: NOW)
    loader.refresh()
    concerns: list[str] = []
    services = Services(
        settings=Settings(**settings),
        registry=app.registry,
        loader=loader,
        predictor=predictor_with(log),
        log=log,
        slab=slab,
        clock=lambda: NOW,
        read_evidence=lambda _version: Evidence(SPAM, {"lineage": {"data": "abc"}, "created_at": "2026-01-01"}),
        log_counts=lambda: {"fill": 0.25, "waiting": 3.0},
        concerns=lambda: tuple(concerns),
        sync=None,
        start=lambda: None,
        stop=lambda: None,
    )
    yield Door(create_api(services, frozenset({HOST, b"localhost"})), loader, log, slab, concerns)
