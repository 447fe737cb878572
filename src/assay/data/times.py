"""How a column spells times: recognised from all of its values, and read into ISO 8601."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import polars as pl

from assay.contract.cells import epoch_seconds
from assay.errors import DataError
from assay.spec.tree import TimeSpelling

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905 - a table
}
_CLOCK = (
    r"(?:(?:T|,?\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>\.\d+)?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?)?\s*(?P<zone>Z|UTC|GMT|[-+]\d{2}:?\d{2})?"
)
_YEAR = r"(?P<year>\d{4}|\d{2})"
_NAME = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"


def _compile(date: str) -> re.Pattern[str]:
    return re.compile(date + _CLOCK, re.IGNORECASE)


_PATTERNS: dict[TimeSpelling, tuple[re.Pattern[str], ...]] = {
    "year_first": (_compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"),),
    "day_first": (_compile(rf"(?P<day>\d{{1,2}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark){_YEAR}"),),
    "month_first": (_compile(rf"(?P<month>\d{{1,2}})(?P<mark>[-/.])(?P<day>\d{{1,2}})(?P=mark){_YEAR}"),),
    "named": (
        _compile(rf"(?:[a-z]{{3,9}},?\s+)?(?P<day>\d{{1,2}})[-\s/]{_NAME}[-\s/,]\s*{_YEAR}"),
        _compile(rf"(?:[a-z]{{3,9}},?\s+)?{_NAME}\s+(?P<day>\d{{1,2}}),?\s+{_YEAR}"),
    ),
    "compact": (re.compile(r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})"),),
}
_EPOCHS: Mapping[TimeSpelling, float] = {"epoch_s": 1.0, "epoch_ms": 1e3, "epoch_us": 1e6, "epoch_ns": 1e9}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_WHOLE = re.compile(r"\d+(\.\d+)?")
#: Seconds since 1970 that are taken for a time: the years 2000 to 2099.
_EPOCH_RANGE = (946_684_800.0, 4_102_444_800.0)
_TIME_NAME = re.compile(r"(^|[_\s.-])(date|time|datetime|timestamp|ts|at|epoch|when)([_\s.-]|$)|[a-z](At|Date|Time)$")
#: A column of so many times is one of times with mistakes in it, which the check will name.
_MOSTLY = 0.99
_FIRST = 50


def recognise_times(series: pl.Series, *, known: bool = False, day_first: bool | None = None) -> TimeSpelling | None:
    """The spelling of a column of times, None where it holds none. Missing values are null.

    `known`: the caller said that they are times, so that plain numbers may be seconds since 1970; else the column's
    name must say so. `day_first` decides where the data does not tell day from month.

    Raises:
        DataError: nothing tells day from month; names a value.
    """
    values = sorted(set(_plain(series.drop_nulls()).str.strip_chars().to_list()))
    if not values:
        return None
    kinds: list[TimeSpelling] = ["iso", "year_first", "compact", "named"]
    kinds += [kind for kind in _EPOCHS if known or _TIME_NAME.search(series.name)]
    for kind in kinds:
        if _share(kind, values) >= _MOSTLY:
            return kind
    days, months = _share("day_first", values), _share("month_first", values)
    if max(days, months) < _MOSTLY:
        return None
    if days != months:
        return "day_first" if days > months else "month_first"
    if day_first is not None or all("." in value for value in values):
        return "month_first" if day_first is False else "day_first"
    for value in values:
        one, other = read_time(value, "day_first"), read_time(value, "month_first")
        if one is not None and other is not None and one != other:
            raise DataError(
                f"column {series.name}: {value!r} may be {_told(one)} or {_told(other)}, and no row tells",
                remedy=f"say data.format.times: ({series.name}: day_first) or month_first "
                "(init: --day-first or --month-first)",
            )
    return "day_first"


def respell_times(series: pl.Series, kind: TimeSpelling) -> pl.Series:
    """The column in ISO 8601; a value that is not of the spelling stays as it is, for the check to name."""
    if kind == "iso":
        return series if series.dtype == pl.String else series.cast(pl.String)
    texts = _plain(series)
    read = {value: read_time(value.strip(), kind) for value in texts.drop_nulls().unique()}
    known = {value: moment.isoformat() for value, moment in read.items() if moment is not None}
    return texts.replace(known)


def read_time(text: str, kind: TimeSpelling) -> datetime | None:
    """One value, None where it is not of the spelling or no time. A time without a zone is in UTC."""
    try:
        if kind == "iso":
            return datetime.fromtimestamp(epoch_seconds(text), UTC)
        if kind in _EPOCHS:
            return _from_epoch(text, _EPOCHS[kind])
        for pattern in _PATTERNS[kind]:
            if match := pattern.fullmatch(text):
                return _moment(match.groupdict())
    except (ValueError, OverflowError):
        pass
    return None


def _told(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _plain(series: pl.Series) -> pl.Series:
    """Strings; whole floats without their point."""
    if series.dtype.is_float() and bool((series.drop_nulls() == series.drop_nulls().floor()).all()):
        series = series.cast(pl.Int64)
    return series.cast(pl.String)


def _share(kind: TimeSpelling, values: Sequence[str]) -> float:
    """The share of the values that are so spelt; 0 where the first ones are not."""
    if not any(_reads(value, kind) for value in values[:_FIRST]):
        return 0.0
    return sum(_reads(value, kind) for value in values) / len(values)


def _reads(value: str, kind: TimeSpelling) -> bool:
    if kind == "iso" and not _ISO.match(value):
        return False
    return read_time(value, kind) is not None


def _from_epoch(text: str, scale: float) -> datetime | None:
    if not _WHOLE.fullmatch(text):
        return None
    seconds = float(text) / scale
    return datetime.fromtimestamp(seconds, UTC) if _EPOCH_RANGE[0] <= seconds < _EPOCH_RANGE[1] else None


def _moment(parts: Mapping[str, Any]) -> datetime:
    """The parts of a match as a time. Two digits of a year are of 1969 to 2068, as POSIX has them."""
    year = int(parts["year"])
    if year < 100:
        year += 1900 if year >= 69 else 2000
    month = _MONTHS[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    hour = int(parts.get("hour") or 0)
    half = (parts.get("half") or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("no hour of a half day")
    if half:
        hour = hour % 12 + 12 * half.startswith("p")
    moment = datetime(
        year, month, int(parts["day"]), hour, int(parts.get("minute") or 0), int(parts.get("second") or 0), tzinfo=UTC
    )
    moment += timedelta(microseconds=round(float(parts.get("fraction") or 0) * 1e6))
    zone = parts.get("zone") or "Z"
    if zone[0] not in "+-":
        return moment
    sign = 1 if zone[0] == "+" else -1
    offset = sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment.replace(tzinfo=timezone(offset))
