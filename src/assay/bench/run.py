"""The path of a bench: copy the release into a home of its own, time its stages, serve it, compare, load, advise."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version as installed
from pathlib import Path

import msgspec

from assay.app import App
from assay.bench.examples import bodies_of
from assay.bench.generator import generate
from assay.bench.lines import open_lines, post
from assay.bench.load import Exchange, Load, Plan, fault_of
from assay.bench.machine import Cores, choose_cores, describe, processor_time
from assay.bench.server import Server, running
from assay.bench.sizing import Sizing, Wish, size
from assay.bench.stages import InProcess, Stage
from assay.errors import ReleaseError, UnavailableError
from assay.records.open import open_log
from assay.registry.releases import Registration, open_release, publish, read_release
from assay.registry.store import Version
from assay.release.bundle import ServingPlan, read_files
from assay.release.core import Release
from assay.serving.metrics import Slab
from assay.serving.served import prepare_served

#: Shares of the most that a worker answers, for the latency at fixed rates.
SHARES = (0.25, 0.5, 0.75)
PATH = "/v1/predict"
_LINES_AT_FIXED_RATES = 32
_STAGES_S = 1.0

#: Told what is done now, and which step of how many it is.
Watcher = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to measure: `connections` of the closed loop, each for `seconds`; with `at_fixed_rates` latency at shares of
    the most too. `data` is a file whose rows are sent in place of the release's examples.
    """

    connections: tuple[int, ...] = (1, 8, 32)
    seconds: float = 3.0
    at_fixed_rates: bool = False
    data: Path | None = None
    wish: Wish = field(default_factory=Wish)


class Processor(msgspec.Struct, frozen=True):
    """Microseconds of processor time a request: of the worker, and of the process beside it that ships the log."""

    server_us: float
    shipping_us: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `examples` different bodies of `body_bytes` on average were sent; `rest_us` is what the server
    needs besides the stages. `processor` and `rest_us` are None where the machine does not tell processor time.
    """

    classifier: str
    version: int
    release_digest: str
    assay: str
    machine: str
    measured_at: float
    cores: Cores
    log: str
    examples: int
    body_bytes: int
    levels: tuple[Load, ...]
    stages: tuple[Stage, ...]
    processor: Processor | None
    rest_us: float | None
    at_fixed_rates: tuple[Load, ...]
    sizing: Sizing | None

    @property
    def errors(self) -> int:
        """Requests that went wrong, in all runs."""
        return sum(load.errors for load in (*self.levels, *self.at_fixed_rates))


def bench(app: App, version: Version, order: Order, watch: Watcher) -> Report:
    """Measure one release of an application's home, which is only read; the log of the bench is thrown away.

    Raises:
        ReleaseError: an answer of the server is not what the release answers in process.
        UnavailableError: no server or load could be started.
        DataError: the file of examples cannot be read.
    """
    steps = 3 + len(order.connections) + len(SHARES) * order.at_fixed_rates
    watch("opening the release", 0, steps)
    cores = choose_cores()
    with _scratch(app) as home:
        alone, release = copy_release(app, version, home)
        bodies = bodies_of(release, order.data, version, app.blobs)
        watch("timing the stages", 1, steps)
        exchanges, stages = think_ahead(alone, release, bodies, min(order.seconds, _STAGES_S))
        watch("starting the server", 2, steps)
        with running(alone, cores.server) as server:
            check(server.port, exchanges, release)
            meter = Meter(server, exchanges, order.seconds, cores)
            levels = []
            for step, count in enumerate(order.connections, start=3):
                watch(f"{count} connection{'s' * (count > 1)}", step, steps)
                levels.append(meter.load(count))
            most = max(load.requests_per_second for load in levels)
            processor = meter.processor()
            at_fixed_rates = []
            for step, share in enumerate(SHARES if order.at_fixed_rates and most else (), start=len(levels) + 3):
                watch(f"{share:.0%} of {most:,.0f} requests/s", step, steps)
                at_fixed_rates.append(meter.load(_LINES_AT_FIXED_RATES, most * share))
    return Report(
        classifier=version.classifier,
        version=version.version,
        release_digest=version.release_digest,
        assay=installed("assay-ml"),
        machine=describe(),
        measured_at=time.time(),
        cores=cores,
        log=app.settings.log_durability,
        examples=len(bodies),
        body_bytes=round(sum(map(len, bodies)) / len(bodies)),
        levels=tuple(levels),
        stages=stages,
        processor=processor,
        rest_us=None if processor is None else processor.server_us - sum(stage.us for stage in stages),
        at_fixed_rates=tuple(at_fixed_rates),
        sizing=size(most, order.wish) if most else None,
    )


def copy_release(app: App, version: Version, home: Path) -> tuple[App, Release]:
    """An application that has this release alone, deployed, in a home of its own; and the release from there.

    Its log ends in that home too, whatever database the settings name. It keeps no scores, even where the release
    would: the same few examples come again and again. Raises ReleaseError.
    """
    changed = {"home": home, "database_url": None, "log_level": "error", "shutdown_timeout_s": 1.0}
    alone = App(app.settings.model_copy(update=changed), home)
    bundle = replace(read_files(version.classifier, read_release(version, app.blobs)), serving=ServingPlan())
    registration = Registration(
        passed=True, framework=version.framework, metrics={}, created_at=0.0, created_by="assay bench"
    )
    made = publish(bundle, {}, registration, registry=alone.registry, blobs=alone.blobs)
    alone.registry.deploy(version.classifier, made.version, expected_generation=0, by="assay bench", at=0.0)
    release = open_release(made, alone.blobs)
    alone.engine.dispose()
    return alone, release


def think_ahead(
    app: App, release: Release, bodies: Sequence[bytes], seconds: float
) -> tuple[tuple[Exchange, ...], tuple[Stage, ...]]:
    """What a server of `app` must answer to each body of /v1/predict, by the release in this process; and what each
    stage of a request costs. Raises AssayError where a body is not taken.
    """
    settings = app.settings
    with tempfile.TemporaryDirectory(dir=app.home) as folder:
        served = prepare_served(release, None, Slab(Path(folder) / "counters", "bench"))
        log = open_log(
            Path(folder) / "spool", None, durability=settings.log_durability, cap_bytes=settings.log_cap_mb << 20,
            when_full="answer_unlogged", grouped=True,
        )  # fmt: skip
        try:
            here = InProcess(served, log)
            exchanges = tuple(post(PATH, body, here.expected(body)) for body in bodies)
            return exchanges, here.time(bodies, seconds)
        finally:
            log.close()


def check(port: int, exchanges: Sequence[Exchange], release: Release) -> None:
    """Send every request once before anything is timed.

    Raises:
        ReleaseError: an answer is not what the release answers in process.
        UnavailableError: the server cannot be reached.
    """
    try:
        with open_lines("127.0.0.1", port, 1) as lines:
            for number, exchange in enumerate(exchanges, start=1):
                lines.send(0, exchange.request)
                while not (arrived := lines.wait(1.0)):
                    pass
                answer = arrived[0][1]
                if fault_of(exchange, answer) is not None:
                    told = (answer or b"nothing").rpartition(b"\r\n\r\n")[2][:300].decode(errors="replace")
                    raise ReleaseError(
                        f"example {number}: the server answers not as {release.classifier} does in process: {told}",
                        remedy="assay doctor says whether the release can be used on this machine",
                    )
    except OSError as error:
        raise UnavailableError(f"the server of the bench cannot be reached: {error.strerror}") from None


class Meter:
    """Loads one server and adds up what its processes used for it."""

    def __init__(self, server: Server, exchanges: tuple[Exchange, ...], seconds: float, cores: Cores) -> None:
        self._server, self._exchanges, self._seconds, self._cores = server, exchanges, seconds, cores
        self._began = processor_time(server.pid)
        self._runs: list[tuple[Load, float]] = []

    def load(self, connections: int, rate: float | None = None) -> Load:
        """One run, after the log of the one before is shipped. Raises UnavailableError."""
        self._server.settle()
        plan = Plan(
            exchanges=self._exchanges, connections=connections, seconds=self._seconds,
            warmup_s=min(0.5, self._seconds / 4), rate=rate,
        )  # fmt: skip
        before = processor_time(self._server.pid)
        load = generate(plan, self._server.port, core=self._cores.load)
        after = processor_time(self._server.pid)
        self._runs.append((load, 0.0 if before is None or after is None else after.own_s - before.own_s))
        return load

    def processor(self) -> Processor | None:
        """What a request costs: in the run with the most of them, and, of shipping, in all runs."""
        self._server.settle()
        began, now = self._began, processor_time(self._server.pid)
        fastest, used_s = max(self._runs, key=lambda one: one[0].answers)
        if began is None or now is None or not fastest.answers:
            return None
        shipped = sum(load.answers for load, _ in self._runs)
        return Processor(used_s / fastest.answers * 1e6, (now.children_s - began.children_s) / shipped * 1e6)


@contextmanager
def _scratch(app: App) -> Iterator[Path]:
    """A directory on the disk of the application's home, so that its log costs what the log of a server there does."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=app.home if app.home.is_dir() else None) as folder:
        yield Path(folder)
