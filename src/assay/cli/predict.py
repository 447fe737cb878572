"""`assay predict`: one or many rows, in process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.text import Text

from assay.cli.terminal import JsonOption, Listing, columns, emit, facts, notice
from assay.errors import MalformedError
from assay.values import Explanation

if TYPE_CHECKING:
    from assay.serving.answer import Answer, LabelsAnswer

_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
_REMEDY = """give one object like '{"column": "value"}', a list of them, or one object a line on stdin"""


def predict(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Classifier or version: spam, spam@3.")],
    rows: Annotated[
        str,
        typer.Argument(
            metavar="JSON|FILE|-",
            help="A JSON object, a list of them, a .json or .jsonl file, or - for JSON or JSON lines on stdin.",
        ),
    ],
    explain: Annotated[bool, typer.Option(help="Say why.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Classify one or many rows in this process; the answers are on record like a server's."""
    from assay.app import open_app
    from assay.local import load

    examples = _parse(_given(name, rows))
    app = open_app()
    classifier = load(name, app=app)
    try:
        answers = classifier.predict(examples, explain=explain)
    finally:
        classifier.close()
    emit(answers, _shown(answers if isinstance(answers, list) else [answers], explain), as_json=as_json)
    notice(f"on record in {app.home}", "dim")


def _given(name: str, rows: str) -> bytes:
    """The JSON that was said, piped in, or named as a file."""
    if rows == "-":
        return sys.stdin.buffer.read()
    if rows.lstrip()[:1] in ("{", "["):
        return os.fsencode(rows)
    path = Path(rows)
    try:
        if path.suffix.lower() in _JSON_SUFFIXES:
            return path.read_bytes()
        is_file = path.is_file()
    except FileNotFoundError:
        raise MalformedError(f"{rows} does not exist", remedy=_REMEDY) from None
    except OSError as error:
        raise MalformedError(f"{rows} cannot be read: {error.strerror}", remedy=_REMEDY) from None
    if is_file:
        raise MalformedError(
            f"{rows} is a file, and not one of JSON",
            remedy=f"assay batch {name} --input {rows} --output answers.csv classifies every row of it",
        )
    return os.fsencode(rows)


def _parse(raw: bytes) -> dict[str, Any] | list[dict[str, Any]]:
    """One object, a list of objects, or an object a line."""
    try:
        given = msgspec.json.decode(raw) if raw.strip() else []
    except (ValueError, RecursionError) as error:
        given = _parse_lines(raw, error)
    if isinstance(given, dict):
        return given
    rows = given if isinstance(given, list) else [given]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise MalformedError(f"row {number} is not a JSON object", remedy=_REMEDY)
    if not rows:
        raise MalformedError("there is no row to classify", remedy=_REMEDY)
    return rows


def _parse_lines(raw: bytes, whole: Exception) -> list[Any]:
    """JSON lines; `whole` is why `raw` is not one value, and is what is wrong if the first line is none either."""
    rows = []
    for number, line in enumerate(raw.splitlines(), start=1):
        try:
            rows += [msgspec.json.decode(line)] if line.strip() else []
        except (ValueError, RecursionError) as error:
            place = f"line {number} is" if rows else "the rows are"
            raise MalformedError(f"{place} not valid JSON: {error if rows else whole}", remedy=_REMEDY) from None
    return rows


def _shown(answers: Sequence[Answer | LabelsAnswer], explain: bool) -> RenderableType:
    """One answer, or explained ones, as lists; many as a table."""
    if len(answers) == 1 or explain:
        return Group(*[part for answer in answers for part in (Text(), _story(answer))][1:])
    cells: dict[str, list[str | Text]] = {
        "decision": [Text(_said(answer.decision), "bold") for answer in answers],
        "label": [_said(answer.label) for answer in answers],
        "confidence": [f"{answer.confidence:.4f}" for answer in answers],
        "prediction id": [answer.prediction_id for answer in answers],
    }
    return Listing(cells, numbers=frozenset({"confidence"}), spare=("label", "confidence"))


def _story(answer: Answer | LabelsAnswer) -> RenderableType:
    told = facts(
        [
            ("decision", Text(_said(answer.decision), "bold")),
            ("label", _said(answer.label) if answer.label != answer.decision else ""),
            ("confidence", f"{answer.confidence:.4f}"),
            ("model", f"{answer.model}@{answer.model_version}"),
            ("prediction id", answer.prediction_id),
        ]
    )
    if answer.explanation is None:
        return told
    explained = (answer.explanation,) if isinstance(answer.explanation, Explanation) else answer.explanation
    return Group(told, *(part for explanation in explained for part in _why(explanation)))


def _said(labels: str | Sequence[str]) -> str:
    return labels if isinstance(labels, str) else ", ".join(labels) or "no label"


def _why(explanation: Explanation) -> Iterator[RenderableType]:
    """The reasons, then one factor a line: what it adds to the score, the feature, the value that it has."""
    for reason in explanation.reasons:
        yield Text(f"because: {reason}")
    yield Text(f"\nlog-odds for {explanation.label} (+) or against it (-)", "dim")
    table = columns("", "", "")
    for factor in explanation.factors:
        table.add_row(Text(f"{factor.contribution:+.2f}"), Text(factor.feature), Text(_value(factor.value), "dim"))
    yield table


def _value(value: float | str | None) -> str:
    if not isinstance(value, float):
        return value or ""
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
