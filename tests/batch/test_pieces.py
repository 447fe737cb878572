"""Pieces of a text: whatever it is, they hold its rows once each, and reading them gives what one reader would."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.batch import chunks, pieces
from assay.batch.chunks import Reader
from assay.batch.fields import read_rows
from assay.batch.pieces import find_pieces, measure
from assay.batch.source import Source
from assay.data.dialect import Dialect
from assay.errors import DataError

TEXTS = st.lists(
    st.sampled_from(
        ["a", "bc", "é", '"', '""', ",", ",", "\n", "\n", "\r\n", "\r", " ", '"x\ny"', '"p,q"', "-1", "#", '\\"', "\0"]
    ),
    max_size=60,
).map("".join)
#: Lines as files have them, now and then with one that is not.
LINES = st.lists(
    st.sampled_from(
        ["a,b\n", "é,c\n"] * 3
        + ['"a","b"\n', '"two\nlines","b"\n', '"say ""so""",b\n', '"",""\n', ",\n", "\n", "#no\n", "a,b,,\n", "a\n"]
        + ['"aa\n', '"x\ny"\n', 'a,"b\n', "a,b\r\n"]
    ),
    max_size=30,
).map("".join)
DIALECTS = st.builds(
    Dialect,
    delimiter=st.just(","),
    quote=st.booleans().map({True: '"', False: None}.get),
    header=st.just(False),
    spaced=st.booleans(),
    escape=st.sampled_from([None, None, "\\"]),
    comment=st.sampled_from([None, "#"]),
)


def read_in_pieces(text: str, dialect: Dialect, size: int) -> list[tuple[str, ...] | str]:
    """Every row as its fields, or what is wrong with it."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patched:
        patched.setattr(pieces, "_BYTES", size)
        patched.setattr(chunks, "CHUNK_ROWS", 3)
        path = Path(directory) / "in.csv"
        path.write_bytes(text.encode())
        source = Source(path=path, kind="delimited", columns=("x", "y"), dialect=dialect, end=len(text.encode()))
        found = list(find_pieces(source))
        assert sum(piece.size for piece in found) == (measure(source) if found else 0)
        reader = Reader(source, ("x", "y"))
        told: list[tuple[str, ...] | str] = []
        for piece in found:
            assert piece.first == len(told)
            for chunk in reader.chunks(piece):
                assert chunk.first == len(told)
                for index, row in enumerate(chunk.frame.iter_rows()):
                    told.append(chunk.faults[index][0].message if index in chunk.faults else row)
            assert len(told) == piece.first + piece.rows
    return told


def said(values: list[str]) -> tuple[str, ...] | str:
    """What is to be said of a row of a file with two columns."""
    if len(values) < 2 or any(values[2:]):
        return f"{len(values)} fields, not 2"
    nul = any("\0" in value for value in values)
    return "holds a NUL character, which no text has" if nul else tuple(values[:2])


@given(text=TEXTS | LINES, dialect=DIALECTS, size=st.integers(1, 40))
@example(text='"aa\n"x\ny"', dialect=Dialect(header=False), size=1)
def test_pieces_of_any_size_give_what_reading_all_at_once_gives(text: str, dialect: Dialect, size: int) -> None:
    text = text.rstrip("\r\n")
    whole: list[tuple[str, ...] | str] = [row.wrong or said(row.values) for row in read_rows(text, dialect)]
    assert read_in_pieces(text, dialect, size) == whole


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_BYTES", 16)
    monkeypatch.setattr(pieces, "_MOST_BYTES", 64)
    (tmp_path / "in.jsonl").write_bytes(b"x" * 1000)
    with pytest.raises(DataError, match="row 1: longer than"):
        list(find_pieces(Source(path=tmp_path / "in.jsonl", kind="json", columns=("x",), end=1000)))
