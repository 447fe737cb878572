"""`assay init`, `assay check` and `assay split`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group
from rich.text import Text

from assay.cli.terminal import JsonOption, columns, count, emit, notice
from assay.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from assay.data.audit import AuditReport
    from assay.data.dataset import Dataset
    from assay.data.draft import Drafted
    from assay.data.split import Split

_STYLES = {"warn": "yellow", "note": "dim"}
_MOST_CLASSES = 12

SpecArgument = Annotated[Path, typer.Argument(metavar="SPEC", help="The classifier.yaml.")]


def init(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="CSV, Parquet or JSON lines, also compressed; a pattern for several.")
    ],
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="The label: a column's name, or #N for a position; several for multilabel."),
    ] = None,
    separator: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What stands between the labels of one cell, as in a|b.")
    ] = None,
    positive: Annotated[str | None, typer.Option(metavar="VALUE", help="The class that matters, of two.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the classifier; default: that of the file.")] = None,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the spec.")] = Path("classifier.yaml"),
    entity: Annotated[str | None, typer.Option(metavar="COL", help="Who a row is about.")] = None,
    time: Annotated[str | None, typer.Option(metavar="COL", help="When it happened.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="COL", help="A column to leave out; repeatable.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="stratified, time, group or column:COL; default: time or group where --time or --entity is."),
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="What 03/04/2024 means where no row of the file tells."),
    ] = None,
    decimal: Annotated[
        Literal["auto", ".", ","], typer.Option(help="The decimal mark, where the file does not tell.")
    ] = "auto",
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names the columns or is a row."),
    ] = None,
    unlabelled: Annotated[
        Literal["drop", "reject", "none"] | None,
        typer.Option(
            help="A row without a label: left out, an error or, of several labels, one to which none applies."
        ),
    ] = None,
    thousands: Annotated[str, typer.Option(metavar="MARK", help="The mark between thousands, or none.")] = "auto",
    delimiter: Annotated[str, typer.Option(metavar="MARK", help="What stands between two fields.")] = "auto",
    encoding: Annotated[str, typer.Option(help="Encoding of a text file, like latin-1.")] = "auto",
    comment: Annotated[
        str, typer.Option(metavar="MARK", help="What lines begin with that are comments, or none.")
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing spec.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Infer a commented classifier.yaml from a file."""
    from assay.data.draft import Wishes, draft_spec
    from assay.spec import parse_spec, write_spec

    if output.exists() and not force:
        raise ConfigurationError(f"{output} exists already", remedy="--force replaces it, --output writes another file")
    wishes = Wishes(
        label=tuple(label or ()),
        separator=separator,
        positive=positive,
        name=name,
        entity=entity,
        time=time,
        ignore=tuple(ignore or ()),
        split=split,
        header=header,
        day_first=day_first,
        decimal=decimal,
        unlabelled=unlabelled,
        thousands=thousands,
        delimiter=delimiter,
        encoding=encoding,
        comment=comment,
    )
    drafted = draft_spec(data, wishes, output.parent)
    text = write_spec(drafted.draft)
    parse_spec(text, str(output))
    _write_text(output, text)
    for seen in drafted.notices:
        notice(f"note: {seen}")
    emit(_init_values(drafted, output), _init_text(drafted, output), as_json=as_json)


def check(spec: SpecArgument = Path("classifier.yaml"), as_json: JsonOption = False) -> None:
    """Validate spec and data; print the audit. What forbids training is an error."""
    from assay.data.audit import audit
    from assay.data.dataset import load_dataset
    from assay.data.split import split as divide
    from assay.spec import read_spec
    from assay.training.train import prepare_lesson

    wanted = read_spec(spec)
    dataset = load_dataset(wanted, spec.parent)
    parts = divide(dataset, wanted)
    report = audit(dataset, parts, wanted)
    if not report.blocks:
        prepare_lesson(wanted, dataset, parts)
    emit(_check_values(dataset, parts, report), _check_text(dataset, parts, report), as_json=as_json)
    report.require()


def split(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Directory for train.csv, validation.csv and gate.csv.")],
    spec: SpecArgument = Path("classifier.yaml"),
    as_json: JsonOption = False,
) -> None:
    """Write train.csv, validation.csv and gate.csv; the same bytes every time."""
    from assay.data.dataset import load_dataset, read_labelled
    from assay.data.parts import write_parts
    from assay.data.split import split as divide
    from assay.spec import read_spec

    wanted = read_spec(spec)
    parts = divide(load_dataset(wanted, spec.parent), wanted)
    rows = write_parts(read_labelled(wanted, spec.parent)[0].frame, parts, output)
    if parts.folds is not None:
        notice("note: training itself chooses out of fold; validation.csv is the first fold")
    table = columns("file", "rows", numbers={"rows"})
    for name, written in rows.items():
        table.add_row(Text(str(output / f"{name}.csv")), f"{written:,}")
    emit({"directory": str(output), "rows": rows, "set_aside": len(parts.set_aside)}, table, as_json=as_json)


def _write_text(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error


def _init_values(drafted: Drafted, output: Path) -> dict[str, Any]:
    draft = drafted.draft
    return {
        "spec": str(output),
        "name": draft.name,
        "task": draft.task,
        "positive": draft.positive,
        "rows": drafted.rows,
        "classes": drafted.classes,
        "columns": {column.name: column.type for column in draft.columns},
        "ignored": list(draft.ignored),
        "split": draft.split,
        "notices": list(drafted.notices),
    }


def _init_text(drafted: Drafted, output: Path) -> Group:
    draft = drafted.draft
    positive = f", positive class {draft.positive}" if draft.positive is not None else ""
    table = columns("column", "type", "seen")
    for column in draft.columns:
        table.add_row(Text(column.name), column.type, Text(draft.seen.get(column.name, ""), "dim"))
    return Group(
        Text(f"{draft.name}: {draft.task}{positive}, {count(drafted.rows, 'row')}, {draft.split} split"),
        table,
        Text(f"wrote {output}; next: assay check {output}"),
    )


def _check_values(dataset: Dataset, parts: Split, report: AuditReport) -> dict[str, Any]:
    import msgspec

    counts = _class_counts(dataset)
    return {
        "rows": dataset.rows,
        "checksum": dataset.checksum,
        "task": dataset.contract.task,
        "classes": counts,
        "columns": {column.name: column.type for column in dataset.contract.columns},
        "split": _part_sizes(parts),
        "findings": msgspec.to_builtins(report.findings),
        "passed": not report.blocks,
    }


def _check_text(dataset: Dataset, parts: Split, report: AuditReport) -> Group:
    counts, checksum = _class_counts(dataset), dataset.checksum[:16]
    shares = [f"{name} {rows:,} ({rows / dataset.rows:.1%})" for name, rows in counts.items()]
    more = f" and {len(shares) - _MOST_CLASSES} more classes" if len(shares) > _MOST_CLASSES else ""
    findings = columns("", "")
    for finding in report.findings[len(report.blocks) :]:
        place = f"{', '.join(finding.columns)}: " if finding.columns else ""
        findings.add_row(Text(finding.severity, _STYLES[finding.severity]), Text(place + finding.message))
    verdict = (
        Text("training is forbidden until this is mended", "bold red") if report.blocks else Text("ready to train")
    )
    return Group(
        Text(f"{count(dataset.rows, 'row')}, {count(len(dataset.contract.columns), 'column')}, sha256 {checksum}"),
        Text(f"{dataset.contract.task}: {', '.join(shares[:_MOST_CLASSES])}{more}"),
        Text(_divided(_part_sizes(parts))),
        *([findings] if findings.row_count else []),
        verdict,
    )


def _divided(sizes: Mapping[str, int]) -> str:
    """The parts as a sentence."""
    told = f"{count(sizes['fit'], 'row')} to learn from"
    if sizes["validation"]:
        told += f" and {sizes['validation']:,} to make choices on"
    else:
        told += ", choices made out of fold"
    set_aside = f"; {sizes['set_aside']:,} set aside" if sizes["set_aside"] else ""
    return f"{told}; {count(sizes['gate'], 'gate row')} judge{set_aside}"


def _class_counts(dataset: Dataset) -> dict[str, int]:
    from assay.data.dataset import count_labels

    counts = count_labels(dataset.labels, len(dataset.contract.classes))
    return dict(zip(dataset.contract.classes, counts.tolist(), strict=True))


def _part_sizes(parts: Split) -> dict[str, int]:
    sizes = {"fit": len(parts.fit), "validation": 0 if parts.validation is None else len(parts.validation)}
    if parts.folds is not None:
        sizes["folds"] = int(parts.folds.max()) + 1
    return {**sizes, "gate": len(parts.gate), "set_aside": len(parts.set_aside)}
