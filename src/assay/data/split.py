"""Which rows teach, which ones choose and which ones judge. Seeded: the same data and settings give the same parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from assay.data.dataset import Dataset
from assay.data.groups import is_lump, join_groups, number_groups
from assay.data.repeats import Repeats, find_repeats
from assay.data.stratify import deal_labels, group_labels
from assay.errors import DataError, Problem
from assay.spec import Spec
from assay.spec.tree import Part

Rows = NDArray[np.intp]

FOLDS = 5
#: From this many rows on a held-out part is large enough to choose by.
_OUT_OF_FOLD_BELOW = 50_000
_HELD_OUT = 0.2
_SHOWN = 10
#: One to judge, and one for each of two folds.
_FEWEST_ENTITIES = 3
#: What the parts are usually called.
_PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "fit": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "gate": "gate",
    "test": "gate",
    "holdout": "gate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Row numbers of a data set, ascending, no row in two parts.

    `gate` judges and chooses nothing. `fit` teaches. Choices are made out of fold, where `folds` has the fold of each
    row of `fit`, or on the rows of `validation`; one of the two is None. `set_aside` are rows that repeat one of an
    earlier part and are used nowhere. `repeats` says which rows are alike. `clusters` has the group of every row of the
    data where whole groups were divided, and is None where rows were.
    """

    gate: Rows
    fit: Rows
    folds: NDArray[np.intp] | None
    validation: Rows | None
    set_aside: Rows
    repeats: Repeats
    clusters: Rows | None = None

    @property
    def all_but_gate(self) -> Rows:
        """The rows that the final fit learns from."""
        return self.fit if self.validation is None else np.sort(np.concatenate([self.fit, self.validation]))

    def clusters_of(self, rows: Rows) -> NDArray[np.int64] | None:
        """The groups of these rows."""
        return None if self.clusters is None else self.clusters[rows].astype(np.int64)


def split(dataset: Dataset, spec: Spec) -> Split:
    """Divide the rows as `data.split` says.

    Raises:
        DataError: the rows cannot be divided so; names the column and the remedy.
    """
    repeats = find_repeats(dataset.contract, dataset.table)
    if spec.data.split.method == "column":
        return _by_column(dataset, spec, repeats)
    if spec.data.split.method == "time":
        return _by_time(dataset, spec, repeats)
    if spec.data.split.method == "stratified":
        return _by_class(dataset, spec, repeats, repeats.groups)
    entities = _entities(dataset)
    groups = _joined(repeats, entities)
    if groups is entities:
        return replace(_repeats_aside(_by_class(dataset, spec, repeats, entities)), clusters=entities)
    return replace(_by_class(dataset, spec, repeats, groups), clusters=groups)


def _repeats_aside(split: Split) -> Split:
    """Without the gate rows that repeat a row that is learned from."""
    groups = split.repeats.groups
    seen = np.isin(groups[split.gate], groups[split.all_but_gate])
    _must_hold_rows(split.gate[~seen], "gate", "every row of it repeats a row that is learned from")
    return replace(split, gate=split.gate[~seen], set_aside=split.gate[seen])


def _by_class(dataset: Dataset, spec: Spec, repeats: Repeats, groups: Rows) -> Split:
    random = np.random.default_rng(spec.data.split.seed)
    chosen = _take_share(dataset.labels, groups, spec.data.split.gate, random)
    gate, rest = np.flatnonzero(chosen), np.flatnonzero(~chosen)
    _must_hold_rows(gate, "gate", "raise data.split.gate or add rows")
    _must_hold_rows(rest, "fit", "lower data.split.gate or add rows")
    return _with_validation(dataset, spec, repeats, groups, (gate, rest), random)


def _with_validation(
    dataset: Dataset, spec: Spec, repeats: Repeats, groups: Rows, parts: tuple[Rows, Rows], random: np.random.Generator
) -> Split:
    gate, rest = parts
    share = spec.data.split.validation
    none = np.empty(0, dtype=np.intp)
    if share == "auto" and len(rest) < _OUT_OF_FOLD_BELOW:
        folds = _deal(dataset.labels[rest], groups[rest], random)
        return Split(gate=gate, fit=rest, folds=folds, validation=None, set_aside=none, repeats=repeats)
    held = _take_share(
        dataset.labels[rest], groups[rest], _HELD_OUT if isinstance(share, str) else float(share), random
    )
    _must_hold_rows(rest[held], "validation", "raise data.split.validation or leave it at auto")
    return Split(gate=gate, fit=rest[~held], folds=None, validation=rest[held], set_aside=none, repeats=repeats)


def _by_time(dataset: Dataset, spec: Spec, repeats: Repeats) -> Split:
    """The latest rows judge, the ones before them choose; rows of the same moment stay together."""
    moments = dataset.time
    name = spec.data.time
    if moments is None:
        raise DataError("a split by time needs data.time", remedy="name the column of the event's time in data.time")
    absent = np.flatnonzero(np.isnan(moments))
    if len(absent):
        rows = ", ".join(dataset.place(int(row)) for row in absent[:5])
        raise DataError(
            f"a split by time needs a time in every row, and {len(absent)} of column {name} have none",
            problems=[Problem(f"column {name}", f"no time: {rows}")],
            remedy="fill or remove these rows, or choose another data.split.method",
        )
    share = spec.data.split.validation
    gate = _latest(moments, np.arange(len(moments), dtype=np.intp), spec.data.split.gate, f"column {name}")
    rest = np.setdiff1d(np.arange(len(moments), dtype=np.intp), gate)
    validation = _latest(moments, rest, _HELD_OUT if isinstance(share, str) else float(share), f"column {name}")
    return _without_repeats(np.setdiff1d(rest, validation), validation, gate, repeats)


def _latest(moments: NDArray[np.float64], rows: Rows, share: float, place: str) -> Rows:
    ordered = np.sort(moments[rows])
    cut = ordered[min(len(rows) - 1, int(np.ceil((1.0 - share) * len(rows))))]
    if cut == ordered[0]:
        raise DataError(
            f"{place}: the earliest and the latest rows have the same time, so time cannot divide them",
            remedy="choose data.split.method: stratified",
        )
    late: Rows = rows[moments[rows] >= cut]
    return late


def _by_column(dataset: Dataset, spec: Spec, repeats: Repeats) -> Split:
    name = spec.data.split.column
    cells = dataset.part
    if cells is None:
        raise DataError("a split by column needs data.split.column", remedy="name the column in data.split.column")
    known = spec.data.split.parts or {}
    words = [known.get(str(cell), _part_called(str(cell))) for cell in cells]
    unknown = sorted({str(cell) for cell, word in zip(cells, words, strict=True) if word is None})
    if unknown:
        raise _unknown_parts(str(name), unknown)
    of = {part: np.flatnonzero(np.array([word == part for word in words])) for part in get_args(Part)}
    _must_hold_rows(of["gate"], "gate", f"some rows of column {name} must say gate or test")
    _must_hold_rows(of["train"], "fit", f"some rows of column {name} must say train")
    entities = _entities_kept_whole(dataset, of)
    whole = replace(_without_repeats(of["train"], of["validation"], of["gate"], repeats), clusters=entities)
    if len(of["validation"]):
        return whole
    random = np.random.default_rng(spec.data.split.seed)
    groups = repeats.groups if entities is None else _joined(repeats, entities)
    inner = _with_validation(dataset, spec, repeats, groups, (whole.gate, whole.fit), random)
    return Split(
        gate=inner.gate,
        fit=inner.fit,
        folds=inner.folds,
        validation=inner.validation,
        set_aside=whole.set_aside,
        repeats=repeats,
        clusters=entities,
    )


def _part_called(value: str) -> Part | None:
    return _PARTS.get(value.strip().lower())


def _unknown_parts(name: str, unknown: Sequence[str]) -> DataError:
    """The guess is by the last word of a value, as in `oos_val`, else train; a person writes down what is right."""
    guessed = {value: _part_called(re.split(r"[\W_]", value.strip())[-1]) for value in unknown[:_SHOWN]}
    mapped = ", ".join(f"{json.dumps(value)}: {part or 'train'}" for value, part in guessed.items())
    more = ", ..." if unknown[_SHOWN:] else ""
    return DataError(
        f"column {name} has values that name no part: {', '.join(unknown[:_SHOWN])}{more}",
        problems=[Problem("data.split.column", f"column {name} must say train, validation or gate (or test)")],
        remedy=f"say what they mean, for example data.split.parts: {{{mapped}{more}}}",
    )


def _without_repeats(fit: Rows, validation: Rows, gate: Rows, repeats: Repeats) -> Split:
    """Where the parts are given, a row that repeats one of an earlier part is set aside."""
    groups = repeats.groups
    known = np.isin(groups[validation], groups[fit])
    before = np.concatenate([fit, validation])
    seen = np.isin(groups[gate], groups[before])
    _must_hold_rows(gate[~seen], "gate", "every row of it repeats a row that is learned from")
    return Split(
        gate=gate[~seen],
        fit=fit,
        folds=None,
        validation=validation[~known],
        set_aside=np.sort(np.concatenate([validation[known], gate[seen]])),
        repeats=repeats,
    )


def _take_share(
    labels: NDArray[np.int64], groups: Rows, share: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Whole groups, drawn at random until each class has its share; a group counts as its first row's class."""
    if labels.ndim == 2:
        return np.asarray(_deal_sets(labels, groups, (1.0 - share, share), random) == 1)
    first, sizes = _groups(groups)
    wanted = np.rint(share * np.bincount(labels)).astype(int).tolist()
    kinds, members = labels[first].tolist(), sizes.tolist()
    taken = np.zeros(len(first), dtype=bool)
    for group in random.permutation(len(first)).tolist():
        if members[group] <= wanted[kinds[group]]:
            wanted[kinds[group]] -= members[group]
            taken[group] = True
    return taken[number_groups(groups.tolist())]


def _deal(labels: NDArray[np.int64], groups: Rows, random: np.random.Generator) -> NDArray[np.intp]:
    """A fold for every row: whole groups, the largest first, each to the fold with the fewest rows of its class."""
    if labels.ndim == 2:
        return _deal_sets(labels, groups, (1.0 / FOLDS,) * FOLDS, random)
    first, sizes = _groups(groups)
    kinds = labels[first].tolist()
    rows = np.zeros((int(labels.max()) + 1, FOLDS), dtype=int).tolist()
    total = [0] * FOLDS
    fold = np.zeros(len(first), dtype=np.intp)
    order = random.permutation(len(first))
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        of_class = rows[kinds[group]]
        to = min(range(FOLDS), key=_least(of_class, total))
        of_class[to] += int(sizes[group])
        total[to] += int(sizes[group])
        fold[group] = to
    return fold[number_groups(groups.tolist())]


def _deal_sets(
    labels: NDArray[np.int64], groups: Rows, shares: tuple[float, ...], random: np.random.Generator
) -> NDArray[np.intp]:
    """A part for every row where rows have any number of labels."""
    numbers = number_groups(groups.tolist())
    return deal_labels(*group_labels(labels, numbers), shares, random)[numbers]


def _least(of_class: list[int], total: list[int]) -> Callable[[int], tuple[int, int]]:
    return lambda fold: (of_class[fold], total[fold])


def _groups(groups: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Of every group, in the order of appearance: its first row and its size."""
    numbers = number_groups(groups.tolist())
    _, first, sizes = np.unique(numbers, return_index=True, return_counts=True)
    return first, sizes


def _joined(repeats: Repeats, entities: Rows) -> Rows:
    """Rows that repeat each other in one group too, unless these links would make a lump of most entities."""
    groups = join_groups(repeats.groups, entities)
    return entities if is_lump(groups) and not is_lump(entities) else groups


def _entities_kept_whole(dataset: Dataset, parts: Mapping[str, Rows]) -> Rows | None:
    """The entities, where the given parts keep each of them on one side and some have several rows."""
    if dataset.entity is None:
        return None
    entities = _number_entities(dataset.entity)
    count = int(entities.max()) + 1
    apart = sum(np.unique(entities[rows]).size for rows in parts.values())
    enough = np.unique(entities[parts["train"]]).size >= _FEWEST_ENTITIES
    return entities if enough and apart == count < dataset.rows else None


def _number_entities(entity: NDArray[Any]) -> Rows:
    """Rows of one entity alike; a row without one stands for itself."""
    return number_groups(row if one is None else str(one) for row, one in enumerate(entity))


def _entities(dataset: Dataset) -> Rows:
    if dataset.entity is None:
        raise DataError("a split by group needs data.entity", remedy="name the column of the entity in data.entity")
    entities = _number_entities(dataset.entity)
    if (many := int(entities.max()) + 1) < _FEWEST_ENTITIES:
        values = "1 value" if many == 1 else f"{many} different values"
        raise DataError(
            f"column {dataset.contract.entity}: {values}, too few to split by group; {_FEWEST_ENTITIES} are needed",
            remedy="name another column in data.entity, or choose data.split.method: stratified",
        )
    return entities


def _must_hold_rows(rows: Rows, part: str, remedy: str) -> None:
    if not len(rows):
        raise DataError(f"the split leaves no rows for the part {part}", remedy=remedy)
