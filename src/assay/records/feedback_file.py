"""Reads true labels from a CSV or JSON lines file: all rows are right, or one report says which are not."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import msgspec

from assay.errors import ContractError, DataError, Problem
from assay.records.feedback import make_outcome
from assay.records.ids import entity_hash
from assay.values import Outcome

COLUMNS = ("prediction_id", "entity", "time", "model", "label", "score", "source", "comment")
# Rows of one file are received one after the other, so that of two that contradict the later one counts.
_ROW_TAKES_S = 1e-6
_BETWEEN = "|"

Cells = Mapping[str, str]


def read_feedback(
    path: Path,
    received_at: float,
    *,
    model: str | None = None,
    classes: Mapping[str, Collection[str]],
    several: Collection[str] = (),
) -> list[Outcome]:
    """Read a file with the columns `label` and `prediction_id` (or `entity` and `time`), and those of `COLUMNS`.

    `model` is the classifier of rows that do not name one; `classes` holds the classes of every known classifier, and
    `several` the names of those with any number of labels: their labels stand in one cell with `|` between, or as a
    JSON list.

    Raises:
        DataError: the file cannot be read, or rows are wrong; names their lines.
    """
    found: list[Outcome] = []
    problems: list[Problem] = []
    for line, cells in _rows(path):
        try:
            found.append(_outcome(cells, received_at + len(found) * _ROW_TAKES_S, model, classes, several))
        except ContractError as error:
            problems += [Problem(f"line {line}: {problem.path}", problem.message) for problem in error.problems]
    if problems:
        raise DataError(f"{path}: nothing was recorded, some rows cannot be used", problems=problems)
    if not found:
        raise DataError(f"{path} holds no rows", remedy="give one row for each label")
    return found


def _outcome(
    cells: Cells,
    received_at: float,
    model: str | None,
    classes: Mapping[str, Collection[str]],
    several: Collection[str],
) -> Outcome:
    name = cells.get("model", model)
    if name is not None and name not in classes:
        raise _wrong("model", f"there is no classifier {name!r}")
    allowed = classes[name] if name is not None else {label for some in classes.values() for label in some}
    entity = None
    if "entity" in cells or "time" in cells:
        name = name or (next(iter(classes)) if len(classes) == 1 else None)
        if name is None:
            raise _wrong("model", "is needed with an entity")
        entity = (entity_hash(name, _cell(cells, "entity")), _seconds(_cell(cells, "time")))
    many = name in several if name is not None else bool(several) and len(several) == len(classes)
    label = _cell(cells, "label")
    return make_outcome(
        _labels(label, allowed) if many else label,
        received_at,
        prediction_id=cells.get("prediction_id"),
        entity=entity,
        score=_number(cells.get("score")),
        source=cells.get("source", "file"),
        comment=cells.get("comment"),
        classes=allowed or None,
    )


def _labels(cell: str, allowed: Collection[str]) -> list[str]:
    """The labels in one cell."""
    if cell in allowed:
        return [cell]
    if cell.startswith("["):
        try:
            return msgspec.json.decode(cell, type=list[str])
        except msgspec.DecodeError:
            raise _wrong("label", f"{cell!r} is not a JSON list of labels") from None
    return [label.strip() for label in cell.split(_BETWEEN)]


def _cell(cells: Cells, name: str) -> str:
    if name not in cells:
        raise _wrong(name, "is missing")
    return cells[name]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        raise _wrong("score", f"{text!r} is not a number") from None


def _seconds(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _wrong("time", f"{text!r} is not a time such as 2026-01-31T12:00:00Z") from None


def _wrong(path: str, message: str) -> ContractError:
    return ContractError("the feedback cannot be used", problems=[Problem(path, message)])


def _rows(path: Path) -> Iterator[tuple[int, Cells]]:
    """Line numbers and cells; empty cells are left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", remedy="save it as UTF-8") from error
    if path.suffix == ".jsonl":
        return _json_rows(text, path)
    if path.suffix == ".csv":
        return _csv_rows(text, path)
    raise DataError(f"{path.name}: the format is chosen by the suffix", remedy="use .csv or .jsonl")


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Cells]]:
    reader = csv.DictReader(StringIO(text, newline=""), restkey="", strict=True)
    _check_columns(reader.fieldnames or (), path)
    try:
        for row in reader:
            if "" in row:
                raise DataError(f"{path}: line {reader.line_num} has more cells than the header")
            yield reader.line_num, {name: cell for name, cell in row.items() if cell}
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num} is not CSV: {error}") from error


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, Cells]]:
    decoder = msgspec.json.Decoder(dict[str, str | int | float | bool | list[str] | None])
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            row = decoder.decode(content)
        except msgspec.MsgspecError as error:
            raise DataError(f"{path}: line {line} is not a JSON object of texts and numbers: {error}") from error
        _check_columns(row, path)
        yield line, {name: _as_text(cell) for name, cell in row.items() if cell is not None and cell != ""}


def _as_text(cell: str | float | list[str]) -> str:
    return cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()


def _check_columns(names: Iterable[str], path: Path) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise DataError(f"{path}: the column {unknown[0]!r} is unknown", remedy=f"known are {', '.join(COLUMNS)}")
