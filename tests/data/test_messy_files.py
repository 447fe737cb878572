"""Fifty files as people have them: read rightly by `init` and by the spec that it wrote, or refused with the line."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from assay.data.dataset import Dataset, load_dataset
from assay.data.draft import Wishes, draft_spec
from assay.errors import DataError
from assay.spec import parse_spec, write_spec

LABELS = ("yes", "no")


@dataclass(frozen=True)
class Messy:
    """A file, and the cells of its checked columns: floats, None for missing, strings, datetimes."""

    content: bytes
    cells: dict[str, list[Any]]
    name: str = "data.csv"
    wishes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A file, and what the message and the remedy must hold."""

    content: bytes
    said: str
    remedy: str
    name: str = "data.csv"
    wishes: dict[str, Any] = field(default_factory=dict)


#: The table that most files hold, in one way or another.
AMOUNTS = [1.5, 20.0, 3.25, 4.0]
TOWNS = ["Köln", "Zürich", "Köln", "Zürich"]
PLAIN = {"town": TOWNS, "amount": AMOUNTS}


def table(
    separator: str = ",", end: str = "\n", head: str = "", number: Callable[[float], str] = lambda value: f"{value:g}"
) -> str:
    lines = [separator.join(["town", "amount", "label"])]
    lines += [
        separator.join([town, number(amount), LABELS[row % 2]])
        for row, (town, amount) in enumerate(zip(TOWNS, AMOUNTS, strict=True))
    ]
    return head + end.join(lines) + end


def column(values: list[str], name: str = "x", separator: str = ";") -> bytes:
    """A file with one column of interest and one of categories."""
    lines = [f"{name}{separator}kind{separator}label"]
    lines += [
        f"{value}{separator}{'ab'[row % 2]}{separator}{LABELS[row // 2 % 2]}" for row, value in enumerate(values * 2)
    ]
    return "\n".join(lines).encode() + b"\n"


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc, unused-ignore] - at most seven parts are given


def comma(value: float) -> str:
    return f"{value:g}".replace(".", ",")


def zipped(*contents: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"data_{number}.csv", content)
    return stream.getvalue()


def parquet(**columns: pl.Series | list[Any]) -> bytes:
    stream = io.BytesIO()
    pl.DataFrame({**columns, "label": ["yes", "no"] * 2}).write_parquet(stream)
    return stream.getvalue()


def parquet_of(*names: str) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_arrays([pa.array(["a", "b"])] * len(names), names=list(names)), stream)
    return stream.getvalue()


def json_lines(*rows: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


CZECH = "jméno;částka;label\nŘehoř;1,5;yes\nŽaneta;2,5;no\nŘehoř;3,5;yes\nŽaneta;4,5;no\n"
RUSSIAN = "город,сумма,label\nМосква,1,yes\nКазань,2,no\nМосква,3,yes\nКазань,5,no\n"
ROWS = [
    {"town": town, "amount": amount, "label": LABELS[row % 2]}
    for row, (town, amount) in enumerate(zip(TOWNS, AMOUNTS, strict=True))
]

READ: dict[str, Messy] = {
    # encodings
    "utf-8 with a byte order mark": Messy(table().encode("utf-8-sig"), PLAIN),
    "utf-16 little-endian with a mark": Messy(b"\xff\xfe" + table("\t").encode("utf-16-le"), PLAIN),
    "utf-16 big-endian without a mark": Messy(table().encode("utf-16-be"), PLAIN),
    "utf-32": Messy(table().encode("utf-32"), PLAIN),
    "latin-1": Messy(table().encode("latin-1"), PLAIN),
    "Windows, Western Europe": Messy(
        "name,label\n“Müller”,yes\nWeiß €,no\n“Müller”,no\nWeiß €,yes\n".encode("cp1252"),
        {"name": ["“Müller”", "Weiß €"] * 2},
    ),
    "Windows, Central Europe": Messy(
        CZECH.encode("cp1250"), {"jméno": ["Řehoř", "Žaneta"] * 2, "částka": [1.5, 2.5, 3.5, 4.5]}
    ),
    "Windows, Cyrillic": Messy(
        RUSSIAN.encode("cp1251"), {"город": ["Москва", "Казань"] * 2, "сумма": [1.0, 2.0, 3.0, 5.0]}
    ),
    "an old Macintosh": Messy(
        "ville,label\nOrléans,yes\nBesançon,no\nOrléans,no\nBesançon,yes\n".encode("mac_roman"),
        {"ville": ["Orléans", "Besançon"] * 2},
    ),
    # delimiters, quotes, line ends
    "tabs": Messy(table("\t").encode(), PLAIN),
    "bars": Messy(table("|").encode(), PLAIN),
    "the control character of Hive": Messy(table("\x01").encode(), PLAIN),
    "a blank after each comma": Messy(table(", ").encode(), PLAIN),
    "line ends of Windows": Messy(table(end="\r\n").encode(), PLAIN),
    "carriage returns only": Messy(table(end="\r").encode(), PLAIN),
    "quoted line ends and doubled quotes": Messy(
        b'text,n,label\n"two\nlines, ""quoted""",1,yes\n"a, b",2,no\n"two\nlines, ""quoted""",4,no\n"a, b",8,yes\n',
        {"text": ['two\nlines, "quoted"', "a, b"] * 2, "n": [1.0, 2.0, 4.0, 8.0]},
    ),
    "quotes escaped by a backslash": Messy(
        b'text,label\n"say \\"hi, you\\"",yes\n"no, thanks",no\n"say \\"hi, you\\"",no\n"no, thanks",yes\n',
        {"text": ['say "hi, you"', "no, thanks"] * 2},
    ),
    "quotes that are characters": Messy(
        b'text\tn\tlabel\n5" nail\t1\tyes\n"so" it\t2\tno\n5" nail\t4\tno\n"so" it\t8\tyes\n',
        {"text": ['5" nail', '"so" it'] * 2, "n": [1.0, 2.0, 4.0, 8.0]},
    ),
    # what stands around the table
    "title rows": Messy(table(head="Sales by town\nwritten on 1 May\n\n").encode(), PLAIN),
    "title rows of a spreadsheet": Messy(table(head="Sales by town,,\n,,\n").encode(), PLAIN),
    "comment lines": Messy(table(head="# made by hand\n# v1, draft, second\n").encode() + b"# the end\n", PLAIN),
    "a row that begins with # below a comment, by the caller's word": Messy(
        b"# made by hand\ntext,label\nno,yes\n#win,no\nno,no\n#win,yes\n",
        {"text": ["no", "#win"] * 2},
        wishes={"comment": "none"},
    ),
    "a comment with a comma, by the caller's word": Messy(
        b"# one\ntext,label\na,yes\n# two, three\nb,no\na,no\nb,yes\n",
        {"text": ["a", "b"] * 2},
        wishes={"comment": "#"},
    ),
    "blank lines and rows of delimiters": Messy(
        table().replace("Köln,3.25", "\n,,\nKöln,3.25").encode() + b"\n,,\n\n", PLAIN
    ),
    "a delimiter at every line's end": Messy(table(end=",\n").encode(), PLAIN),
    "row numbers under a blank header": Messy(
        b",town,label\n0,a,yes\n1,b,no\n2,a,no\n3,b,yes\n", {"column_1": [0.0, 1.0, 2.0, 3.0], "town": ["a", "b"] * 2}
    ),
    "a longer row whose surplus is empty": Messy(table().replace("20,no", "20,no,,").encode(), PLAIN),
    "a header that comes again as a value": Messy(
        b"label,kind,n\nyes,kind,1\nno,b,2\nyes,kind,3\nno,b,5\n",
        {"kind": ["kind", "b"] * 2, "n": [1.0, 2.0, 3.0, 5.0]},
    ),
    "numbers as the names of columns": Messy(
        b"0,1,label\n1.5,a,yes\n2.5,b,no\n0.5,a,yes\n9,b,no\n", {"0": [1.5, 2.5, 0.5, 9.0], "1": ["a", "b"] * 2}
    ),
    "years as the names of columns below a title": Messy(
        b"Sales\ntown,2019,label\na,1,yes\nb,2,no\na,3,yes\nb,5,no\n",
        {"town": ["a", "b"] * 2, "2019": [1.0, 2.0, 3.0, 5.0]},
    ),
    "no line end after the last row": Messy(table().rstrip("\n").encode(), PLAIN),
    # numbers
    "decimal commas": Messy(table(";", number=comma).encode(), PLAIN),
    "points between thousands": Messy(column(["1.234,5", "2.000.000,25"]), {"x": [1234.5, 2000000.25] * 2}),
    "commas between thousands": Messy(column(['"1,234"', "999"], separator=","), {"x": [1234.0, 999.0] * 2}),
    "blanks between thousands": Messy(column(["1 234,5", "2\u00a0000\u202f000"]), {"x": [1234.5, 2000000.0] * 2}),
    "apostrophes between thousands": Messy(column(["1'234.50", "7"]), {"x": [1234.5, 7.0] * 2}),
    "leading zeros, long numbers and telephones stay words": Messy(
        b"zip,card,tel,n,label\n"
        + b"".join(
            b"0%d,1234567890123456%d,+4912345%d,%d,%s\n" % (row % 2, row % 2, row % 2, row, LABELS[row % 2].encode())
            for row in range(4)
        ),
        {
            "zip": ["00", "01"] * 2,
            "card": ["12345678901234560", "12345678901234561"] * 2,
            "tel": ["+49123450", "+49123451"] * 2,
            "n": [0.0, 1.0, 2.0, 3.0],
        },
    ),
    "several spellings of missing": Messy(
        column(["1", "NA", "-", "#N/A", "2.5", ""]), {"x": [1.0, None, None, None, 2.5, None] * 2}
    ),
    # times
    "days before months": Messy(
        column(["31/12/2010 8:26", "01/02/2011"], "when"), {"when": [at(2010, 12, 31, 8, 26), at(2011, 2, 1)] * 2}
    ),
    "months before days": Messy(
        column(["12/31/2010 8:26 PM", "1/2/2011"], "when"), {"when": [at(2010, 12, 31, 20, 26), at(2011, 1, 2)] * 2}
    ),
    "days before months by the caller's word": Messy(
        column(["01/02/2011", "03/04/2011"], "when"),
        {"when": [at(2011, 2, 1), at(2011, 4, 3)] * 2},
        wishes={"day_first": True},
    ),
    "names of months and offsets": Messy(
        column(["31-Dec-2010", "Jan 2, 2011 10:00:00 +02:00"], "when"),
        {"when": [at(2010, 12, 31), at(2011, 1, 2, 8)] * 2},
    ),
    "dates as digits": Messy(
        column(["20101231", "20110201"], "when"), {"when": [at(2010, 12, 31), at(2011, 2, 1)] * 2}
    ),
    "milliseconds since 1970": Messy(
        column(["1609459200000", "1609459201500"], "created_at"),
        {"created_at": [at(2021, 1, 1), at(2021, 1, 1, 0, 0, 1, 500_000)] * 2},
    ),
    # containers
    "gzip": Messy(gzip.compress(table().encode()), PLAIN, "data.csv.gz"),
    "zstd in two frames": Messy(
        zstandard.compress(table().encode()[:20]) + zstandard.compress(table().encode()[20:]), PLAIN, "data.csv.zst"
    ),
    "bzip2": Messy(bz2.compress(table().encode()), PLAIN, "data.csv.bz2"),
    "xz": Messy(lzma.compress(table().encode()), PLAIN, "data.csv.xz"),
    "zip": Messy(zipped(table().encode()), PLAIN, "data.zip"),
    "Parquet with lists, decimals, categories, bytes and durations": Messy(
        parquet(
            town=pl.Series(TOWNS, dtype=pl.Categorical),
            amount=pl.Series([Decimal(str(value)) for value in AMOUNTS]),
            tags=[["a"], [], ["b"], ["c", "d"]],
            where=[{"x": 1}] * 4,
            raw=[b"one", b"two"] * 2,
            took=[timedelta(seconds=row + 0.5) for row in range(4)],
            on=[date(2024, 1, row + 1) for row in range(4)],
            clock=[time(8, 0), time(9, 30)] * 2,
            big=pl.Series([2**63 + row % 2 for row in range(4)], dtype=pl.UInt64),
        ),
        PLAIN
        | {
            "raw": ["one", "two"] * 2,
            "took": [0.5, 1.5, 2.5, 3.5],
            "on": [at(2024, 1, row + 1) for row in range(4)],
            "clock": ["08:00:00", "09:30:00"] * 2,
            "big": [str(2**63), str(2**63 + 1)] * 2,
        },
        "data.parquet",
    ),
    "JSON lines with gaps, nesting and blank lines": Messy(
        json_lines(ROWS[0], ROWS[1] | {"tags": ["x"]})
        + b"\n\n"
        + json_lines(*ROWS[2:], {"label": "no", "town": "a\u2028b"}),
        {"town": [*TOWNS, "a\u2028b"], "amount": [*AMOUNTS, None]},
        "data.jsonl",
    ),
    "JSON lines with NaN": Messy(
        b'{"a": NaN, "t": "NaN \\" NaN", "label": "yes"}\n{"a": 2.5, "t": "x", "label": "no"}\n'
        b'{"a":1,"t":"Infinity","label":"yes"}\n{"a":NaN,"t":"x","label":"no"}\n',
        {"a": [None, 2.5, 1.0, None], "t": ['NaN " NaN', "x", "Infinity", "x"]},
        "data.jsonl",
    ),
    "a JSON list with NaN": Messy(
        b'[{"a": NaN, "label": "yes"},\n {"a": 2.5, "label": "no"}, {"a": 1, "label": "yes"},'
        b' {"a": NaN, "label": "no"}]',
        {"a": [None, 2.5, 1.0, None]},
        "data.json",
    ),
    "a JSON list": Messy(json.dumps(ROWS, indent=1).encode(), PLAIN, "data.json"),
}

REFUSED: dict[str, Refused] = {
    "a row too short": Refused(table().replace("Köln,3.25", "3.25").encode(), "row 3, line 4: 2 fields, not 3", "mend"),
    "a row too long": Refused(table().encode() + b"Bonn,1,yes,x\n", "row 5, line 6: 4 fields, not 3", "delimiter"),
    "the row names of R": Refused(
        b"town,label\n1,Bonn,yes\n2,Ulm,no\n",
        "line 1: the header names 2 columns, but the rows have 3",
        "name the first",
    ),
    "a comment or a row": Refused(
        b"# one\n# two\n# three\ntext,label\na,yes\nb,no\na,no\nb,yes\n#win,no\n", "line 9: begins with #", "--comment"
    ),
    "a header that comes again": Refused(
        table().encode() + table().encode(), "line 6: repeats the header", "a pattern"
    ),
    "a label that is a number in two spellings": Refused(
        b"n,label\n1,1\n2,0\n4,1.0\n8,0\n9,1\n", "labels that differ in their spelling only", "one spelling"
    ),
    "labels that are whole and broken numbers in JSON": Refused(
        b"".join(b'{"n": %d, "label": %s}\n' % (row**2, (b"0", b"1", b"0.0", b"1.0")[row % 4]) for row in range(9)),
        "labels that differ in their spelling only",
        "one spelling",
        "data.jsonl",
    ),
    "an accent in two spellings": Refused(
        "n,label\n1,café\n2,bar\n4,cafe\u0301\n8,bar\n9,café\n".encode(), "labels that differ", "one spelling"
    ),
    "blanks in two spellings": Refused(
        b"n,label\n1,not spam\n2,spam\n4,not  spam\n8,spam\n9,not spam\n", "labels that differ", "one spelling"
    ),
    "Infinity in JSON": Refused(
        b"".join(
            b'{"a": %s, "label": "%s"}\n' % (b"-Infinity" if n == 150 else b"%d.5" % n, b"yn"[n % 2 :][:1])
            for n in range(200)
        ),
        "breaks the contract",
        "mend the data",
        "data.jsonl",
    ),
    "JSON by columns": Refused(
        json.dumps({"a": {"0": 1, "1": 2}, "label": {"0": "yes", "1": "no"}}).encode(),
        "one object of whole columns",
        'orient="records", lines=True',
        "data.json",
    ),
    "a column without values as the entity": Refused(
        b"who,n,label\n,1,yes\n,2,no\n,4,yes\n",
        "--entity who: the column has no values",
        "leave",
        wishes={"entity": "who"},
    ),
    "gzip within gzip": Refused(
        gzip.compress(gzip.compress(table().encode())), "compressed itself", "unpack it once", "data.csv.gz"
    ),
    "two columns of one name in Parquet": Refused(
        parquet_of("x", "x", "label"),
        "two columns of one name",
        "name of its own",
        "data.parquet",
    ),
    "a quote that is not closed": Refused(b'a,label\nx,yes\n"y, z,no\nw,yes\n', "line 3", "quote"),
    "two columns of one name": Refused(b"a,label,a\n1,yes,2\n2,no,3\n", "'a' names columns 1 and 3", "name of its own"),
    "a damaged byte in UTF-8": Refused(
        table().encode() + "Köln".encode() + b" \xff,1,yes\n", "line 6: not valid UTF-8", "data.format.encoding"
    ),
    "a NUL character": Refused(table().replace("3.25", "3\0").encode(), "line 4: holds a NUL character", "damaged"),
    "days or months": Refused(
        column(["01/02/2011", "03/04/2011"], "when"), "may be 1 February 2011 or 2 January 2011", "--day-first"
    ),
    "thousands or decimals": Refused(
        column(['"1,234"', '"5,678"'], separator=","), "column x: the comma in '1,234'", "--decimal"
    ),
    "points and commas": Refused(
        b"a;b;label\n1,5;1.5;yes\n2,5;2.5;no\n", "columns a and b spell numbers differently", "data.format.decimal"
    ),
    "gzip cut short": Refused(gzip.compress(table().encode())[:-9], "damaged gzip", "again", "data.csv.gz"),
    "two files in a zip": Refused(zipped(b"a", b"b"), "it holds 2 files, not one", "unpack", "data.zip"),
    "a workbook": Refused(b"\xd0\xcf\x11\xe0" + b"\0" * 99, "a workbook of Excel", "save the sheet as CSV", "data.xls"),
    "a web page": Refused(b"<!DOCTYPE html><html>", "a web page", "fetch the file"),
    "a JSON line that is no object": Refused(
        json_lines(ROWS[0]) + b"\n[1]\n", "line 2: not a JSON object", "one JSON object a line", "data.jsonl"
    ),
    "a damaged Parquet file": Refused(b"PAR1broken", "damaged Parquet", "again", "data.parquet"),
    "a header without rows": Refused(b"a,label\n", "has a header but no rows", "add rows"),
}


def init_and_load(folder: Path, messy: Messy | Refused) -> Dataset:
    (folder / messy.name).write_bytes(messy.content)
    drafted = draft_spec(folder / messy.name, Wishes(label=("label",), **messy.wishes), folder)
    return load_dataset(parse_spec(write_spec(drafted.draft)), folder)


def cells(dataset: Dataset, name: str) -> list[Any]:
    values = dataset.table.columns[name]
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values.tolist()]


def expected(values: list[Any]) -> list[Any]:
    return [value.timestamp() if isinstance(value, datetime) else value for value in values]


@pytest.mark.parametrize("what", READ)
def test_a_messy_file_is_read_rightly(tmp_path: Path, what: str) -> None:
    dataset = init_and_load(tmp_path, READ[what])
    assert {name: cells(dataset, name) for name in READ[what].cells} == {
        name: expected(values) for name, values in READ[what].cells.items()
    }
    assert dataset.rows == len(next(iter(READ[what].cells.values())))
    assert np.unique(dataset.labels).tolist() == [0, 1]


@pytest.mark.parametrize("what", READ)
def test_nothing_is_guessed_anew(tmp_path: Path, what: str) -> None:
    messy = READ[what]
    (tmp_path / messy.name).write_bytes(messy.content)
    drafted = draft_spec(tmp_path / messy.name, Wishes(label=("label",), **messy.wishes), tmp_path)
    form = parse_spec(write_spec(drafted.draft)).data.format
    if messy.name.endswith(".parquet"):
        return
    assert form.encoding != "auto"
    if "json" not in messy.name:
        assert "auto" not in (form.delimiter, form.header, form.quote, form.comment, form.skip)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_with_line_and_remedy(tmp_path: Path, what: str) -> None:
    refused = REFUSED[what]
    with pytest.raises(DataError) as caught:
        init_and_load(tmp_path, refused)
    assert refused.said in caught.value.message
    assert refused.remedy in caught.value.remedy


def test_there_are_fifty_of_them() -> None:
    assert len(READ) + len(REFUSED) >= 50
