"""Fitting: what a plan learns, from the training rows alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assay.contract.columns import Column
from assay.contract.table import Table
from assay.errors import DataError, SpecError
from assay.features.fit import MOST_CATEGORIES, MOST_TREE_TERMS, Family, fit_plan, tokenise_table
from assay.features.names import dense_names, term_count, term_names
from assay.features.plan import Derived, Encoder, FeaturePlan, Number, OneHot, Ordinal, Terms, TextStatistics
from assay.features.row import LIMIT
from assay.spec.tree import DerivedColumn, Features, Ngrams
from tests.features.examples import contract_of, table_of, text_table

NO_TEXT = Features(text_statistics=(), ngrams={})
FAMILIES: tuple[Family, ...] = ("linear", "trees", "blend")


def encoder_of(column: Column, *cells: float | str | None, trees: bool = False) -> Encoder:
    contract = contract_of(column)
    table = table_of(contract, *((cell,) for cell in cells))
    plan, _ = fit_plan(contract, table, None, NO_TEXT, "trees" if trees else "linear")
    return plan.encoders[0]


def terms_of(wish: Ngrams, *texts: str | None, rows: list[int] | None = None) -> tuple[Terms, list[float]]:
    contract, table = text_table(*texts)
    spec = Features(text_statistics=("text",), ngrams={"text": wish})
    chosen = None if rows is None else np.array(rows)
    plan, arrays = fit_plan(
        contract, table, None, spec, "linear", rows=chosen, tokens=tokenise_table(contract, table, spec)
    )
    terms = plan.encoders[-1]
    assert isinstance(terms, Terms)
    return terms, arrays["terms.0.idf"].tolist()


@pytest.mark.parametrize(
    ("column", "impute"),
    [
        (Column(name="n", type="number", missing="median"), 2.0),
        (Column(name="n", type="number", missing="mean"), 4.0),
        (Column(name="n", type="number", missing="most_frequent"), 1.0),
        (Column(name="n", type="number", missing="constant", constant=-3), -3.0),
    ],
)
def test_a_missing_number_becomes_what_the_contract_says(column: Column, impute: float) -> None:
    assert encoder_of(column, 1.0, None, 1.0, 3.0, 11.0) == Number(column="n", impute=impute, indicator=True)


def test_an_indicator_is_there_only_if_something_was_missing() -> None:
    assert encoder_of(Column(name="n", type="boolean", missing="most_frequent"), 1.0, 0.0, 1.0) == Number(
        column="n", impute=1.0
    )


def test_a_number_that_is_always_missing_is_still_a_number() -> None:
    assert encoder_of(Column(name="n", type="number", missing="median"), None, None) == Number(
        column="n", impute=0.0, indicator=True
    )


def test_clipping_learns_quantiles_unless_bounds_are_given() -> None:
    values = [float(value) for value in range(1001)]
    learned = encoder_of(Column(name="n", type="number", outliers="clip"), *values)
    given = encoder_of(Column(name="n", type="number", outliers="clip", minimum=5.0), *values)
    kept = encoder_of(Column(name="n", type="number", minimum=5.0, maximum=6.0), *values)
    assert learned == Number(column="n", impute=500.0, low=1.0, high=999.0)
    assert given == Number(column="n", impute=500.0, low=5.0)
    assert kept == Number(column="n", impute=500.0)


def test_what_is_learned_of_huge_numbers_is_finite() -> None:
    number = encoder_of(Column(name="n", type="number", missing="mean"), 1.7e308, 1.7e308)
    assert isinstance(number, Number)
    assert number.impute == LIMIT


def test_categories_come_most_frequent_first_and_once_is_too_seldom() -> None:
    column = Column(name="c", type="category", missing="most_frequent")
    cells = ("b", "b", "a", "a", "c", "c", "c", "rare", None)
    assert encoder_of(column, *cells) == OneHot(column="c", values=("c", "a", "b"), impute="c", indicator=True)
    assert encoder_of(column, *cells, trees=True) == Ordinal(
        column="c", values=("c", "a", "b"), impute="c", indicator=True
    )


def test_a_declared_category_needs_to_be_seen_but_once() -> None:
    column = Column(name="c", type="category", values=("x", "y", "never"))
    assert encoder_of(column, "x", "y", "y") == OneHot(column="c", values=("y", "x"))


def test_what_is_not_declared_is_of_no_category() -> None:
    column = Column(name="c", type="category", values=("b", "c"), missing="most_frequent")
    found = encoder_of(column, "a", "a", "a", "b", None)
    assert found == OneHot(column="c", values=("b",), impute="b", indicator=True)


def test_a_constant_for_missing_is_a_category_like_others() -> None:
    column = Column(name="c", type="category", missing="constant", constant="none")
    assert encoder_of(column, "a", "a", None, None, None) == OneHot(column="c", values=("none", "a"), impute="none")


def test_ten_thousand_categories_become_at_most_a_fixed_number_of_features() -> None:
    cells = [f"v{number:05d}" for number in range(10_000)] * 2
    encoder = encoder_of(Column(name="c", type="category"), *cells)
    assert isinstance(encoder, OneHot)
    assert encoder.values == tuple(sorted(set(cells))[:MOST_CATEGORIES])


def test_terms_stand_in_two_rows_and_have_the_smoothed_frequency() -> None:
    terms, idf = terms_of(Ngrams(words=(1, 2)), "free entry now", "Free entry", "free", "once once", None)
    assert terms.word_terms == ("entry", "free", "free entry")
    assert idf == [math.log(6 / 3) + 1, math.log(6 / 4) + 1, math.log(6 / 3) + 1]


def test_the_most_frequent_terms_win_and_ties_go_words_first_then_by_name() -> None:
    texts = ("b a", "b a", "b c", "c")
    assert terms_of(Ngrams(words=(1, 1), max_terms=2), *texts)[0].word_terms == ("a", "b")
    both, _ = terms_of(Ngrams(words=(1, 1), characters=(3, 3), max_terms=4), *texts)
    assert (both.word_terms, both.character_terms) == (("a", "b", "c"), (" b ",))


def test_terms_of_some_rows_know_nothing_of_the_others() -> None:
    wish = Ngrams(words=(1, 1), characters=(2, 3))
    texts = ("one two", "two three", "two three", "four", "four")
    assert terms_of(wish, *texts, rows=[0, 1]) == terms_of(wish, *texts[:2])


def test_trees_get_the_terms_that_tell_most() -> None:
    fillers = [f"w{number}" for number in range(MOST_TREE_TERMS + 50)]
    texts = [" ".join([*fillers, "spam" if row % 2 else "ham"]) for row in range(8)]
    contract, table = text_table(*texts)
    spec = Features(text_statistics=(), ngrams={"text": Ngrams(words=(1, 1))})
    plan, arrays = fit_plan(contract, table, np.arange(8) % 2, spec, "trees")
    without, _ = fit_plan(contract, table, None, spec, "trees")
    assert term_count(plan) == arrays["terms.0.idf"].size == MOST_TREE_TERMS
    assert {"text: spam", "text: ham"} <= set(term_names(plan))
    assert term_count(without) == MOST_TREE_TERMS + 52


def test_an_age_of_one_time_is_its_age_at_the_time_of_the_example() -> None:
    contract = contract_of(Column(name="born", type="timestamp"), Column(name="at", type="timestamp"), time="at")
    table = table_of(contract, (0.0, 86_400.0))
    spec = Features(derived=(DerivedColumn(name="age", op="age", of=("born",)),))
    plan, _ = fit_plan(contract, table, None, spec, "linear")
    assert plan.derived[0].of == ("at", "born")
    assert plan.encoders == (Number(column="age", impute=1.0),)


def test_an_average_has_categories_both_ways_and_the_precision_of_trees() -> None:
    contract = contract_of(Column(name="c", type="category", missing="most_frequent"))
    table = table_of(contract, ("a",), ("a",), ("b",), ("b",), ("b",), (None,))
    plans = {family: fit_plan(contract, table, None, NO_TEXT, family)[0] for family in FAMILIES}
    assert plans["blend"].encoders == (
        OneHot(column="c", values=("b", "a"), impute="b", indicator=True),
        Ordinal(column="c", values=("b", "a"), impute="b"),
    )
    assert [plan.precision for plan in plans.values()] == ["float64", "float32", "float32"]


def test_derived_columns_are_in_the_plan_with_all_that_they_need() -> None:
    contract = contract_of(Column(name="text", type="text"), Column(name="n", type="number"))
    spec = Features(
        text_statistics=(),
        ngrams={},
        derived=(
            DerivedColumn(name="won", op="keyword", of=("text",), words=("won", "prize")),
            DerivedColumn(name="size", op="bucket", of=("n",), edges=(1.0, 5.0)),
        ),
    )
    plan, _ = fit_plan(contract, table_of(contract, ("a", 1.0), ("won", 7.0)), None, spec, "linear")
    assert plan.derived == (
        Derived(name="won", op="keyword", of=("text",), words=("won", "prize")),
        Derived(name="size", op="bucket", of=("n",), edges=(1.0, 5.0)),
    )


def test_ids_and_bare_times_are_no_features() -> None:
    contract = contract_of(Column(name="id", type="id"), Column(name="at", type="timestamp"))
    with pytest.raises(DataError) as caught:
        fit_plan(contract, table_of(contract, ("x", 1.0)), None, NO_TEXT, "linear")
    assert [problem.path for problem in caught.value.problems] == ["columns.id", "columns.at"]


def test_a_wish_for_a_column_outside_of_the_contract_is_refused() -> None:
    contract, table = text_table("a", "b")
    spec = Features(
        text_statistics=("gone",),
        ngrams={"away": Ngrams(words=(1, 1))},
        derived=(
            DerivedColumn(name="size", op="length", of=("text",)),
            DerivedColumn(name="more", op="product", of=("size", "lost")),
        ),
    )
    with pytest.raises(SpecError) as caught:
        fit_plan(contract, table, None, spec, "linear")
    assert [problem.path for problem in caught.value.problems] == [
        "features.derived.more",
        "features.text_statistics",
        "features.ngrams",
    ]


def test_names_say_which_column_where_it_is_not_clear() -> None:
    statistics = [TextStatistics(column=name, statistics=("char_count",)) for name in ("a", "b")]
    one_hot = OneHot(column="c", values=("x", "y"), indicator=True)
    assert dense_names(statistics[:1]) == ("char_count",)
    assert dense_names(statistics) == ("a.char_count", "b.char_count")
    assert dense_names([Number(column="char_count"), statistics[0]]) == ("char_count", "a.char_count")
    assert dense_names([one_hot]) == ("c=x", "c=y", "c is missing")


def test_names_of_terms_show_blanks() -> None:
    terms = Terms(column="t", words=(1, 2), characters=(2, 2), word_terms=("a b",), character_terms=(" a", "b "))
    plan = FeaturePlan(columns=("t",), encoders=(terms,))
    assert term_names(plan) == ("t: a b", "t: ~_a~", "t: ~b_~")


def test_tables_without_text_need_no_tokens() -> None:
    contract = contract_of(Column(name="n", type="number"))
    assert tokenise_table(contract, Table({"n": np.zeros(2)}, 2), Features()) == {}
