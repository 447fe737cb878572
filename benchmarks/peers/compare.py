"""Assay beside other servers of the same classifier: `make peers`, then `make bench-peers`.

Each server is started alone, its answers are checked, it is warmed up and measured; before and after it come rounds of
the bare echo and of Assay, so that a ratio is one of neighbours in time. Servers, with all their processes, have one
core, the load another.

    python benchmarks/peers/compare.py [--short] [--visits N] [--only WORD] [--out FOLDER]

--short is FastAPI alone, in rounds of a second.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import results  # noqa: E402 - behind the path
from install import python_of, reason  # noqa: E402 - behind the path
from processes import Server, ask, assay, echo, free_port, running, settle  # noqa: E402 - behind the path
from results import Line  # noqa: E402 - behind the path
from subject import NAME, Subject, write_subject  # noqa: E402 - behind the path
from table import FASTAPI, SERVINGS, Serving, Wire  # noqa: E402 - behind the path
from targets import add_option, keep  # noqa: E402 - behind the path
from wrk import Measured, measure, require_tools, write_script  # noqa: E402 - behind the path

SECONDS, ROUNDS, VISITS = 3, 3, 2
#: One thread for everybody who has only one core.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
ASSAY = Wire(
    "/v1/predict",
    lambda row: {"model": NAME, "features": row},
    lambda answer: (answer["label"], answer["prediction"]),
)
ECHO = Wire("/", dict, lambda row: row)


class Bench:
    """The servers that are always there, and one that comes and goes."""

    def __init__(self, subject: Subject, folder: Path, echo: Server, assay: Server, seconds: int, rounds: int) -> None:
        """Rows, a folder for what servers write, the two yardsticks, seconds a round and rounds a visit."""
        self.subject, self.folder, self.echo, self.assay = subject, folder, echo, assay
        self.seconds, self.rounds = seconds, rounds
        self.bare: list[Measured] = []
        self.own: list[Measured] = []

    def check(self, server: Server, wire: Wire) -> int:
        """Compare the answers to all rows; how many there were. Raises RuntimeError at the first that differs."""
        for number, row in enumerate(self.subject.rows):
            status, body = ask(server.port, "POST", wire.path, wire.encode(row))
            if status != 200:
                raise RuntimeError(f"row {number}: {status} {body[:200].decode(errors='replace')}")
            self.subject.check(number, body, wire.read)
        return len(self.subject.rows)

    def load(self, server: Server, wire: Wire, seconds: int) -> Measured:
        """One round with all rows in turn."""
        script = write_script(self.folder / "load.lua", [wire.encode(row) for row in self.subject.rows])
        return measure(server, wire.path, script, seconds)

    def yardsticks(self) -> None:
        """One round of the echo and of Assay, which then ships its log."""
        self.bare.append(self.load(self.echo, ECHO, self.seconds))
        self.own.append(self.load(self.assay, ASSAY, self.seconds))
        settle(self.assay)

    def visit(self, serving: Serving) -> Iterator[Measured]:
        """Start a server, check it, warm it up, measure it, stop it."""
        with _started(serving, self.folder) as server:
            self.check(server, serving.wire)
            self.load(server, serving.wire, self.seconds)
            for _ in range(self.rounds):
                yield self.load(server, serving.wire, self.seconds)


def main() -> None:
    """Measure, print, write."""
    asked = _arguments()
    require_tools()
    servings = [one for one in SERVINGS if asked.only.lower() in one.name.lower()]
    if asked.short:
        servings = [one for one in SERVINGS if one.peer is FASTAPI]
    seconds, rounds, visits = (1, 1, 1) if asked.short else (SECONDS, ROUNDS, asked.visits)
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder, home = Path(scratch), Path(scratch) / "home"
        subject = _subject(home, folder)
        servers = stack.enter_context(echo()), stack.enter_context(assay(home))
        bench = Bench(subject, folder, *servers, seconds, rounds)
        checked = bench.check(bench.assay, ASSAY)
        bench.yardsticks()
        bench.bare.clear()
        bench.own.clear()
        lines, failed = _compare(bench, servings, visits)
    own = results.own_lines(bench.bare, bench.own, checked)
    results.show([*own, *lines], failed)
    keep(asked.targets, results.judged(lines))
    if asked.out is not None:
        told = f"medians of {visits * rounds} rounds of {seconds} s, visits {visits}"
        results.write(asked.out, own, lines, failed, told)
    if failed and asked.short:
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Assay beside other servers of the same classifier.")
    parser.add_argument("--short", action="store_true", help="FastAPI alone, one round of 1 s")
    parser.add_argument("--visits", type=int, default=VISITS, help="how often each server is started and measured")
    parser.add_argument("--only", default="", help="servers whose name or model holds this")
    parser.add_argument("--out", type=Path, help="folder for peers.md and peers.svg")
    add_option(parser)
    return parser.parse_args()


def _subject(home: Path, folder: Path) -> Subject:
    from assay.app import open_app
    from assay.settings import Settings

    app = open_app(settings=Settings(home=home))
    subject = write_subject(app, folder)
    app.engine.dispose()
    return subject


def _compare(bench: Bench, servings: list[Serving], visits: int) -> tuple[list[Line], dict[str, str]]:
    """Every server's line, and of those that could not be measured the reason."""
    rounds: dict[str, list[Measured]] = {}
    ratios: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    bench.yardsticks()
    for _ in range(visits):
        for serving in servings:
            name = serving.name
            if name in failed:
                continue
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                found = list(bench.visit(serving))
            except (RuntimeError, OSError, ValueError, KeyError) as error:
                failed[name] = str(error)
                continue
            bench.yardsticks()
            beside = statistics.mean(one.requests_a_second for one in bench.own[-2:])
            rounds.setdefault(name, []).extend(found)
            ratios.setdefault(name, []).extend(beside / one.requests_a_second for one in found)
    lines = [
        results.line(
            serving.peer.name,
            results.version(python_of(serving.peer.environment), serving.peer.requirements[0]),
            serving.what,
            rounds[serving.name],
            ratios[serving.name],
            len(bench.subject.rows),
        )
        for serving in servings
        if serving.name not in failed
    ]
    return lines, failed


@contextmanager
def _started(serving: Serving, folder: Path) -> Iterator[Server]:
    environment = serving.peer.environment
    python = python_of(environment)
    if not python.exists():
        raise RuntimeError("it is not installed: `make peers` says why")
    place = folder / environment
    place.mkdir(exist_ok=True)
    settings = {
        **ONE_THREAD,
        **serving.peer.settings,
        "PATH": f"{python.parent}:/usr/bin:/bin",
        "PYTHONPATH": str(HERE),
        "HOME": str(place),
        "PEER_SUBJECT": str(folder),
        "PEER_MODEL": serving.model,
        "PEER_BATCH": str(serving.batch),
    }
    command = [str(python), str(HERE / f"serve_{environment}.py"), "{port}", str(free_port())]
    wire, log = serving.wire, place / "said.txt"
    answer = ""

    def ready(port: int) -> bool:
        nonlocal answer
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, body = ask(port, "POST", wire.path, wire.encode(ROW))
            answer = f"{status} {body[:200].decode(errors='replace')}"
            return status == 200
        return False

    try:
        with running(command, ready, settings=settings, cwd=place, log=log) as server:
            yield server
    except RuntimeError as error:
        said = reason(log.read_text(errors="replace"))
        raise RuntimeError(f"{error} (it said: {said}; answered: {answer or 'nothing'})") from error


#: What is asked until a server is ready.
ROW = {**{f"n{at}": 0.5 for at in range(14)}, **{f"c{at}": "v1" for at in range(6)}}

if __name__ == "__main__":
    main()
