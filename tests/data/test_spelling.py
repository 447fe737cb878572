"""Marks within numbers, spellings of missing, and times that are only an order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.dataset import Dataset, load_dataset
from assay.data.numbers import PLAIN, Marks, recognise_marks, respell_numbers
from assay.data.read import read
from assay.data.spelling import find_missing
from assay.data.split import split
from assay.errors import DataError, SpecError
from assay.features.fit import fit_plan
from assay.spec import parse_spec
from assay.spec.tree import Format


def strings(*values: str | None, name: str = "x") -> pl.Series:
    return pl.Series(name, list(values), dtype=pl.String)


def recognise(
    *columns: pl.Series, delimiter: str | None = ",", decimal: str = "auto", thousands: str = "auto"
) -> Marks:
    return recognise_marks(columns, delimiter, decimal, thousands)


@pytest.mark.parametrize(
    ("columns", "marks"),
    [
        ([["1", "2.5"]], PLAIN),
        ([["1.234"]], PLAIN),
        ([["1,5", "2"]], Marks(",", None)),
        ([["1,234", "2"]], Marks(".", ",")),
        ([["1,234"], ["0.5"]], Marks(".", ",")),
        ([["1,234"], ["0,5"]], Marks(",", None)),
        ([["1.234"], ["0,5"]], Marks(",", ".")),
        ([["1.234.567"]], Marks(",", ".")),
        ([["words", "and 1,5 more"]], PLAIN),
        ([], PLAIN),
    ],
)
def test_all_columns_together_tell_the_marks(columns: list[list[str]], marks: Marks) -> None:
    assert recognise(*(strings(*values, name=str(at)) for at, values in enumerate(columns))) == marks


def test_semicolons_come_with_decimal_commas() -> None:
    assert recognise(strings("1,234"), delimiter=";") == Marks(",", None)


def test_marks_that_are_said_are_not_guessed() -> None:
    assert recognise(strings("1,234"), decimal=",") == Marks(",", None)
    assert recognise(strings("1,234"), decimal=".") == Marks(".", ",")
    assert recognise(strings("1_234.5"), decimal=".", thousands="_") == Marks(".", "_")


@given(
    st.floats(-1e9, 1e9).map(lambda value: round(value, 2)),
    st.sampled_from([Marks(".", ","), Marks(",", "."), Marks(",", " "), Marks(".", "'"), Marks(",", None)]),
)
def test_a_number_comes_back_from_every_spelling(value: float, marks: Marks) -> None:
    text = f"{value:,.2f}".replace(",", "t").replace(".", marks.decimal).replace("t", marks.thousands or "")
    plain, elsewhere = respell_numbers(strings(text), marks)
    assert (float(plain[0]), elsewhere) == (value, [])


def test_a_number_by_other_marks_is_never_misread() -> None:
    assert respell_numbers(strings("1,5", "1.5", "many", None), Marks(",", None))[1] == [1]


SPEC = """
name: rows
data:
  source: {source}
  format: {{{form}}}
  label: label
  {more}
"""


def load(folder: Path, content: str, columns: str = "", *, form: str = "", more: str = "") -> Dataset:
    (folder / "rows.csv").write_text(content)
    text = SPEC.format(source="rows.csv", form=form, more=more) + (f"columns:\n{columns}" if columns else "")
    return load_dataset(parse_spec(text), folder)


def rows(*values: Any) -> str:
    return "x;label\n" + "".join(f"{value};{'yes' if row % 2 else 'no'}\n" for row, value in enumerate(values))


def test_a_number_with_another_mark_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column x: 1 of its values are no numbers with the decimal mark ','") as caught:
        load(tmp_path, rows("1,5", "1.5"), "  x: {type: number}\n", form='decimal: ","')
    assert str(caught.value.problems[0]) == "column x: has '1.5' in row 2, line 3"


def test_an_id_keeps_its_marks(tmp_path: Path) -> None:
    content = "code;x;label\n1,5;2,5;yes\n1,6;3,5;no\n"
    dataset = load(tmp_path, content, "  code: {type: id}\n  x: {type: number}\n")
    assert dataset.table.columns["code"].tolist() == ["1,5", "1,6"]
    assert dataset.table.columns["x"].tolist() == [2.5, 3.5]


def test_a_declared_time_is_recognised_or_said(tmp_path: Path) -> None:
    columns = "  x: {type: timestamp}\n  n: {type: number}\n"
    content = "x;n;label\n01/02/2024;1;yes\n03/04/2024;2;no\n"
    dataset = load(tmp_path, content, columns, form="times: {x: month_first}")
    assert np.diff(dataset.table.columns["x"]).tolist() == [62 * 86400.0]
    with pytest.raises(DataError, match="may be 1 February 2024 or 2 January 2024"):
        load(tmp_path, content, columns)


def test_a_wrong_time_is_named_as_it_stands(tmp_path: Path) -> None:
    content = "x;n;label\n" + "".join(f"{day:02d}/12/2023;1;{'yes' if day % 2 else 'no'}\n" for day in range(1, 32))
    with pytest.raises(DataError) as caught:
        load(
            tmp_path,
            content + "31/02/2024;1;no\n",
            "  x: {type: timestamp}\n  n: {type: number}\n",
            form="times: {x: day_first}",
        )
    assert "got '31/02/2024'" in caught.value.problems[0].message


def test_columns_without_a_spec_are_spelt_as_they_look(tmp_path: Path) -> None:
    dataset = load(tmp_path, "x;at;label\n1,5;13/01/2024;yes\n2,5;14/01/2024;no\n")
    assert [column.type for column in dataset.contract.columns] == ["number", "timestamp"]
    assert dataset.table.columns["x"].tolist() == [1.5, 2.5]


def test_a_number_may_order_the_rows_of_a_time_split(tmp_path: Path) -> None:
    content = "x;n;label\n" + "".join(f"{row};{row % 7};{'yes' if row % 2 else 'no'}\n" for row in range(100))
    more = "time: x\n  split: {method: time}"
    dataset = load(tmp_path, content, more=more)
    assert dataset.contract.columns[0].type == "number"
    spec = parse_spec(SPEC.format(source="rows.csv", form="", more=more))
    assert split(dataset, spec).gate.min() == 80
    assert dataset.moments is None
    assert fit_plan(dataset.contract, dataset.table, None, spec.features, "linear")[0].names == ("n",)


def test_an_order_is_no_clock(tmp_path: Path) -> None:
    content = "x;n;label\n" + "".join(f"{row};{row % 7};{'yes' if row % 2 else 'no'}\n" for row in range(30))
    with pytest.raises(SpecError, match="a capacity per day needs a time; column x is a number"):
        load(tmp_path, content, more="time: x\npolicy: {capacity: {per_day: 3}}")


def test_spellings_of_missing_are_found_among_numbers_only(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("n,kind,label\n1,-,yes\n-,a,no\n3,#N/A,yes\nnone,-,no\n")
    assert find_missing(read(path, Format())) == ("#N/A", "-", "none")
    path.write_text("n,kind,label\n1,none,yes\n2,a,no\n")
    assert find_missing(read(path, Format())) == ()


@pytest.mark.parametrize(("missing", "expected"), [("keep", np.nan), ("constant:1970-01-02", 86400.0)])
def test_a_missing_time_means_what_the_spec_says(tmp_path: Path, missing: str, expected: float) -> None:
    columns = f"  x: {{type: timestamp, missing: '{missing}'}}\n  n: {{type: number}}\n"
    dataset = load(tmp_path, "x;n;label\n2024-01-01;1;yes\n;2;no\n", columns)
    np.testing.assert_equal(dataset.table.columns["x"][1], expected)
