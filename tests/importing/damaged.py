"""Model files with one byte changed at random, opened and asked in processes of their own.

    python -m tests.importing.damaged lightgbm --files 4000

prints how many made a model, how many were refused, and how many ended the process or never came back.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from assay.contract.table import Table
from assay.errors import AssayError
from assay.importing.forms import Form
from assay.importing.opened import Trust, open_model
from assay.spec.tree import MISSING_TOKENS
from tests.importing.material import frame, labels

COLUMNS = ("amount", "visits")
_LIMIT_S = 20
_ROWS, _ROUNDS = 200, 5


def numbers(rows: int = _ROWS) -> pl.DataFrame:
    """Two columns of numbers, none missing."""
    return frame(rows, missing=False).select(pl.col(COLUMNS).cast(pl.Float64))


def save_lightgbm(directory: Path) -> tuple[Path, Form]:
    """A small model of trees of both kinds of splits."""
    import lightgbm

    path, table = directory / "model.txt", numbers()
    data = lightgbm.Dataset(
        table.to_numpy(), labels(frame(_ROWS, missing=False)), feature_name=[*COLUMNS], categorical_feature=["visits"]
    )
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 1}
    lightgbm.train(settings, data, _ROUNDS).save_model(path)
    return path, "LightGBM text"


def save_xgboost(directory: Path) -> tuple[Path, Form]:
    """A small model of trees."""
    import xgboost

    path = directory / "model.json"
    data = xgboost.DMatrix(numbers().to_numpy(), labels(frame(_ROWS, missing=False)), feature_names=COLUMNS)
    xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, _ROUNDS).save_model(path)
    return path, "XGBoost JSON"


SAVERS: dict[str, Callable[[Path], tuple[Path, Form]]] = {"lightgbm": save_lightgbm, "xgboost": save_xgboost}


def try_damaged(library: str, files: int, seed: int = 0) -> Counter[str]:
    """How often a damaged file was "taken", "refused", or "ended" the process that opened it."""
    outcomes: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        while len(outcomes) < files:
            told = Path(name, "outcomes")
            told.write_text("")
            command = [
                sys.executable,
                "-m",
                "tests.importing.damaged",
                library,
                "--files",
                str(files),
                "--seed",
                str(seed),
            ]
            subprocess.run(
                [*command, "--begin", str(len(outcomes)), "--directory", name], check=False, capture_output=True
            )
            outcomes += told.read_text().split()
            if len(outcomes) < files:
                outcomes.append("ended")
    return Counter(outcomes)


def _try_in_turn(library: str, directory: Path, numbers_of_files: range, seed: int) -> None:
    """Damage and open in this process, one line a file, until all are tried or the process ends."""
    path, form = SAVERS[library](directory)
    sound = path.read_bytes()
    _open(path, form)
    with (directory / "outcomes").open("a", buffering=1) as told:
        for number in numbers_of_files:
            random = np.random.default_rng((seed, number))
            at, byte = int(random.integers(0, len(sound))), bytes([int(random.integers(32, 127))])
            path.write_bytes(sound[:at] + byte + sound[at + 1 :])
            signal.alarm(_LIMIT_S)
            try:
                _open(path, form)
            except AssayError:
                told.write("refused\n")
            else:
                told.write("taken\n")


def _open(path: Path, form: Form) -> None:
    rows = numbers(20)
    opened = open_model(path, form, rows, MISSING_TOKENS, Trust())
    opened.ask(Table(rows=rows.height, columns={column: rows[column].to_numpy() for column in COLUMNS}))


def main() -> None:
    """Try and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", choices=[*SAVERS])
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=int, default=0, help="go on at this file")
    parser.add_argument("--directory", type=Path, help="try in this process, with outcomes told there")
    asked = parser.parse_args()
    if asked.directory:
        _try_in_turn(asked.library, asked.directory, range(asked.begin, asked.files), asked.seed)
        return
    found = try_damaged(asked.library, asked.files, asked.seed)
    counts = ", ".join(f"{found[outcome]} {outcome}" for outcome in ("taken", "refused", "ended"))
    print(f"{asked.library}, {asked.files} files with one byte changed: {counts}")


if __name__ == "__main__":
    main()
