"""Columns that give the label away: what one column alone says of it, over all rows and in one class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.contract.columns import Column
from assay.data.dataset import Dataset, count_labels
from assay.data.groups import number_groups
from assay.data.split import Split

PROXY_AUC = 0.999
#: A mark must cover this share of the rows of its class, and of the rows that have it so many may be of another one.
_MARKED = 0.5
_MARK_ERRORS = 0.001
_FEWEST_ROWS = 10
_BINS = 256
#: Words are looked for in so many texts, evenly spaced.
_TEXTS = 20_000

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Mask = NDArray[np.bool_]
By = Literal["its values", "its being missing", "a word"]

#: What ranks the rows so well deserves a look. Some columns do so by right; hardly ever by being missing.
_STRONG_AUC: dict[By, float] = {"its values": 0.98, "its being missing": 0.95, "a word": 1.0}


@dataclass(frozen=True, slots=True)
class Proxy:
    """`auc` is that of the column's values, of their being missing, or of the `word`, as `by` says, for `label` against
    the rest (None: all classes together). `decides`: it tells every class, with at least `PROXY_AUC`.
    """

    column: str
    auc: float
    by: By
    label: str | None
    decides: bool
    word: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Values of a column (or its being missing, or not, as `by` says) that rows of `label` alone have: `share` of them.
    `rows` gate rows have one, `errors` of them are of another class.
    """

    column: str
    label: str
    by: By
    share: float
    rows: int
    errors: int


def find_proxies(dataset: Dataset, split: Split) -> Iterator[Proxy | Mark]:
    """What each column gives away, if it does: its single-column ROC-AUC, one against the rest when there are several
    classes; else a mark of one class.

    Numbers and times rank by their value in either direction and, as a number may be a code, by the share of the class
    among rows of the same value or bin. Categories rank by the share of the class, texts by whether a word is in them.
    Shares are counted on the rows outside the gate and judged on the gate's rows, so that a rare value is no evidence
    for itself.
    """
    for column in dataset.contract.columns:
        cells = dataset.table.columns[column.name]
        if column.type == "text":
            found: Proxy | Mark | None = _told_by_word(dataset, column, cells)
        elif column.type == "id":
            found = None
        else:
            found = _told_by_cells(dataset, split, column, cells)
        if found is not None:
            yield found


def absent_cells(cells: NDArray[Any]) -> Mask:
    """Which cells of a column are missing."""
    return np.isnan(cells) if cells.dtype == np.float64 else np.array([cell is None for cell in cells], dtype=bool)


def against_rest(dataset: Dataset) -> Iterator[Mask]:
    """The rows of each class; of two classes, those of the second are enough."""
    classes = range(len(dataset.contract.classes))
    for number in classes[1:] if dataset.contract.task == "binary" else classes:
        yield dataset.rows_of(number)


def roc_auc(scores: NDArray[Any], positive: Mask) -> float:
    """The chance that a positive row scores above a negative one, ties counting half (Mann-Whitney).

    NaN where one side has fewer than ten rows: a perfect ranking may then be chance.
    """
    values, place = np.unique(scores, return_inverse=True)
    rows = np.bincount(place, minlength=len(values))
    return _auc_of_counts(np.bincount(place, weights=positive, minlength=len(values)), rows)


def aucs_by_share(dataset: Dataset, codes: Codes, taught: Codes, judged: Codes) -> list[float]:
    """Of every class: the ROC-AUC on the rows `judged` of its share among the rows `taught` of the same code."""
    many = int(codes.max()) + 1
    rows = np.bincount(codes[taught], minlength=many)
    aucs: list[float] = []
    for of_class in against_rest(dataset):
        known = of_class[taught]
        shares = (np.bincount(codes[taught], weights=known, minlength=many) + known.mean()) / (rows + 1.0)
        aucs.append(roc_auc(shares[codes[judged]], of_class[judged]))
    return aucs


def least_auc(aucs: list[float]) -> float:
    """That of the class that is told worst, of those with enough rows; NaN when none has."""
    defined = [auc for auc in aucs if not np.isnan(auc)]
    return min(defined, default=float("nan"))


def _told_by_cells(dataset: Dataset, split: Split, column: Column, cells: NDArray[Any]) -> Proxy | Mark | None:
    absent = absent_cells(cells)
    if absent.all():
        return None
    if absent.any() and (found := _told_by_absence(dataset, split, column, absent)) is not None:
        return found
    codes = _codes(cells, absent)
    aucs = aucs_by_share(dataset, codes, split.all_but_gate, split.gate)
    if cells.dtype == np.float64:
        aucs = np.fmax(aucs, _by_value(dataset, cells[~absent], ~absent)).tolist()
    proxy = _weigh(dataset, column, "its values", aucs)
    if proxy is not None and proxy.auc >= PROXY_AUC:
        return proxy
    return _mark(dataset, split, column, "its values", codes) or proxy


def _told_by_absence(dataset: Dataset, split: Split, column: Column, absent: Mask) -> Proxy | Mark | None:
    everywhere = np.ones(dataset.rows, dtype=bool)
    proxy = _weigh(dataset, column, "its being missing", _by_value(dataset, absent.astype(np.float64), everywhere))
    if proxy is not None and proxy.auc >= PROXY_AUC:
        return proxy
    return _mark(dataset, split, column, "its being missing", absent.astype(np.intp)) or proxy


def _weigh(dataset: Dataset, column: Column, by: By, aucs: list[float]) -> Proxy | None:
    """The whole label when every class is told, or nearly; else the class that is told best, if any."""
    least = least_auc(aucs)
    if least >= PROXY_AUC:
        return Proxy(column.name, least, by, None, decides=True)
    told = {number: auc for number, auc in enumerate(aucs) if auc >= PROXY_AUC}
    if told:
        best = max(told, key=lambda number: told[number])
        return Proxy(column.name, told[best], by, dataset.contract.classes[best], decides=False)
    return Proxy(column.name, least, by, None, decides=False) if least >= _STRONG_AUC[by] else None


def _mark(dataset: Dataset, split: Split, column: Column, by: By, codes: Codes) -> Mark | None:
    """The class, of at most half of the rows, most of whose rows have values that no other class has."""
    many = int(codes.max()) + 1
    learned = split.all_but_gate
    taught, judged = codes[learned], codes[split.gate]
    rows = np.bincount(taught, minlength=many)
    best: Mark | None = None
    for number, label in enumerate(dataset.contract.classes):
        of_class = dataset.rows_of(number)
        hits = np.bincount(taught, weights=of_class[learned], minlength=many)
        marked = ((rows >= _FEWEST_ROWS) & (hits == rows))[judged]
        members = of_class[split.gate]
        if of_class.mean() > 0.5 or members.sum() < _FEWEST_ROWS:
            continue
        share, errors = float(marked[members].mean()), int((marked & ~members).sum())
        if share >= max(_MARKED, best.share if best else 0.0) and errors <= _MARK_ERRORS * marked.sum():
            best = Mark(column.name, label, by, share, int(marked.sum()), errors)
    return best


def _codes(cells: NDArray[Any], absent: Mask) -> Codes:
    """Categories and numbers that come back by their value, other numbers by bins of about equal size. Missing ones are
    a value of their own.
    """
    if cells.dtype != np.float64:
        return number_groups(cells.tolist())
    values, place = np.unique(cells, return_inverse=True, equal_nan=True)
    if len(values) <= len(cells) / 2:
        return place.astype(np.intp)
    edges = np.unique(np.quantile(cells[~absent], np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    return np.where(absent, len(edges) + 1, np.searchsorted(edges, cells, side="right")).astype(np.intp)


def _auc_of_counts(hits: NDArray[Any], rows: NDArray[np.int64]) -> float:
    """The same from the positive rows and all rows of every value, lowest value first."""
    others = rows - hits
    if min(hits.sum(), others.sum()) < _FEWEST_ROWS:
        return float("nan")
    below = np.cumsum(others) - others
    return float((hits * (below + others / 2.0)).sum() / (hits.sum() * others.sum()))


def _by_value(dataset: Dataset, values: Floats, rows: Mask) -> list[float]:
    """Of every class: the ROC-AUC of `values`, those of the masked `rows`, in the better direction."""
    _, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place)
    aucs = [
        _auc_of_counts(np.bincount(place, weights=of_class[rows], minlength=len(counts)), counts)
        for of_class in against_rest(dataset)
    ]
    return [max(auc, 1.0 - auc) for auc in aucs]


def _told_by_word(dataset: Dataset, column: Column, cells: NDArray[Any]) -> Proxy | None:
    """The word whose presence tells the label; of several classes, one for each. A word of one class is no news."""
    rows = np.unique(np.linspace(0, len(cells) - 1, min(_TEXTS, len(cells))).round().astype(np.intp))
    texts = pl.Series("word", [cells[row] for row in rows.tolist()], dtype=pl.String)
    words = texts.str.to_lowercase().str.extract_all(r"\w+").to_frame().with_row_index("row").explode("word")
    words = words.drop_nulls().unique().with_columns(everywhere=pl.len().over("word"))
    words = words.join(_labelled(dataset.labels[rows]), on="row")
    members = count_labels(dataset.labels[rows], len(dataset.contract.classes))
    of_class = pl.Series(members)[words["label"]]
    here = pl.len().over("word", "label")
    counted = words.select("word", "label", here=here, elsewhere=pl.col("everywhere") - here, members=of_class).unique()
    auc = 0.5 + (pl.col("here") / pl.col("members") - pl.col("elsewhere") / (len(rows) - pl.col("members"))) / 2.0
    ranked = counted.select("word", "label", auc=auc).sort("auc", "label", "word", descending=[True, False, False])
    best = ranked.unique("label", keep="first", maintain_order=True)
    needed = 1 if dataset.contract.task == "binary" else len(members)
    if members.min() < _FEWEST_ROWS or len(best) < needed or best["auc"][needed - 1] < PROXY_AUC:
        return None
    return Proxy(column.name, float(best["auc"][needed - 1]), "a word", None, decides=True, word=str(best["word"][0]))


def _labelled(labels: NDArray[np.int64]) -> pl.DataFrame:
    """One line for each row and class, or label, that it has."""
    row, label = np.nonzero(labels) if labels.ndim == 2 else (np.arange(len(labels)), labels)
    return pl.DataFrame({"row": row.astype(np.uint32), "label": label})
