"""`assay init` and `assay train` as a user runs them, on every data set: time, memory, verdicts (`make sets`).

Nothing of the spec is edited, and the only options are those that name columns and classes (`sets.py`). Ends with 1
where a set takes longer or more memory than is promised, or is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from sets import SETS, Set

#: Of `assay train`, on two cores; GiB of the process.
MOST_SECONDS, MOST_GIB = 300.0, 4.0
TITLES = ("set", "rows", "s", "CPU s", "GiB", "chosen", "gates", "digest", "")
READING = """\
`assay init` and `assay train` as commands (`make sets`), with the options of `benchmarks/sets.py`, which name columns
and classes; nothing of the spec is edited. The limits of a training are 300 s on two cores and 4 GiB. GiB is the peak
of its largest process. The digest is that of the release: the same data, spec and seed give it again where
linear algebra runs the same loops (OpenBLAS chooses them by processor, or by OPENBLAS_CORETYPE, here {loops})."""
ASSAY = Path(sys.executable).with_name("assay")


class Ran(NamedTuple):
    """A command: what it said on stdout and stderr, how long it took, its processor time, and its peak memory."""

    status: int
    said: str
    complaint: str
    seconds: float
    processor: float
    gib: float


def main() -> None:
    """Train every set, print a line for each, and say whether all kept to the limits."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sets", nargs="*", default=list(SETS), help=f"of {', '.join(SETS)}")
    arguments.add_argument("--table", type=Path, help="write the table to this Markdown file")
    wish = arguments.parse_args()
    grid = Grid(*TITLES)
    rows: list[tuple[str, ...]] = []
    kept = True
    for name in wish.sets:
        with tempfile.TemporaryDirectory() as folder:
            trained = train(SETS[name], Path(folder))
        # On idle cores a run takes no longer than its processor time, which a busy machine leaves as it is.
        within = min(trained.seconds, trained.processor) <= MOST_SECONDS and trained.gib <= MOST_GIB
        kept &= within and trained.status in {0, 1}
        rows.append((name, *describe(trained), "" if within else "too much"))
        grid.add_row(*rows[-1])
        print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    Console(width=140).print(grid)
    if wish.table:
        told = READING.format(loops=os.environ.get("OPENBLAS_CORETYPE", "not set"))
        title = "# Every data set by `assay init` and `assay train`"
        write_page(wish.table, title, taken(()), told, table(TITLES, rows))
    sys.exit(0 if kept else 1)


def train(wanted: Set, folder: Path) -> Ran:
    """Draft a spec and train by it; the run of the training."""
    table = wanted.table(folder)
    drafted = run([str(ASSAY), "init", str(table), *wanted.options()], folder)
    if drafted.status:
        return drafted
    return run([str(ASSAY), "train", "--json"], folder)


def describe(ran: Ran) -> tuple[str, ...]:
    """The cells of a line."""
    used = f"{ran.seconds:.0f}", f"{ran.processor:.0f}", f"{ran.gib:.1f}"
    if ran.status not in {0, 1}:
        return "", *used, "", f"refused: {ran.complaint.strip().splitlines()[0]}", ""
    summary: dict[str, Any] = json.loads(ran.said)
    card = summary["card"]
    verdicts = ", ".join(f"{gate['metric']} {gate['verdict']}" for gate in card["gates"])
    return f"{card['data']['rows']:,}", *used, card["model"]["chosen"], verdicts, card["release_digest"][:8]


def run(command: list[str], folder: Path) -> Ran:
    """Run it in `folder`. Memory is that of its largest process, of those that it started and waited for too."""
    began = time.perf_counter()
    environment = {**os.environ, "ASSAY_HOME": str(folder / "home"), "TERM": "dumb"}
    with (folder / "stdout").open("wb") as said, (folder / "stderr").open("wb") as complaint:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=complaint)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(
        status=process.returncode,
        said=(folder / "stdout").read_text(),
        complaint=(folder / "stderr").read_text(),
        seconds=time.perf_counter() - began,
        processor=used.ru_utime + used.ru_stime,
        gib=used.ru_maxrss / 2**20,
    )


if __name__ == "__main__":
    main()
