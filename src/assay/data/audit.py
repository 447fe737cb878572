"""What a person should know before training on a data set, and what must not be trained on: leaks above all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from assay.contract.columns import Column
from assay.data.dataset import Dataset, count_labels
from assay.data.doubts import doubt
from assay.data.proxies import PROXY_AUC, Mark, absent_cells, against_rest, find_proxies, roc_auc
from assay.data.recurring import find_recurring
from assay.data.split import Split
from assay.errors import DataError, Problem
from assay.spec import Spec
from assay.spec.tree import DerivedColumn

Severity = Literal["block", "warn", "note"]

_FEWEST_OF_A_CLASS = 5
_FEW_OF_A_CLASS = 20
_RARE_CLASS = 0.01
_MOST_CATEGORIES = 1000
_MANY_CATEGORIES = 100
_MOSTLY_MISSING = 0.5
_SHOWN = 5
#: Groups whose label is told so well from their other rows deserve a look.
_TELLING_GROUP = 0.95
#: A few entities on both sides do not flatter a figure.
_CROSSING = 0.1
#: Fewer times after the event may be slips of a clock.
_LATE_SHARE = 0.01

_ASK = "is it known when the prediction is made?"
_MEND = (
    "if it is known only after the outcome, mark it available: after_outcome, or remove it; "
    "if it is known in time, say so: available: at_prediction"
)
_GROUP = "name it in data.entity and write data.split.method: group"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the data. `block` forbids training; the message ends with the remedy."""

    severity: Severity
    code: str
    message: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditReport:
    """All findings, the gravest first."""

    findings: tuple[Finding, ...]

    @property
    def blocks(self) -> tuple[Finding, ...]:
        """What forbids training."""
        return tuple(finding for finding in self.findings if finding.severity == "block")

    def require(self) -> None:
        """Go on only if nothing forbids training.

        Raises:
            DataError: names every finding that does.
        """
        if self.blocks:
            problems = [Problem(", ".join(_places(finding)) or "data", finding.message) for finding in self.blocks]
            raise DataError(
                "the audit forbids training on this data",
                problems=problems,
                remedy="mend the data or the spec; `assay check` lists all findings",
            )


def audit(dataset: Dataset, split: Split, spec: Spec) -> AuditReport:
    """Look for leaks, columns that teach nothing and classes that cannot be learned."""
    found = [
        *_used_after_outcome(dataset, spec),
        *_columns(dataset),
        *_doubts(dataset),
        *_proxies(dataset, split, spec),
        *_recurring(dataset, split, spec),
        *_times(dataset, spec),
        *_repeats(dataset, split),
        *_classes(dataset, split),
        *_order(dataset, spec),
        *_row_order(dataset),
        *_counts(dataset),
    ]
    gravity: dict[Severity, int] = {"block": 0, "warn": 1, "note": 2}
    return AuditReport(tuple(sorted(found, key=lambda finding: gravity[finding.severity])))


def _places(finding: Finding) -> list[str]:
    return [f"column {name}" for name in finding.columns]


def _used_after_outcome(dataset: Dataset, spec: Spec) -> Iterator[Finding]:
    late = dataset.after_outcome
    features = spec.features
    used = {
        "features.text_statistics": features.text_statistics or (),
        "features.ngrams": tuple(features.ngrams or ()),
        "features.date_parts": features.date_parts or (),
        **{f"features.derived.{derived.name}": _sources(derived) for derived in features.derived},
    }
    for key, names in used.items():
        for name in names:
            if name in late:
                message = f"is known only after the outcome and cannot be a feature; remove it from {key}"
                yield Finding("block", "after_outcome", message, (name,))
    if late:
        yield Finding("note", "after_outcome", "known only after the outcome: not features", late)


def _sources(derived: DerivedColumn) -> tuple[str, ...]:
    return derived.of


def _columns(dataset: Dataset) -> Iterator[Finding]:
    for column in dataset.contract.columns:
        if column.type != "id":
            yield from _column(dataset, column)


def _column(dataset: Dataset, column: Column) -> Iterator[Finding]:
    cells = dataset.table.columns[column.name]
    floats = cells.dtype == np.float64
    absent = absent_cells(cells)
    here = (column.name,)
    if absent.all():
        yield Finding("block", "all_missing", "has no value in any row; remove it from columns", here)
        return
    present = cells[~absent]
    distinct = len(np.unique(present)) if floats else len(set(present))
    share = float(absent.mean())
    if distinct == 1 and not absent.any():
        yield Finding("warn", "constant", f"is {_short(present[0])} in every row and teaches nothing; remove it", here)
    if share > _MOSTLY_MISSING:
        yield Finding("warn", "mostly_missing", f"is missing in {share:.0%} of the rows", here)
    if column.type == "category" and column.values is None and distinct > _MANY_CATEGORIES:
        yield _many_categories(column, distinct)


def _doubts(dataset: Dataset) -> Iterator[Finding]:
    """What looks like numbers or times and is read as something else; worst where that is no feature."""
    for column in dataset.contract.columns:
        if column.type not in ("id", "category", "text") or column.name == dataset.contract.entity:
            continue
        cells = pl.Series(dataset.table.columns[column.name].tolist(), dtype=pl.String)
        if (found := doubt(cells, column.type)) is not None:
            message = found.told(column.type, dataset.place(found.row))
            yield Finding("warn" if column.type == "id" else "note", "looks_numeric", message, (column.name,))


def _many_categories(column: Column, distinct: int) -> Finding:
    said = f"has {distinct} different values"
    if distinct > _MOST_CATEGORIES:
        remedy = "make it type id (not a feature) or text, or list the values that matter under values"
        message = f"{said}, more than the {_MOST_CATEGORIES} that a category may have; {remedy}"
        return Finding("block", "too_many_categories", message, (column.name,))
    return Finding("warn", "many_categories", f"{said}; rare ones teach little", (column.name,))


def _proxies(dataset: Dataset, split: Split, spec: Spec) -> Iterator[Finding]:
    for found in find_proxies(dataset, split):
        place = (found.column,)
        vouched = _vouched(spec, found.column)
        if isinstance(found, Mark):
            told = (
                f"alone tells {found.share:.0%} of label {found.label} by {found.by}: "
                f"{found.rows - found.errors} of {found.rows} gate rows so marked"
            )
            grave = found.by != "its values" and not vouched
            yield Finding("block" if grave else "warn", "label_mark", f"{told}; {_ASK if not grave else _MEND}", place)
            continue
        by = f"the word {found.word!r}" if found.by == "a word" else found.by
        told = f"ROC-AUC {found.auc:.4f} from {by}"
        if found.decides:
            message = f"alone tells the label: {told}; {_ASK if vouched else _MEND}"
            yield Finding("warn" if vouched else "block", "label_proxy", message, place)
        elif found.label is not None:
            message = f"alone tells one class ({found.label} against the rest): {told}; {_ASK}"
            yield Finding("warn", "class_proxy", message, place)
        else:
            yield Finding("warn", "strong_column", f"alone nearly tells the label: {told}; {_ASK}", place)


def _vouched(spec: Spec, column: str) -> bool:
    """Whether the spec itself says that the column is known in time, and does not just leave it at the default."""
    said = spec.columns.get(column)
    return said is not None and "available" in said.model_fields_set and said.available == "at_prediction"


def _recurring(dataset: Dataset, split: Split, spec: Spec) -> Iterator[Finding]:
    method = spec.data.split.method
    for found in find_recurring(dataset, split):
        place = (found.column,)
        seen = f"{found.values} values, {found.rows} of {len(split.gate)} gate rows have one that is learned from too"
        told = "" if np.isnan(found.auc) else f", and its label share there has ROC-AUC {found.auc:.4f}"
        if found.auc >= PROXY_AUC and not _vouched(spec, found.column):
            remedy = "split by it (data.split.method: group)" if found.column == spec.data.entity else _GROUP
            yield Finding("block", "group_leak", f"takes its label across the split: of {seen}{told}; {remedy}", place)
        elif found.column == spec.data.entity and method != "time" and found.rows > _CROSSING * len(split.gate):
            remedy = "data.split.method: group keeps each on one side"
            yield Finding("warn", "entity_split", f"has {seen}{told}; {remedy}", place)
        elif found.column == spec.data.entity:
            yield Finding("note", "entity_split", f"has {seen}{told}", place)
        elif found.auc >= _TELLING_GROUP:
            yield Finding("warn", "group_split", f"has {seen}{told}; if it says who a row is about, {_GROUP}", place)


def _times(dataset: Dataset, spec: Spec) -> Iterator[Finding]:
    """Times after the event itself: what they date was not known yet."""
    moments = dataset.moments
    for column in dataset.contract.columns:
        if moments is None or column.type != "timestamp" or column.name == dataset.contract.time:
            continue
        later = np.flatnonzero(dataset.table.columns[column.name] > moments)
        if not len(later):
            continue
        few, vouched = len(later) < _LATE_SHARE * dataset.rows, _vouched(spec, column.name)
        first = ", ".join(dataset.place(int(row)) for row in later[:_SHOWN])
        told = f"is later than {dataset.contract.time} in {len(later)} of {dataset.rows} rows ({first})"
        severity: Severity = "warn" if few or vouched else "block"
        yield Finding(severity, "future_time", f"{told}; {_ASK if vouched else _MEND}", (column.name,))


def _row_order(dataset: Dataset) -> Iterator[Finding]:
    """Rows or ids in the order of the label: they were put together class by class."""
    aucs = [roc_auc(np.arange(dataset.rows), of_class) for of_class in against_rest(dataset)]
    if len(aucs) == 1 and max(aucs[0], 1.0 - aucs[0]) >= PROXY_AUC:
        yield Finding("note", "row_order", "rows stand in the order of the label; nothing is learned from their order")
    for column in dataset.contract.columns:
        if column.type != "id" or dataset.contract.task != "binary":
            continue
        cells = pl.Series(dataset.table.columns[column.name].tolist(), dtype=pl.String)
        known = cells.is_not_null().to_numpy()
        ranks = cells.drop_nulls().rank("dense").to_numpy()
        auc = roc_auc(ranks, (dataset.labels == 1)[known])
        if max(auc, 1.0 - auc) >= PROXY_AUC:
            message = "ids stand in the order of the label; ids are never features, so nothing is learned from them"
            yield Finding("note", "id_order", message, (column.name,))


def _repeats(dataset: Dataset, split: Split) -> Iterator[Finding]:
    repeats = split.repeats
    if repeats.natural:
        message = f"{repeats.rows} rows equal another one: too many to be copies, so they are not kept together"
        yield Finding("note", "repeats", message)
        return
    learned = split.all_but_gate
    crossing = int(np.isin(repeats.groups[split.gate], repeats.groups[learned]).sum())
    if crossing:
        message = f"{crossing} gate rows repeat rows that are learned from; remove them from the data"
        yield Finding("block", "repeats_across", message)
    if repeats.rows:
        nearly = f" ({repeats.near} of them nearly)" if repeats.near else ""
        message = f"rows that repeat another one: {repeats.rows}{nearly}; repeats are kept on one side of the split"
        yield Finding("note", "repeats", message)
    if len(split.set_aside):
        message = f"{len(split.set_aside)} rows repeat one of an earlier part and are used nowhere"
        yield Finding("warn", "set_aside", message)
    if contradicting := _contradictions(dataset, split):
        yield Finding("note", "contradictions", f"rows that repeat another one under another label: {contradicting}")


def _contradictions(dataset: Dataset, split: Split) -> int:
    groups = split.repeats.groups
    first = np.unique(groups, return_index=True)[1]
    differs = dataset.labels != dataset.labels[first][groups]
    return int(differs.sum() if differs.ndim == 1 else differs.any(axis=1).sum())


def _classes(dataset: Dataset, split: Split) -> Iterator[Finding]:
    names = dataset.contract.classes
    counts = count_labels(dataset.labels, len(names))
    judged = count_labels(dataset.labels[split.gate], len(names))
    if len(tiny := np.flatnonzero(counts < _FEWEST_OF_A_CLASS)):
        shown = [f"{names[number]!r} ({_rows_of(dataset, int(number))})" for number in tiny[:_SHOWN]]
        remedy = f"{_FEWEST_OF_A_CLASS} are needed: correct misspelt labels, add rows or remove these"
        message = f"{_labels(len(tiny))} too few rows, {_listed(shown, len(tiny))}; at least {remedy}"
        yield Finding("block", "tiny_class", message)
    if len(small := np.flatnonzero((counts >= _FEWEST_OF_A_CLASS) & (counts < _FEW_OF_A_CLASS))):
        shown = [f"{names[number]!r} ({counts[number]} rows)" for number in small[:_SHOWN]]
        message = (
            f"{_labels(len(small))} under {_FEW_OF_A_CLASS} rows, {_listed(shown, len(small))}; figures will be vague"
        )
        yield Finding("warn", "small_class", message)
    if len(unseen := np.flatnonzero((counts >= _FEWEST_OF_A_CLASS) & (judged == 0))):
        shown = [repr(names[number]) for number in unseen[:_SHOWN]]
        message = f"{_labels(len(unseen))} no row among the gate's {len(split.gate)}: {_listed(shown, len(unseen))}"
        yield Finding("warn", "class_not_judged", message)
    if dataset.labels.ndim == 2 and (bare := int((dataset.labels.sum(axis=1) == 0).sum())):
        yield Finding("note", "no_label", f"rows to which no label applies: {bare}")
    if len(judges_alone := np.flatnonzero((counts > 0) & (judged == counts))):
        shown = [repr(names[number]) for number in judges_alone[:_SHOWN]]
        message = (
            f"{_labels(len(judges_alone))} rows among the gate's alone, {_listed(shown, len(judges_alone))}: nothing"
        )
        remedy = "teaches them; divide the rows in another way (data.split), or remove these rows"
        yield Finding("block", "class_not_learned", f"{message} {remedy}")
    rarest = int(counts.argmin())
    share = counts[rarest] / max(1, dataset.rows)
    if dataset.contract.task == "binary" and share < _RARE_CLASS:
        yield Finding("warn", "rare_class", f"label {names[rarest]!r} is {share:.2%} of the rows; accuracy says little")


def _rows_of(dataset: Dataset, number: int) -> str:
    return "; ".join(dataset.place(int(row)) for row in np.flatnonzero(dataset.rows_of(number)))


def _labels(count: int) -> str:
    return "1 label has" if count == 1 else f"{count} labels have"


def _listed(shown: list[str], count: int) -> str:
    return ", ".join(shown) + (", ..." if count > len(shown) else "")


def _order(dataset: Dataset, spec: Spec) -> Iterator[Finding]:
    method = spec.data.split.method
    if dataset.time is not None and method not in ("time", "column"):
        yield Finding("note", "time_split", f"rows have a time; data.split.method: time is stricter than {method}")


def _counts(dataset: Dataset) -> Iterator[Finding]:
    if dataset.dropped:
        yield Finding("note", "unlabelled", f"{dataset.dropped} rows without a label were dropped")
    if dataset.unused:
        yield Finding("note", "unused", "in the file, but not in the spec", dataset.unused)


def _short(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
