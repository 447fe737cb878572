"""What came of the runs of `quality.py`: a line a set, the verdicts, and both as a file to keep."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pages import table, taken, write_page
from rich.console import Console
from rich.table import Table as Grid
from scipy.stats import t as student
from sets import SETS

#: What has to hold: of the paired differences, the calibration errors, the precision floors, seconds and GiB.
WORST, MOST_ECE, LEAST_KEPT, MOST_SECONDS, MOST_GIB = -0.003, 0.03, 0.9, 300.0, 4.0
PLAIN = ("plain logistic regression", "default LightGBM")
TITLES = (
    "set",
    "seeds",
    "Assay",
    "plain LR",
    "LightGBM",
    "paired difference",
    "ECE",
    "floor kept",
    "s",
    "CPU s",
    "GiB",
    "chosen",
)
_LIBRARIES = ("scikit-learn", "lightgbm", "numpy", "scipy")
_READING = """\
Measured by `benchmarks/quality.py` on rows that chose nothing: ROC-AUC of two classes, minus the log loss in nats of
more, micro-F1 of several labels at each model's usual decisions (a plain model says that a label applies from 0.5 on,
Assay from the threshold that its policy chose). The difference is to the better plain model of the same seed, ± half of
its 95 % interval by Student's t. ECE is the largest lower 95 % bound of the debiased error in ten bins of equal mass.
Seconds are of a machine that others use too; processor seconds and GiB are the largest of a run."""


class Run(NamedTuple):
    """One set under one outer seed.

    `scores` are higher where a model is better: ROC-AUC of two classes, minus the log loss of more, micro-F1 of several
    labels. `at_half`: the micro-F1 of Assay's probabilities where a label applies from 0.5 on, as for the plain models.
    `ece` is the debiased calibration error and its lower 95 % bound. `precision` is the one reached at the policy's
    threshold; `fell_back`: the floor was out of reach on the rows that choose, and the release says so.
    """

    name: str
    seed: int
    chosen: str
    scores: dict[str, float]
    ece: tuple[float, float] | None
    precision: float | None
    fell_back: bool
    seconds: float
    processor: float
    gib: float
    tried: dict[str, float]
    at_half: float | None = None


def show(runs: Sequence[Run]) -> bool:
    """Print a line a set and the verdicts; says whether all of them are good."""
    grid = Grid(*TITLES)
    for line in _lines(runs):
        grid.add_row(*line)
    verdicts = judge(runs)
    console = Console(width=170)
    console.print(grid)
    console.print("\n".join(summary(runs)))
    for what, holds in verdicts.items():
        if not holds:
            console.print(f"not so: {what}", style="red")
    return all(verdicts.values())


def write_table(runs: Sequence[Run], file: Path) -> None:
    """The same as Markdown, with the day, the machine and the libraries."""
    failed = [f"Not so: {what}" for what, holds in judge(runs).items() if not holds]
    write_page(
        file,
        "# What `assay train` makes, next to plain models",
        taken(_LIBRARIES),
        _READING,
        table(TITLES, _lines(runs)),
        "\n".join(f"- {line}" for line in (*summary(runs), *failed)),
    )


def summary(runs: Sequence[Run]) -> list[str]:
    """The means over the sets, the floors, and what Assay's labels are worth at the plain models' threshold."""
    means = {name: float(_differences(group).mean()) for name, group in _groups(runs).items()}
    binary = [mean for name, mean in means.items() if _groups(runs)[name][0].ece]
    told = [f"Mean difference over the sets {np.mean(list(means.values())):+.4f}"]
    if binary:
        told[0] += f", over those of two classes {np.mean(binary):+.4f}"
    if kept := _floors(runs):
        told.append(f"Precision floor kept in {sum(kept)} of {len(kept)} runs")
    for name, group in _groups(runs).items():
        halves = [run.at_half for run in group if run.at_half is not None]
        if halves:
            told.append(f"{name}: where labels apply from 0.5 on, Assay's micro-F1 is {np.mean(halves):.4f}")
    return told


def judge(runs: Sequence[Run]) -> dict[str, bool]:
    """What has to hold, and whether it does."""
    verdicts, means = {}, []
    for name, group in _groups(runs).items():
        better = _differences(group)
        means.append(float(better.mean()))
        verdicts[f"{name}: no worse than the better plain model"] = not better.mean() + _half_width(better) < WORST
        if group[0].ece:
            verdicts[f"{name}: calibrated"] = all(run.ece is None or run.ece[1] <= MOST_ECE for run in group)
        # On idle cores a run takes no longer than its processor time, which a busy machine leaves as it is.
        verdicts[f"{name}: time and memory"] = all(
            min(run.seconds, run.processor) < MOST_SECONDS and run.gib < MOST_GIB for run in group
        )
    verdicts["better on average over the sets"] = float(np.mean(means)) > 0.0
    kept = _floors(runs)
    verdicts["precision floors kept"] = not kept or float(np.mean(kept)) >= LEAST_KEPT
    return verdicts


def _lines(runs: Sequence[Run]) -> list[tuple[str, ...]]:
    lines = []
    for name, group in _groups(runs).items():
        better = _differences(group)
        lines.append(
            (
                name,
                str(len(group)),
                *(_mean_score(group, who) for who in ("assay", *PLAIN)),
                f"{better.mean():+.4f}" + (f" ± {_half_width(better):.4f}" if better.size > 1 else ""),
                f"{max(run.ece[1] for run in group if run.ece):.3f}" if group[0].ece else "",
                _kept(group),
                f"{max(run.seconds for run in group):.0f}",
                f"{max(run.processor for run in group):.0f}",
                f"{max(run.gib for run in group):.1f}",
                ", ".join(sorted({run.chosen for run in group})),
            )
        )
    return lines


def _groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    of_set: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_set[run.name].append(run)
    return of_set


def _differences(group: Sequence[Run]) -> NDArray[np.float64]:
    """Assay's score less that of the better plain model, by run."""
    return np.array([run.scores["assay"] - max(run.scores[who] for who in PLAIN if who in run.scores) for run in group])


def _mean_score(group: Sequence[Run], who: str) -> str:
    found = [run.scores[who] for run in group if who in run.scores]
    return f"{np.mean(found):.4f}" if found else "not run"


def _half_width(values: NDArray[np.float64]) -> float:
    """Half of the 95 % interval of the mean by Student's t; 0 for a single value, which has none."""
    if values.size < 2:
        return 0.0
    return float(student.ppf(0.975, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size))


def _floors(runs: Sequence[Run]) -> list[bool]:
    """Whether the floor held, for each run whose policy did not fall back."""
    return [_holds(run) for run in runs if SETS[run.name].floor is not None and not run.fell_back]


def _kept(group: Sequence[Run]) -> str:
    floor, kept = SETS[group[0].name].floor, _floors(group)
    if floor is None:
        return ""
    return f"{sum(kept)} of {len(kept)} at {floor}" if kept else "fell back"


def _holds(run: Run) -> bool:
    return run.precision is not None and run.precision >= (SETS[run.name].floor or 0.0)
