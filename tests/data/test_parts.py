from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.data.parts import write_parts
from assay.data.split import split
from assay.errors import StorageError
from tests.data.material import dataset, spec

ROWS = 100
FRAME = pl.DataFrame({"text": [f'say "{row}",\nplease' for row in range(ROWS)], "label": ["a", "b"] * (ROWS // 2)})
DATA = dataset(FRAME["label"].to_list(), {"n": ("number", range(ROWS))})


def test_the_parts_hold_every_row_once_and_as_it_was(tmp_path: Path) -> None:
    rows = write_parts(FRAME, split(DATA, spec()), tmp_path / "parts")
    frames = {name: pl.read_csv(tmp_path / "parts" / f"{name}.csv") for name in ("train", "validation", "gate")}
    assert {name: frame.height for name, frame in frames.items()} == rows == {"train": 64, "validation": 16, "gate": 20}
    assert pl.concat(frames.values()).sort("text").equals(FRAME.sort("text"))


def test_a_held_out_part_is_the_validation_file(tmp_path: Path) -> None:
    parts = split(DATA, spec("split: {validation: 0.5}"))
    assert parts.validation is not None
    write_parts(FRAME, parts, tmp_path)
    written = pl.read_csv(tmp_path / "validation.csv")
    assert written.equals(FRAME[parts.validation])


def test_the_same_split_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("once", "again"):
        write_parts(FRAME, split(DATA, spec()), tmp_path / name)
    for file in ("train.csv", "validation.csv", "gate.csv"):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_a_part_without_rows_has_a_header(tmp_path: Path) -> None:
    part = ["train"] * 80 + ["gate"] * 20
    data = dataset(FRAME["label"].to_list(), {"n": ("number", range(ROWS))}, part=part)
    parts = split(data, spec("split: {method: column, column: part, validation: 0.9}"))
    assert parts.validation is not None
    assert np.intersect1d(parts.validation, parts.gate).size == 0
    write_parts(FRAME, parts, tmp_path)
    assert (tmp_path / "train.csv").read_text().startswith("text,label\n")


def test_a_file_in_the_way_is_one_clear_error_and_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "gate.csv").mkdir()
    (tmp_path / "gate.csv" / "kept").write_text("")
    with pytest.raises(StorageError, match="the parts cannot be written"):
        write_parts(FRAME, split(DATA, spec()), tmp_path)
    assert not list(tmp_path.glob(".*"))
