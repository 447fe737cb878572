"""How a file is to be read: as somebody says, else as the release's file was, else as it is recognised."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import polars as pl

from assay.contract.check import without_missing
from assay.contract.columns import Column, Contract
from assay.data.numbers import PLAIN, Marks, respell_numbers
from assay.data.reading import Kind, Reading
from assay.data.times import respell_times
from assay.errors import DataError, NotFoundError, Problem
from assay.registry.releases import read_evidence
from assay.registry.store import BlobStore, Version
from assay.release.manifest import CARD
from assay.spec.tree import Format, TimeSpelling

Faults = dict[int, list[Problem]]


@dataclass(frozen=True, slots=True)
class Wish:
    """`said`: what somebody says of this file, `auto` where nothing; `reading`: how the release's file was read."""

    said: Format = field(default_factory=Format)
    reading: Reading = field(default_factory=Reading)

    @property
    def form(self) -> Format:
        """What is said, and what is not as the release's file was."""
        said = {name: value for name, value in self.said.model_dump().items() if value not in ("auto", {})}
        return Format.model_validate({**self.reading.format, **said, "times": dict(self.times)})

    @property
    def times(self) -> tuple[tuple[str, TimeSpelling], ...]:
        """How columns spell times. A time that is not spelt so is read if it is ISO 8601."""
        return tuple({**self.reading.form.times, **self.said.times}.items())


class _Data(msgspec.Struct, frozen=True):
    reading: Reading = Reading()


class _Card(msgspec.Struct, frozen=True):
    data: _Data = _Data()


def recorded_reading(version: Version, blobs: BlobStore) -> Reading:
    """How the file of a release was read, by its card; where that does not say so, nothing is known.

    Raises:
        ReleaseError: the card is damaged.
    """
    try:
        return msgspec.json.decode(read_evidence(version, blobs, CARD), type=_Card).data.reading
    except (NotFoundError, msgspec.DecodeError):
        return Reading()


def marks_of(wish: Wish, kind: Kind, named: Path, *, alike: bool = True) -> Marks:
    """The marks within numbers. Those of the release go with files of its kind; of text that is written otherwise
    nobody knows, unless it is said, what they mean.

    Raises:
        DataError: the marks must be said.
    """
    form, said = wish.form, wish.said
    spelled = Marks(_said(form.decimal) or ".", _said(form.thousands))
    told = said.decimal != "auto"
    if told:
        return Marks(said.decimal, _said(said.thousands))
    if wish.reading.kind != kind or spelled == PLAIN:
        return Marks(".", _said(said.thousands))
    if not alike:
        raise DataError(
            f"{named} is not written as the file that the classifier learned from, whose decimal mark is "
            f"{spelled.decimal!r}" + f" with {spelled.thousands!r} between thousands" * bool(spelled.thousands),
            remedy='say which marks its numbers have: --decimal "." or --decimal ",", and --thousands',
        )
    return spelled


def _said(mark: str) -> str | None:
    return None if mark in ("auto", "none") else mark


def respell(
    frame: pl.DataFrame, contract: Contract, marks: Marks, times: dict[str, TimeSpelling]
) -> tuple[pl.DataFrame, Faults]:
    """The contract's columns of a frame in plain spelling, and the rows whose numbers have other marks."""
    changed: list[pl.Series] = []
    faults: Faults = {}
    for column in contract.columns:
        if column.name not in frame.columns:
            continue
        series = frame[column.name]
        if column.type == "number" and marks != PLAIN and series.dtype == pl.String:
            plain, elsewhere = respell_numbers(without_missing(series, contract.missing_values), marks)
            changed.append(plain)
            for row in elsewhere:
                faults.setdefault(row, []).append(_other_marks(column, series[row], marks))
        elif column.type == "timestamp" and _is_spelt(series) and column.name in times:
            present = without_missing(series, contract.missing_values)
            changed.append(respell_times(present, times[column.name]))
    return (frame.with_columns(changed) if changed else frame), faults


def _is_spelt(series: pl.Series) -> bool:
    return not series.dtype.is_temporal() and series.dtype != pl.Boolean


def _other_marks(column: Column, value: str, marks: Marks) -> Problem:
    thousands = f" and {marks.thousands!r} between thousands" * bool(marks.thousands)
    return Problem(column.name, f"{value!r} is no number with the decimal mark {marks.decimal!r}{thousands}")
