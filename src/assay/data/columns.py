"""The columns of the contract: those that the spec declares, or what the file's columns are inferred to be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from assay.contract.columns import Column
from assay.contract.infer import Seen, infer
from assay.data.read import Raw
from assay.data.spelling import Spelling, recognise_spelling, respell
from assay.errors import DataError, Problem, SpecError
from assay.spec import Spec, column_from_spec
from assay.spec.consistency import needs_clock


def find_columns(
    spec: Spec, raw: Raw, others: Collection[str], given: tuple[Column, ...] | None = None
) -> tuple[tuple[Column, ...], Raw]:
    """The columns of the contract, and the rows with their numbers and times in plain spelling.

    `others` are columns of the file that are no part of an example, such as the label. `given` are the columns where
    they are known already; they take the place of the spec's.

    Raises:
        DataError: the file lacks a column, or one holds what no column can; or it may be read in two ways.
        SpecError: the spec counts days by a time that is only an order.
    """
    declared = given or tuple(
        column_from_spec(name, column) for name, column in spec.columns.items() if column.available != "after_outcome"
    )
    named = [column.name for column in declared] or [name for name in (spec.data.entity, spec.data.time) if name]
    _refuse_left_out(spec, raw, [*named, *others])
    if declared:
        times = [column.name for column in declared if column.type == "timestamp"]
        numbers = [column.name for column in declared if column.type == "number"]
        spelling = recognise_spelling(raw, numbers=numbers, times=times, known_times=times)
        return declared, _spelled(raw, spelling, declared)
    absent = [name for name in named if name not in raw.frame.columns or name in others]
    if absent:
        raise DataError(
            f"{spec.data.source} lacks a column that the spec names",
            problems=[Problem(f"column {name}", "is not in the data") for name in absent],
            remedy="mend data.entity or data.time",
        )
    seen, spelling = infer_columns(raw, others, entity=spec.data.entity, time=spec.data.time)
    columns = tuple(item.column for item in seen.values() if item.column is not None)
    _check_time(spec, columns)
    return columns, _spelled(raw, spelling, columns)


def _spelled(raw: Raw, spelling: Spelling, columns: tuple[Column, ...]) -> Raw:
    """The rows in plain spelling; their form says how they were spelt."""
    clocks = {column.name for column in columns if column.type == "timestamp"}
    form = raw.form.model_copy(
        update={
            "decimal": spelling.marks.decimal,
            "thousands": spelling.marks.thousands or "none",
            "times": {name: kind for name, kind in spelling.times.items() if name in clocks},
        }
    )
    return replace(respell(raw, spelling, columns), form=form)


def infer_columns(
    raw: Raw, others: Collection[str], *, entity: str | None, time: str | None, day_first: bool | None = None
) -> tuple[dict[str, Seen], Spelling]:
    """What the columns of a file are, but for `others`, and how their numbers and times are spelt.

    Raises:
        DataError: a number or a time may be read in two ways.
    """
    names = [name for name in raw.frame.columns if name not in others]
    open_ = [name for name in names if name != entity]
    known = [time] if time is not None else []
    spelling = recognise_spelling(raw, numbers=open_, times=open_, known_times=known, day_first=day_first)
    plain = respell(raw, spelling).frame.select(names)
    return infer(plain, raw.form.missing, ids=[entity] if entity else [], times=known), spelling


def _check_time(spec: Spec, columns: tuple[Column, ...]) -> None:
    counted = any(column.name == spec.data.time and column.type == "number" for column in columns)
    if counted and (found := needs_clock(spec)):
        path, what = found[0]
        raise SpecError(
            f"{'.'.join(map(str, path))}: {what} needs a time; column {spec.data.time} is a number",
            remedy="name a column of times in data.time, or remove the key",
        )


def _refuse_left_out(spec: Spec, raw: Raw, names: Collection[str]) -> None:
    wrong = [name for name in names if name in raw.left_out]
    if wrong:
        raise DataError(
            f"{spec.data.source}: column {wrong[0]} {raw.left_out[wrong[0]]}",
            problems=[Problem(f"column {name}", raw.left_out[name]) for name in wrong],
            remedy="flatten it in the file, or take it out of the spec",
        )
