"""Weak slices: groups of rows, by one or two columns, on which a classifier errs more than elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec
import numpy as np

from assay.measures.intervals import design_effect, wilson
from assay.measures.metrics import Flags, Floats, Integers
from assay.values import Interval

#: A smaller slice is not looked at, nor one that holds more than half of all rows.
LEAST_ROWS = 30
#: The share of false ones among the slices found that is put up with.
FALSE_SHARE = 0.05
_MOST_FOUND = 12
_ALIKE = 0.7


class Groups(NamedTuple):
    """Names of groups, and the group of each row (rows,): an index into the names, -1 for none."""

    names: Sequence[str]
    codes: Integers


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that have these groups, (column, group) each: how many, the share of errors there and among all other rows,
    and the adjusted p-value of chance alone having made the difference.
    """

    where: tuple[tuple[str, str], ...]
    rows: int
    errors: Interval
    elsewhere: float
    chance: float


class SliceSearch(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the `tested` slices are weak, and those with the most errors beyond the share elsewhere first: at
    most 12, none of which has nearly the rows of an earlier one.
    """

    tested: int
    weak: int
    found: tuple[Slice, ...] = ()


class _Tested(NamedTuple):
    where: tuple[tuple[str, str], ...]
    rows: int
    errors: int
    chance: float


def find_slices(columns: Mapping[str, Groups], wrong: Flags, clusters: Integers | None = None) -> SliceSearch:
    """Test every slice of 30 rows to half of all by one column or two; `wrong` (rows,) says which rows are errors.

    A slice by one column is tested against all other rows, one by two columns also against the rest of each column's
    group alone, so that it is found only where both columns together matter. Tests are Fisher's exact one-sided ones,
    held at a false discovery rate of 5 % over all of them (Benjamini & Hochberg 1995). Rows of a cluster count as fewer
    (Rao & Scott 1992).
    """
    effect = design_effect(wrong, clusters)
    chance = _Chance(len(wrong))
    tested = [*_single(columns, wrong, effect, chance), *_paired(columns, wrong, effect, chance)]
    adjusted = adjust([one.chance for one in tested])
    rows, errors = len(wrong), int(wrong.sum())
    weak = [
        (
            one.errors - one.rows * (errors - one.errors) / (rows - one.rows),
            Slice(
                where=one.where,
                rows=one.rows,
                errors=wilson(one.errors / effect, one.rows / effect),
                elsewhere=(errors - one.errors) / (rows - one.rows),
                chance=float(chance_of),
            ),
        )
        for one, chance_of in zip(tested, adjusted.tolist(), strict=True)
        if chance_of <= FALSE_SHARE
    ]
    weak.sort(key=lambda found: (-found[0], found[1].where))
    return SliceSearch(tested=len(tested), weak=len(weak), found=tuple(_different([one for _, one in weak], columns)))


def _different(weak: Sequence[Slice], columns: Mapping[str, Groups]) -> list[Slice]:
    """The first ones that do not share most of their rows (by Jaccard's index) with one before."""
    kept: list[tuple[Slice, Flags]] = []
    for one in weak:
        groups = [columns[column].codes == columns[column].names.index(group) for column, group in one.where]
        rows = np.logical_and.reduce(groups)
        if all((rows & other).sum() <= _ALIKE * (rows | other).sum() for _, other in kept):
            kept.append((one, rows))
        if len(kept) == _MOST_FOUND:
            break
    return [one for one, _ in kept]


def adjust(chances: Sequence[float]) -> Floats:
    """p-values adjusted for the false discovery rate: each is the rate at which its test would just count (Benjamini &
    Hochberg 1995).
    """
    values = np.asarray(chances, dtype=np.float64)
    order = np.argsort(values)
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    held = np.minimum.accumulate(scaled[::-1])[::-1]
    adjusted = np.empty_like(held)
    adjusted[order] = np.minimum(held, 1.0)
    return adjusted


class _Chance:
    """Fisher's exact test, one-sided, with the logarithms of the factorials kept."""

    def __init__(self, rows: int) -> None:
        self._log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, rows + 2)))])

    def more(self, inside: tuple[int, int], outside: tuple[int, int], effect: float) -> float:
        """P(at least so many errors inside), given (errors, rows) of both sides and how many rows count as one."""
        (errors, rows), (other_errors, other_rows) = inside, outside
        if errors * other_rows <= other_errors * rows:
            return 1.0
        rows, other_rows = max(1, round(rows / effect)), max(1, round(other_rows / effect))
        errors, other_errors = math.floor(errors / effect), min(other_rows, math.ceil(other_errors / effect))
        return self._tail(min(errors, rows), rows, errors + other_errors, rows + other_rows)

    def _tail(self, least: int, drawn: int, marked: int, total: int) -> float:
        """P(X >= least) for X hypergeometric."""
        logs = self._log_factorial
        counts = np.arange(max(least, drawn - (total - marked)), min(drawn, marked) + 1)
        if not len(counts):
            return 0.0
        inside = logs[marked] - logs[counts] - logs[marked - counts]
        left = drawn - counts
        outside = logs[total - marked] - logs[left] - logs[total - marked - left]
        all_ways = logs[total] - logs[drawn] - logs[total - drawn]
        return min(1.0, float(np.exp(inside + outside - all_ways).sum()))


def _single(columns: Mapping[str, Groups], wrong: Flags, effect: float, chance: _Chance) -> Iterator[_Tested]:
    total = (int(wrong.sum()), len(wrong))
    for column, groups in columns.items():
        for index, (errors, rows) in enumerate(_counts(groups.codes, len(groups.names), wrong)):
            if LEAST_ROWS <= rows <= total[1] / 2:
                found = chance.more((errors, rows), _rest(total, (errors, rows)), effect)
                yield _Tested(((column, groups.names[index]),), rows, errors, found)


def _paired(columns: Mapping[str, Groups], wrong: Flags, effect: float, chance: _Chance) -> Iterator[_Tested]:
    total = (int(wrong.sum()), len(wrong))
    for (column, groups), (other, others) in combinations(columns.items(), 2):
        width = len(others.names)
        both = np.where((groups.codes < 0) | (others.codes < 0), -1, groups.codes * width + others.codes)
        of_one = _counts(groups.codes, len(groups.names), wrong)
        of_other = _counts(others.codes, width, wrong)
        for index, (errors, rows) in enumerate(_counts(both, len(groups.names) * width, wrong)):
            inside = (errors, rows)
            around = [_rest(whole, inside) for whole in (total, of_one[index // width], of_other[index % width])]
            if LEAST_ROWS <= rows <= total[1] / 2 and all(left >= LEAST_ROWS for _, left in around):
                found = max(chance.more(inside, rest, effect) for rest in around)
                where = ((column, groups.names[index // width]), (other, others.names[index % width]))
                yield _Tested(where, rows, errors, found)


def _counts(codes: Integers, count: int, wrong: Flags) -> list[tuple[int, int]]:
    """(errors, rows) of every group."""
    known = codes >= 0
    rows = np.bincount(codes[known], minlength=count).tolist()
    return list(zip(np.bincount(codes[known & wrong], minlength=count).tolist(), rows, strict=True))


def _rest(whole: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    return whole[0] - part[0], whole[1] - part[1]
