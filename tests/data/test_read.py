"""Reading files: the dialect is recognised, and what cannot be read is refused with its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from assay.data.dialect import Dialect
from assay.data.encoding import decode
from assay.data.read import Raw, read
from assay.errors import DataError
from assay.spec.tree import Format


def read_bytes(folder: Path, content: bytes, name: str = "data.csv", **form: object) -> Raw:
    source = folder / name
    source.write_bytes(content)
    return read(source, Format.model_validate(form))


@pytest.mark.parametrize(
    ("content", "dialect", "rows"),
    [
        (b"a,b\n1,2\n3,4\n", Dialect(delimiter=",", header=True), [("1", "2"), ("3", "4")]),
        (b"a;b\n1,5;2\n3,1;4\n", Dialect(delimiter=";", header=True), [("1,5", "2"), ("3,1", "4")]),
        (b'a\tb\n"x, y"\t2\n', Dialect(delimiter="\t", header=True), [("x, y", "2")]),
        (b"a|b\r\n1|2\r\n", Dialect(delimiter="|", header=True), [("1", "2")]),
        (b"\xef\xbb\xbfa,b\n1,2\n", Dialect(delimiter=",", header=True), [("1", "2")]),
        ("a,b\nä,ö\n".encode("utf-16"), Dialect(delimiter=",", header=True), [("ä", "ö")]),
        (b"5,x\n6,y\n", Dialect(delimiter=",", header=False), [("5", "x"), ("6", "y")]),
        (b"ham\tGo now\nspam\tWin!\nham\tOk\nham\tYes\n", Dialect(delimiter="\t", header=False), None),
        (b'text,label\n"two\nlines",1\n', Dialect(delimiter=",", header=True), [("two\nlines", "1")]),
        (b'ham\tsay "hi\nspam\t"go" now\nham\tb" c\n', Dialect(delimiter="\t", quote=None, header=False), None),
        (b"5, x\n6, y\n", Dialect(delimiter=",", header=False, spaced=True), [("5", "x"), ("6", "y")]),
        (b"name\nx\n", Dialect(delimiter=",", header=True), [("x",)]),
    ],
)
def test_the_dialect_is_recognised(
    tmp_path: Path, content: bytes, dialect: Dialect, rows: list[tuple[str, ...]] | None
) -> None:
    raw = read_bytes(tmp_path, content)
    assert raw.dialect == dialect
    assert rows is None or raw.frame.rows() == rows


def test_a_row_is_placed_by_the_line_it_begins_on(tmp_path: Path) -> None:
    raw = read_bytes(tmp_path, b'text,label\n"two\nlines",1\none,2\n')
    assert [raw.place(0), raw.place(1)] == ["row 1, line 2", "row 2, line 4"]
    with pytest.raises(DataError, match="row 2, line 4: 3 fields"):
        read_bytes(tmp_path, b'text,label\n"two\nlines",1\none,2,3\n')


def test_a_file_without_a_header_gets_numbered_columns(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, b"1,2\n3,4\n").frame.columns == ["column_1", "column_2"]


def test_what_the_spec_says_is_not_guessed(tmp_path: Path) -> None:
    raw = read_bytes(tmp_path, "größe|b\n1|2\n".encode("latin-1"), encoding="latin-1", header=False, delimiter="|")
    assert raw.frame.rows() == [("größe", "b"), ("1", "2")]


def test_gzip_parquet_and_json_lines_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "y"]})
    frame.write_parquet(tmp_path / "data.parquet")
    assert read(tmp_path / "data.parquet", Format()).frame.equals(frame)
    assert read_bytes(tmp_path, gzip.compress(b"a,b\n1,2\n"), "data.csv.gz").frame.rows() == [("1", "2")]
    lines = b'{"a": 1.5, "b": true}\n{"b": null, "c": "x"}\n'
    assert read_bytes(tmp_path, lines, "data.jsonl").frame.rows() == [("1.5", "true", None), (None, None, "x")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("data.csv", b"", "is empty"),
        ("data.csv", b" \n\n", "is empty"),
        ("data.csv", b"a,b\n", "has a header but no rows"),
        ("data.csv", b"a,b,a\n1,2,3\n", "'a' names columns 1 and 3"),
        ("data.csv", b"a,b\n1,2\n3,4,5\n", "row 2, line 3: 3 fields, not 2"),
        ("data.csv", b'a,b\n1,"x, y\n2,z\n', "line 2"),
        ("data.csv", "a,b\nä,x\n".encode() + b"\xe4,y\n", "line 3: not valid UTF-8"),
        ("data.csv.gz", b"\x1f\x8bbroken", "damaged gzip"),
        ("data.parquet", b"PAR1broken", "damaged Parquet"),
        ("data.jsonl", b'{"a": 1}\n[2]\n', "line 2: not a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(tmp_path, content, name)
    assert said in caught.value.message
    assert name in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv does not exist"):
        read(tmp_path / "none.csv", Format())


def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'klingon' is not an encoding"):
        read_bytes(tmp_path, b"a,b\n1,2\n", encoding="klingon")


@pytest.mark.parametrize(
    ("path", "rows", "columns", "quoting", "header"),
    [
        ("sms_spam/SMSSpamCollection.tsv", 5574, 2, False, False),
        ("telco_churn/Telco-Customer-Churn.csv", 7043, 21, True, True),
        ("adult/adult.csv.gz", 48842, 15, True, True),
        ("ag_news/ag_news_test.csv.gz", 7600, 3, True, True),
        ("vehicle_insurance_fraud/fraud_oracle.csv.gz", 15420, 33, True, True),
        ("clinc150/clinc150.csv.gz", 23700, 4, True, True),
    ],
)
def test_real_files_are_read_whole(
    shared_data: Path, path: str, rows: int, columns: int, quoting: bool, header: bool
) -> None:
    raw = read(shared_data / path, Format())
    assert raw.frame.shape == (rows, columns)
    assert raw.dialect is not None
    assert (raw.dialect.quote is not None, raw.dialect.header) == (quoting, header)


def parts(folder: Path, **contents: bytes) -> Raw:
    for name, content in contents.items():
        (folder / f"{name}.csv").write_bytes(content)
    return read(folder / "part*.csv", Format())


def test_several_files_are_read_as_one_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    raw = parts(tmp_path, part_10=b"b;a\n5;6\n", part_9=b"a;b\n1;2\n3;4\n")
    assert raw.frame.rows() == [("1", "2"), ("3", "4"), ("6", "5")]
    assert [raw.place(index) for index in (1, 2)] == ["part_9.csv row 2, line 3", "part_10.csv row 1, line 2"]
    assert [path.name for path in raw.files] == ["part_9.csv", "part_10.csv"]
    assert raw.checksum != parts(tmp_path, part_10=b"b;a\n5;7\n").checksum


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"part_2\.csv does not have the columns of .*part_1\.csv: lacks b; has c"
    ) as caught:
        parts(tmp_path, part_1=b"a,b\n1,2\n", part_2=b"a,c\n1,2\n", part_3=b"a\n1\n")
    assert [Path(problem.path).name for problem in caught.value.problems] == ["part_2.csv", "part_3.csv"]


def test_a_file_with_another_type_is_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": [1.5]}).write_parquet(tmp_path / "2.parquet")
    assert read(tmp_path / "*.parquet", Format()).frame["a"].to_list() == [1.0, 1.5]
    pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "3.parquet")
    with pytest.raises(DataError, match=r"3\.parquet does not .* a holds String, not Int64"):
        read(tmp_path / "*.parquet", Format())


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\*\.csv matches no file"):
        read(tmp_path / "none*.csv", Format())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Müller, Weiß, Köln", "cp1252"),
        ("René à Besançon", "cp1252"),
        ("Příliš žluťoučký kůň", "cp1250"),
        ("Zażółć gęślą jaźń", "cp1250"),
        ("Ayşe İstanbul'da, Çağrı", "cp1254"),
        ("Orléans, Besançon, Nîmes", "mac_roman"),
        ("Иван живёт в Москве", "koi8_r"),
        ("иван живёт в москве", "koi8_r"),
        ("ИВАН ЖИВЁТ В МОСКВЕ", "cp1251"),
        ("Иван живёт в Москве", "cp866"),
        ("東京都の田中さん", "cp932"),
        ("Ελένη από την Αθήνα", "cp1253"),
        ("São Paulo, Köln, Kraków, Malmö", "cp1252"),
        ("Société, Niño, Straße", "cp1252"),
        ("MÜNCHEN, KÖLN", "cp1252"),
        ("Malmö, Århus, Besançon", "cp1252"),
        ("İstanbul, İzmir", "cp1254"),
        ("Ýmir, Björn, Ásta", "cp1252"),
        ("Łódź", "iso8859_2"),
        ("£5 per m², 3½ kg, ¿Qué?", "cp1252"),
        ("Bon à tirer", "cp1252"),
        ("iPhone, Чехол, Москва", "cp1251"),
        ("東京都", "cp932"),
    ],
)
def test_the_words_tell_a_legacy_encoding(text: str, encoding: str) -> None:
    content = f"text,label\n{text},yes\n{text} 2,no\n".encode(encoding)
    assert decode(Path("rows.csv"), content) == (content.decode(encoding), encoding)


def test_letters_of_two_scripts_that_fit_equally_are_refused() -> None:
    with pytest.raises(DataError, match=r"it may be .* or ") as caught:
        decode(Path("rows.csv"), "text,label\nàéîûè,b\nûèàéç,a\n".encode("cp1252"))
    assert "--encoding" in caught.value.remedy


def test_an_encoding_that_nobody_knows_is_refused() -> None:
    with pytest.raises(DataError, match="line 2: not UTF-8, and its encoding cannot be recognised"):
        decode(Path("rows.csv"), b"a,b\n" + bytes(range(128, 256)) * 2)
