"""`assay train` from CSV, without a search, against a script of pandas and scikit-learn that does the same.

python benchmarks/training.py [SET ...] [--rounds N]     the two take turns; the figure is the ratio of their medians

Both are whole commands, start-up included: the same candidates, settings, five folds, predictions out of fold, the
better model again on all rows but the gate's, and its calibration. What `assay train` does besides counts against it:
the audit, the learning curve (three more fits), intervals, the proof that serving equals training, card and report.
Processor time is that of all processes of a side.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from sets import SETS, Set
from targets import Target, add_option, judge, keep
from train_sets import ASSAY, Ran, run

from assay.spec import read_spec

HERE = Path(__file__).resolve().parent
ROUNDS = 3
LIBRARIES = ("scikit-learn", "lightgbm", "pandas", "polars")
TITLES = ("set", "tried", "Assay s", "script s", "CPU", "floor", "aim", "measured", "reached", "log loss", "script's")
METHOD = """\
Whole commands from CSV, without a search (`make bench-training`): medians of {} rounds in which the two take turns. The
figure is the ratio of their times, with the least and the greatest of the rounds in brackets; CPU is the ratio of
processor times. Both try the same candidates at the same settings on five folds, fit the best again and calibrate it.
The audit, the learning curve, intervals, the proof, card and report of `assay train` count against it. The log losses
are Assay's and the script's, each on its own gate rows: Assay keeps rows that repeat another on one side of the split.
"""
FLOOR = 1.2
#: How a training ends whose gates refuse the release: it was trained all the same.
REFUSED = 1
#: The shares of the script's time that are aimed at, by the candidates that are tried.
AIMS = {"logistic_regression": 0.5, "lightgbm": 0.75}
#: How pandas is told to read each set.
READING: dict[str, dict[str, Any]] = {
    "telco_churn": {},
    "adult": {},
    "sms_spam": {"sep": "\t", "header": None, "names": ["#1", "column_2"], "quoting": 3},
}


class Times(NamedTuple):
    """The runs of the two sides."""

    assay: list[Ran]
    script: list[Ran]

    def ratios(self, what: str) -> list[float]:
        """Assay's `seconds` or `processor` of the script's, turn by turn."""
        return [getattr(ours, what) / getattr(theirs, what) for ours, theirs in zip(*self, strict=True)]


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sets", nargs="*", default=list(READING), help=f"of {', '.join(READING)}")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--table", type=Path, help="write the table to this Markdown file")
    add_option(arguments)
    wanted = arguments.parse_args()
    rows: list[tuple[str, ...]] = []
    judged: list[Target] = []
    for name in wanted.sets:
        for candidate, aim in AIMS.items():
            with tempfile.TemporaryDirectory() as folder:
                times = measure(name, candidate, Path(folder), wanted.rounds)
            what = f"training, of a script's time, {candidate}, {name}"
            judged.append(judge(what, times.ratios("seconds"), floor=FLOOR, aim=aim))
            rows.append((name, candidate, *_describe(times), *judged[-1][1:], *_losses(times)))
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    grid = Grid(*TITLES)
    for row in rows:
        grid.add_row(*row)
    Console(width=150).print(grid)
    keep(wanted.targets, judged)
    if wanted.table:
        title = "# `assay train` beside a script of pandas and scikit-learn"
        write_page(wanted.table, title, taken(LIBRARIES), METHOD.format(wanted.rounds), table(TITLES, rows))


def measure(name: str, candidate: str, folder: Path, rounds: int) -> Times:
    """Let the two take turns."""
    wanted = SETS[name]
    table = wanted.table(folder)
    _checked(run([str(ASSAY), "init", str(table), *wanted.options()], folder))
    spec = folder / "classifier.yaml"
    chosen = f"candidates: [{candidate}]\n  average: false"
    drafted = spec.read_text()
    spec.write_text(re.sub(r"candidates: \[logistic_regression, lightgbm\]", chosen, drafted))
    plan = _plan(wanted, table, spec, candidate, READING[name])
    times = Times([], [])
    for _ in range(rounds):
        times.script.append(_checked(run([sys.executable, str(HERE / "plain_training.py"), json.dumps(plan)], folder)))
        times.assay.append(_checked(run([str(ASSAY), "train", "--json"], folder), REFUSED))
        shutil.rmtree(folder / "home")
    return times


def _plan(wanted: Set, table: Path, spec: Path, candidate: str, reading: dict[str, Any]) -> dict[str, Any]:
    """What the script is told of the columns: as much as the spec says of them."""
    columns = read_spec(spec).columns
    kinds = {name: column if isinstance(column, str) else column.type for name, column in columns.items()}
    return {
        "table": str(table),
        "reading": reading,
        "label": wanted.label,
        "positive": wanted.positive,
        "numbers": [name for name, kind in kinds.items() if kind == "number"],
        "categories": [name for name, kind in kinds.items() if kind in {"category", "boolean"}],
        "texts": [name for name, kind in kinds.items() if kind == "text"],
        "boosted": candidate == "lightgbm",
    }


def _checked(ran: Ran, *fine: int) -> Ran:
    if ran.status not in {0, *fine}:
        raise SystemExit(f"ended with {ran.status}: {ran.complaint}")
    return ran


def _describe(times: Times) -> tuple[str, ...]:
    """Seconds of both, and the ratio of their processor times."""
    ours, theirs = (statistics.median(ran.seconds for ran in side) for side in times)
    return f"{ours:.1f}", f"{theirs:.1f}", f"{statistics.median(times.ratios('processor')):.2f}"


def _losses(times: Times) -> tuple[str, str]:
    """Log loss of the gate rows: Assay's and the script's."""
    ours = json.loads(times.assay[0].said)["card"]["metrics"]["log_loss"]["value"]
    return f"{ours:.4f}", f"{json.loads(times.script[0].said)['log_loss']:.4f}"


if __name__ == "__main__":
    main()
