"""How delimited text is written: what stands before the table, what separates its fields, what quotes mean."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from assay.data.layout import find_layout
from assay.spec.tree import Format

_DELIMITERS = (",", "\t", ";", "|", "\x01", "\x1f", "^", "~")
_COMMENT = "#"
_QUOTE = '"'
_ESCAPE = "\\"
_SAMPLE_LINES = 300
#: So many characters a line are looked at on average, at most.
_LONG_LINE = 20_000
_HEADER_NAME = re.compile(r"[^\W\d][\w .\-/#()%:+&?'\[\]]{0,63}")
#: A number or a date in any spelling: a value, never the name of a column.
_FIGURE = re.compile(r"[-+]?[\d.,]*\d[\d.,:'/\s-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """`quote`: the character that fields may be put into; where None, quotes are characters like any other. `escape`
    stands before a quote that is meant as one, where quotes are not doubled. `spaced`: a blank follows every delimiter
    and is no part of the field. `skip`: how many lines stand above the table. Lines that begin with `comment` are none
    of it.
    """

    delimiter: str = ","
    quote: str | None = '"'
    header: bool = True
    escape: str | None = None
    spaced: bool = False
    skip: int = 0
    comment: str | None = None


class _Row(NamedTuple):
    """A row of the sample: the line that it begins on (from 0), its fields."""

    line: int
    fields: list[str]


def recognise(text: str, form: Format, names: Collection[str] = ()) -> Dialect:
    """Recognise the dialect of `text`; what `form` names is taken as said. A row with one of `names` is its header."""
    skip = 0 if isinstance(form.skip, str) else form.skip
    lines = _first_lines(text, skip + _SAMPLE_LINES)
    comment = _comment(lines[skip:]) if form.comment == "auto" else _said(form.comment)
    delimiter, spaced = _delimiter(lines, skip, comment, form)
    quote, escape = _quoting(text, delimiter, form)
    rows = list(_rows(lines, skip, comment, Dialect(delimiter=delimiter, quote=quote, escape=escape)))
    if not spaced and len(form.delimiter) != 1:
        later = [cell for row in rows for cell in row.fields[1:]]
        spaced = bool(later) and all(cell.startswith(" ") for cell in later)
    if form.skip == "auto" and form.header is not False:
        skip = _titles(rows, names)
        rows = [row for row in rows if row.line >= skip]
    return Dialect(
        delimiter=delimiter,
        quote=quote,
        header=form.header if isinstance(form.header, bool) else _has_header([row.fields for row in rows], names),
        escape=escape,
        spaced=spaced,
        skip=skip,
        comment=comment,
    )


def reading(dialect: Dialect) -> dict[str, object]:
    """The keys of `data.format` that make `recognise` give this dialect without looking."""
    keys: dict[str, object] = {
        "delimiter": dialect.delimiter + " " * dialect.spaced,
        "header": dialect.header,
        "quote": dialect.quote or "none",
        "skip": dialect.skip,
        "comment": dialect.comment or "none",
    }
    return keys if dialect.escape is None else {**keys, "escape": dialect.escape}


def table_lines(lines: Sequence[str], dialect: Dialect) -> list[tuple[int, str]]:
    """The lines of the table with their numbers (from 0): those below the skipped ones that are no comments."""
    kept: list[tuple[int, str]] = []
    quoted = False
    for number, line in enumerate(lines):
        is_comment = dialect.comment is not None and not quoted and line.startswith(dialect.comment)
        if number < dialect.skip or is_comment:
            continue
        kept.append((number, line))
        if dialect.quote is not None and line.count(dialect.quote) % 2:
            quoted = not quoted
    return kept


def read_rows(lines: Sequence[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The fields of each row, and before them the line that it begins on (from 0).

    Raises:
        csv.Error: a quote stands where none can, or is not closed; its arguments are the message and the row's line.
    """
    return _parse(lines, dialect, strict=dialect.quote is not None)


def _said(character: str) -> str | None:
    return None if character == "none" else character


def _first_lines(text: str, most: int) -> list[str]:
    stream = io.StringIO(text[: most * _LONG_LINE], newline="")
    return list(islice(stream, most))


def _comment(lines: Sequence[str]) -> str | None:
    """The mark of comments: lines that begin with it are few and are not divided like the others."""
    marked = [line for line in lines if line.startswith(_COMMENT)]
    others = [line for line in lines if line.strip() and not line.startswith(_COMMENT)]
    if not marked or len(marked) >= len(others):
        return None
    delimiter = _best_delimiter("".join(others))
    width = Counter(line.count(delimiter) for line in others).most_common(1)[0][0]
    alike = sum(line.count(delimiter) == width for line in marked)
    return _COMMENT if 2 * alike < len(marked) else None


def _delimiter(lines: Sequence[str], skip: int, comment: str | None, form: Format) -> tuple[str, bool]:
    """The delimiter, and whether it was said to be followed by a blank."""
    if form.delimiter != "auto":
        return form.delimiter[0], len(form.delimiter) == 2
    return _best_delimiter(
        "".join(line for line in lines[skip:] if comment is None or not line.startswith(comment))
    ), False


def _best_delimiter(sample: str) -> str:
    """The delimiter under which most lines have the same number of fields, more fields winning ties."""

    def score(delimiter: str) -> tuple[float, int]:
        best = (0.0, 0)
        for quote in (_QUOTE, None):
            counts = Counter(len(row) for row in _fields(sample, delimiter, quote))
            width, times = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
            if width > 1:
                best = max(best, (times / counts.total(), width))
        return best

    return max(_DELIMITERS, key=score)


def _fields(sample: str, delimiter: str, quote: str | None) -> list[list[str]]:
    dialect = Dialect(delimiter=delimiter, quote=quote)
    try:
        return [row for _, row in _parse(io.StringIO(sample, newline=""), dialect, strict=False) if row]
    except csv.Error:
        return []


def _parse(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    """Rows of whole or, where not `strict`, of sampled lines, which may end within a quoted field."""
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        escapechar=dialect.escape,
        skipinitialspace=dialect.spaced,
        strict=strict,
    )
    before = 0
    try:
        for row in reader:
            yield before, row
            before = reader.line_num
    except csv.Error as error:
        raise csv.Error(str(error), before) from None


def _quoting(text: str, delimiter: str, form: Format) -> tuple[str | None, str | None]:
    """The quote and the escape of the text."""
    if form.quote != "auto":
        quote = _said(form.quote)
    elif _QUOTE not in text:
        return _QUOTE, None
    else:
        quote = None if _quotes_are_characters(text, delimiter) else _QUOTE
    if quote is None or form.escape != "auto":
        return quote, None if form.escape == "auto" else _said(form.escape)
    return quote, _ESCAPE if _escapes(text, Dialect(delimiter=delimiter, quote=quote)) else None


def _quotes_are_characters(text: str, delimiter: str) -> bool:
    """Every line has the same number of fields as it stands, and reading quotes would fail or join lines."""
    plain = find_layout(text, delimiter, None)
    if not plain.is_even:
        return False
    quoted = find_layout(text, delimiter, _QUOTE)
    return not quoted.is_whole or len(quoted.starts) != len(plain.starts)


def _escapes(text: str, dialect: Dialect) -> bool:
    """Whether quotes can only be read if a backslash takes their meaning away."""
    if _ESCAPE + '"' not in text or find_layout(text, dialect.delimiter, dialect.quote).is_whole:
        return False
    escaped = Dialect(delimiter=dialect.delimiter, quote=dialect.quote, escape=_ESCAPE)
    try:
        widths = {len(row) for _, row in read_rows(io.StringIO(text, newline="").readlines(), escaped) if row}
    except csv.Error:
        return False
    return len(widths) == 1


def _rows(lines: Sequence[str], skip: int, comment: str | None, dialect: Dialect) -> Iterator[_Row]:
    """The rows of the sample that hold anything."""
    kept = table_lines(lines, replace(dialect, skip=skip, comment=comment))
    try:
        for begin, fields in _parse((line for _, line in kept), dialect, strict=False):
            if any(field.strip() for field in fields):
                yield _Row(kept[begin][0], fields)
    except csv.Error:
        return


def _titles(rows: Sequence[_Row], names: Collection[str]) -> int:
    """How many lines stand above the table: rows with next to nothing in them, then one of names."""
    widths = Counter(len(row.fields) for row in rows)
    if not widths:
        return 0
    width = widths.most_common(1)[0][0]
    most = max(1, (width - 1) // 2)
    first = next((at for at, row in enumerate(rows) if sum(bool(field.strip()) for field in row.fields) > most), 0)
    if first == 0 or len(rows[first].fields) != width or not _has_header([row.fields for row in rows[first:]], names):
        return 0
    return rows[first].line


def _has_header(rows: Sequence[Sequence[str]], names: Collection[str]) -> bool:
    """The first row names columns: it holds no number and no gap, and what stands below is of another kind.

    A first cell that comes again below is a value; names are short. In doubt, short words of letters are names. One of
    `names`, which somebody said are columns, leaves no doubt.
    """
    if not rows:
        return True
    first, body = [cell.strip() for cell in rows[0]], rows[1:]
    if any(cell in names for cell in first):
        return True
    if any(_is_figure(cell) for cell in first):
        return False
    if _a_figure_column(first, body):
        return True
    if any(sum(cell == row[place].strip() for row in body if place < len(row)) > 1 for place, cell in enumerate(first)):
        return False
    return all(_HEADER_NAME.fullmatch(cell) and len(cell.split()) <= 6 for cell in first if cell)


def _a_figure_column(first: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    for place, _ in enumerate(first):
        cells = [row[place].strip() for row in body if place < len(row) and row[place].strip()]
        if cells and sum(map(_is_figure, cells)) >= 0.9 * len(cells):
            return True
    return False


def _is_figure(cell: str) -> bool:
    if _FIGURE.fullmatch(cell):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in {"nan", "inf", "infinity"}
