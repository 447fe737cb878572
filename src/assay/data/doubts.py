"""Columns of which most values look like numbers or times, and which became something else because of the others."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from assay.contract.columns import ColumnType
from assay.contract.infer import are_iso_times, names_of_digits

#: A number with a sign, a currency or a percentage about it, or marks between its digits.
_LIKE_A_NUMBER = (
    "^[-+\u2212(]?[$€£¥]?\\s?[-\u2212]?(\\d{1,3}([,.' \u00a0\u202f]\\d{3})+|\\d+|[.,]\\d)([.,]\\d*)?([eE][-+]?\\d+)?"
    "\\s?[%$€£¥)\u2212-]?$"
)
_LIKE_A_TIME = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}/\d{1,2}/\d{2})(\D|$)"
_PLAIN_NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
_WHOLE = r"^\d+$"
#: Letters and digits in one word, which beside whole numbers are names like them: 85123 and 85123A.
_CODE = r"^\w*\d\w*([/-]\w+)*$"
_LONG = 30
_MEANT = {"numbers": "number", "times": "timestamp"}
_READ_AS: dict[ColumnType, str] = {"id": "an id, which no model sees", "category": "a category", "text": "text"}


class Doubt(NamedTuple):
    """Of `rows` values `like` look like `what` and `others` are none, the first of them `value` in the row `row`."""

    what: str
    rows: int
    like: int
    others: int
    value: str
    row: int

    def told(self, kind: ColumnType, place: str) -> str:
        """What a person should know, to be read after the column's name."""
        return (
            f"{self.like} of {self.rows} values look like {self.what}, but {self.others} cannot be read as such, for "
            f"example {self.value!r} ({place}): it is read as {_READ_AS[kind]}; mend them in the file, or name them in "
            f"data.format.missing and write type: {_MEANT[self.what]}"
        )


def doubt(series: pl.Series, kind: ColumnType) -> Doubt | None:
    """What speaks against `kind`, the type of a column of strings with null for missing; None where nothing does."""
    present = series.drop_nulls()
    if kind not in _READ_AS or series.dtype != pl.String or present.is_empty() or _is_long(present):
        return None
    cells = series.str.strip_chars()
    return _among_numbers(cells) or _among_times(cells)


def _is_long(present: pl.Series) -> bool:
    return float(present.str.len_chars().to_numpy().mean()) > _LONG


def _among_numbers(cells: pl.Series) -> Doubt | None:
    named = names_of_digits(cells)
    plain = cells.str.contains(_PLAIN_NUMBER) & ~named
    others = cells.filter(~plain)
    codes = others.str.contains(_CODE).sum()
    if cells.filter(plain).str.contains(_WHOLE).all() and 2 * codes > len(others):
        return None
    return _doubt("numbers", cells, plain, cells.str.contains(_LIKE_A_NUMBER) & ~named)


def _among_times(cells: pl.Series) -> Doubt | None:
    like = cells.str.contains(_LIKE_A_TIME)
    return _doubt("times", cells, are_iso_times(cells), like) if like.any() else None


def _doubt(what: str, cells: pl.Series, plain: pl.Series, like: pl.Series) -> Doubt | None:
    others = (~plain).fill_null(value=False)
    rows, alike = len(cells) - cells.null_count(), int((plain | like).sum())
    if 2 * alike <= rows or not others.any():
        return None
    row = others.arg_true()[0]
    return Doubt(what, rows, alike, int(others.sum()), cells[row], row)
