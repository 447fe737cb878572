"""How good what `assay train` makes is, next to plain models on the same rows: `make quality` (`make quality-full`).

Each data set is parted anew for every outer seed: a stratified fifth of its rows is the gate's by a column of the
file, and chooses nothing. Assay is trained as `assay init` and `assay train` would, the plain models
(`plain_models.py`) learn from the same rows, and all are measured on the same gate's rows.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Grid
from scipy.stats import t as student

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ASSAY_SHARED_DATA", HERE.parent.parent / "shared" / "data"))
TEST_SHARE = 0.2
BOOTSTRAPS = 500
#: What has to hold: of the paired differences, the calibration errors, the precision floors, seconds and GiB.
WORST, MOST_ECE, LEAST_KEPT, MOST_SECONDS, MOST_GIB = -0.003, 0.03, 0.9, 300.0, 4.0


class Set(NamedTuple):
    """A data set: its file, what `assay init` is told, and the precision floor asked of the policy, if any."""

    file: str
    label: str
    positive: str | None = None
    ignore: tuple[str, ...] = ()
    floor: float | None = None


SETS = {
    "telco_churn": Set("telco_churn/Telco-Customer-Churn.csv", "Churn", "Yes", floor=0.6),
    "adult": Set("adult/adult.csv.gz", "income", ">50K", floor=0.8),
    "vehicle_insurance_fraud": Set(
        "vehicle_insurance_fraud/fraud_oracle.csv.gz", "FraudFound_P", "1", ("PolicyNumber",), floor=0.2
    ),
    "sms_spam": Set("sms_spam/SMSSpamCollection.tsv", "#1", "spam", floor=0.95),
    "rotten_tomatoes": Set("rotten_tomatoes/rt-polarity.csv.gz", "label", "pos", floor=0.85),
    "sst2": Set("sst2/sst2.csv.gz", "label", "1", ("split",), floor=0.85),
    "elec2": Set("elec2/elec2.csv.gz", "class", "UP", ("nswprice", "date"), floor=0.85),
    "ag_news": Set("ag_news/ag_news_test.csv.gz", "label"),
    "clinc150": Set("clinc150/clinc150.csv.gz", "intent", ignore=("domain", "split")),
}
SHORT = ("telco_churn", "vehicle_insurance_fraud", "sms_spam", "rotten_tomatoes")


class Run(NamedTuple):
    """One set under one outer seed. `scores` are higher where a model is better: ROC-AUC, or minus the log loss."""

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


def main() -> None:
    """Measure, print, and say whether everything holds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sets", nargs="*", default=SHORT, help=f"of {', '.join(SETS)}, or all")
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--out", type=Path, help="write every run to this JSON file")
    said = arguments.parse_args()
    names = list(SETS) if said.sets == ["all"] else said.sets
    runs: list[Run] = []
    # A process of its own for each run, so that its peak memory can be read.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for name in names:
            for run in pool.map(measure, [name] * said.seeds, range(said.seeds)):
                runs.append(run)
                print(json.dumps(run._asdict()), file=sys.stderr, flush=True)
    if said.out:
        said.out.write_text(json.dumps([run._asdict() for run in runs], indent=1))
    sys.exit(0 if show(runs) else 1)


def measure(name: str, seed: int) -> Run:
    """Train Assay and the plain models on one parting of a set."""
    from assay.app import open_app
    from assay.data.dataset import load_dataset
    from assay.data.split import split
    from assay.measures.metrics import CalibrationBins
    from assay.registry.releases import open_release
    from assay.settings import Settings
    from assay.training.train import Destination, train

    sys.path.insert(0, str(HERE))
    from plain_models import plain_probabilities

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        spec = part(SETS[name], seed, home)
        app = open_app(settings=Settings(home=home / "home"))
        began, worked = time.perf_counter(), time.process_time()
        trained = train(spec, home, Destination(registry=app.registry, blobs=app.blobs, by="benchmark"))
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        dataset = load_dataset(spec, home)
        parts = split(dataset, spec)
        truth, contract = dataset.labels[parts.gate], dataset.contract
        release = open_release(trained.version, app.blobs)
        probabilities = {"assay": release.probabilities(dataset.table.take(parts.gate))}
        probabilities |= plain_probabilities(dataset, parts.fit, parts.gate)
        app.engine.dispose()
    ece, precision = None, None
    if contract.task == "binary":
        positive = probabilities["assay"][:, contract.positive_index]
        yes = truth == contract.positive_index
        ece = debiased_ece(CalibrationBins, positive, yes, seed)
        flagged = positive >= release.policy.thresholds[0]
        precision = float(yes[flagged].mean()) if flagged.any() else math.nan
    return Run(
        name=name,
        seed=seed,
        chosen=trained.card.model.chosen,
        scores={who: score(given, truth, contract) for who, given in probabilities.items()},
        ece=ece,
        precision=precision,
        fell_back=bool(release.policy.note),
        seconds=seconds,
        processor=processor,
        gib=gib,
        tried={each.name: each.log_loss for each in trained.card.model.candidates},
    )


def part(wanted: Set, seed: int, folder: Path) -> Any:
    """Write the set with its parts into `folder`, and the spec that `assay init` drafts for it; returns the spec."""
    from assay.data.draft import Wishes, draft_spec
    from assay.data.read import read
    from assay.spec import parse_spec, write_spec
    from assay.spec.tree import Format

    frame = read(DATA / wanted.file, Format()).frame
    label = frame.columns[int(wanted.label[1:]) - 1] if wanted.label.startswith("#") else wanted.label
    random = np.random.default_rng(seed)
    parts = np.full(frame.height, "train", dtype=object)
    classes = frame[label].to_numpy()
    for one in sorted(set(classes)):
        rows = random.permutation(np.flatnonzero(classes == one))
        parts[rows[: round(TEST_SHARE * rows.size)]] = "gate"
    frame.with_columns(pl.Series("part", parts.tolist())).write_csv(folder / "data.csv")
    wishes = Wishes(label=(label,), positive=wanted.positive, ignore=wanted.ignore, split="column:part")
    tree = yaml.safe_load(write_spec(draft_spec(folder / "data.csv", wishes, folder).draft))
    if wanted.floor is not None:
        tree["policy"] = {"maximise": "recall", "subject_to": {"precision": wanted.floor}}
    return parse_spec(yaml.safe_dump(tree, sort_keys=False))


def score(probabilities: NDArray[np.float64], truth: NDArray[np.int64], contract: Any) -> float:
    """ROC-AUC of two classes; minus the log loss of more."""
    from sklearn.metrics import roc_auc_score

    if contract.task == "binary":
        at = contract.positive_index
        return float(roc_auc_score(truth == at, probabilities[:, at]))
    return float(np.log(np.maximum(probabilities[np.arange(truth.size), truth], 1e-15)).mean())


def debiased_ece(bins: Any, positive: NDArray[np.float64], truth: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    """The debiased calibration error with 10 bins of equal mass, and its lower 95 % bound by a bootstrap of rows."""
    random = np.random.default_rng(seed)
    found = bins(positive, truth)
    rows = truth.size
    drawn = [
        found.ece_debiased(np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64))
        for _ in range(BOOTSTRAPS)
    ]
    return found.ece_debiased(np.ones(rows)), float(np.quantile(drawn, 0.025))


def show(runs: list[Run]) -> bool:
    """Print a line a set and the verdicts; says whether all of them are good."""
    grid = Grid(
        "set", "Assay", "plain LR", "LightGBM", "paired difference", "ECE", "floor kept", "s", "CPU s", "GiB", "chosen"
    )
    of_set: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_set[run.name].append(run)
    means, verdicts = [], {}
    for name, group in of_set.items():
        better = np.array([run.scores["assay"] - _best_plain(run) for run in group])
        mean, half = float(better.mean()), _half_width(better)
        means.append(mean)
        verdicts[f"{name}: no worse than the better plain model"] = not mean + half < WORST
        if group[0].ece:
            verdicts[f"{name}: calibrated"] = all(run.ece is None or run.ece[1] <= MOST_ECE for run in group)
        verdicts[f"{name}: time and memory"] = all(
            run.processor / 2 < MOST_SECONDS and run.gib < MOST_GIB for run in group
        )
        grid.add_row(
            name,
            *(f"{_mean_score(group, who):.4f}" for who in ("assay", "plain logistic regression", "default LightGBM")),
            f"{mean:+.4f} ± {half:.4f}",
            f"{max(run.ece[1] for run in group if run.ece):.3f}" if group[0].ece else "",
            _kept(group),
            f"{max(run.seconds for run in group):.0f}",
            f"{max(run.processor for run in group):.0f}",
            f"{max(run.gib for run in group):.1f}",
            ", ".join(sorted({run.chosen for run in group})),
        )
    verdicts["better on average over the sets"] = float(np.mean(means)) > 0.0
    asked = [run for run in runs if SETS[run.name].floor is not None and not run.fell_back]
    kept = [run.precision is not None and run.precision >= (SETS[run.name].floor or 0.0) for run in asked]
    verdicts["precision floors kept"] = not kept or float(np.mean(kept)) >= LEAST_KEPT
    console = Console(width=160)
    console.print(grid)
    console.print(f"mean over sets {np.mean(means):+.4f}; precision floor kept in {sum(kept)} of {len(kept)} runs")
    for what, holds in verdicts.items():
        if not holds:
            console.print(f"not so: {what}", style="red")
    return all(verdicts.values())


def _best_plain(run: Run) -> float:
    return max(value for who, value in run.scores.items() if who != "assay")


def _mean_score(group: list[Run], who: str) -> float:
    return float(np.mean([run.scores.get(who, math.nan) for run in group]))


def _half_width(values: NDArray[np.float64]) -> float:
    """Half of the 95 % interval of the mean by Student's t; 0 for a single value, which has none."""
    if values.size < 2:
        return 0.0
    return float(student.ppf(0.975, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size))


def _kept(group: list[Run]) -> str:
    floor = SETS[group[0].name].floor
    asked = [run for run in group if not run.fell_back]
    if floor is None or not asked:
        return "" if floor is None else "fell back"
    return f"{sum(run.precision is not None and run.precision >= floor for run in asked)} of {len(asked)} at {floor}"


if __name__ == "__main__":
    main()
