"""The one reader of delimited text row by row: of headers, of where pieces end, and of rows that are not regular."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from assay.data.dialect import Dialect
from assay.data.layout import find_layout

#: What is wrong does not depend on where a piece ends: one reason for a quote that is not closed and one that goes on.
_WRONG_QUOTES = "not readable: a quote is not closed, or something follows the one that closes"
_ENDED = "unexpected end"


class Fields(NamedTuple):
    """A row's fields, or what is wrong with it; and where in the text it ends. `cut`: the text ends in a quote."""

    values: list[str]
    wrong: str
    end: int
    cut: bool = False


def read_rows(text: str, dialect: Dialect) -> Iterator[Fields]:
    """The rows of a text that hold anything; comments are none. One that cannot be read is its first line; the next
    line is a row again.
    """
    lines = _Lines(text, dialect.comment)
    while not lines.ended:
        reader = csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote,
            quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
            escapechar=dialect.escape,
            skipinitialspace=dialect.spaced,
            strict=dialect.quote is not None,
        )
        try:
            for values in reader:
                if any(values) and not (len(values) == 1 and not values[0].strip()):
                    yield Fields(values, "", lines.end)
                lines.begin_row()
        except csv.Error as error:
            lines.keep_first()
            yield Fields([], _WRONG_QUOTES, lines.end, cut=_ENDED in str(error))
            lines.begin_row()


class _Lines:
    """The lines of a text. Where a row begins, those of comments are passed over."""

    def __init__(self, text: str, comment: str | None) -> None:
        self._stream = io.StringIO(text, newline="")
        self._size = len(text)
        self._comment = comment
        self._begins = True
        self._first_end = 0
        self.end = 0

    @property
    def ended(self) -> bool:
        return self.end >= self._size

    def begin_row(self) -> None:
        """The next line begins a row."""
        self._begins = True

    def keep_first(self) -> None:
        """Go back to where the first line of the row ends."""
        self.end = self._first_end
        self._stream.seek(self.end)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._next()
        while self._begins and self._comment is not None and line.startswith(self._comment):
            line = self._next()
        if self._begins:
            self._first_end, self._begins = self.end, False
        return line

    def _next(self) -> str:
        line = self._stream.readline()
        if not line:
            raise StopIteration
        self.end += len(line)
        return line


def is_plain(block: bytes, dialect: Dialect) -> bool:
    """Whether every line is a row: none is blank, in quotes or a comment, and each ends with a line feed."""
    if dialect.quote is not None and dialect.quote.encode() in block:
        return False
    if dialect.escape is not None and dialect.escape.encode() in block:
        return False
    return _has_rows_alone(block, dialect)


def count_even(block: bytes, dialect: Dialect, *, last: bool) -> tuple[int, int] | None:
    """How many whole rows `block` begins with, and their length, by its quotes; None where only reading can tell."""
    if dialect.quote is None or dialect.escape is not None or dialect.spaced:
        return None
    if not (dialect.quote + dialect.delimiter).isascii() or not _has_rows_alone(block, dialect):
        return None
    length = len(block) if last else _last_outside(block, ord(dialect.quote))
    layout = find_layout(block[:length], dialect.delimiter, dialect.quote)
    if not length or not layout.is_whole or layout.lengths.max() > csv.field_size_limit():
        return None
    return len(layout.starts), length


def _last_outside(block: bytes, quote: int) -> int:
    """Where the last line ends whose end is not in quotes."""
    content = np.frombuffer(block, dtype=np.uint8)
    ends = np.flatnonzero(content == ord("\n"))
    outside = ends[np.searchsorted(np.flatnonzero(content == quote), ends) % 2 == 0]
    return int(outside[-1]) + 1 if outside.size else 0


def _has_rows_alone(block: bytes, dialect: Dialect) -> bool:
    """Whether no line is a comment or may be blank, every line ends with a line feed, and all of it is text."""
    if b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        return False
    if dialect.comment is not None and _begins_line(re.escape(dialect.comment.encode()), block):
        return False
    nothing = re.escape((dialect.delimiter + (dialect.quote or "")).encode())
    return not _begins_line(rb"[ \t\r" + nothing + rb"]*(?:\n|\Z)", block.removesuffix(b"\n"))


def _begins_line(pattern: bytes, block: bytes) -> bool:
    return re.match(pattern, block) is not None or re.search(rb"\n" + pattern, block) is not None
