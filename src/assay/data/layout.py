"""Where the rows of delimited text begin and how many fields each has, found with array operations over its bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEWLINE, _RETURN = 10, 13


@dataclass(frozen=True, slots=True)
class Layout:
    """`starts`: the byte that each row begins with; `widths`: its fields; `lines`: the line that it begins on, from 0.

    `is_whole`: every quote opens or closes a field, or is doubled within one.
    """

    starts: NDArray[np.int64]
    widths: NDArray[np.int64]
    lines: NDArray[np.int64]
    lengths: NDArray[np.int64]
    is_whole: bool

    @property
    def is_even(self) -> bool:
        """Whether every row has as many fields as the first, and none is blank."""
        return bool(len(self.widths)) and bool((self.widths == self.widths[0]).all() and (self.lengths > 0).all())


def find_layout(text: str | bytes, delimiter: str, quote: str | None) -> Layout:
    """Scan `text` (or its bytes in UTF-8), whose lines end with a line feed; blank lines at its end are no rows.

    Delimiters and line ends within quotes are part of a field (RFC 4180).
    """
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    content = np.frombuffer(encoded.rstrip(b"\r\n"), dtype=np.uint8)
    ends = np.flatnonzero(content == _NEWLINE)
    between = np.flatnonzero(content == ord(delimiter))
    breaks, whole = ends, True
    if quote is not None:
        quotes = np.flatnonzero(content == ord(quote))
        breaks = ends[np.searchsorted(quotes, ends) % 2 == 0]
        between = between[np.searchsorted(quotes, between) % 2 == 0]
        whole = _is_whole(content, quotes, ord(delimiter))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), breaks + 1])
    stops = np.concatenate([breaks, np.full(1, len(content))])
    returned = (stops > starts) & (content[np.maximum(stops, 1) - 1] == _RETURN) if len(content) else np.zeros(1, bool)
    widths = np.diff(np.searchsorted(between, stops), prepend=0) + 1
    return Layout(starts, widths, np.searchsorted(ends, starts), stops - starts - returned, whole)


def _is_whole(content: NDArray[np.uint8], quotes: NDArray[np.int64], delimiter: int) -> bool:
    if len(quotes) % 2:
        return False
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening > 0, content[opening - 1], _NEWLINE)
    after = np.where(closing + 1 < len(content), content[np.minimum(closing + 1, len(content) - 1)], _NEWLINE)
    doubled = np.zeros(len(opening) + 1, dtype=bool)
    doubled[1:-1] = opening[1:] == closing[:-1] + 1
    opens = (before == _NEWLINE) | (before == delimiter) | doubled[:-1]
    closes = (after == _NEWLINE) | (after == _RETURN) | (after == delimiter) | doubled[1:]
    return bool(opens.all() and closes.all())
