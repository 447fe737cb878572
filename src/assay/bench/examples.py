"""What is sent: the synthetic examples of a release in turn, or rows of a file as a batch would read it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from assay.contract.columns import Contract
from assay.errors import DataError, MissingDependencyError
from assay.registry.store import BlobStore, Version
from assay.release.bundle import Example
from assay.release.core import Release
from assay.values import Cell, Row

#: Rows of a file that are sent in turn; more would say nothing new of what a row costs.
MOST_ROWS = 1000

_LIBRARIES = frozenset({"polars", "pyarrow"})


def bodies_of(release: Release, data: Path | None, version: Version, blobs: BlobStore) -> tuple[bytes, ...]:
    """Bodies of /v1/predict: of the release's own examples, or of the first rows of the file `data` that its contract
    takes.

    Raises:
        DataError: the file cannot be read, or holds no such row.
        MissingDependencyError: a file is given and the `train` extra is not installed.
    """
    examples = release.examples if data is None else tuple(_rows_of(data, release, version, blobs))
    return tuple(msgspec.json.encode({"model": release.classifier, "features": example}) for example in examples)


def _rows_of(path: Path, release: Release, version: Version, blobs: BlobStore) -> Iterator[Example]:
    try:
        from assay.batch.chunks import Reader
        from assay.batch.pieces import find_pieces
        from assay.batch.reading import Wish, recorded_reading, respell
        from assay.batch.source import open_source
        from assay.contract.check import check_rows
    except ModuleNotFoundError as error:
        if error.name not in _LIBRARIES:
            raise
        raise MissingDependencyError(
            f"rows of a file need {error.name}, which is not installed", remedy='pip install "assay-ml[train]"'
        ) from None
    if not path.is_file():
        raise DataError(f"{path} is no file", remedy="check its name")
    contract = release.contract

    def rows(plain: Path) -> Iterator[Row]:
        source = open_source(path, Wish(reading=recorded_reading(version, blobs)), contract, plain)
        reader = Reader(source, contract.names)
        for chunk in (chunk for piece in find_pieces(source) for chunk in reader.chunks(piece)):
            frame, misspelt = respell(chunk.frame, contract, source.marks, dict(source.times))
            table, broken = check_rows(contract, frame, chunk.codes)
            for row in range(table.rows):
                if row not in broken and row not in misspelt and row not in chunk.faults:
                    yield table.row(row, contract.names)

    with tempfile.TemporaryDirectory() as folder:
        found = [to_example(contract, row) for row in islice(rows(Path(folder) / "plain"), MOST_ROWS)]
    if not found:
        raise DataError(
            f"{path} holds no row that {release.classifier} takes",
            remedy=f"assay batch {release.classifier} --input {path} --output answers.csv lists what is wrong",
        )
    yield from found


def to_example(contract: Contract, row: Row) -> Example:
    """A decoded row as a request would say it; what is missing is left out."""
    return {
        column.name: _say(column.type, cell)
        for column, cell in zip(contract.columns, row, strict=True)
        if cell is not None
    }


def _say(kind: str, cell: Cell) -> bool | float | str:
    if kind == "boolean":
        return bool(cell)
    if kind == "timestamp" and not isinstance(cell, str) and cell is not None:
        return datetime.fromtimestamp(cell, UTC).isoformat()
    return cell if isinstance(cell, str) else float(cell or 0.0)
