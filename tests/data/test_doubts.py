"""Columns that look like numbers or times and became something else."""

from __future__ import annotations

import polars as pl
import pytest

from assay.data.doubts import doubt

FRACTIONS = [f"{n}.5" for n in range(20)]
WHOLE = [str(n * n) for n in range(20)]
DAYS = [f"2024-01-{n + 1:02d}" for n in range(20)]


@pytest.mark.parametrize(
    ("values", "what", "first"),
    [
        ([*FRACTIONS, "not given", "unclear"], "numbers", "not given"),
        (["kg", *FRACTIONS], "numbers", "kg"),
        ([*FRACTIONS, "inf"], "numbers", "inf"),
        ([*FRACTIONS, "\u22121.5"], "numbers", "\u22121.5"),
        ([*FRACTIONS, "1.5-"], "numbers", "1.5-"),
        ([*FRACTIONS, "007"], "numbers", "007"),
        ([*WHOLE, "3+"], "numbers", "3+"),
        ([f"{value}%" for value in WHOLE], "numbers", "0%"),
        ([f"$1,{n}7.50" for n in range(10, 20)], "numbers", "$1,107.50"),
        ([*DAYS, "31.12.2024"], "times", "31.12.2024"),
        ([*DAYS, "2024-02-30"], "times", "2024-02-30"),
    ],
)
def test_a_few_values_that_change_the_type_are_named(values: list[str], what: str, first: str) -> None:
    found = doubt(pl.Series([None, *values]), "category")
    assert found is not None
    assert (found.what, found.rows, found.value, found.row) == (what, len(values), first, 1 + values.index(first))


@pytest.mark.parametrize(
    "values",
    [
        FRACTIONS,
        DAYS,
        [f"{n:05d}" for n in range(20)],
        [*WHOLE, "85123A", "C536379", "007"],
        [f"0123 45{n}" for n in range(20)],
        [f"1.{n}.{n}" for n in range(20)],
        [f"10.0.0.{n}" for n in range(20)],
        ["+4917612345", "+4917612346"],
        ["red", "blue", "3"],
        [],
    ],
)
def test_names_codes_and_words_raise_no_doubt(values: list[str]) -> None:
    assert doubt(pl.Series(values, dtype=pl.String), "id") is None


def test_numbers_and_typed_columns_raise_none() -> None:
    assert doubt(pl.Series([*FRACTIONS, "kg"]), "number") is None
    assert doubt(pl.Series([1.5, 2.5]), "category") is None
