"""Rows of a frame as examples of a contract: what the spec says of a column counts, not how a notebook holds it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pytest

from assay.contract.columns import Column, Contract
from assay.data.frames import read_examples
from assay.errors import ContractError, DataError
from assay.spec.tree import Format
from assay.values import Cell


def cells_of(column: Column, values: Any, form: Format | None = None) -> list[Cell]:
    contract = Contract(task="binary", classes=("no", "yes"), columns=(column,), positive="yes", missing_values=("?",))
    return [row[0] for row, _ in read_examples(pd.DataFrame({"x": values}), contract, form or Format())]


@pytest.mark.parametrize(
    ("kind", "values", "cells"),
    [
        ("category", [1, 2], ["1", "2"]),
        ("category", [1.0, float("nan")], ["1", None]),
        ("category", pd.Categorical([3, 4]), ["3", "4"]),
        ("category", [True, False], ["true", "false"]),
        ("category", ["a", "?"], ["a", None]),
        ("id", pd.array([7, None], dtype="Int64"), ["7", None]),
        ("number", ["1.5", "?"], [1.5, None]),
        ("number", pd.to_timedelta(["90s", None]), [90.0, None]),
        ("boolean", ["TRUE", "false"], [1.0, 0.0]),
        ("timestamp", [1_700_000_000, 1_700_086_400], [1_700_000_000.0, 1_700_086_400.0]),
        ("timestamp", [pd.NaT, pd.Timestamp("1970-01-02", tz="Asia/Tokyo")], [None, 54_000.0]),
        ("text", ["a &amp;lt; b", None], ["a &lt; b", None]),
    ],
)
def test_a_cell_is_what_the_contract_says(kind: Any, values: Any, cells: list[Cell]) -> None:
    missing = "constant" if kind in ("text", "category") else "keep" if kind == "timestamp" else "median"
    constant = "" if kind == "text" else None
    assert cells_of(Column(name="x", type=kind, missing=missing, constant=constant), values) == cells


def test_the_spelling_of_the_training_data_decides() -> None:
    time = Column(name="x", type="timestamp")
    assert cells_of(time, ["02/01/1970"], Format(times={"x": "day_first"})) == [86_400.0]
    with pytest.raises(DataError, match="no row tells"):
        cells_of(time, ["02/01/1970"])
    number = Column(name="x", type="number")
    assert cells_of(number, ["1.234"], Format(decimal=",", thousands=".")) == [1234.0]


def test_cut_text_is_told() -> None:
    text = Column(name="x", type="text", max_length=3, truncate=True)
    contract = Contract(task="binary", classes=("no", "yes"), columns=(text,), positive="yes")
    found = list(read_examples(pl.DataFrame({"x": ["abcd", "abc"], "y": [1, 2]}), contract, Format()))
    assert found == [(("abc",), ("x",)), (("abc",), ())]


def test_an_optional_column_may_be_absent_and_another_one_not() -> None:
    columns = (Column(name="x", type="number"), Column(name="z", type="number", missing="median"))
    contract = Contract(task="binary", classes=("no", "yes"), columns=columns, positive="yes")
    assert [row for row, _ in read_examples(pl.DataFrame({"x": [1]}), contract, Format())] == [(1.0, None)]
    with pytest.raises(ContractError, match="column x: is not in the data; it has z"):
        list(read_examples(pl.DataFrame({"z": [1]}), contract, Format()))
