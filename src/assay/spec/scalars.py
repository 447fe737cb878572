"""The values a spec is made of: text, numbers, flags, shares (`5%`), durations (`1h`).

A plain YAML scalar arrives as `Plain`, its text untouched, and becomes what its key asks for: the label `No` and the
category `1e3` stay text, and a number is one only where a number is expected. Quoted text is never a number or a flag.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError


class Plain(str):
    """An unquoted YAML scalar, as it is written."""

    __slots__ = ()


_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST_S = 100 * 365 * 86400.0


def describe(value: object) -> str:
    """What a value is, in a user's words: `'abc'`, `a list`, `nothing`."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(str(value)) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong(expected: str, value: object) -> PydanticCustomError:
    # Braces would be read as placeholders of the message.
    message = f"expected {expected}, got {describe(value)}".replace("{", "(").replace("}", ")")
    return PydanticCustomError("wrong_value", message)


def to_text(value: object) -> str:
    if isinstance(value, str):
        return str(value)
    raise _wrong("text", value)


def to_number(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, Plain) and _NUMBER.fullmatch(value):
        return float(value)
    hint = " without quotes" if isinstance(value, str) and _NUMBER.fullmatch(value) else ""
    raise _wrong(f"a number{hint}", value)


def to_integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Plain) and _INTEGER.fullmatch(value) and len(value) < 20:
        return int(value)
    raise _wrong("a whole number", value)


def to_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, Plain) and value in _FLAGS:
        return _FLAGS[value]
    raise _wrong("true or false", value)


def to_share(value: object) -> float:
    if isinstance(value, str) and (match := _SHARE.fullmatch(value)):
        return float(match[1]) / 100.0
    return to_number(value)


def to_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _SECONDS[match[2]]
        if seconds <= _LONGEST_S:
            return timedelta(seconds=seconds)
    raise _wrong("a duration such as 90s, 10m, 1h or 7d", value)


def to_bound(value: object) -> float | str:
    """A number, or `majority`: the value that the majority baseline has."""
    if value == "majority":
        return "majority"
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise _wrong("a number or majority", value)
    return to_number(value)


def to_auto_flag(value: object) -> bool | str:
    return "auto" if value == "auto" else to_flag(value)


def to_auto_integer(value: object) -> int | str:
    return "auto" if value == "auto" else to_integer(value)


def to_mark(value: object) -> str:
    """One character, `none` or `auto`."""
    text = to_text(value)
    if text in {"auto", "none"} or len(text) == 1:
        return text
    raise _wrong("one character, none or auto", value)


def to_auto_share(value: object) -> float | str:
    return "auto" if value == "auto" else to_share(value)


TEXT = BeforeValidator(to_text)
Text = Annotated[str, TEXT]
Name = Annotated[str, Field(min_length=1), TEXT]
Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(to_number)]
Integer = Annotated[int, BeforeValidator(to_integer)]
Flag = Annotated[bool, BeforeValidator(to_flag)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(to_share)]
InnerShare = Annotated[float, Field(gt=0, lt=1), BeforeValidator(to_share)]
Duration = Annotated[timedelta, BeforeValidator(to_duration)]
Bound = Annotated[float | Literal["majority"], BeforeValidator(to_bound)]
AutoFlag = Annotated[bool | Literal["auto"], BeforeValidator(to_auto_flag)]
AutoShare = Annotated[float | Literal["auto"], BeforeValidator(to_auto_share)]
AutoInteger = Annotated[Annotated[int, Field(ge=0)] | Literal["auto"], BeforeValidator(to_auto_integer)]
Mark = Annotated[str, BeforeValidator(to_mark)]
