"""Where the labels of a row stand: in one column, in one column each, or joined in one column."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from assay.spec.scalars import describe


class JoinedLabels(BaseModel):
    """A column that holds any number of labels with a separator between them."""

    model_config = ConfigDict(frozen=True)

    column: str
    separator: str


def to_label(value: object) -> str | tuple[str, ...] | JoinedLabels:
    """A column's name, a list of at least two of them, or a column and its separator."""
    if isinstance(value, str) and value:
        return str(value)
    if isinstance(value, list | tuple) and all(isinstance(name, str) and name for name in value):
        return _several([str(name) for name in value])
    if isinstance(value, JoinedLabels):
        return value
    if isinstance(value, dict):
        return _joined(value)
    raise _wrong(f"expected a column, a list of columns or (column: ..., separator: ...), got {describe(value)}")


def _several(names: list[str]) -> tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise _wrong(f"names the column {twice} twice")
    if len(names) < 2:
        raise _wrong("a list names at least two columns; write one as data.label: COLUMN")
    return tuple(names)


def _joined(value: dict[str, Any]) -> JoinedLabels:
    unknown = [key for key in value if key not in ("column", "separator")]
    if unknown:
        raise _wrong(f"takes column and separator, not {unknown[0]}")
    column, separator = value.get("column"), value.get("separator")
    if not (isinstance(column, str) and column):
        raise _wrong("needs column: the name of the column that holds the labels")
    if not (isinstance(separator, str) and separator.strip()):
        raise _wrong('needs separator: what stands between two labels, such as "|"')
    return JoinedLabels(column=str(column), separator=str(separator))


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("wrong_value", message.replace("{", "(").replace("}", ")"))


LabelSource = Annotated[str | tuple[str, ...] | JoinedLabels, BeforeValidator(to_label)]
