"""A batch reads a file as training read the one that the release learned from: every cell is the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assay.batch import pieces
from assay.batch.chunks import Reader
from assay.batch.pieces import find_pieces
from assay.batch.reading import Wish, respell
from assay.batch.source import Source, open_source
from assay.contract.check import check_rows
from assay.contract.columns import Column, Contract
from assay.data.dataset import Dataset
from assay.data.numbers import Marks
from assay.data.reading import Reading
from assay.errors import DataError
from assay.spec.tree import Format
from tests.data.test_messy_files import READ, Messy, init_and_load, table


def read_all(source: Source, contract: Contract) -> tuple[dict[str, list[Any]], dict[int, Any]]:
    """The cells of the contract's columns, and by row of the file, from 0, what is wrong with it."""
    categories = [column.name for column in contract.columns if column.type == "category"]
    reader = Reader(source, contract.names, categories)
    cells: dict[str, list[Any]] = {name: [] for name in contract.names}
    wrong: dict[int, Any] = {}
    for piece in find_pieces(source):
        for chunk in reader.chunks(piece):
            plain, other = respell(chunk.frame, contract, source.marks, dict(source.times))
            checked, broken = check_rows(contract, plain, chunk.codes)
            wrong |= {chunk.first + row: told for row, told in (broken | other | chunk.faults).items()}
            for name in contract.names:
                cells[name] += checked.columns[name].tolist()
    return cells, wrong


def opened(path: Path, dataset: Dataset, said: Format | None = None) -> Source:
    wish = Wish(said or Format(), dataset.reading)
    return open_source(path, wish, dataset.contract, path.with_name("plain"))


@pytest.mark.parametrize("size", [1, 4 << 20])
@pytest.mark.parametrize("what", READ)
def test_every_cell_is_what_training_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, size: int
) -> None:
    monkeypatch.setattr(pieces, "_BYTES", size)
    dataset = init_and_load(tmp_path, READ[what])
    cells, wrong = read_all(opened(tmp_path / READ[what].name, dataset), dataset.contract)
    assert not wrong
    for name, values in dataset.table.columns.items():
        np.testing.assert_array_equal(np.array(cells[name], dtype=values.dtype), values)


def trained_on(tmp_path: Path, content: bytes, name: str = "trained.csv") -> Dataset:
    return init_and_load(tmp_path, Messy(content, {}, name))


GERMAN = table(";", number=lambda value: f"{value:g}".replace(".", ",")).encode()
THOUSANDS = b"town;amount;label\nA;1.234,5;yes\nB;2.345;no\nA;3,5;yes\nB;4,5;no\n"


def test_another_file_of_the_kind_is_read_the_same_though_it_would_not_tell_so_itself(tmp_path: Path) -> None:
    dataset = trained_on(tmp_path, THOUSANDS)
    (tmp_path / "in.csv").write_bytes(b"town;amount\nA;7.500\nB;8\n")
    cells, wrong = read_all(opened(tmp_path / "in.csv", dataset), dataset.contract)
    assert (cells["amount"], wrong) == ([7500.0, 8.0], {})


def test_a_file_that_is_written_otherwise_is_recognised_and_its_marks_must_be_said(tmp_path: Path) -> None:
    dataset = trained_on(tmp_path, THOUSANDS)
    (tmp_path / "in.csv").write_bytes(b"town,amount\nA,7.500\nB,8\n")
    with pytest.raises(DataError, match="not written as the file that the classifier learned from"):
        opened(tmp_path / "in.csv", dataset)
    said = Format(decimal=".")
    cells, wrong = read_all(opened(tmp_path / "in.csv", dataset, said), dataset.contract)
    assert (cells["amount"], wrong) == ([7.5, 8.0], {})


def test_numbers_of_another_kind_of_file_are_what_they_are(tmp_path: Path) -> None:
    dataset = trained_on(tmp_path, GERMAN)
    (tmp_path / "in.jsonl").write_text('{"town": "A", "amount": 7.5}\n')
    pl.DataFrame({"town": ["A"], "amount": [7.5]}).write_parquet(tmp_path / "in.parquet")
    for name in ("in.jsonl", "in.parquet"):
        cells, wrong = read_all(opened(tmp_path / name, dataset), dataset.contract)
        assert (cells["amount"], wrong) == ([7.5], {})


def test_a_number_with_other_marks_is_the_fault_of_its_row(tmp_path: Path) -> None:
    dataset = trained_on(tmp_path, GERMAN)
    (tmp_path / "in.csv").write_bytes(b"town;amount\nA;1,5\nB;1.5\n")
    _, wrong = read_all(opened(tmp_path / "in.csv", dataset), dataset.contract)
    assert [str(problem) for problem in wrong[1]] == ["amount: '1.5' is no number with the decimal mark ','"]


def test_what_is_said_goes_before_what_the_release_says(tmp_path: Path) -> None:
    dataset = trained_on(tmp_path, GERMAN)
    (tmp_path / "in.csv").write_bytes("!town|amount\n#made up\n!made up|2\n'Köln|x'|1.5\n".encode("latin-1"))
    said = Format(delimiter="|", quote="'", encoding="latin-1", decimal=".", comment="#", skip=0, header=False)
    contract = Contract(
        task="binary", classes=("a", "b"), columns=(Column(name="column_1", type="category", missing="keep"),)
    )
    source = open_source(tmp_path / "in.csv", Wish(said, dataset.reading), contract, tmp_path / "plain")
    assert source.marks == Marks(".", None)
    assert read_all(source, contract)[0]["column_1"] == ["!town", "!made up", "Köln|x"]


@pytest.mark.parametrize(
    ("recorded", "encoding"), [("cp1252", "utf-8"), ("utf-16", "utf-8"), ("cp1252", "cp1252"), ("utf-8", "utf-16")]
)
def test_the_encoding_is_the_one_of_the_release_unless_the_file_tells_another(
    tmp_path: Path, recorded: str, encoding: str
) -> None:
    dataset = trained_on(tmp_path, table().encode(recorded))
    (tmp_path / "in.csv").write_bytes(table().encode(encoding))
    cells, wrong = read_all(opened(tmp_path / "in.csv", dataset), dataset.contract)
    assert (cells["town"], wrong) == (dataset.table.columns["town"].tolist(), {})


def test_times_are_spelt_as_the_release_has_them_or_in_iso(tmp_path: Path) -> None:
    lines = "".join(f"{day:02d}/02/2011,{'ab'[day % 2]},{('yes', 'no')[day // 2 % 2]}\n" for day in range(1, 29))
    dataset = trained_on(tmp_path, f"when,kind,label\n{lines}".encode())
    (tmp_path / "in.csv").write_text("when,kind\n03/04/2012,a\n2012-04-03,b\n04.03.2012 x,a\n")
    cells, wrong = read_all(opened(tmp_path / "in.csv", dataset), dataset.contract)
    assert cells["when"][0] == cells["when"][1]
    assert list(wrong) == [2]


def test_bytes_that_are_no_text_are_the_fault_of_their_row(tmp_path: Path) -> None:
    content = pl.DataFrame({"raw": [b"one", b"two"] * 20, "label": ["yes", "no", "no", "yes"] * 10})
    content.write_parquet(tmp_path / "data.parquet")
    dataset = trained_on(tmp_path, (tmp_path / "data.parquet").read_bytes(), "data.parquet")
    pl.DataFrame({"raw": [b"one", b"\xff", None]}).write_parquet(tmp_path / "in.parquet")
    cells, wrong = read_all(opened(tmp_path / "in.parquet", dataset), dataset.contract)
    assert cells["raw"][0] == "one"
    assert str(wrong[1][0]) == "raw: holds bytes that are not valid UTF-8"


def test_a_release_without_a_record_of_its_reading_recognises_the_file(tmp_path: Path) -> None:
    dataset = replace(trained_on(tmp_path, table().encode()), reading=Reading())
    (tmp_path / "in.csv").write_bytes(b"# made by hand\ntown;amount\n\nA;7.5\n# between\nB;8\n")
    cells, wrong = read_all(opened(tmp_path / "in.csv", dataset), dataset.contract)
    assert (cells["town"], cells["amount"], wrong) == (["A", "B"], [7.5, 8.0], {})
