"""The compiled loops of one row beside their twins in Python, in one process: python benchmarks/loops.py

Features, scores and all of a row's way through the release core, in microseconds: the least of several rounds, in which
the two take turns.
"""

from __future__ import annotations

import json
import sys
import tempfile
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

HERE = Path(__file__).resolve().parent
CALLS, ROUNDS = 2000, 9


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(HERE))
    from releases import publish_all

    from assay import native
    from assay.app import open_app
    from assay.registry.releases import open_release, resolve
    from assay.settings import Settings

    if native.LOOPS is None:
        sys.exit("the loops were not compiled here: `assay doctor` says what is lacking")
    grid = Grid("release", "step", "Python us", "compiled us", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        app = open_app(settings=Settings(home=Path(folder)))
        for name, example in publish_all(app).items():
            version, raw = resolve(name, app.registry), json.dumps(example).encode()
            compiled = dict(_steps(open_release(version, app.blobs), raw))
            loops, native.LOOPS = native.LOOPS, None
            in_python = dict(_steps(open_release(version, app.blobs), raw))
            for step, built in compiled.items():
                theirs, ours = _least(in_python[step], built, native, loops)
                grid.add_row(name, step, f"{theirs:.2f}", f"{ours:.2f}", f"{theirs / ours:.1f}")
            native.LOOPS = loops
        app.engine.dispose()
    Console(width=100).print(grid)


def _steps(release: Any, raw: bytes) -> Iterator[tuple[str, Callable[[], Any]]]:
    row = release.decode(raw)
    features = release.features(row)
    yield "features", lambda: release.features(row)
    yield "scores", lambda: release.scores(features)
    yield "decode to decision", lambda: release.answer(release.decode(raw))


def _least(in_python: Callable[[], Any], compiled: Callable[[], Any], native: Any, loops: Any) -> tuple[float, float]:
    least = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for at, (call, built) in enumerate(((in_python, None), (compiled, loops))):
            native.LOOPS = built
            least[at] = min(least[at], timeit.timeit(call, number=CALLS) / CALLS * 1e6)
    native.LOOPS = None
    return least[0], least[1]


if __name__ == "__main__":
    main()
