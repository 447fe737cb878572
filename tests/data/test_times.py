"""How a column spells times, from all of its values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.times import read_time, recognise_times, respell_times
from assay.errors import DataError
from assay.spec.tree import TimeSpelling

WRITTEN: dict[TimeSpelling, str] = {
    "iso": "%Y-%m-%dT%H:%M:%S+00:00",
    "year_first": "%Y/%m/%d %H:%M:%S",
    "day_first": "%d/%m/%Y %H:%M:%S",
    "month_first": "%m/%d/%Y %I:%M:%S %p",
    "named": "%d %b %Y %H:%M:%S GMT",
    "epoch_s": "%s",
}
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2068, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


def strings(*values: str | None, name: str = "x") -> pl.Series:
    return pl.Series(name, list(values), dtype=pl.String)


@given(MOMENTS, st.sampled_from([kind for kind in WRITTEN if kind != "epoch_s"]))
def test_what_is_written_in_a_spelling_is_read_back(moment: datetime, kind: TimeSpelling) -> None:
    assert read_time(moment.strftime(WRITTEN[kind]), kind) == moment


@given(MOMENTS, st.sampled_from([("epoch_s", 1), ("epoch_ms", 10**3), ("epoch_us", 10**6), ("epoch_ns", 10**9)]))
def test_seconds_since_1970_are_read_by_their_size(moment: datetime, unit: tuple[TimeSpelling, int]) -> None:
    kind, scale = unit
    text = str(int(moment.timestamp()) * scale)
    assert recognise_times(strings(text), known=True) == kind
    assert respell_times(strings(text), kind).to_list() == [moment.isoformat()]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["2024-01-31", "2024-02-01 10:00"], "iso"),
        (["2024-1-3", "2024-02-01"], "year_first"),
        (["31/01/2024", "01/02/2024"], "day_first"),
        (["01/31/2024", "02/01/2024"], "month_first"),
        (["01.02.2024"], "day_first"),
        (["05/05/2024"], "day_first"),
        (["Tue, 31 Dec 2024 08:26:00 GMT", "Jan 1, 2025"], "named"),
        (["20240131"], "compact"),
        (["1609459200"], None),
        (["31/31/2024"], None),
        (["13:00"], None),
        (["1.2.3"], None),
        ([None], None),
    ],
)
def test_the_values_tell_the_spelling(values: list[str | None], kind: str | None) -> None:
    assert recognise_times(strings(*values)) == kind


def test_a_name_tells_that_numbers_are_times() -> None:
    assert recognise_times(strings("1609459200", name="created_at")) == "epoch_s"
    assert recognise_times(strings("1609459200", name="sentAt")) == "epoch_s"
    assert recognise_times(strings("1609459200", name="fat")) is None


def test_a_day_that_may_be_a_month_is_refused() -> None:
    with pytest.raises(DataError, match="'03/04/2024' may be 3 April 2024 or 4 March 2024") as caught:
        recognise_times(strings("03/04/2024", "05/05/2024"))
    assert "--day-first" in caught.value.remedy
    assert recognise_times(strings("03/04/2024"), day_first=False) == "month_first"


def test_what_is_no_time_stays_for_the_check() -> None:
    texts = strings("31/12/2010", "31/02/2011", "never", None)
    assert respell_times(texts, "day_first").to_list() == ["2010-12-31T00:00:00+00:00", "31/02/2011", "never", None]


@pytest.mark.parametrize("text", ["13/01/2024 13:00 PM", "1/1/2024 25:00", "", "2024", "1e400", "99999999999999999999"])
def test_a_broken_time_is_none_in_every_spelling(text: str) -> None:
    assert [read_time(text, kind) for kind in get_args(TimeSpelling)] == [None] * len(get_args(TimeSpelling))
