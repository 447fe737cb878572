"""Exports: whole or not at all, and safe in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from assay.errors import ConfigurationError, StorageError
from assay.records.export import export

ROWS = [{"id": "1", "value": -0.5, "other": None}, {"id": "2", "value": {"a": [1, None]}, "other": True}]


def test_csv_holds_every_column_in_order(tmp_path: Path) -> None:
    assert export(ROWS, ("id", "value"), tmp_path / "out.csv") == 2
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["id", "value"], ["1", "-0.5"], ["2", '{"a":[1,null]}']]


def test_json_lines_hold_every_column_in_order(tmp_path: Path) -> None:
    assert export(ROWS, ("id", "other", "value"), tmp_path / "out.jsonl") == 2
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert lines[0] == b'{"id":"1","other":null,"value":-0.5}'
    assert msgspec.json.decode(lines[1])["value"] == {"a": [1, None]}


@pytest.mark.security
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_formulas_are_escaped(tmp_path: Path, text: str) -> None:
    export([{"a": text}], ("a",), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        assert list(csv.reader(file))[1] == [f"'{text}"]


def test_the_suffix_must_name_a_format(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="suffix"):
        export(ROWS, ("id",), tmp_path / "out.xls")


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield {"id": "1"}
        raise StorageError("the database went away")

    (tmp_path / "out.csv").write_text("old")
    with pytest.raises(StorageError, match="went away"):
        export(rows(), ("id",), tmp_path / "out.csv")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.csv", "old")]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="absent"):
        export(ROWS, ("id",), tmp_path / "absent" / "out.csv")
