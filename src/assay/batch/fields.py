"""The one reader of delimited text: of headers, of where pieces end, and of rows in quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import NamedTuple

from assay.data.dialect import Dialect


class Fields(NamedTuple):
    """A row's fields, or what is wrong with it; and where in the text it ends. `cut`: the text ends in a quote."""

    values: list[str]
    wrong: str
    end: int
    cut: bool = False


def read_rows(text: str, dialect: Dialect) -> Iterator[Fields]:
    """The rows of a text. One that cannot be read is its first line; the next line is a row again."""
    begin = 0
    while begin < len(text):
        lines = io.StringIO(text, newline="")
        lines.seek(begin)
        reader = csv.reader(
            lines,
            delimiter=dialect.delimiter,
            quotechar=dialect.quote,
            quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
            skipinitialspace=dialect.spaced,
            strict=dialect.quote is not None,
        )
        try:
            for values in reader:
                begin = lines.tell()
                yield Fields(values, "", begin)
        except csv.Error as error:
            lines.seek(begin)
            begin += len(lines.readline())
            yield Fields([], f"not readable: {error}", begin, cut="unexpected end" in str(error))
        else:
            return


def is_plain(block: bytes, dialect: Dialect) -> bool:
    """Whether every line is a row: nothing in quotes, and no line that ends without a line feed."""
    return not (dialect.quote is not None and dialect.quote.encode() in block) and block.count(b"\r") == block.count(
        b"\r\n"
    )
