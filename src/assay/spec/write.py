"""A first spec as text, from what was inferred: short, with what was seen in the data as comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from assay.contract.columns import Column
from assay.spec.classes import joined_name
from assay.spec.label import JoinedLabels
from assay.spec.tree import MISSING_TOKENS, Format
from assay.values import Task

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_READS_AS_SOMETHING_ELSE = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_COMMENT_AT = 44
_UNLABELLED = {"drop": "rows without a label are dropped and counted", "none": "to a blank row no label applies"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What `assay init` found out. `seen` are comments by column name, and under `source` and `label`.

    `form` is how the file was read; what it says is written, so that nothing is recognised anew at the next reading.
    """

    name: str
    source: str
    label: str | tuple[str, ...] | JoinedLabels
    task: Task
    columns: tuple[Column, ...]
    positive: str | None = None
    classes: tuple[str, ...] | None = None
    unlabelled: Literal["drop", "reject", "none"] = "reject"
    entity: str | None = None
    time: str | None = None
    split: Literal["stratified", "time", "group", "column"] = "stratified"
    split_column: str | None = None
    form: Format = field(default_factory=Format)
    ignored: tuple[str, ...] = ()
    seen: Mapping[str, str] = field(default_factory=dict)


def write_spec(draft: Draft) -> str:
    """The text of classifier.yaml. Parsing it gives back the draft's columns and choices."""
    texts = [column.name for column in draft.columns if column.type == "text"]
    lines = [
        "# Written by `assay init`; edit it freely and run `assay check`.",
        "# Unknown keys are errors with a suggestion.",
        f"name: {_scalar(draft.name)}",
        f"task: {draft.task}",
        "",
        *_data_lines(draft),
        "",
        _line("columns:", "what an example is; id columns are never features"),
        *(
            _line(f"  {_scalar(column.name)}: {_column(column)}", draft.seen.get(column.name))
            for column in draft.columns
        ),
    ]
    if draft.ignored:
        lines.append(f"  # ignored: {_comment(', '.join(draft.ignored))}")
    times = [column.name for column in draft.columns if column.type == "timestamp"]
    if texts or times:
        lines += ["", "features:"]
    if times:
        lines.append(_line(f"  date_parts: {_list(times)}", "hour, weekday ... where they go round; age at data.time"))
    if texts:
        lines.append(f"  text_statistics: {_list(texts)}")
        whole = texts[0]
        if len(texts) > 1:
            whole = joined_name([column.name for column in draft.columns])
            joined = f"    - {_mapping({'name': whole, 'op': 'join', 'of': _list(texts)})}"
            lines += ["  derived:", _line(joined, "one vocabulary for all text")]
        lines += ["  ngrams:", f"    {_scalar(whole)}: {{words: [1, 2], characters: [2, 5], max_terms: 50000}}"]
    lines += [
        "",
        "model:",
        _line("  candidates: [logistic_regression, lightgbm]", "the simpler one wins unless beaten"),
    ]
    if draft.task != "multiclass":
        each = "for each label by itself; " if draft.task == "multilabel" else ""
        lines += [
            "",
            "policy:",
            _line("  maximise: f1", f"{each}or recall with subject_to: {{precision: 0.95}}, or minimise: cost"),
        ]
    lines += ["", *_gate_lines(draft.task)]
    return "\n".join(lines) + "\n"


def classifier_name(text: str) -> str:
    """A name that a classifier may have, from a file's stem or the like."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    return words[:64].rstrip("_") or "classifier"


def _data_lines(draft: Draft) -> list[str]:
    lines = ["data:", _line(f"  source: {_scalar(draft.source)}", draft.seen.get("source"))]
    lines += _format_lines(draft.form)
    lines.append(_line(f"  label: {_label(draft.label)}", draft.seen.get("label")))
    if draft.classes is not None:
        lines.append(_line(f"  classes: {_list(draft.classes)}", "all that there are; no one of them means missing"))
    if draft.positive is not None:
        lines.append(f"  positive: {_scalar(draft.positive)}")
    if draft.unlabelled in _UNLABELLED:
        lines.append(_line(f"  unlabelled: {draft.unlabelled}", _UNLABELLED[draft.unlabelled]))
    for key, value in (("entity", draft.entity), ("time", draft.time)):
        if value is not None:
            lines.append(f"  {key}: {_scalar(value)}")
    split = {
        "method": draft.split,
        "column": None if draft.split_column is None else _scalar(draft.split_column),
        "gate": "0.2",
        "seed": "7",
    }
    lines.append(_line(f"  split: {_mapping(split)}", "the gate's rows judge and choose nothing"))
    return lines


def _format_lines(form: Format) -> list[str]:
    """Every key of the format that says something, in few lines."""
    said = {
        "delimiter": _said(form.delimiter),
        "encoding": _said(form.encoding),
        "header": _said(form.header),
        "quote": _said(form.quote),
        "escape": _said(form.escape),
        "comment": _said(form.comment),
        "skip": _said(form.skip),
        "decimal": _said(form.decimal),
        "thousands": _said(form.thousands),
    }
    written = [f"{key}: {value}" for key, value in said.items() if value is not None]
    entries = [", ".join(written)] if written else []
    if form.times:
        times = {_scalar(name): kind for name, kind in form.times.items()}
        entries.append(f"times: {_mapping(times)}")
    if form.missing != MISSING_TOKENS:
        entries.append(f"missing: {_list(form.missing)}")
    if len(entries) < 2:
        return [f"  format: {{{entry}}}" for entry in entries]
    return ["  format:", *(f"    {entry}" for entry in [*written, *entries[bool(written) :]])]


def _said(value: str | bool | int) -> str | None:
    """A value of the format as YAML, None for what is recognised."""
    if value == "auto":
        return None
    return _scalar(value) if isinstance(value, str) else str(value).lower()


def _gate_lines(task: Task) -> list[str]:
    second = {"binary": "roc_auc", "multiclass": "accuracy", "multilabel": "f1_micro"}[task]
    return [
        _line("gates:", "judged with their whole interval; `majority` is the majority baseline"),
        "  log_loss: {max: majority}",
        f"  {second}: {{min: majority}}",
    ]


def _label(label: str | tuple[str, ...] | JoinedLabels) -> str:
    if isinstance(label, JoinedLabels):
        return _mapping({"column": _scalar(label.column), "separator": _quoted(label.separator)})
    return _scalar(label) if isinstance(label, str) else _list(label)


def _column(column: Column) -> str:
    plain = Column(name=column.name, type=column.type)
    bounded = column.minimum is not None or column.maximum is not None
    return _mapping(
        {
            "type": column.type,
            "min": _number(column.minimum),
            "max": _number(column.maximum),
            "missing": None if column.missing == "reject" else _scalar(_missing(column)),
            "outliers": None if column.outliers == ("reject" if bounded else "keep") else column.outliers,
            "values": None if column.values is None else _list(column.values),
            "unknown": None if column.unknown == plain.unknown else column.unknown,
            "pattern": None if column.pattern is None else _scalar(column.pattern),
            "min_length": None if column.min_length == plain.min_length else str(column.min_length),
            "max_length": None if column.max_length == plain.max_length else str(column.max_length),
            "truncate": "true" if column.truncate else None,
            "sanitise": None if column.sanitise else "false",
            "personal": "true" if column.personal else None,
        }
    )


def _missing(column: Column) -> str:
    if column.missing != "constant":
        return column.missing
    value = column.constant
    if isinstance(value, str) or value is None:
        return f"constant:{value or ''}"
    if column.type == "boolean":
        return f"constant:{'true' if value else 'false'}"
    if column.type == "timestamp":
        return f"constant:{datetime.fromtimestamp(value, UTC).isoformat()}"
    return f"constant:{_number(value)}"


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _mapping(entries: Mapping[str, str | None]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in entries.items() if value is not None) + "}"


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(_scalar(text) for text in texts) + "]"


def _scalar(text: str) -> str:
    """Text as YAML: bare where nobody can misread it, else quoted."""
    if _PLAIN.fullmatch(text) and text.lower() not in _READS_AS_SOMETHING_ELSE:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character == "\t":
        return "\\t"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def _comment(text: str) -> str:
    """One line without control characters, short enough to read."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= 160 else f"{line[:157]}..."


def _line(text: str, comment: str | None) -> str:
    return f"{text.ljust(_COMMENT_AT)} # {_comment(comment)}" if comment else text
