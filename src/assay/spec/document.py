"""YAML text -> plain mappings, lists and scalars, with the line of every key.

It reads the events of the YAML parser, never its constructors: no tags, no aliases (so no "billion laughs"), no
duplicate keys, and no guesses of YAML 1.1 about what `no`, `on`, `1e3` or `12:30` mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from assay.spec.scalars import Plain

Path = tuple[str | int, ...]

_DEEPEST = 24
_EMPTY = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class Document:
    """The tree of a document, the line (from 1) of each key path, and what is wrong with it as YAML."""

    tree: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[tuple[Path, int, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the key, or of the nearest key above it."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


class UnreadableError(Exception):
    """The text is no YAML; `problem` says where and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def read_document(text: str) -> Document:
    """Read one YAML document.

    Raises:
        UnreadableError: the text is not YAML, or uses what a spec may not.
    """
    document = Document()
    try:
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(mark.line + 1 if mark else 1, _explain(error, text)) from None
    except yaml.YAMLError as error:
        raise UnreadableError(1, " ".join(str(error).split())) from None
    if sum(isinstance(event, yaml.DocumentStartEvent) for event in events) > 1:
        raise UnreadableError(1, "there is more than one document (`---`)")
    nodes = iter([event for event in events if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent)])
    first = next(nodes, None)
    if first is not None:
        document.tree = _build(document, nodes, first, ())
    return document


def _build(document: Document, events: Iterator[yaml.Event], event: yaml.Event, path: Path) -> Any:
    line = _line(event)
    document.lines.setdefault(path, line)
    if len(path) > _DEEPEST:
        raise UnreadableError(line, "nested too deeply")
    if getattr(event, "anchor", None) is not None:
        raise UnreadableError(line, "anchors and aliases (`&`, `*`) are not used here; quote the text if it begins so")
    if getattr(event, "tag", None) is not None:
        raise UnreadableError(line, "tags (`!`) are not used here; quote the text if it begins so")
    if isinstance(event, yaml.ScalarEvent):
        return Plain(event.value) if event.style is None else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        return _list(document, events, path)
    return _mapping(document, events, path)


def _list(document: Document, events: Iterator[yaml.Event], path: Path) -> list[Any]:
    items: list[Any] = []
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        here = (*path, len(items))
        item = _build(document, events, event, here)
        if isinstance(item, Plain) and item == "":
            document.problems.append((here, _line(event), "has no value"))
        items.append(item)
    return items


def _mapping(document: Document, events: Iterator[yaml.Event], path: Path) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        line = _line(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise UnreadableError(line, "a key must be plain text; put text with braces, brackets or a `*` in quotes")
        here = (*path, event.value)
        twice = here in document.lines
        if twice:
            message = f"is written twice, first in line {document.lines[here]}; keep one"
            document.problems.append((here, line, message))
        document.lines.setdefault(here, line)
        value = _build(Document() if twice else document, events, next(events), here)
        if twice:
            continue
        if isinstance(value, Plain) and value in _EMPTY:
            document.problems.append((here, line, "has no value; write one or leave the key out"))
            continue
        entries[event.value] = value
    return entries


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    """The parser's complaint in one line, with what to do where the usual reason is known."""
    said = " ".join(part for part in (error.context, error.problem) if part) or "cannot be read"
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    here = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in said:
        return "a tab is used for indentation; indent with spaces"
    if "mapping values are not allowed" in said:
        return f"{said}; check the indentation, and quote text that contains `: `"
    return f"{said}; check quotes, brackets and indentation"
