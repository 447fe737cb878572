"""One example from JSON to a row. A fast pass accepts what is plainly right; what it refuses is read cell by cell."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from assay.contract.cells import CellReader, is_cut, prepare_cell
from assay.contract.columns import Column, Contract
from assay.errors import ContractError, MalformedError, Problem
from assay.values import Cell, Row

_MOST_UNKNOWN = 20


class Decoder:
    """Reads examples of one contract. Missing columns and nulls become None where the contract allows it."""

    def __init__(self, contract: Contract) -> None:
        missing_values = frozenset(contract.missing_values)
        self._cells = tuple((column.name, prepare_cell(column, missing_values)) for column in contract.columns)
        self._names = frozenset(contract.names)
        self._fast = msgspec.json.Decoder(_struct(contract)).decode
        self._astuple: Callable[[Any], Row] = msgspec.structs.astuple
        self._missing_values = missing_values
        self._truncating = tuple(column for column in contract.columns if column.truncate)
        self._finish = tuple(
            (position, prepare_cell(column, missing_values))
            for position, column in enumerate(contract.columns)
            if _needs_finishing(column)
        )

    def decode(self, raw: bytes) -> Row:
        """JSON object -> row.

        Raises:
            MalformedError: `raw` is not JSON.
            ContractError: names every column that is wrong.
        """
        try:
            row = self._astuple(self._fast(raw))
            if self._missing_values and not self._missing_values.isdisjoint(row):
                return self._slow(raw)
            if not self._finish:
                return row
            cells = list(row)
            for position, read in self._finish:
                cells[position] = read(cells[position])
            return tuple(cells)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._slow(raw)

    def truncated(self, raw: bytes) -> tuple[str, ...]:
        """The columns whose text `decode` cut to their longest length. `raw` is an example that it took."""
        if not self._truncating:
            return ()
        given = msgspec.json.decode(raw, type=dict[str, Any])
        return tuple(column.name for column in self._truncating if is_cut(column, given.get(column.name)))

    def decode_mapping(self, mapping: Mapping[str, object]) -> Row:
        """Values in memory -> row.

        Raises:
            ContractError: names every column that is wrong.
        """
        problems: list[Problem] = []
        cells = tuple(_read(name, read, mapping.get(name), problems) for name, read in self._cells)
        unknown = [name for name in mapping if name not in self._names]
        problems += [self._unknown(name) for name in unknown[:_MOST_UNKNOWN]]
        if len(unknown) > _MOST_UNKNOWN:
            problems.append(Problem("features", f"and {len(unknown) - _MOST_UNKNOWN} more unknown columns"))
        if problems:
            raise ContractError("the example breaks the contract", problems=problems)
        return cells

    def _slow(self, raw: bytes) -> Row:
        value = _parse(raw)
        if not isinstance(value, dict):
            raise ContractError(
                "the example breaks the contract",
                problems=[Problem("features", "must be an object of column names and values")],
            )
        return self.decode_mapping(value)

    def _unknown(self, name: str) -> Problem:
        shown = name if len(name) <= 60 else name[:57] + "..."
        close = difflib.get_close_matches(name[:200], self._names, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return Problem(f"features.{shown}", f"is not a column of this classifier{hint}")


def prepare_decoder(contract: Contract) -> Decoder:
    """Make the decoder of a contract; all that can be prepared is prepared here."""
    return Decoder(contract)


def _parse(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return _parse_overflowing(raw)
    except RecursionError:
        raise MalformedError("the JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"the body is not valid JSON: {error}") from None


def _parse_overflowing(raw: bytes) -> object:
    """A number too large for a float becomes infinity, so that its column can be named."""

    def refuse(constant: str) -> float:
        raise MalformedError(f"the body is not valid JSON: {constant} is not a number of it")

    try:
        return json.loads(raw, parse_constant=refuse, parse_int=float)
    except RecursionError:
        raise MalformedError("the JSON is nested too deeply") from None
    except ValueError as error:
        raise MalformedError(f"the body is not valid JSON: {error}") from None


def _read(name: str, read: CellReader, value: object, problems: list[Problem]) -> Cell:
    try:
        return read(value)
    except ValueError as error:
        message = "is not valid Unicode" if isinstance(error, UnicodeError) else str(error)
        problems.append(Problem(f"features.{name}", message))
        return None


def _needs_finishing(column: Column) -> bool:
    if column.pattern is not None:
        return True
    if column.type == "category":
        return column.values is not None and column.unknown == "reject"
    return column.type in ("text", "boolean", "timestamp")


def _struct(contract: Contract) -> type[msgspec.Struct]:
    """A struct that accepts a subset of what the cell readers accept, and means the same by it."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for position, column in enumerate(contract.columns):
        kind: Any = {"number": float, "boolean": bool}.get(column.type, str)
        if column.type == "number" and column.outliers == "reject":
            kind = Annotated[float, msgspec.Meta(ge=column.minimum, le=column.maximum)]
        fields.append((f"c{position}", kind) if column.required else (f"c{position}", kind | None, None))
    return msgspec.defstruct(
        "Example",
        fields,
        rename={f"c{position}": column.name for position, column in enumerate(contract.columns)},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )
