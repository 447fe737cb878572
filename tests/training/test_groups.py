"""Rows in groups, by every type of column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.columns import Column, ColumnType, Contract
from assay.contract.table import Table
from assay.training.groups import MISSING, group_cells, group_columns, number_groups


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=80), st.integers(2, 6))
def test_every_number_is_in_the_one_range_that_holds_it(values: list[float], bands: int) -> None:
    groups = number_groups(np.array(values), bands)
    assert len(set(groups.names)) == len(groups.names) or len(set(values)) > 5
    for value, code in zip(values, groups.codes.tolist(), strict=True):
        assert 0 <= code < len(groups.names)
        assert (groups.names[code] == MISSING) == np.isnan(value)
    order = np.argsort(values, kind="stable")
    codes = groups.codes[order]
    assert (np.diff(codes) >= 0).all()


def test_ranges_are_named_by_their_ends() -> None:
    groups = number_groups(np.arange(100.0), 4)
    assert groups.names == ["up to 24", "above 24 to 49", "above 49 to 74", "above 74"]
    assert np.bincount(groups.codes).tolist() == [25, 25, 25, 25]


def test_few_values_are_groups_themselves() -> None:
    groups = number_groups(np.array([3.0, 1.0, np.nan, 1.0]), 5)
    assert groups.names == ["1", "3", MISSING]
    assert groups.codes.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("kind", "cells", "names", "codes"),
    [
        ("boolean", np.array([1.0, 0.0, np.nan]), ["false", "true", MISSING], [1, 0, 2]),
        ("category", np.array(["b", "a", "b"], dtype=object), ["b", "a"], [0, 1, 0]),
        ("category", np.array(["b", None], dtype=object), ["b", MISSING], [0, 1]),
        ("id", np.array(["x", "x", "y"], dtype=object), ["x", "y"], [0, 0, 1]),
    ],
)
def test_values_are_groups(kind: ColumnType, cells: np.ndarray, names: list[str], codes: list[int]) -> None:
    groups = group_cells(Column(name="a", type=kind), cells)
    assert (list(groups.names), groups.codes.tolist()) == (names, codes)


def test_rare_categories_are_in_no_group() -> None:
    cells = np.array([str(number % 30) for number in range(45)], dtype=object)
    groups = group_cells(Column(name="a", type="category"), cells, most=20)
    assert len(groups.names) == 20
    assert (groups.codes == -1).sum() == 10


def test_texts_are_grouped_by_length_and_ids_not_at_all() -> None:
    contract = Contract(
        task="binary",
        classes=("a", "b"),
        columns=(
            Column(name="text", type="text"),
            Column(name="who", type="id"),
            Column(name="at", type="timestamp"),
            Column(name="same", type="category"),
        ),
    )
    table = Table.from_rows(contract, [("x" * number, f"w{number}", 0.0, "s") for number in range(50)])
    found = group_columns(contract, table)
    assert list(found) == ["length of text"]
    assert len(found["length of text"].names) == 5
