"""Derived columns: what each operation gives, and what has no value is missing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import ReleaseError
from assay.features.derived import derived_column, prepare_derived_row
from assay.features.plan import Derived, FeaturePlan, Number
from assay.features.row import prepare_row

BIG = 1.7e308


def both(derived: Derived, **cells: Any) -> float | None:
    """The value by row, after seeing that the column gives the same bits."""
    positions = {name: at for at, name in enumerate(cells)}
    by_row = prepare_derived_row(derived, positions)(list(cells.values()))
    columns = {
        name: np.array([np.nan if cell is None and derived.op not in {"length", "keyword"} else cell], dtype=kind)
        for name, cell in cells.items()
        for kind in (object if derived.op in {"length", "keyword"} else np.float64,)
    }
    by_column = derived_column(derived, columns)
    assert by_column.dtype == np.float64
    assert np.array_equal(by_column, [np.nan if by_row is None else by_row], equal_nan=True)
    return by_row


@pytest.mark.parametrize(
    ("op", "a", "b", "expected"),
    [
        ("ratio", 1.0, 4.0, 0.25),
        ("ratio", 1.0, 0.0, None),
        ("ratio", 1.0, -0.0, None),
        ("ratio", 0.0, 0.0, None),
        ("ratio", BIG, 0.1, None),
        ("ratio", None, 1.0, None),
        ("difference", 5.0, 7.0, -2.0),
        ("difference", BIG, -BIG, None),
        ("product", 3.0, 7.0, 21.0),
        ("product", BIG, 10.0, None),
        ("product", 1.0, None, None),
        ("age", 172_800.0, 86_400.0, 1.0),
        ("age", 0.0, 43_200.0, -0.5),
    ],
)
def test_pairs_of_numbers(op: Any, a: float | None, b: float | None, expected: float | None) -> None:
    assert both(Derived(name="d", op=op, of=("a", "b")), a=a, b=b) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(-1.0, 0.0), (0.0, 1.0), (4.9, 1.0), (5.0, 2.0), (BIG, 2.0), (None, None)]
)
def test_a_bucket_is_the_number_of_edges_at_or_below(value: float | None, expected: float | None) -> None:
    assert both(Derived(name="d", op="bucket", of=("a",), edges=(0.0, 5.0)), a=value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("you WON!", 1.0),
        ("wonder", 0.0),
        ("big Prize, now", 1.0),
        ("bigprize", 0.0),
        ("c++", 1.0),
        ("", 0.0),
        (None, None),
    ],
)
def test_a_keyword_is_a_whole_word_in_any_case(text: str | None, expected: float | None) -> None:
    assert both(Derived(name="d", op="keyword", of=("t",), words=("Won", "big prize", "c++")), t=text) == expected


@pytest.mark.parametrize(("text", "expected"), [("über", 4.0), ("", 0.0), (None, None)])
def test_a_length_counts_characters(text: str | None, expected: float | None) -> None:
    assert both(Derived(name="d", op="length", of=("t",)), t=text) == expected


@given(
    moment=st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59)),
    fraction=st.sampled_from([0.0, 0.25, 0.5]),
)
def test_date_parts_are_those_of_the_calendar(moment: datetime, fraction: float) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    seconds = float((whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)) + fraction
    found = {part: both(Derived(name="d", op="date_part", of=("t",), part=part), t=seconds) for part in PARTS}
    assert found == {
        "hour": whole.hour,
        "weekday": whole.weekday(),
        "day": whole.day,
        "month": whole.month,
        "year": whole.year,
    }


@pytest.mark.parametrize(
    "day",
    [(1, 1, 1), (1600, 2, 29), (1900, 2, 28), (1900, 3, 1), (2000, 2, 29), (2000, 3, 1), (2100, 2, 28), (9999, 12, 31)],
)
def test_date_parts_hold_where_leap_years_turn(day: tuple[int, int, int]) -> None:
    seconds = (datetime(*day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    found = [
        both(Derived(name="d", op="date_part", of=("t",), part=part), t=float(seconds))
        for part in ("year", "month", "day")
    ]
    assert found == list(day)


PARTS = ("hour", "weekday", "day", "month", "year")


@pytest.mark.parametrize("seconds", [None, -62_135_596_800.5, 253_402_300_800.0, BIG, -BIG])
def test_a_time_outside_the_calendar_has_no_date(seconds: float | None) -> None:
    assert both(Derived(name="d", op="date_part", of=("t",), part="day"), t=seconds) is None


def test_a_derived_column_can_use_another_one_and_is_imputed() -> None:
    plan = FeaturePlan(
        columns=("a", "b"),
        derived=(
            Derived(name="ratio", op="ratio", of=("a", "b")),
            Derived(name="square", op="product", of=("ratio", "ratio")),
        ),
        encoders=(Number(column="square", impute=-1.0, indicator=True),),
        names=("square", "square is missing"),
    )
    evaluate = prepare_row(plan, {})
    assert evaluate((3.0, 2.0)).dense == [2.25, 0.0]
    assert evaluate((3.0, 0.0)).dense == [-1.0, 1.0]


def test_a_derived_column_of_a_column_that_is_not_there_is_refused() -> None:
    derived = Derived(name="d", op="length", of=("gone",))
    with pytest.raises(ReleaseError, match="gone"):
        prepare_row(FeaturePlan(columns=("a",), derived=(derived,), encoders=(), names=()), {})
    assert math.isnan(derived_column(Derived(name="d", op="length", of=("a",)), {"a": np.array([None])})[0])


def test_joined_texts_are_one_text_and_missing_ones_are_left_out() -> None:
    joined = Derived(name="d", op="join", of=("a", "b"))
    rows = [("one", "two"), (None, "two"), (None, None)]
    step = prepare_derived_row(joined, {"a": 0, "b": 1})
    columns = {name: np.array([row[at] for row in rows], dtype=object) for at, name in enumerate("ab")}
    assert [step(row) for row in rows] == ["one\ntwo", "two", None]
    assert derived_column(joined, columns).tolist() == ["one\ntwo", "two", None]
