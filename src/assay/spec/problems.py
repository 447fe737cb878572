"""What pydantic says about a tree, in the words of a spec: key path, what is wrong, what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from assay.spec.document import Path
from assay.spec.scalars import describe
from assay.spec.tree import Spec


def explain(error: ErrorDetails) -> tuple[Path, str]:
    """The key path and the message of one validation error."""
    path: Path = tuple(error["loc"])
    kind = error["type"]
    got = error.get("input")
    if kind == "missing":
        return path, "is required"
    if kind == "extra_forbidden":
        return path, f"unknown key; {suggest_key(path)}"
    if kind == "literal_error":
        return path, _explain_choice(error)
    if kind in {"model_type", "mapping_type", "dict_type"}:
        return path, f"expected a mapping (`key: value` lines), got {describe(got)}"
    if kind in {"tuple_type", "list_type"}:
        return path, f"expected a list, got {describe(got)}"
    message = error["msg"]
    for start in ("Input should", "String should", "Tuple should", "Value should"):
        message = message.replace(start, "must")
    if kind == "wrong_value":
        return path, message
    return path, f"{message}, got {describe(got)}"


def suggest(word: str, known: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    """` (did you mean X?)`, or nothing when no known word is close."""
    spelt = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(spelt), n=1, cutoff=0.6)
    return f"; did you mean {spelt[close[0]]}?" if close else ""


def suggest_key(path: Path) -> str:
    """What the unknown key at `path` may have been meant to be."""
    key = str(path[-1])
    here = list(_fields(_model_at(Spec, path[:-1])))
    close = difflib.get_close_matches(key.lower(), here, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    elsewhere = sorted((".".join(found) for found in _paths(Spec, ()) if found[-1] == key), key=len)
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    return f"known here: {', '.join(here)}"


def _explain_choice(error: ErrorDetails) -> str:
    choices = [choice.strip(" '") for choice in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    got = error.get("input")
    hint = suggest(got, choices) if isinstance(got, str) else ""
    return f"must be one of {', '.join(choices)}, got {describe(got)}{hint}"


def _fields(model: type[BaseModel] | None) -> Mapping[str, Any]:
    return model.model_fields if model is not None else {}


def _model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model that reads the mapping at `path`; free keys (names of columns, positions in a list) are skipped."""
    for part in path:
        field = _fields(model).get(str(part))
        if field is not None:
            model = _inner(field.annotation)
    return model


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The one model inside `Model | None`, `Mapping[str, Model]` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, BaseModel) else None
    return next((model for part in get_args(annotation) if (model := _inner(part)) is not None), None)


def _paths(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        yield (*path, name)
        inner = _inner(field.annotation)
        if inner is not None and inner is not model and len(path) < 4:
            yield from _paths(inner, (*path, name))
