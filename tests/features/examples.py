"""Contracts, tables and plans for the feature tests: small ones by hand, many by Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from assay.contract.columns import Column, ColumnType, Contract
from assay.contract.table import Table
from assay.features.plan import FeatureFrame, FeatureRow
from assay.spec.tree import DerivedColumn, Features, Ngrams
from assay.values import Row

WORDS = (
    "free",
    "entry",
    "now",
    "u",
    "ok",
    "über",
    "İstanbul",
    "ﬁne",
    "straße",
    "日本語",
    "a_b",
    "x1",
    "don't",
    "!!!",
    "$5",
)
CATEGORIES = ("red", "green", "", "blue ", "Ω", "red ")

_FLOATS = {"number", "boolean", "timestamp"}


def contract_of(*columns: Column, time: str | None = None) -> Contract:
    return Contract(task="binary", classes=("no", "yes"), columns=columns, positive="yes", time=time)


def table_of(contract: Contract, *rows: Row) -> Table:
    return Table.from_rows(contract, rows)


def text_table(*texts: str | None) -> tuple[Contract, Table]:
    contract = contract_of(Column(name="text", type="text"))
    return contract, table_of(contract, *((text,) for text in texts))


def row_of_frame(frame: FeatureFrame, row: int) -> FeatureRow:
    part = slice(frame.indptr[row], frame.indptr[row + 1])
    return FeatureRow(frame.dense[row].tolist(), frame.indices[part], frame.values[part])


def bits(features: FeatureRow) -> tuple[bytes, list[int], bytes]:
    """The features as bytes: equal only if every bit is."""
    dense = np.array(features.dense, dtype=np.float64)
    indices, values = features.sparse()
    return dense.tobytes(), indices.tolist(), values.tobytes()


def texts() -> st.SearchStrategy[str]:
    """Texts of known words in any case and of anything at all."""
    known = st.lists(st.sampled_from([*WORDS, "FREE", "Now!", "http://x.y/z", "a@b.cd", "\t", "  "])).map(" ".join)
    return st.one_of(known, st.text(max_size=40), known.map(lambda text: text * 9))


_CELLS: dict[str, st.SearchStrategy[Any]] = {
    "number": st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-3, 3).map(float),
        st.sampled_from([-0.0, 5e-324, 1.7e308, -1.7e308, 3.5e38, 16777217.0]),
    ),
    "boolean": st.sampled_from([0.0, 1.0]),
    "timestamp": st.floats(-62135596800.0, 253402300799.0),
    "category": st.one_of(st.sampled_from(CATEGORIES), st.text(max_size=3)),
    "text": texts(),
    "id": st.text(max_size=5),
}
_MISSING: dict[str, Sequence[dict[str, Any]]] = {
    "number": ({"missing": "median"}, {"missing": "mean"}, {"missing": "constant", "constant": -7.5}, {}),
    "boolean": ({"missing": "most_frequent"}, {}),
    "category": ({"missing": "most_frequent"}, {"missing": "constant", "constant": "none"}, {}),
}
_BOUNDS: Sequence[dict[str, Any]] = ({}, {"outliers": "clip"}, {"outliers": "clip", "minimum": -1.0, "maximum": 2.5})


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Two numbers, two times and two texts, so that anything can be derived, and up to four more columns."""
    kinds: list[ColumnType] = ["number", "number", "timestamp", "timestamp", "text", "text"]
    kinds += draw(st.lists(st.sampled_from(["number", "boolean", "category", "id"]), max_size=4))
    columns = []
    for at, kind in enumerate(kinds):
        more = draw(st.sampled_from(_MISSING.get(kind, ({},))))
        bounds = draw(st.sampled_from(_BOUNDS)) if kind == "number" else {}
        columns.append(Column(name=f"c{at}", type=kind, **more, **bounds))
    return contract_of(*columns, time="c2")


def rows_of(contract: Contract, *, least: int = 0, most: int = 6) -> st.SearchStrategy[list[Row]]:
    cells = [st.one_of(_CELLS[column.type], st.none()) for column in contract.columns]
    return st.lists(st.tuples(*cells), min_size=least, max_size=most)


def features() -> st.SearchStrategy[Features]:
    """Wishes over the columns that `contracts` always has."""
    spans = st.one_of(st.none(), st.sampled_from([(1, 1), (1, 2), (2, 3), (2, 5)]))
    grams = st.builds(Ngrams, words=spans, characters=spans, max_terms=st.sampled_from([3, 40, 50_000]))
    derived = st.lists(st.sampled_from(DERIVED), unique_by=lambda column: column.name).map(tuple)
    return st.builds(
        Features,
        text_statistics=st.sampled_from([(), ("c4",), ("c4", "c5")]),
        ngrams=st.dictionaries(st.sampled_from(["c4", "c5"]), grams),
        derived=derived,
    ).map(_with_grams_of_joined_text)


def _with_grams_of_joined_text(wish: Features) -> Features:
    if all(column.op != "join" for column in wish.derived):
        return wish
    return wish.model_copy(update={"ngrams": {**(wish.ngrams or {}), "both": Ngrams(words=(1, 2), characters=(2, 3))}})


DERIVED = (
    DerivedColumn(name="ratio", op="ratio", of=("c0", "c1")),
    DerivedColumn(name="difference", op="difference", of=("c0", "c1")),
    DerivedColumn(name="product", op="product", of=("c0", "c0")),
    DerivedColumn(name="age", op="age", of=("c3",)),
    DerivedColumn(name="bucket", op="bucket", of=("c1",), edges=(-1.0, 0.0, 2.0)),
    DerivedColumn(name="both", op="join", of=("c4", "c5")),
    DerivedColumn(name="length", op="length", of=("c4",)),
    DerivedColumn(name="keyword", op="keyword", of=("c5",), words=("free", "don't", "日本")),
    *(
        DerivedColumn(name=part, op="date_part", of=("c3",), part=part)
        for part in ("hour", "weekday", "day", "month", "year")
    ),
)
