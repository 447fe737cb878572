"""Input tensors to examples: one tensor a column of the contract, one row an example, as `/v1/predict` takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite

import msgspec

from assay.contract.columns import Column, ColumnType, Contract
from assay.errors import AssayError, ContractError, Problem
from assay.inference.tensors import FLOATS, INTEGERS, Element, Tensor

#: The datatypes that a column takes; the first is the one that metadata names.
TAKEN: Mapping[ColumnType, tuple[str, ...]] = {
    "number": ("FP64", "FP32", "FP16", *INTEGERS),
    "boolean": ("BOOL", *FLOATS),
    "category": ("BYTES", *INTEGERS),
    "id": ("BYTES", *INTEGERS),
    "text": ("BYTES",),
    "timestamp": ("BYTES",),
}
#: Up to here every whole number is a 64-bit float.
_EXACT = 1 << 53


def read_examples(contract: Contract, tensors: Sequence[Tensor], max_rows: int) -> Iterator[bytes]:
    """Each row as the JSON object that `/v1/predict` takes as `features`. A column without a tensor is missing.

    Raises:
        ContractError: names every tensor that does not fit, before the first row is given.
    """
    columns = {column.name: column for column in contract.columns}
    rows = _count_rows(tensors, max_rows)
    problems: list[Problem] = []
    cells: dict[str, Sequence[Element]] = {}
    for tensor in tensors:
        try:
            cells[tensor.name] = _read_column(columns, cells, tensor, rows)
        except ValueError as error:
            problems.append(Problem(f"inputs.{tensor.name[:60]}", str(error)))
    problems += [
        Problem(f"inputs.{column.name}", "is required")
        for column in contract.columns
        if column.required and all(tensor.name != column.name for tensor in tensors)
    ]
    if problems:
        raise _refusal(problems)
    encode = msgspec.json.Encoder().encode
    return (encode(dict(zip(cells, row, strict=True))) for row in zip(*cells.values(), strict=True))


def in_row(row: int, error: AssayError) -> list[Problem]:
    """The faults of one row, with its number."""
    return [
        Problem(f"row {row}, {problem.path}", problem.message)
        for problem in error.problems or [Problem("", str(error))]
    ]


def _count_rows(tensors: Sequence[Tensor], max_rows: int) -> int:
    if not tensors:
        raise _refusal([Problem("inputs", "is empty; give a tensor for each column")])
    rows = tensors[0].shape[0] if tensors[0].shape else 1
    if rows > max_rows:
        raise _refusal([Problem("inputs", f"has {rows} rows; at most {max_rows} in one request")])
    return rows


def _read_column(
    columns: Mapping[str, Column], seen: Mapping[str, object], tensor: Tensor, rows: int
) -> Sequence[Element]:
    column = columns.get(tensor.name)
    if column is None:
        raise ValueError(f"is not a column of this classifier; it has {', '.join(list(columns)[:20])}")
    if tensor.name in seen:
        raise ValueError("is given twice")
    if tensor.shape not in ((rows,), (rows, 1)):
        raise ValueError(f"has the shape {list(tensor.shape)}; [{rows}] or [{rows}, 1] is expected")
    if tensor.datatype not in TAKEN[column.type]:
        raise ValueError(f"has the datatype {tensor.datatype}; a {column.type} takes {', '.join(TAKEN[column.type])}")
    if column.type == "number":
        return _read_each(tensor, _read_number)
    if column.type == "boolean" and tensor.datatype != "BOOL":
        return _read_each(tensor, _read_flag)
    return tensor.elements


def _read_each(tensor: Tensor, read: Callable[[Element], Element]) -> list[Element]:
    cells = []
    for at, element in enumerate(tensor.elements):
        try:
            cells.append(element if element is None else read(element))
        except ValueError as error:
            raise ValueError(f"row {at}: {error}") from None
    return cells


def _read_number(element: Element) -> float:
    number = float(element or 0)
    if not isfinite(number):
        raise ValueError("must be a finite number")
    if abs(number) >= _EXACT and number != element:
        raise ValueError(f"{element} is not exactly a 64-bit float")
    return number


def _read_flag(element: Element) -> bool:
    if element not in (0.0, 1.0):
        raise ValueError("must be 0, 1 or, where it is missing, NaN")
    return element == 1.0


def _refusal(problems: Sequence[Problem]) -> ContractError:
    return ContractError("the tensors are not what this classifier takes", problems=problems)
