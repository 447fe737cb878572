"""Runs the server: checks what it is asked before it listens, then hands over to uvicorn."""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from assay.api.logs import configure_logging
from assay.api.openapi import example_body
from assay.api.protocol import HotProtocol
from assay.api.services import Beside
from assay.api.shipping import start_shipping
from assay.api.worker import Worker, WorkerPlan
from assay.app import App
from assay.errors import ConfigurationError, NotSupportedError
from assay.registry.releases import parse_reference
from assay.serving.loader import Loader, Target

_LOOPBACK_NAMES = frozenset({b"localhost", b"127.0.0.1", b"[::1]"})
_BACKLOG = 2048


def serve(
    app: App,
    references: Sequence[str],
    *,
    host: str,
    port: int,
    workers: int,
    announce: Callable[[str, str], None],
    beside: tuple[Beside, ...] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is open and ship the log.

    `references` are classifiers (`spam`) or versions (`spam@3`); none means every deployed classifier. `announce` is
    called with the address and a command line that works, once connections are taken. Every worker opens the doors
    `beside` it.

    Raises:
        NotSupportedError: `host` can be reached from other machines, which needs keys.
        ConfigurationError: the port is taken or not allowed.
        NotFoundError: something that was named does not exist, or nothing is deployed.
    """
    _check_loopback(host)
    plan = WorkerPlan(
        settings=app.settings,
        home=app.home,
        targets=parse_targets(references),
        slabs=_new_slabs(app.home),
        hosts=_LOOPBACK_NAMES | {host.encode()},
        beside=beside,
    )
    first = Worker(plan)
    first.loader.load()
    listening = _listen(host, port)
    address = _address(host, listening)
    shipping = start_shipping(app)
    try:
        config = _config(app, first.api if workers == 1 else plan, workers)
        if workers == 1:
            run = _run_here(config, listening, shipping.begin)
        else:
            run = Multiprocess(config, sockets=[listening]).run
            shipping.begin()
        announce(address, _command(address, first.loader))
        configure_logging(app.settings)
        run()
    finally:
        listening.close()
        shipping.close(app.settings.shutdown_timeout_s)
        shutil.rmtree(plan.slabs, ignore_errors=True)


def parse_targets(references: Sequence[str]) -> tuple[Target, ...]:
    """`spam`, `spam@champion` (the same) or `spam@3`.

    Raises:
        ConfigurationError: a reference is not of these forms, or one classifier is named twice.
    """
    targets: dict[str, Target] = {}
    for reference in references:
        name, version = parse_reference(reference)
        if name in targets:
            raise ConfigurationError(f"{name} is named twice; a server answers with one version of a classifier")
        targets[name] = Target(name, version)
    return tuple(targets.values())


def _check_loopback(host: str) -> None:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise NotSupportedError(
            f"serving on {host} is not yet supported: whoever reaches it could use it, and access keys come later",
            remedy="serve on 127.0.0.1, behind a proxy that asks who is there",
        )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"{host} cannot be listened on: {error.strerror}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"port {port} on {host} cannot be used: {error.strerror}",
            remedy="stop the other server, or choose another port with --port",
        ) from error
    return listening


def _config(app: App, served: Callable[..., Any], workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        served,
        factory=workers > 1,
        http=HotProtocol,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=max(1, round(app.settings.shutdown_timeout_s)),
    )


class _Server(uvicorn.Server):
    """Calls `begun` when it has begun to answer."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()


def _run_here(config: uvicorn.Config, listening: socket.socket, begun: Callable[[], None]) -> Callable[[], None]:
    """What serves from this process. Asked to stop from now on it stops in order, even before it is called.

    Uvicorn raises a caught signal again at its end: a server that was asked to stop and did has succeeded.
    """
    server = _Server(config, begun)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    return partial(server.run, sockets=[listening])


def _new_slabs(home: Path) -> Path:
    """A directory for the counters of this run; those of servers that are gone are removed."""
    root = home / "counters"
    for old in root.glob("[0-9]*"):
        if int(old.name) == os.getpid() or not _is_running(int(old.name)):
            shutil.rmtree(old, ignore_errors=True)
    return root / str(os.getpid())


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _address(host: str, listening: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


def _command(address: str, loader: Loader) -> str:
    """A curl line that works."""
    served = next(served for _, served in sorted(loader.served.items()))
    body = json.dumps(example_body(served), ensure_ascii=False)
    return f"curl -s {address}/v1/predict -H 'content-type: application/json' -d {shlex.quote(body)}"
