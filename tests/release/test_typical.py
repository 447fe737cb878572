"""The typical example that opens a release's parity examples."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.columns import Column, Contract
from assay.contract.decode import prepare_decoder
from assay.features.plan import Derived, FeaturePlan, OneHot, Terms
from assay.release.bundle import Bundle
from assay.release.synthesise import synthesise
from assay.release.typical import typical_cells
from tests.release.material import linear_bundle, trees_bundle

LINEAR = linear_bundle(recorded=False)
WORDS = ("am", "coming", "coming home", "home", "home today", "i am", "today 12", "we are", "are coming")
IDF = (1.0, 1.0, 2.5, 1.0, 2.8, 2.9, 1.1, 2.0, 2.1)


def _bundle(*columns: Column, profile: dict[str, Any] | None = None, plan: FeaturePlan | None = None) -> Bundle:
    """The linear bundle with other columns."""
    contract = Contract(task="binary", classes=("ham", "spam"), columns=columns)
    return dataclasses.replace(
        LINEAR,
        contract=contract,
        plan=plan or FeaturePlan(columns=contract.names),
        plan_arrays={"terms.0.idf": np.array(IDF)},
        profile={"columns": profile or {}},
    )


def _typical(column: Column, **sketch: Any) -> Any:
    return typical_cells(_bundle(column, profile={column.name: sketch})).get(column.name)


def _texts(*columns: Column, derived: tuple[Derived, ...] = (), of: str = "text") -> Any:
    terms = Terms(column=of, words=(1, 2), word_terms=WORDS)
    names = tuple(column.name for column in columns)
    return typical_cells(_bundle(*columns, plan=FeaturePlan(columns=names, derived=derived, encoders=(terms,))))


@pytest.mark.parametrize("bundle", [LINEAR, trees_bundle(recorded=False)], ids=["linear", "trees"])
def test_it_comes_first_and_the_contract_takes_it(bundle: Bundle) -> None:
    first = synthesise(bundle, seed=1)[0]
    assert dict(first) == {**first, **typical_cells(bundle)}
    assert None not in prepare_decoder(bundle.contract).decode_mapping(first)


def test_it_is_the_same_whatever_the_seed() -> None:
    assert typical_cells(LINEAR).keys() == set(LINEAR.contract.names) - {"limit"}
    one, other = (synthesise(LINEAR, seed=seed)[0] for seed in (1, 2))
    assert {**one, "limit": 0} == {**other, "limit": 0}


def test_a_number_is_the_median_and_whole_where_all_are() -> None:
    column = Column(name="amount", type="number")
    assert _typical(column, quantiles=[0.0, 2.0, 7.0]) == 2.0
    assert _typical(column, quantiles=[0.0, 1.0, 2.0, 3.0, 9.0]) == 2.0
    assert _typical(column, quantiles=[0.5, 1396.123, 2000.0]) == 1396.0
    assert _typical(column) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9).map(sorted), st.floats(-1e9, 1e9), st.floats(0.0, 1e6))
def test_a_number_stays_in_range(quantiles: list[float], low: float, width: float) -> None:
    column = Column(name="amount", type="number", minimum=low, maximum=low + width, outliers="reject")
    assert low <= _typical(column, quantiles=quantiles) <= low + width


def test_a_category_is_the_most_frequent_one_that_is_allowed() -> None:
    shares = {"gold": 0.3, "pro": 0.6, "free": 0.1}
    assert _typical(Column(name="plan", type="category"), shares=shares) == "pro"
    allowed = Column(name="plan", type="category", values=("free", "gold"), unknown="reject")
    assert _typical(allowed, shares=shares) == "gold"
    assert _typical(Column(name="plan", type="category", pattern="f.*"), shares=shares) == "free"


def test_without_a_profile_a_category_is_one_that_is_known() -> None:
    column = Column(name="plan", type="category")
    known = FeaturePlan(columns=("plan",), encoders=(OneHot(column="plan", values=("free", "pro")),))
    assert typical_cells(_bundle(column, plan=known)) == {"plan": "free"}
    assert _typical(Column(name="plan", type="category", values=("gold",))) == "gold"
    assert _typical(column) is None


def test_a_spelling_of_missing_is_not_typical() -> None:
    bundle = _bundle(
        Column(name="plan", type="category", missing="most_frequent"),
        profile={"plan": {"shares": {"?": 0.9, "pro": 0.1}}},
    )
    contract = Contract(task="binary", classes=("ham", "spam"), columns=bundle.contract.columns, missing_values=("?",))
    assert typical_cells(dataclasses.replace(bundle, contract=contract)) == {"plan": "pro"}


def test_other_types_are_plausible() -> None:
    assert _typical(Column(name="verified", type="boolean"), mean=0.7) is True
    assert _typical(Column(name="verified", type="boolean")) is False
    assert _typical(Column(name="sent_at", type="timestamp"), quantiles=[0.0, 7300.0, 9e9]) == "1970-01-01T02:00:00Z"
    assert _typical(Column(name="sent_at", type="timestamp")) == "2026-01-15T12:00:00Z"
    assert _typical(Column(name="customerID", type="id")) == "customer-1024"
    assert _typical(Column(name="id", type="id")) == "row-1024"
    assert _typical(Column(name="user", type="id", pattern="[0-9]+")) is None


def test_a_text_is_a_chain_of_frequent_pairs_without_digits() -> None:
    assert _texts(Column(name="text", type="text")) == {"text": "We are coming home today"}


def test_texts_of_one_vocabulary_share_no_word() -> None:
    join = Derived(name="all", op="join", of=("title", "body"))
    made = _texts(Column(name="title", type="text"), Column(name="body", type="text"), derived=(join,), of="all")
    title, body = ({*made[name].lower().split()} for name in ("title", "body"))
    assert title == {"we", "are", "coming", "home", "today"}
    assert not title & body - {"today"}, "plain words, as no pair is left"


@given(st.integers(1, 120), st.integers(0, 60))
def test_a_text_has_a_length_that_is_allowed(least: int, more: int) -> None:
    column = Column(name="text", type="text", min_length=least, max_length=least + more, sanitise=False)
    text = _texts(column).get("text", "x" * least)
    assert least <= len(text) <= least + more


def test_plain_words_stand_in_for_unknown_ones() -> None:
    assert _typical(Column(name="text", type="text")).startswith("The order is late")
