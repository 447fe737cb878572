"""classifier.yaml -> Spec, or one SpecError with everything that is wrong, each with its line and its key path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from assay.errors import Problem, SpecError
from assay.spec.consistency import find_contradictions
from assay.spec.document import Document, UnreadableError, read_document
from assay.spec.document import Path as KeyPath
from assay.spec.later import find_unsupported
from assay.spec.problems import explain
from assay.spec.tree import Spec

_LARGEST_BYTES = 1_000_000

Fault = tuple[KeyPath, int, str]


def read_spec(path: Path) -> Spec:
    """Read a spec file.

    Raises:
        SpecError: the file cannot be read, or says something that a spec cannot say.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file", remedy="`assay init DATA --label COLUMN` writes one") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(raw) > _LARGEST_BYTES:
        raise SpecError(f"{path}: larger than {_LARGEST_BYTES} bytes, which no spec is")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{path}:{line}: not UTF-8 text", remedy="save the file as UTF-8") from None
    return parse_spec(text, str(path))


def parse_spec(text: str, source: str = "classifier.yaml") -> Spec:
    """Parse the text of a spec; `source` names it in messages.

    Raises:
        SpecError: with one problem for every fault, in the order of the lines.
    """
    try:
        document = read_document(text.removeprefix("\ufeff"))
    except UnreadableError as error:
        raise _error(source, [((), error.line, error.message)]) from None
    if document.tree is None:
        raise SpecError(f"{source}: the file is empty", remedy="`assay init DATA --label COLUMN` writes a spec")
    if not isinstance(document.tree, dict):
        raise _error(source, [((), document.line(()), "a spec is a mapping (`key: value` lines)")])
    spec, faults = _validate(document)
    if spec is None or faults:
        raise _error(source, faults)
    return spec


def _validate(document: Document) -> tuple[Spec | None, list[Fault]]:
    faults = list(document.problems)
    reported = {path for path, _, _ in faults}
    for path, what in find_unsupported(document.tree):
        reported.add(path)
        faults.append((path, document.line(path), f"not yet supported: {what}; remove it to go on"))
    tree = document.tree
    for _ in range(2):
        try:
            spec = Spec.model_validate(tree)
        except ValidationError as error:
            new = [explain(item) for item in error.errors(include_url=False)]
            new = [(path, message) for path, message in new if not _covered(path, reported)]
            faults += [(path, document.line(path), message) for path, message in new]
            reported |= {path for path, _ in new}
            # What is wrong by itself is taken out, so that contradictions between the other keys show in one go.
            tree = _without(tree, {path for path in reported if path})
        else:
            faults += [
                (path, document.line(path), message)
                for path, message in find_contradictions(spec)
                if not _covered(path, reported)
            ]
            return spec, faults
    return None, faults


def _covered(path: KeyPath, reported: Iterable[KeyPath]) -> bool:
    """Whether a fault at `path` only repeats one that was reported there or above."""
    return any(path[: len(other)] == other for other in reported)


def _without(tree: Any, paths: set[KeyPath], here: KeyPath = ()) -> Any:
    if isinstance(tree, dict):
        return {key: _without(value, paths, (*here, key)) for key, value in tree.items() if (*here, key) not in paths}
    if isinstance(tree, list):
        return [
            _without(value, paths, (*here, index)) for index, value in enumerate(tree) if (*here, index) not in paths
        ]
    return tree


def _error(source: str, faults: list[Fault]) -> SpecError:
    faults = sorted(faults, key=lambda fault: fault[1])
    problems = [
        Problem(".".join(str(part) for part in path), f"{message} ({source}:{line})") for path, line, message in faults
    ]
    path, line, message = faults[0]
    place = f"{source}:{line}: {problems[0].path + ': ' if path else ''}{message}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return SpecError(place + more, problems=problems, remedy=f"correct {source} and run the command again")
