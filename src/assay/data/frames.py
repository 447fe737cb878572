"""A DataFrame in memory -> a file that can be read again, and its rows as a release's examples; both read it alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from assay.contract.cells import is_cut
from assay.contract.check import check_frame, renamed
from assay.contract.columns import Contract
from assay.data.read import Raw
from assay.data.spelling import recognise_spelling, respell
from assay.data.structured import plain_columns
from assay.errors import ContractError, DataError
from assay.spec.tree import Format
from assay.values import Row

#: What Arrow and polars raise at a column of pandas that holds values of several types.
_UNREADABLE = (TypeError, ValueError, pl.exceptions.PolarsError)
_INDEX = r"^__index_level_\d+__$"


def write_frame(source: Any, path: Path) -> None:
    """Write a frame that speaks the Arrow C stream interface (pandas, polars, pyarrow) as Parquet: the same frame gives
    the same bytes. The index of pandas is left out; categories become their texts.

    Raises:
        DataError: a column holds values of several types.
        OSError: `path` cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    _frame(source).write_parquet(unfinished)
    unfinished.replace(path)


def read_examples(source: Any, contract: Contract, form: Format) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """The rows of such a frame as the release has learned to see them, each with the columns whose text was cut.

    `form` says how the strings of the training data spelt numbers and times, where that is known. Columns outside the
    contract, such as the label, are left out; optional ones that the frame lacks are missing.

    Raises:
        ContractError: names every column that breaks the contract, with the first rows that do.
        DataError: a column holds values of several types, or a number or time that may be read in two ways.
    """
    plain, left_out = plain_columns(_frame(source))
    form = form.model_copy(update={"missing": contract.missing_values})
    raw = Raw(plain, "", lambda index: f"row {index + 1}", form, left_out=left_out)
    times = [column.name for column in contract.columns if column.type == "timestamp"]
    numbers = [column.name for column in contract.columns if column.type == "number"]
    spelling = recognise_spelling(raw, numbers=numbers, times=times, known_times=times)
    frame = respell(raw, spelling, contract.columns).frame
    absent = [column.name for column in contract.columns if not column.required and column.name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    table, problems = check_frame(contract, frame)
    problems = problems or renamed(contract, raw.frame.columns)
    if problems:
        raise ContractError("the DataFrame breaks the contract", problems=problems, remedy="correct what is named")
    cutting = [column for column in contract.columns if column.truncate]
    for index in range(table.rows):
        cut = tuple(column.name for column in cutting if is_cut(column, frame[column.name][index]))
        yield table.row(index, contract.names), cut


def _is_readable(source: Any, name: str) -> bool:
    try:
        pl.DataFrame(source[[name]])
    except _UNREADABLE:
        return False
    return True


def _frame(source: Any) -> pl.DataFrame:
    try:
        frame = pl.DataFrame(source).select(pl.exclude(_INDEX))
    except _UNREADABLE as error:
        name = next((name for name in source.columns if not _is_readable(source, name)), "x")
        raise DataError(
            f"column {name} of the DataFrame cannot be read: {error}",
            remedy=f"give it values of one type, such as df[{name!r}] = df[{name!r}].astype(str)",
        ) from None
    coded = pl.selectors.categorical() | pl.selectors.enum() | pl.selectors.by_dtype(pl.Null)
    return frame.with_columns(coded.cast(pl.String))
