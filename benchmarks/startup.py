"""Start to first answer and resident memory of `assay serve` beside a hello-world of FastAPI and onnxruntime that
serves the same classifier: `make peers`, then python benchmarks/startup.py [ROUNDS]

They take turns, each alone, on one core; memory is PSS over all processes after a hundred answers.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as Grid

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from install import python_of  # noqa: E402 - behind the path
from processes import BIN, Server, answers, ask, running  # noqa: E402 - behind the path
from subject import NAME, Subject, write_subject  # noqa: E402 - behind the path
from table import HELLO  # noqa: E402 - behind the path

ROUNDS = 7
FLOOR, AIM = 1.5, 1.2
ANSWERS = 100
#: onnxruntime computes in float32.
CLOSE = 1e-5

Starts = Callable[[bytes], AbstractContextManager[Server]]


class Started(NamedTuple):
    """One start: seconds to the first answer, and MB after a hundred."""

    first_answer_s: float
    memory_mb: float


class Candidate(NamedTuple):
    """A server, how it is asked, and where the probability of `yes` stands in its answer."""

    starts: Starts
    path: str
    body: Callable[[dict[str, object]], object]
    probability: str


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    if not python_of(HELLO.environment).exists():
        sys.exit(f"{HELLO.name} is not installed: run `make peers`")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        subject = _prepare(folder)
        candidates = _candidates(folder)
        found: dict[str, list[Started]] = {name: [] for name in candidates}
        for number in range(rounds + 1):
            for name, candidate in candidates.items():
                started = _start(candidate, subject)
                if number:
                    found[name].append(started)
    _show(found)


def _prepare(folder: Path) -> Subject:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    from assay.app import open_app
    from assay.settings import Settings

    app = open_app(settings=Settings(home=folder / "home"))
    subject = write_subject(app, folder)
    app.engine.dispose()
    kinds = {str: StringTensorType, float: FloatTensorType}
    inputs = [(name, kinds[type(cell)]([None, 1])) for name, cell in subject.rows[0].items()]
    graph = convert_sklearn(subject.pipeline, initial_types=inputs, options={"zipmap": False})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return subject


def _candidates(folder: Path) -> dict[str, Candidate]:
    def own(body: bytes) -> AbstractContextManager[Server]:
        command = [str(BIN / "assay"), "serve", NAME, "--port", "{port}"]
        return running(command, _ready("/v1/predict", body), settings={"ASSAY_HOME": str(folder / "home")})

    def hello(body: bytes) -> AbstractContextManager[Server]:
        command = [str(python_of(HELLO.environment)), str(HERE / "peers" / "serve_onnx.py"), "{port}"]
        settings = {"PEER_SUBJECT": str(folder)}
        return running(command, _ready("/predict", body), settings=settings)

    return {
        "assay serve": Candidate(own, "/v1/predict", lambda row: {"model": NAME, "features": row}, "prediction"),
        HELLO.name: Candidate(hello, "/predict", lambda row: row, "probability"),
    }


def _ready(path: str, body: bytes) -> Callable[[int], bool]:
    return lambda port: answers(port, "POST", path, body)


def _start(candidate: Candidate, subject: Subject) -> Started:
    bodies = [json.dumps(candidate.body(row)).encode() for row in subject.rows]
    began = time.monotonic()
    with candidate.starts(bodies[0]) as server:
        first_answer_s = time.monotonic() - began
        for number in range(ANSWERS):
            at = number % len(bodies)
            status, body = ask(server.port, "POST", candidate.path, bodies[at])
            expected = subject.expected[at][1]
            if status != 200 or not abs(json.loads(body)[candidate.probability] - expected) <= CLOSE:
                raise RuntimeError(f"{candidate.path}: {status} {body[:200]!r}, not {expected}")
        return Started(first_answer_s, server.memory_mb())


def _show(found: dict[str, list[Started]]) -> None:
    ours, theirs = found.values()
    grid = Grid(title=f"medians of {len(ours)} starts in turns; targets {FLOOR} x (floor), {AIM} x (aim)")
    for title in ("", *found, "ratio", "verdict"):
        grid.add_column(title, justify="right" if title else "left")
    for number, what in enumerate(("start to first answer, s", "resident memory (PSS), MB")):
        own, other = (statistics.median(one[number] for one in side) for side in (ours, theirs))
        ratio = own / other
        verdict = "aim" if ratio <= AIM else "floor" if ratio <= FLOOR else "short of the floor"
        grid.add_row(what, f"{own:.2f}", f"{other:.2f}", f"{ratio:.2f}", verdict)
    Console(width=110).print(grid)


if __name__ == "__main__":
    main()
