"""Where the pieces of a file begin and end. They depend on the file alone, so a resumed job finds the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pyarrow import parquet

from assay.batch.fields import count_even, is_plain, read_rows
from assay.batch.source import Source
from assay.data.dialect import Dialect
from assay.errors import DataError

#: How many rows are scored at once: bounds what a process needs, whatever the file.
CHUNK_ROWS = 32_768
_PIECE_ROWS = 4 * CHUNK_ROWS
#: A row group up to this is one piece: whoever scores the second half of one reads the first half too.
_WHOLE_GROUP_ROWS = 2 * _PIECE_ROWS
_BYTES = 4 << 20
_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that one process scores in one go: `rows` of them, the first of which is row `first` of the file, from 0.

    They stand between the bytes `begin` and `end` of a text, or, of a Parquet file, in its row group `group` from the
    group's row `begin` on.
    """

    number: int
    first: int
    rows: int
    begin: int
    end: int
    group: int = -1

    @property
    def size(self) -> int:
        """How much of the file it is: bytes, or rows of a Parquet file."""
        return self.end - self.begin


def find_pieces(source: Source) -> Iterator[Piece]:
    """The pieces of a file in order.

    Raises:
        DataError: a line is so long that it cannot be one.
    """
    return _groups(source) if source.kind == "parquet" else _ranges(source)


def measure(source: Source) -> int:
    """The sum of `size` over all pieces."""
    if source.kind == "parquet":
        with parquet.ParquetFile(source.path) as file:
            return int(file.metadata.num_rows)
    return source.end - source.start


def _groups(source: Source) -> Iterator[Piece]:
    number = first = 0
    with parquet.ParquetFile(source.path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    for group, size in enumerate(sizes):
        most = size if size <= _WHOLE_GROUP_ROWS else _PIECE_ROWS
        for begin in range(0, size, max(1, most)):
            rows = min(most, size - begin)
            yield Piece(number, first, rows, begin, begin + rows, group)
            number, first = number + 1, first + rows


def _ranges(source: Source) -> Iterator[Piece]:
    begin, held = source.start, None
    with source.path.open("rb") as file:
        while begin < source.end:
            number, first = (held.number + 1, held.first + held.rows) if held else (0, 0)
            rows, length, size = 0, 0, _BYTES
            while not length:
                if size > _MOST_BYTES:
                    raise DataError(f"{source.path}, row {first + 1}: longer than {_MOST_BYTES >> 20} MiB")
                file.seek(begin)
                block = file.read(min(size, source.end - begin))
                rows, length = _cut(block, source, last=begin + len(block) == source.end)
                size *= 2
            begin += length
            if held and not rows:
                held = replace(held, end=begin)
            elif rows:
                if held:
                    yield held
                held = Piece(number, first, rows, held.end if held else source.start, begin)
    if held:
        yield held


def _cut(block: bytes, source: Source, *, last: bool) -> tuple[int, int]:
    """How many whole rows `block` begins with, and their length."""
    dialect = source.dialect
    if dialect is not None and not is_plain(block, dialect):
        return count_even(block, dialect, last=last) or _cut_fields(block, dialect, last=last)
    length = len(block) if last else block.rfind(b"\n") + 1
    if dialect is None:
        return sum(1 for line in block[:length].split(b"\n") if line.strip()), length
    return block.count(b"\n", 0, length) + (last and not block.endswith(b"\n")), length


def _cut_fields(block: bytes, dialect: Dialect, *, last: bool) -> tuple[int, int]:
    text = block.decode("utf-8", errors="surrogateescape")
    # A carriage return at the end may be half of a line's end; what stands after the last line's end is half a row.
    whole = text if last else text.rstrip("\r")
    whole = whole if last else whole[: max(whole.rfind("\n"), whole.rfind("\r")) + 1]
    rows = end = 0
    for row in read_rows(whole, dialect):
        if row.cut and not last:
            break
        rows, end = rows + 1, row.end
    else:
        end = len(whole)
    return rows, len(whole[:end].encode("utf-8", errors="surrogateescape"))
