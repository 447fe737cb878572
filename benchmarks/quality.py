"""How good what `assay train` makes is, next to plain models on the same rows: `make quality` (`make quality-full`).

Each data set is parted anew for every outer seed: a stratified fifth of its rows (of its entities, of its rows as they
come where they have several labels) is the gate's by a column of the file, and chooses nothing. Assay is trained as
`assay init` and `assay train` would, the plain models (`plain_models.py`) learn from the same rows, and all are
measured on the same gate's rows.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray
from quality_table import Run, show, write_table
from sets import SETS, Set

TEST_SHARE = 0.2
BOOTSTRAPS = 500
SHORT = ("telco_churn", "vehicle_insurance_fraud", "sms_spam", "rotten_tomatoes")


def main() -> None:
    """Measure, print, and say whether everything holds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sets", nargs="*", default=SHORT, help=f"of {', '.join(SETS)}, or all")
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument(
        "--out", type=Path, help="write every run to this JSON file; runs that it has are not done again"
    )
    arguments.add_argument("--table", type=Path, help="write the table to this Markdown file")
    said = arguments.parse_args()
    names = list(SETS) if said.sets == ["all"] else said.sets
    runs = _read(said.out)
    if said.out:
        said.out.parent.mkdir(parents=True, exist_ok=True)
    # A process of its own for each run, so that its peak memory can be read.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for name in names:
            for seed in range(said.seeds):
                if (name, seed) in runs:
                    continue
                runs[name, seed] = pool.submit(measure, name, seed).result()
                print(json.dumps(runs[name, seed]._asdict()), file=sys.stderr, flush=True)
                if said.out:
                    said.out.write_text(json.dumps([run._asdict() for run in runs.values()], indent=1))
    wanted = [run for (name, seed), run in runs.items() if name in names and seed < said.seeds]
    if said.table:
        write_table(wanted, said.table)
    sys.exit(0 if show(wanted) else 1)


def _read(file: Path | None) -> dict[tuple[str, int], Run]:
    found = json.loads(file.read_text()) if file and file.exists() else []
    return {(run["name"], run["seed"]): Run(**run) for run in found}


def measure(name: str, seed: int) -> Run:
    """Train Assay and the plain models on one parting of a set."""
    from plain_models import plain_probabilities

    from assay.app import open_app
    from assay.data.dataset import load_dataset
    from assay.data.split import split
    from assay.registry.releases import open_release
    from assay.settings import Settings
    from assay.training.train import Destination, train

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
        answers = release.answer_frame(dataset.table.take(parts.gate))
        plain = plain_probabilities(dataset, parts.all_but_gate, parts.gate)
        app.engine.dispose()
    probabilities = {"assay": answers.probabilities} | plain
    several = contract.task == "multilabel"
    halves = {who: micro_f1(given >= 0.5, truth) for who, given in probabilities.items()} if several else {}
    ece, precision = None, None
    if contract.task == "binary":
        positive = probabilities["assay"][:, contract.positive_index]
        yes = truth == contract.positive_index
        ece = debiased_ece(positive, yes, seed)
        flagged = positive >= release.policy.thresholds[0]
        precision = float(yes[flagged].mean()) if flagged.any() else math.nan
    return Run(
        name=name,
        seed=seed,
        chosen=trained.card.model.chosen,
        # A plain model says that a label applies from 0.5 on; Assay says what its policy says.
        scores={**halves, "assay": micro_f1(answers.label_index == 1, truth)}
        if several
        else {who: score(given, truth, contract) for who, given in probabilities.items()},
        at_half=halves.get("assay"),
        ece=ece,
        precision=precision,
        fell_back=bool(release.policy.note),
        seconds=seconds,
        processor=processor,
        gib=gib,
        tried={each.name: each.log_loss for each in trained.card.model.candidates if each.log_loss is not None},
    )


def part(wanted: Set, seed: int, folder: Path) -> Any:
    """Write the set with its parts into `folder`, and the spec that `assay init` drafts for it; returns the spec."""
    from assay.data.draft import Wishes, draft_spec
    from assay.data.read import read
    from assay.spec import parse_spec, write_spec
    from assay.spec.tree import Format

    frame = read(wanted.table(folder), Format()).frame
    labels = tuple(_named(entry, frame.columns) for entry in wanted.label.split(","))
    parts = _draw(frame, wanted, labels, np.random.default_rng(seed))
    frame.with_columns(pl.Series("part", parts.tolist())).write_csv(folder / "data.csv")
    wishes = Wishes(
        label=labels,
        separator=wanted.separator,
        positive=wanted.positive,
        entity=wanted.entity,
        time=wanted.time,
        ignore=wanted.ignore,
        split="column:part",
    )
    tree = yaml.safe_load(write_spec(draft_spec(folder / "data.csv", wishes, folder).draft))
    if wanted.floor is not None:
        tree["policy"] = {"maximise": "recall", "subject_to": {"precision": wanted.floor}}
    return parse_spec(yaml.safe_dump(tree, sort_keys=False))


def _named(entry: str, columns: list[str]) -> str:
    """A column by its name or by its position, as `assay init` takes it."""
    if not entry.startswith("#"):
        return entry
    position = int(entry[1:])
    return columns[position - 1 if position > 0 else position]


def _draw(
    frame: pl.DataFrame, wanted: Set, labels: tuple[str, ...], random: np.random.Generator
) -> NDArray[np.object_]:
    """`gate` for a fifth of the rows, else `train`."""
    parts = np.full(frame.height, "train", dtype=object)
    if wanted.entity is not None:
        owners = frame[wanted.entity].to_numpy()
        names = random.permutation(np.unique(owners))
        parts[np.isin(owners, names[: round(TEST_SHARE * names.size)])] = "gate"
        return parts
    several = len(labels) > 1 or wanted.separator is not None
    classes = np.zeros(frame.height) if several else frame[labels[0]].to_numpy()
    for one in sorted(set(classes)):
        rows = random.permutation(np.flatnonzero(classes == one))
        parts[rows[: round(TEST_SHARE * rows.size)]] = "gate"
    return parts


def score(probabilities: NDArray[np.float64], truth: NDArray[np.int64], contract: Any) -> float:
    """ROC-AUC of two classes; minus the log loss of more."""
    from sklearn.metrics import roc_auc_score

    if contract.task == "binary":
        at = contract.positive_index
        return float(roc_auc_score(truth == at, probabilities[:, at]))
    return float(np.log(np.maximum(probabilities[np.arange(truth.size), truth], 1e-15)).mean())


def micro_f1(said: NDArray[np.bool_], truth: NDArray[np.int64]) -> float:
    """F1 over all labels of all rows; both (rows, labels)."""
    right = float((said & (truth == 1)).sum())
    return 2.0 * right / max(1.0, float(said.sum() + truth.sum()))


def debiased_ece(positive: NDArray[np.float64], truth: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    """The debiased calibration error with 10 bins of equal mass, and its lower 95 % bound by a bootstrap of rows."""
    from assay.measures.metrics import CalibrationBins

    random = np.random.default_rng(seed)
    found = CalibrationBins(positive, truth)
    rows = truth.size
    drawn = [
        found.ece_debiased(np.bincount(random.integers(rows, size=rows), minlength=rows).astype(np.float64))
        for _ in range(BOOTSTRAPS)
    ]
    return found.ece_debiased(np.ones(rows)), float(np.quantile(drawn, 0.025))


if __name__ == "__main__":
    main()
