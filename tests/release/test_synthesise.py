"""Synthetic examples."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.columns import Column, Contract
from assay.contract.decode import prepare_decoder
from assay.features.plan import FeaturePlan, OneHot
from assay.release.bundle import Bundle, Example
from assay.release.synthesise import synthesise
from tests.release.material import linear_bundle, trees_bundle

LINEAR = linear_bundle(recorded=False)


def _bundle(column: Column, *, profile: dict[str, Any] | None = None, values: tuple[str, ...] = ()) -> Bundle:
    """The linear bundle with one column only."""
    contract = Contract(task="binary", classes=("ham", "spam"), columns=(column,))
    encoders = (OneHot(column=column.name, values=values),) if values else ()
    plan = FeaturePlan(columns=contract.names, encoders=encoders)
    return dataclasses.replace(LINEAR, contract=contract, plan=plan, profile=profile or {})


def _cells(bundle: Bundle, count: int = 300) -> list[Any]:
    (name,) = bundle.contract.names
    return [example[name] for example in synthesise(bundle, seed=3, count=count)]


def test_the_same_seed_gives_the_same_examples() -> None:
    assert synthesise(LINEAR, seed=1) == synthesise(LINEAR, seed=1)
    assert synthesise(LINEAR, seed=1) != synthesise(LINEAR, seed=2)
    assert len(synthesise(LINEAR, seed=1)) == 64


@pytest.mark.parametrize("bundle", [LINEAR, trees_bundle(recorded=False)], ids=["linear", "trees"])
def test_the_contract_takes_all_of_them(bundle: Bundle) -> None:
    decode = prepare_decoder(bundle.contract).decode_mapping
    for example in synthesise(bundle, seed=1, count=300):
        assert len(decode(example)) == len(bundle.contract.columns)


def _missing(examples: list[Example]) -> set[str]:
    return {name for example in examples for name, cell in example.items() if cell is None}


def test_the_first_is_complete_and_every_column_that_may_be_missing_is_missing_once() -> None:
    examples = synthesise(LINEAR, seed=1)
    assert _missing(examples[:1]) == set()
    assert _missing(examples) == {column.name for column in LINEAR.contract.columns if not column.required}


def test_unknown_categories_occur_where_they_may() -> None:
    given_values = ("a", "b")
    open_ended = _cells(_bundle(Column(name="plan", type="category", values=given_values)))
    closed = _cells(_bundle(Column(name="plan", type="category", values=given_values, unknown="reject")))
    patterned = _cells(_bundle(Column(name="plan", type="category", pattern="^[ab]$"), values=given_values))
    assert set(open_ended) > {"a", "b"}
    assert set(closed) == set(patterned) == {"a", "b"}


def test_categories_nobody_knows_are_made_up() -> None:
    assert set(_cells(_bundle(Column(name="plan", type="category")))) == {"never seen before"}


def test_numbers_spread_over_the_quantiles_of_the_profile() -> None:
    column = Column(name="amount", type="number")
    numbers = np.array(_cells(_bundle(column, profile={"columns": {"amount": {"quantiles": [50.0, 60.0, 90.0]}}})))
    within = numbers[(numbers >= 50.0) & (numbers <= 90.0)]
    assert len(within) > 200
    assert within.min() < 53.0
    assert within.max() > 85.0


@pytest.mark.parametrize("profile", [{}, {"columns": {}}, {"columns": {"amount": {"quantiles": []}}}, {"columns": 1}])
def test_a_profile_may_say_nothing(profile: dict[str, Any]) -> None:
    assert len(set(_cells(_bundle(Column(name="amount", type="number"), profile=profile)))) > 50


@given(st.floats(-1e6, 1e6), st.floats(0.0, 1e6))
def test_numbers_stay_in_range(low: float, width: float) -> None:
    column = Column(name="amount", type="number", minimum=low, maximum=low + width, outliers="reject")
    assert all(low <= number <= low + width for number in _cells(_bundle(column), count=20))


@given(st.integers(1, 50), st.integers(1, 300))
def test_texts_have_the_wanted_length(least: int, more: int) -> None:
    column = Column(name="text", type="text", min_length=least, max_length=least + more, sanitise=False)
    for text in _cells(_bundle(column), count=20):
        assert isinstance(text, str)
        assert 1 <= len(text) <= least + more


def test_timestamps_are_rfc_3339() -> None:
    cells = _cells(_bundle(Column(name="sent_at", type="timestamp")))
    assert len({cell[-6:] for cell in cells}) > 2
    decode = prepare_decoder(_bundle(Column(name="sent_at", type="timestamp")).contract).decode
    for cell in cells:
        decode(msgspec.json.encode({"sent_at": cell}))
