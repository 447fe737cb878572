"""Which cells of the data the inputs of a model are, and the contract's columns that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from assay.contract.check import closest, without_missing
from assay.contract.columns import Column, ColumnType
from assay.errors import DataError, NotSupportedError, Problem
from assay.importing.foreign import Foreign, Trees
from assay.importing.inputs import Code, Gap, Source, Term, Value

_MOST_VALUES = 1000
_OTHER_THAN_WORDS = re.compile(r"[\W_]+")


def bind(
    names: Sequence[str],
    categories: Mapping[int, tuple[str, ...]],
    frame: pl.DataFrame,
    missing_values: Sequence[str],
) -> tuple[tuple[Source, ...], tuple[str, ...]]:
    """The source of each input of a model, and what should be told of it. `frame` has the columns of the data without
    the label.

    An input is the column of its name; or, as `pandas.get_dummies` names them, `<column>_<value>` is 1 where the column
    has the value. Inputs without names are the columns in their order.

    Raises:
        DataError: names every input that is neither.
    """
    columns = frame.columns
    if not any(names):
        if len(names) != len(columns):
            raise DataError(
                f"the model has {len(names)} inputs without names, the data {len(columns)} columns beside the label",
                remedy="leave out the columns that the model does not have (--ignore), or save the model with names",
            )
        told = f"the model's inputs have no names: they are the columns in their order, {columns[0]} to {columns[-1]}"
        return tuple(_cell(name, categories.get(at)) for at, name in enumerate(columns)), (told,)
    dummies = _dummies(frame, missing_values)
    exact, plain = set(columns), {_plain(name): name for name in reversed(columns)}
    sources: list[Source] = []
    problems: list[Problem] = []
    flags: list[str] = []
    for at, name in enumerate(names):
        column = name if name in exact else plain.get(_plain(name))
        flag = dummies.get(_plain(name), [])
        if column is not None:
            sources.append(_cell(column, categories.get(at)))
        elif len(flag) == 1:
            sources.append(flag[0])
            flags.append(name)
        elif flag:
            said = ", ".join(f"{code.values[0]} of {code.column}" for code in flag)
            problems.append(Problem(f"input {name}", f"may mean {said}; rename columns or values of the data"))
        else:
            problems.append(
                Problem(
                    f"input {name}",
                    f"is no column of the data, nor a column and one of its values; it has {closest(name, columns)}",
                )
            )
    if problems:
        raise DataError(
            f"{len(problems)} of the model's {len(names)} inputs are not in the data",
            problems=problems,
            remedy="give the data with the columns that the model was fitted on, before they were encoded",
        )
    told = f"{len(flags)} inputs are 1 where a column has a value, such as {flags[0]}" if flags else ""
    return tuple(sources), (told,) if told else ()


def _plain(name: str) -> str:
    """Libraries write blanks and signs in names in their own ways."""
    return _OTHER_THAN_WORDS.sub("_", name).strip("_").lower()


def _cell(column: str, categories: tuple[str, ...] | None) -> Source:
    if categories is None:
        return Value(column)
    numbers = tuple(float(at) for at in range(len(categories)))
    return Code(column, categories, numbers, other=float("nan"), missing=float("nan"))


def _dummies(frame: pl.DataFrame, missing_values: Sequence[str]) -> dict[str, list[Code]]:
    """Every value of every category as a flag, by the plain name that an input would have."""
    found: dict[str, list[Code]] = {}
    for series in frame:
        values = without_missing(series, missing_values).drop_nulls().unique()
        if len(values) > _MOST_VALUES:
            continue
        for value in sorted(str(value).strip() for value in values.to_list()):
            code = Code(series.name, (value,), (1.0,), other=0.0, missing=0.0)
            found.setdefault(_plain(f"{series.name}_{value}"), []).append(code)
    return found


def contract_columns(foreign: Foreign, frame: pl.DataFrame, missing_values: Sequence[str]) -> tuple[Column, ...]:
    """The columns that the model uses, in the order of the data, each as the model takes it.

    A column may be missing where the model says what that means, and the data shows that it happens or the model was
    prepared for it.

    Raises:
        DataError: the data lacks columns that the model uses.
        NotSupportedError: a column is used in two ways that exclude each other.
    """
    used = _used(foreign)
    lacking = [name for name in used if name not in frame.columns]
    if lacking:
        raise DataError(
            f"{len(lacking)} columns that the model uses are not in the data",
            problems=[
                Problem(f"column {name}", f"is not in the data; it has {closest(name, frame.columns)}")
                for name in lacking
            ],
            remedy="give the data with the columns that the model was fitted on",
        )
    return tuple(_column(foreign, series, used[series.name], missing_values) for series in frame if series.name in used)


def _used(foreign: Foreign) -> dict[str, list[Source | None]]:
    """The sources of each column; None stands for its text."""
    needed = _needed(foreign)
    used: dict[str, list[Source | None]] = {}
    for at, each in enumerate(foreign.inputs):
        if at in needed and not isinstance(each.source, Term):
            used.setdefault(each.source.column, []).append(each.source)
    for vocabulary in foreign.vocabularies:
        used.setdefault(vocabulary.column, []).append(None)
    return used


def _needed(foreign: Foreign) -> set[int]:
    """The inputs that can change an answer."""
    if isinstance(foreign.arrays, Trees):
        return set(foreign.arrays.feature.tolist())
    return set(range(len(foreign.inputs)))


def _column(
    foreign: Foreign, series: pl.Series, sources: Sequence[Source | None], missing_values: Sequence[str]
) -> Column:
    name = series.name
    kinds = {_KINDS[type(source)] for source in sources}
    if len(kinds) > 1:
        raise NotSupportedError(
            f"column {name} is used both as {' and as '.join(sorted(kinds))}: that cannot be imported",
            remedy="give the model a copy of the column under another name for one of the two",
        )
    kind = kinds.pop()
    lacks = without_missing(series, missing_values).null_count() > 0
    if kind == "text":
        return Column(
            name=name,
            type="text",
            missing="model" if lacks else "reject",
            sanitise=False,
            max_length=_longest(series),
        )
    if kind == "category":
        optional = all(isinstance(source, Code) and source.missing is not None for source in sources)
        closed = foreign.closed.get(name)
        return Column(
            name=name,
            type="category",
            missing="model" if optional else "reject",
            values=closed,
            unknown="reject" if closed else "other",
        )
    imputed = all(not isinstance(source, Value) or source.impute is not None for source in sources)
    optional = imputed or (foreign.takes_missing and lacks)
    flag: ColumnType = "boolean" if _is_boolean(series, missing_values) else "number"
    return Column(name=name, type=flag, missing="model" if optional else "reject")


_KINDS: dict[type, ColumnType] = {Value: "number", Gap: "number", Code: "category", type(None): "text"}


def _longest(series: pl.Series) -> int:
    """Twice the longest text of the data."""
    longest = series.cast(pl.String).str.len_chars().max()
    return max(Column(name="", type="text").max_length, 2 * longest if isinstance(longest, int) else 0)


def _is_boolean(series: pl.Series, missing_values: Sequence[str]) -> bool:
    if series.dtype != pl.String:
        return series.dtype == pl.Boolean
    present = without_missing(series, missing_values).drop_nulls().str.strip_chars().str.to_lowercase()
    return len(present) > 0 and bool(present.is_in(["true", "false"]).all())
