"""What the request path costs, as a ratio to a bare ASGI echo on the same core: `benchmarks/serving.py [short|full]`.

One server process with its shipping is held to one core, the load (32 connections) to another; validation, features,
model, policy, metrics and the log are on. The servers take turns, so that a busy machine disturbs all of them. Every
answer is compared with what the release answers in process, the first ones before anything is timed. Load, stages and
accounts are those of `assay bench`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from hello import COLUMNS, MODEL, write_model
from measured import CONNECTIONS, ECHO, HALF, IN_MEMORY, LOGS, SIZES, Measured, Round, Start
from releases import publish_all
from servers import assay_serve, uvicorn
from serving_page import judged, show, write
from targets import add_option, keep

from assay.app import App, open_app
from assay.bench.generator import generate
from assay.bench.lines import post
from assay.bench.load import Exchange, Plan
from assay.bench.machine import children, choose_cores, processor_time, resident_mb
from assay.bench.run import SHARES, check, copy_release, think_ahead
from assay.bench.server import Server, running
from assay.registry.releases import open_release, resolve
from assay.settings import Settings

#: A file system in memory, where there is one.
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
SYNCS, RECORD_BYTES = 500, 300


def main() -> None:
    """Measure, print, and write the page where it is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES, nargs="?", default="short")
    parser.add_argument("--out", type=Path, help="folder for serving.md and serving.svg")
    add_option(parser)
    given = parser.parse_args()
    if (core := choose_cores().server) is None:
        sys.exit("the benchmark needs two cores that processes can be held to")
    with tempfile.TemporaryDirectory(dir=_build()) as folder:
        measured = measure(given.size, Path(folder), core)
    show(measured)
    keep(given.targets, judged(measured))
    if given.out is not None:
        write(measured, given.out)


def measure(size: str, folder: Path, core: int) -> Measured:
    """Publish the three releases and measure them."""
    rounds, seconds, starts = SIZES[size]
    home = folder / "home"
    app = open_app(settings=Settings(home=home))
    examples = publish_all(app)
    exchanges, stages, releases = {}, {}, {}
    for name, example in examples.items():
        releases[name] = open_release(resolve(name, app.registry), app.blobs)
        body = msgspec.json.encode({"model": name, "features": example})
        exchanges[name], stages[name] = think_ahead(app, releases[name], [body], seconds)
    app.engine.dispose()
    measured = Measured(size, _syncs(folder), {name: {} for name in examples}, stages, {}, {})
    with _servers(home, core) as servers:
        for log in (log for log in servers if log != ECHO):
            for name, found in exchanges.items():
                check(servers[log].port, found, releases[name])
        for number in range(rounds + 1):
            for name, found in exchanges.items():
                turn = [*servers] if number % 2 else [*reversed(servers)]
                for key in turn:
                    sent = _echoed(found) if key == ECHO else found
                    with _alone(servers, key):
                        told = _load(servers[key], Plan(exchanges=sent, connections=CONNECTIONS, seconds=seconds))
                    if number:
                        measured.rounds[name].setdefault(key, []).append(told)
                    servers[key].settle()
        _at_fixed_rates(measured, servers, exchanges)
    measured.starts.update(_starts(home, examples, folder, core, starts))
    return measured


@contextmanager
def _servers(home: Path, core: int) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        servers = {ECHO: stack.enter_context(uvicorn("echo:app", probe={}, core=core))}
        for log in LOGS:
            durability = log.removesuffix(IN_MEMORY)
            own = home.with_name(log)
            if log != durability:
                if not MEMORY.is_dir():
                    continue
                own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY))) / "home"
            shutil.copytree(home, own)
            app = App(Settings(home=own, log_durability=durability, log_level="error", shutdown_timeout_s=1.0), own)
            servers[log] = stack.enter_context(running(app, core))
        yield servers


def _syncs(folder: Path) -> list[float]:
    """Milliseconds of many syncs of as much as a record."""
    found = []
    with (folder / "synced").open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, SYNCS * RECORD_BYTES)
        os.fsync(file.fileno())
        for _ in range(SYNCS):
            file.write(bytes(RECORD_BYTES))
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - begin) * 1e3)
    return found


def _echoed(exchanges: Sequence[Exchange]) -> tuple[Exchange, ...]:
    """The same bodies, to be answered as they are."""
    bodies = [exchange.request.partition(b"\r\n\r\n")[2] for exchange in exchanges]
    return tuple(post("/", body, body) for body in bodies)


@contextmanager
def _alone(servers: Mapping[str, Server], key: str) -> Iterator[None]:
    """While it is measured the others stand still: even idle they look for deployments, on the same core."""
    others = [pid for other, server in servers.items() if other != key for pid in (server.pid, *children(server.pid))]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def _load(server: Server, plan: Plan) -> Round:
    before = processor_time(server.pid)
    load = generate(plan, server.port, core=choose_cores().load)
    after = processor_time(server.pid)
    if load.errors or before is None or after is None:
        sys.exit(f"not every request was answered as it should be: {load.faults}")
    return Round(load, (after.own_s - before.own_s) / load.answers * 1e6)


def _at_fixed_rates(
    measured: Measured, servers: Mapping[str, Server], exchanges: Mapping[str, tuple[Exchange, ...]]
) -> None:
    """Latency at shares of what the default log answers at most, the durabilities taking turns. At half of it the echo
    too: what is left of its latency is the machine's.
    """
    rounds, seconds, _ = SIZES[measured.size]
    for name, found in exchanges.items():
        most = statistics.median(one.load.requests_per_second for one in measured.rounds[name][LOGS[0]])
        for share in SHARES:
            powers = [log for log in servers if log.startswith("power")] if share == SHARES[0] else []
            beside = [ECHO] if share == HALF else powers
            for _ in range(rounds if share == HALF else max(3, rounds // 2)):
                for key in (LOGS[0], *beside):
                    sent = _echoed(found) if key == ECHO else found
                    plan = Plan(exchanges=sent, connections=CONNECTIONS, seconds=seconds, rate=most * share)
                    servers[key].settle()
                    with _alone(servers, key):
                        told = _load(servers[key], plan).load
                    measured.fixed.setdefault((name, key, share), []).append(told)


def _starts(home: Path, examples: Mapping[str, object], folder: Path, core: int, count: int) -> dict[str, list[Start]]:
    """`assay serve` and a hello-world, started in turn."""
    model = str(folder / "hello.onnx")
    write_model(model)
    alone = folder / "alone"
    app = open_app(settings=Settings(home=home))
    name = next(iter(examples))
    copy_release(app, resolve(name, app.registry), alone)
    app.engine.dispose()
    row = {"model": name, "features": examples[name]}
    values = {"values": [0.5] * COLUMNS}
    found: dict[str, list[Start]] = {"hello-world": [], "assay": []}
    for number in range(count + 1):
        begin = time.perf_counter()
        with uvicorn("hello:create_app", probe=values, core=core, factory=True, **{MODEL: model}) as server:
            hello = _started(server, begin)
        begin = time.perf_counter()
        with assay_serve(alone, probe=row, core=core) as server:
            own = _started(server, begin)
        if number:
            found["hello-world"].append(hello)
            found["assay"].append(own)
    return found


def _started(server: Server, begin: float) -> Start:
    seconds = time.perf_counter() - begin
    worker_mb, children_mb = resident_mb(server.pid) or (0.0, 0.0)
    return Start(seconds, worker_mb, worker_mb + children_mb)


def _build() -> Path:
    """A folder on the repository's disk: the log's cost is that of a disk."""
    folder = Path(__file__).resolve().parent.parent / "build"
    folder.mkdir(exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
