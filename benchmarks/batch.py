"""Batches from Parquet against reading and writing the same file without a model, and against pandas with scikit-learn.

python benchmarks/batch.py [--rows N] [--rounds N] [--table PAGE]     rows of the first file, the others get a fifth
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from pages import table, taken, write_page
from targets import Target, add_option, judge, keep

# This process stays small: what it starts would else seem as large as it is. What needs libraries runs in its children.

HERE = Path(__file__).resolve().parent
ROWS, ROUNDS = 5_000_000, 3
#: PR_SET_CHILD_SUBREAPER of prctl(2).
_CHILD_SUBREAPER = 36
GROUP = 200_000
#: Of the first release's rows, how many the others get.
SHARES = {"linear_tabular": 1, "lightgbm_200x31": 5, "linear_text": 5}

COPY = "import polars, sys; polars.read_parquet('in.parquet').write_parquet('copy.parquet')"
#: The same, with columns of the kinds that a batch writes in place of those that it read.
COPY_ANSWERS = """
import polars
polars.read_parquet("in.parquet")
polars.read_parquet("out.parquet").write_parquet("copy.parquet")
"""
PANDAS = """
import pickle, pandas
pipeline = pickle.load(open("pipeline.pickle", "rb"))
frame = pandas.read_parquet("in.parquet")
found = pipeline.predict_proba(frame["text"] if "text" in frame else frame)
answers = pandas.DataFrame({f"probability_{name}": found[:, at] for at, name in enumerate(("no", "yes"))})
answers["label"] = pandas.Series(("no", "yes")).take((found[:, 1] >= 0.5).astype(int)).to_numpy()
answers.to_parquet("pandas.parquet")
"""


METHOD = """\
Whole commands (`make bench-batch`), start-up counted, in turn: medians of {} rounds, with the least and the greatest of
the rounds' ratios in brackets. Copying is polars: read the file and write it again; pandas loads a fitted pipeline,
reads, predicts and writes. CPU is that of all processes of a command, and its memory that of the largest of them."""
LIBRARIES = ("polars", "pyarrow", "pandas", "scikit-learn", "lightgbm")
TITLES = ("release", "rows", "what", "s", "rows/s", "CPU us/row", "largest")


class Bounds(NamedTuple):
    """Of what speed, and what share or multiple of it must (where anything is asked) and should be reached."""

    of: str
    floor: float | None
    aim: float


BOUNDS = {
    "linear_tabular": (Bounds("copying", 0.5, 0.6), Bounds("pandas + scikit-learn", None, 8.0)),
    "lightgbm_200x31": (Bounds("pandas + scikit-learn", 1.1, 1.3),),
    "linear_text": (Bounds("pandas + scikit-learn", 5.0, 10.0),),
}


class Ran(NamedTuple):
    """How long a command took, the CPU time of all its processes, and the memory of the largest of them."""

    elapsed_s: float
    cpu_s: float
    largest_mb: float


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=ROWS)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--table", type=Path, help="write the tables to this Markdown file")
    add_option(arguments)
    wanted = arguments.parse_args()
    rows = wanted.rows
    lines: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _run([sys.executable, __file__, "prepare", str(rows)], home)
        found: dict[str, list[dict[str, Ran]]] = {}
        for name, share in SHARES.items():
            (home / f"{name}.parquet").replace(home / "in.parquet")
            (home / f"{name}.pickle").replace(home / "pipeline.pickle")
            found[name] = [_measure(name, home) for _ in range(wanted.rounds)]
            for what in found[name][0]:
                lines.append(_line(name, rows // share, what, [one[what] for one in found[name]]))
                print(*lines[-1], sep="\t", flush=True)
    judged = [
        judge(
            f"batch of the speed of {bounds.of}, {name}",
            [_ratio(one, bounds.of) for one in found[name]],
            floor=bounds.floor,
            aim=bounds.aim,
            more=True,
        )
        for name, several in BOUNDS.items()
        for bounds in several
    ]
    for target in judged:
        print(*target, sep="\t")
    keep(wanted.targets, judged)
    if wanted.table:
        title, method = "# Batches from Parquet", METHOD.format(wanted.rounds)
        write_page(wanted.table, title, taken(LIBRARIES), method, table(Target._fields, judged), table(TITLES, lines))


def prepare(rows: int) -> None:
    """Publish the releases, write their files and fit the pipelines, in the working directory."""
    from releases import publish_all

    import batch
    from assay.app import open_app
    from assay.registry.releases import open_release, resolve
    from assay.settings import Settings

    home = Path.cwd()
    app = open_app(settings=Settings(home=home))
    publish_all(app)
    for name, share in SHARES.items():
        columns = {c.name: c.type for c in open_release(resolve(name, app.registry), app.blobs).contract.columns}
        _write(home / f"{name}.parquet", columns, rows // share)
        (home / f"{name}.pickle").write_bytes(pickle.dumps(batch.fit_pipeline(name)))


def _measure(name: str, home: Path) -> dict[str, Ran]:
    for made in home.glob("out.*"):
        made.unlink()
    batch = [str(Path(sys.executable).with_name("assay")), "batch", name, "--input", "in.parquet"]
    return {
        "copying": _run([sys.executable, "-c", COPY], home),
        "assay batch": _run([*batch, "--output", "out.parquet"], home),
        "copying its own output": _run([sys.executable, "-c", COPY_ANSWERS], home),
        "pandas + scikit-learn": _run([sys.executable, "-c", PANDAS], home),
    }


def _line(name: str, rows: int, what: str, rounds: list[Ran]) -> tuple[str, ...]:
    ran = Ran(*map(statistics.median, zip(*rounds, strict=True)))
    rate, each_us = rows / ran.elapsed_s, 1e6 * ran.cpu_s / rows
    return (
        name,
        f"{rows:,}",
        what,
        f"{ran.elapsed_s:.2f}",
        f"{rate:,.0f}",
        f"{each_us:.2f}",
        f"{ran.largest_mb:,.0f} MB",
    )


def _ratio(found: dict[str, Ran], of: str) -> float:
    """How many times the speed of the other."""
    return found[of].elapsed_s / found["assay batch"].elapsed_s


def fit_pipeline(name: str) -> Any:
    """What a person would fit in scikit-learn on the same rows and features; it uses all cores where it can."""
    import lightgbm
    import numpy as np
    import pandas as pd
    from releases import _tabular, _texts
    from sklearn.compose import make_column_transformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

    rng = np.random.default_rng(20)
    tabular, texts = _tabular(rng), _texts(rng)
    if name == "linear_text":
        statistics = make_pipeline(FunctionTransformer(_statistics), StandardScaler())
        features = make_union(TfidfVectorizer(ngram_range=(1, 2)), statistics, n_jobs=-1)
        pipeline = make_pipeline(features, LogisticRegression(max_iter=500))
        return pipeline.fit(texts.table.columns["text"], texts.labels)
    frame = pd.DataFrame(dict(tabular.table.columns))
    numbers = [column.name for column in tabular.contract.columns if column.type == "number"]
    categories = [column.name for column in tabular.contract.columns if column.type != "number"]
    if name == "lightgbm_200x31":
        coded = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        columns = make_column_transformer(("passthrough", numbers), (coded, categories), n_jobs=-1)
        columns.set_output(transform="pandas")
        model = lightgbm.LGBMClassifier(n_estimators=200, num_leaves=31, min_child_samples=5, n_jobs=-1, verbose=-1)
        return make_pipeline(columns, model).fit(frame, tabular.labels)
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer((scaled, numbers), (filled, categories), n_jobs=-1)
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(frame, tabular.labels)


def _statistics(texts: Any) -> Any:
    """The statistics that the release has of a text."""
    import numpy as np

    from assay.features.statistics import text_statistics

    return np.array([text_statistics(text) for text in texts])


def _write(path: Path, columns: dict[str, str], rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet
    from releases import WORDS

    rng = np.random.default_rng(5)
    writer = None
    for first in range(0, rows, GROUP):
        size = min(GROUP, rows - first)
        drawn: dict[str, object] = {}
        for name, kind in columns.items():
            if kind == "number":
                drawn[name] = rng.normal(size=size).round(2)
            elif kind == "text":
                drawn[name] = [" ".join(rng.choice(WORDS, size=16)) for _ in range(size)]
            else:
                drawn[name] = np.array([f"v{letter}" for letter in range(4)])[rng.integers(0, 4, size)]
        table = pa.table(drawn)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _run(command: list[str], home: Path) -> Ran:
    """Run a command to its end; processes that outlive it become children of this one and are counted too."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.perf_counter()
    environment = {**os.environ, "ASSAY_HOME": str(home), "PYTHONPATH": str(HERE)}
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    elapsed_s = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (home / "said").read_text()
    ran = Ran(elapsed_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    with contextlib.suppress(ChildProcessError):
        while True:
            _, _, used = os.wait4(-1, 0)
            cpu_s = ran.cpu_s + used.ru_utime + used.ru_stime
            ran = Ran(elapsed_s, cpu_s, max(ran.largest_mb, used.ru_maxrss / 1024))
    return ran


if __name__ == "__main__":
    if sys.argv[1:2] == ["prepare"]:
        prepare(int(sys.argv[2]))
    else:
        main()
