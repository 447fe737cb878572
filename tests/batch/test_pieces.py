"""Pieces of a text: whatever it is, they hold its rows once each, and reading them gives what one reader would."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.batch import chunks, pieces
from assay.batch.chunks import Reader
from assay.batch.fields import read_rows
from assay.batch.pieces import find_pieces, measure
from assay.batch.source import Source
from assay.data.dialect import Dialect
from assay.errors import DataError

TEXTS = st.lists(
    st.sampled_from(["a", "bc", "é", '"', '""', ",", ",", "\n", "\n", "\r\n", "\r", " ", '"x\ny"', '"p,q"', "-1"]),
    max_size=60,
).map("".join)
DIALECTS = st.builds(
    Dialect,
    delimiter=st.just(","),
    quote=st.booleans().map({True: '"', False: None}.get),
    header=st.just(False),
    spaced=st.booleans(),
)


def read_in_pieces(text: str, dialect: Dialect, size: int) -> list[tuple[str, ...] | str]:
    """Every row as its fields, or what is wrong with it."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patched:
        patched.setattr(pieces, "_BYTES", size)
        patched.setattr(chunks, "CHUNK_ROWS", 3)
        path = Path(directory) / "in.csv"
        path.write_bytes(text.encode())
        source = Source(path=path, kind="csv", columns=("x", "y"), dialect=dialect, end=len(text.encode()))
        found = list(find_pieces(source))
        assert sum(piece.size for piece in found) == measure(source)
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


@given(text=TEXTS, dialect=DIALECTS, size=st.integers(1, 40))
def test_pieces_of_any_size_give_what_reading_all_at_once_gives(text: str, dialect: Dialect, size: int) -> None:
    text = text.rstrip("\r\n")
    whole: list[tuple[str, ...] | str] = [
        row.wrong or (tuple(row.values) if len(row.values) == 2 else f"{len(row.values)} fields, not 2")
        for row in read_rows(text, dialect)
    ]
    assert read_in_pieces(text, dialect, size) == whole


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_BYTES", 16)
    monkeypatch.setattr(pieces, "_MOST_BYTES", 64)
    (tmp_path / "in.jsonl").write_bytes(b"x" * 1000)
    with pytest.raises(DataError, match="row 1: longer than"):
        list(find_pieces(Source(path=tmp_path / "in.jsonl", kind="jsonl", columns=("x",), end=1000)))
