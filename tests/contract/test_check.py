"""A frame against its contract: one report that names columns, rows and counts; the same cells as online."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.check import check_frame, renamed
from assay.contract.columns import Column, Contract
from assay.contract.decode import prepare_decoder
from assay.contract.table import Table
from assay.errors import ContractError


def contract_of(*columns: Column) -> Contract:
    return Contract(task="binary", classes=("a", "b"), columns=columns, missing_values=("", "NA", "?"))


def report(contract: Contract, **columns: Any) -> list[str]:
    return [str(problem) for problem in check_frame(contract, pl.DataFrame(columns))[1]]


def test_strings_become_typed_columns() -> None:
    contract = contract_of(
        Column(name="n", type="number", missing="median"),
        Column(name="b", type="boolean", missing="most_frequent"),
        Column(name="c", type="category", missing="most_frequent"),
        Column(name="t", type="timestamp"),
    )
    frame = pl.DataFrame(
        {"n": [" 1.5", "?", "-2"], "b": ["True", "false", "NA"], "c": [" x", "", "y "], "t": ["1970-01-02"] * 3}
    )
    table, problems = check_frame(contract, frame)
    assert problems == []
    assert table.columns["n"].tolist()[::2] == [1.5, -2.0]
    assert np.isnan(table.columns["n"][1])
    assert table.columns["b"].tolist()[:2] == [1.0, 0.0]
    assert table.columns["c"].tolist() == ["x", None, "y"]
    assert table.columns["t"].tolist() == [86400.0] * 3


def test_a_wrong_type_on_row_4711_is_found_there() -> None:
    values = ["1"] * 6000
    values[4710] = "abc"
    assert report(contract_of(Column(name="age", type="number")), age=values) == [
        "column age: must be a number, got 'abc' (row 4711)"
    ]


def test_many_faults_are_counted_and_the_first_rows_named() -> None:
    found = report(contract_of(Column(name="age", type="number")), age=[None] * 9 + ["1"])
    assert len(found) == 1
    assert found[0].endswith("(row 1; row 2; row 3; row 4; row 5 and 4 more)")


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    assert report(contract_of(Column(name="age", type="number")), years=["1"]) == [
        "column age: is not in the data; it has years"
    ]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (Column(name="x", type="number", maximum=10, outliers="reject"), ["11"], "must lie between -inf and 10"),
        (Column(name="x", type="number"), [True], "must be a number"),
        (Column(name="x", type="number"), ["inf"], "must be a number, got 'inf'"),
        (Column(name="x", type="boolean"), ["maybe"], "must be true or false, got 'maybe'"),
        (Column(name="x", type="category", values=("a",), unknown="reject"), ["b"], "must be one of a"),
        (Column(name="x", type="timestamp"), ["soon"], "must be a time"),
        (Column(name="x", type="text"), ["<b></b>"], "must hold some text"),
        (Column(name="x", type="text"), [None], "is required"),
    ],
)
def test_each_kind_of_fault_has_its_message(column: Column, values: list[Any], said: str) -> None:
    found = report(contract_of(column), x=pl.Series(values))
    assert len(found) == 1
    assert said in found[0]


def test_typed_columns_are_taken_as_they_are() -> None:
    contract = contract_of(
        Column(name="n", type="number", missing="mean"),
        Column(name="b", type="boolean"),
        Column(name="c", type="category"),
        Column(name="t", type="timestamp"),
    )
    frame = pl.DataFrame(
        {
            "n": [1, None],
            "b": [True, False],
            "c": [3.0, 4.0],
            "t": pl.Series([0, 86_400_000_000]).cast(pl.Datetime("us")),
        }
    )
    table, problems = check_frame(contract, frame)
    assert problems == []
    assert table.columns["c"].tolist() == ["3", "4"]
    assert table.columns["t"].tolist() == [0.0, 86400.0]


@given(st.lists(st.text(alphabet=" abc<>/&;", min_size=0, max_size=12), min_size=1, max_size=8))
def test_text_is_read_from_a_file_as_it_is_online(texts: list[str]) -> None:
    contract = contract_of(Column(name="text", type="text", missing="constant", constant=""))
    table, problems = check_frame(contract, pl.DataFrame({"text": texts}))
    decoder = prepare_decoder(contract)
    rows = []
    for text in texts:
        try:
            rows.append(decoder.decode_mapping({"text": text}))
        except ContractError:
            rows.append(("refused",))
    if not problems:
        assert [table.row(index, contract.names) for index in range(table.rows)] == rows


def test_a_table_gives_back_the_rows_it_was_made_from() -> None:
    contract = contract_of(Column(name="n", type="number", missing="mean"), Column(name="c", type="category"))
    rows = [(1.0, "x"), (None, "y")]
    table = Table.from_rows(contract, rows)
    assert [table.row(index, contract.names) for index in range(2)] == rows
    assert table.take(np.array([1])).row(0, contract.names) == (None, "y")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("Umsatz", "plan"), ["column Umsatz EUR: is not in the data, which has 'Umsatz': rename it, or leave it out"]),
        (
            ("UMSATZ eur", "plan"),
            ["column Umsatz EUR: is not in the data, which has 'UMSATZ eur': rename it, or leave it out"],
        ),
        (("plan", "other"), []),
        (("Umsatz EUR", "Umsatz", "plan"), []),
    ],
)
def test_a_column_that_was_renamed_is_not_taken_for_missing(names: tuple[str, ...], told: list[str]) -> None:
    contract = contract_of(Column(name="Umsatz EUR", type="number"), Column(name="plan", type="text"))
    assert [str(problem) for problem in renamed(contract, names)] == told
