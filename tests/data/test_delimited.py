"""The fast way of reading delimited text agrees with the row-by-row one, which is Python's own."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.delimited import _read_row_by_row, read_delimited, read_even
from assay.data.dialect import Dialect, recognise
from assay.data.layout import find_layout
from assay.spec.tree import Format

CELLS = st.text(st.sampled_from("ab1 ,;\"\n\r'ü"), max_size=6)
TABLES = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=6)
)
SOURCE = Path("rows.csv")


@given(TABLES, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_both_ways_of_reading_agree(cells: list[list[str]], end: str, quoting: int) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator=end, quoting=quoting).writerows(cells)  # type: ignore[arg-type, unused-ignore] - a constant of csv
    dialect = Dialect(header=False)
    even = read_even(stream.getvalue(), dialect)
    if even is None:
        return
    frame, lines = _read_row_by_row(SOURCE, stream.getvalue(), dialect)
    assert even[0].rows() == frame.rows()
    assert even[1].tolist() == lines.tolist()


@given(st.text(st.sampled_from("ab,\"\n\r'ü"), max_size=40))
def test_the_fast_way_never_reads_what_the_other_would_refuse(text: str) -> None:
    even = read_even(text, Dialect(header=False))
    if even is not None:
        assert even[0].rows() == _read_row_by_row(SOURCE, text, Dialect(header=False))[0].rows()


@pytest.mark.parametrize(
    ("text", "widths", "lines", "whole"),
    [
        ("a,b\nc,d\n", [2, 2], [0, 1], True),
        ('a,"b\nc",d\ne,f,g', [3, 3], [0, 2], True),
        ('a,"b""c"\n', [2], [0], True),
        ('a,b"c\nd,"e\n', [2], [0], False),
        ('a,"b"c,d\n', [3], [0], False),
        ("a\n\nb,c\n", [1, 1, 2], [0, 1, 2], True),
    ],
)
def test_a_layout_has_the_widths_and_lines_of_rows(text: str, widths: list[int], lines: list[int], whole: bool) -> None:
    layout = find_layout(text, ",", '"')
    assert (layout.widths.tolist(), layout.lines.tolist(), layout.is_whole) == (widths, lines, whole)


def test_the_line_of_a_row_counts_what_stands_above_the_table() -> None:
    text = 'Title\n\na,label\n"x\ny",1\nz,2\n'
    dialect = recognise(text, Format())
    assert dialect.skip == 2
    _, place = read_delimited(SOURCE, text, dialect)
    assert [place(0), place(1)] == ["row 1, line 4", "row 2, line 6"]


@pytest.mark.parametrize(
    ("form", "text", "cells"),
    [
        ({"quote": "'"}, "a,label\n'x, y',1\nz,2\n", [("x, y", "1"), ("z", "2")]),
        ({"quote": "none"}, 'a,label\n"x,1\nz",2\n', [('"x', "1"), ('z"', "2")]),
        ({"comment": "%", "quote": "none"}, "%here\na,label\nx,1\n", [("x", "1")]),
        ({"comment": "#"}, '# c\na,label\n"x\n#y",1\n# d\nz,2\n', [("x\n#y", "1"), ("z", "2")]),
        ({"comment": "none", "header": False}, "#x,1\n#y,2\n#z\t,3\n", [("#x", "1"), ("#y", "2"), ("#z\t", "3")]),
        ({"skip": 1, "delimiter": ","}, "b,c\na,label\nx,1\n", [("x", "1")]),
        ({"escape": "\\", "quote": '"'}, 'a,label\n"x\\"y",1\n', [('x"y', "1")]),
        ({"delimiter": ", "}, 'a, label\n"x, y", 1\n', [("x, y", "1")]),
        ({}, "#id,label\nx,1\ny,2\n", [("x", "1"), ("y", "2")]),
    ],
)
def test_what_the_format_says_is_done(form: dict[str, object], text: str, cells: list[tuple[str, ...]]) -> None:
    dialect = recognise(text, Format.model_validate(form))
    assert read_delimited(SOURCE, text, dialect)[0].rows() == cells
