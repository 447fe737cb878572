"""The keys that are part of the spec but whose machinery is not in this version. They are refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from assay.spec.document import Path

_REMOTE = re.compile(r"(s3|gs|az|hf|https?|file|sql|sqlite|postgresql|mysql|duckdb)[+\w]*://", re.IGNORECASE)


def _always(value: Any) -> bool:
    del value
    return True


def _is(*names: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def _filled(value: Any) -> bool:
    return not isinstance(value, str) and bool(value)


def _remote(value: Any) -> bool:
    return isinstance(value, str) and _REMOTE.match(value) is not None


#: Key path (`*` stands for every entry), whether the value needs what is missing, and what is missing.
NOT_YET: tuple[tuple[Path, Callable[[Any], bool], str], ...] = (
    (("data", "source"), _remote, "reading from an address instead of a file"),
    (("data", "outcome"), _always, "the delay of outcomes"),
    (("features", "stored"), _filled, "stored features"),
    (("model", "candidates", "*"), _is("transformer"), "this candidate"),
    (("model", "fallback", "model"), _is("transformer"), "this candidate"),
    (("gates", "approval"), _always, "approval by a named person"),
    (("rollout",), _always, "a gradual rollout"),
    (("monitors",), _always, "monitoring"),
    (("log", "inputs"), _is("full", "digest"), "this choice of logged inputs"),
)


def find_unsupported(tree: Any) -> list[tuple[Path, str]]:
    """The path of every key that asks for something this version cannot do, and what that is."""
    found: list[tuple[Path, str]] = []
    for pattern, needs, what in NOT_YET:
        found += [(path, what) for path, value in _matches(tree, pattern, ()) if needs(value)]
    return found


def _matches(tree: Any, pattern: Path, path: Path) -> list[tuple[Path, Any]]:
    if not pattern:
        return [(path, tree)]
    first, rest = pattern[0], pattern[1:]
    if first == "*" and isinstance(tree, list):
        return [match for index, item in enumerate(tree) for match in _matches(item, rest, (*path, index))]
    if isinstance(tree, dict) and first in tree:
        return _matches(tree[first], rest, (*path, first))
    return []
