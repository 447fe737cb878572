"""The parts of a split as files, for people who train or judge elsewhere."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import polars as pl

from assay.data.split import Rows, Split
from assay.errors import StorageError


def name_parts(split: Split) -> dict[str, Rows]:
    """The rows of each part. Where choices are made out of fold, the first fold stands for validation."""
    if split.folds is None:
        validation = split.validation if split.validation is not None else np.empty(0, dtype=np.intp)
        return {"train": split.fit, "validation": validation, "gate": split.gate}
    return {"train": split.fit[split.folds != 0], "validation": split.fit[split.folds == 0], "gate": split.gate}


def write_parts(frame: pl.DataFrame, split: Split, directory: Path) -> dict[str, int]:
    """Write train.csv, validation.csv and gate.csv with the rows of `frame` as they stand in the data's file.

    The same data and settings write the same bytes. A part appears whole or not at all.

    Returns:
        The rows in each part.

    Raises:
        StorageError: the directory or a file cannot be written.
    """
    parts = name_parts(split)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, rows in parts.items():
            _write(directory / f"{name}.csv", frame[rows])
    except OSError as error:
        raise StorageError(
            f"{directory}: the parts cannot be written ({error.strerror or error})",
            remedy="name a directory on a disk with room that you can write to",
        ) from error
    return {name: len(rows) for name, rows in parts.items()}


def _write(path: Path, frame: pl.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
