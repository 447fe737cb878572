"""What a column is, from its values."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from assay.contract.infer import infer

MISSING = ("", "NA", "?")


def infer_one(values: list[Any], **known: Any) -> Any:
    return infer(pl.DataFrame({"x": values}), MISSING, **known)["x"]


@pytest.mark.parametrize(
    ("values", "kind", "missing"),
    [
        (["1", "2.5", "-3e2"], "number", "reject"),
        (["1", " ", "3"], "number", "median"),
        (["0", "1", "0"], "number", "reject"),
        (["007", "012"], "category", "reject"),
        (["Yes", "No", "?"], "category", "constant"),
        (["true", "False", ""], "boolean", "most_frequent"),
        (["2024-01-01", "2024-02-30T"], "category", "reject"),
        ([*(f"2024-{n % 12 + 1:02d}-07" for n in range(149)), "2024-02-30"], "timestamp", "reject"),
        ([*(f"{n * 1.5}" for n in range(149)), "1e5"], "number", "reject"),
        ([*(str(n) for n in range(0, 300, 2)), "1e5"], "id", "reject"),
        (["2024-01-01", "2024-02-01T10:00:00Z"], "timestamp", "reject"),
        ([f"a longer line of text number {n}" for n in range(30)], "text", "reject"),
        ([f"C-{n}" for n in range(30)], "id", "reject"),
        ([str(n) for n in range(100, 130)], "id", "reject"),
        ([str(n * n) for n in range(30)], "number", "reject"),
    ],
)
def test_the_values_of_a_column_tell_its_type(values: list[str], kind: str, missing: str) -> None:
    column = infer_one(values).column
    assert (column.type, column.missing) == (kind, missing)


def test_a_column_without_values_is_left_out() -> None:
    assert infer_one(["", "NA", "?"]) == (None, "no values at all")


def test_a_typed_column_keeps_its_type() -> None:
    assert infer_one([True, False]).column.type == "boolean"
    assert infer_one([1.5, None]).column.type == "number"


@pytest.mark.parametrize(
    "values",
    [["1234567890123456", "1234567890123457"], ["+4917612345"], ["12E4", "7E2"], [10**16, 10**16 + 1], [2**63]],
)
def test_names_made_of_digits_are_no_numbers(values: list[Any]) -> None:
    assert infer_one(values).column.type in ("category", "id")


def test_a_known_time_may_be_a_number() -> None:
    assert infer_one([str(n) for n in range(30)], times=["x"]).column.type == "number"
    assert infer_one(["2024-01-01", ""], times=["x"]).column.missing == "keep"


def test_what_the_user_names_is_not_guessed() -> None:
    assert infer_one(["a", "a"], ids=["x"]).column.type == "id"
    assert infer_one(["2024-01-01"], times=["x"]).column.type == "timestamp"


def test_missing_categories_are_a_category_of_their_own() -> None:
    seen = infer_one(["a", "b", "?", "a"])
    assert seen.column.constant == "missing"
    assert seen.comment == "2 values: a, b; 1 missing"


def test_long_text_raises_the_limit_of_its_column() -> None:
    seen = infer_one(["word " * 3000 + str(n) for n in range(5)])
    assert seen.column.max_length > 15_000


def test_a_few_words_among_many_numbers_are_mistakes_that_the_check_will_name() -> None:
    seen = infer_one([*map(str, range(0, 600, 2)), "abc", "8.5"])
    assert seen.column.type == "number"
    assert "'abc' in row 301" in seen.comment
    assert infer_one(["1", "2", "none", "4"]).column.type == "category"


def test_more_than_a_thousand_values_are_no_category() -> None:
    assert infer_one([f"v{number % 1500}" for number in range(9000)]).column.type == "id"
    assert infer_one([f"red item {number % 1500}" for number in range(9000)]).column.type == "text"
