"""The two evaluators of a plan agree to the bit, whatever the contract, the plan and the rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.contract.columns import Column, Contract
from assay.errors import ReleaseError
from assay.features.fit import Family, fit_plan, tokenise_table
from assay.features.frame import evaluate_frame, prepare_frame
from assay.features.plan import Derived, FeaturePlan, Lookup, Number, OneHot, Ordinal, Terms, TextStatistics
from assay.features.row import LIMIT, prepare_row
from assay.spec.tree import Features, Ngrams
from assay.values import Row
from tests.features.examples import bits, contract_of, contracts, features, row_of_frame, rows_of, table_of

Case = tuple[Contract, Features, list[Row], list[Row]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    contract = draw(contracts())
    training = draw(rows_of(contract, least=1, most=8))
    # Repeated rows make terms stand in two of them.
    training += training + training[: draw(st.integers(0, len(training)))]
    return contract, draw(features()), training, draw(rows_of(contract)) + training[:2]


@given(case=cases(), family=st.sampled_from(["linear", "trees"]))
@settings(max_examples=150)
def test_row_and_frame_agree_to_the_bit(case: Case, family: Family) -> None:
    contract, wish, training, rows = case
    labels = np.arange(len(training)) % 2
    plan, arrays = fit_plan(contract, table_of(contract, *training), labels, wish, family)
    frame = evaluate_frame(plan, arrays, table_of(contract, *rows))
    evaluate = prepare_row(plan, arrays)
    for position, row in enumerate(rows):
        one = evaluate(row)
        assert bits(one) == bits(row_of_frame(frame, position))
        assert bits(one) == bits(evaluate(row))
        assert all(map(math.isfinite, one.dense))
        assert np.isfinite(one.values).all()
        assert (np.diff(one.indices) > 0).all()
        assert len(one.dense) == len(plan.names)


CELLS = st.sampled_from([None, "red", "green", "blue"])
WORDS = st.lists(st.sampled_from(["a", "be", "the", "cat", "dog", "Cat"]), min_size=1, max_size=12).map(" ".join)
VOCABULARY = st.builds(
    Terms,
    column=st.just("text"),
    words=st.sampled_from([(1, 1), (1, 2)]),
    counting=st.sampled_from(["log", "count", "presence"]),
    norm=st.sampled_from(["l2", "none"]),
    shortest_word=st.integers(1, 3),
    stop_words=st.sampled_from([(), ("the",)]),
    word_terms=st.just(("a", "be the", "cat", "cat dog", "the")),
)


@given(terms=VOCABULARY, rows=st.lists(st.tuples(CELLS, WORDS), min_size=1, max_size=5))
def test_imported_tables_and_vocabularies_agree_to_the_bit(terms: Terms, rows: list[Row]) -> None:
    contract = contract_of(
        Column(name="colour", type="category", missing="model"), Column(name="text", type="text", sanitise=False)
    )
    lookup = Lookup(column="colour", values=("red", "blue"), numbers=(2.5, -1.0), other=7.0, missing=9.0)
    plan = FeaturePlan(columns=contract.names, encoders=(lookup, terms), names=("colour",))
    arrays = {"terms.0.idf": np.array([1.0, 1.5, 2.0, 2.5, 1.25])}
    frame = evaluate_frame(plan, arrays, table_of(contract, *rows))
    evaluate = prepare_row(plan, arrays)
    known = {"red": 2.5, "blue": -1.0, "green": 7.0, None: 9.0}
    for position, row in enumerate(rows):
        one = evaluate(row)
        assert bits(one) == bits(row_of_frame(frame, position))
        assert one.dense == [known[row[0]]]  # type: ignore[index] - a colour


@given(case=cases(), family=st.sampled_from(["linear", "trees"]), data=st.data())
@settings(max_examples=60)
def test_tokens_and_rows_give_what_the_rows_alone_give(case: Case, family: Family, data: st.DataObject) -> None:
    contract, wish, training, others = case
    table = table_of(contract, *training, *others)
    labels = np.arange(table.rows) % 2
    rows = np.array(data.draw(st.lists(st.integers(0, table.rows - 1), min_size=2, unique=True)), dtype=np.intp)
    tokens = tokenise_table(contract, table, wish)
    plan, arrays = fit_plan(contract, table, labels, wish, family, rows=rows, tokens=tokens)
    alone, arrays_alone = fit_plan(contract, table.take(rows), labels[rows], wish, family)
    assert plan == alone
    assert {name: array.tolist() for name, array in arrays.items()} == {
        name: array.tolist() for name, array in arrays_alone.items()
    }
    ask = rows[::-1]
    cached = evaluate_frame(plan, arrays, table, rows=ask, tokens=tokens)
    fresh = evaluate_frame(plan, arrays, table.take(ask))
    assert [array.tolist() for array in cached] == [array.tolist() for array in fresh]


@given(case=cases())
@settings(max_examples=30)
def test_order_of_rows_does_not_matter(case: Case) -> None:
    contract, wish, training, rows = case
    plan, arrays = fit_plan(contract, table_of(contract, *training), None, wish, "linear")
    frame = evaluate_frame(plan, arrays, table_of(contract, *rows))
    turned = evaluate_frame(plan, arrays, table_of(contract, *rows[::-1]))
    for position in range(len(rows)):
        assert bits(row_of_frame(frame, position)) == bits(row_of_frame(turned, len(rows) - 1 - position))


def test_every_kind_of_encoder_by_hand() -> None:
    contract = contract_of(
        Column(name="n", type="number", missing="median"),
        Column(name="c", type="category", missing="most_frequent"),
        Column(name="text", type="text"),
    )
    plan = FeaturePlan(
        columns=contract.names,
        derived=(Derived(name="twice", op="product", of=("n", "n")),),
        encoders=(
            Number(column="n", impute=2.0, indicator=True, low=-1.0, high=9.0),
            Number(column="twice"),
            OneHot(column="c", values=("a", "b"), impute="b", indicator=True),
            OneHot(column="c", values=("a", "b")),
            Ordinal(column="c", values=("a", "b"), indicator=True),
            TextStatistics(column="text", statistics=("word_count",)),
            Terms(column="text", words=(1, 1), word_terms=("hi", "you")),
        ),
        names=tuple(f"f{number}" for number in range(11)),
    )
    evaluate = prepare_row(plan, {"terms.0.idf": np.array([1.0, 2.0])})
    present, missing = evaluate((-5.0, "a", "hi you")), evaluate((None, None, None))
    assert present.dense == [-1.0, 0.0, 25.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0]
    assert missing.dense == [2.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0, 0.0]
    assert present.indices.tolist() == [0, 1]
    assert present.values.tolist() == pytest.approx([1 / math.sqrt(5), 2 / math.sqrt(5)])
    assert missing.indices.tolist() == []


def test_texts_of_few_and_of_many_words_have_the_same_bits_in_both_evaluators() -> None:
    contract = contract_of(Column(name="text", type="text"))
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{word}" for word in rng.integers(0, 90, size)) for size in range(140)]
    table = table_of(contract, *((text,) for text in texts))
    plan, arrays = fit_plan(contract, table, None, Features(ngrams={"text": Ngrams(words=(1, 1))}), "linear")
    evaluate, frame = prepare_row(plan, arrays), evaluate_frame(plan, arrays, table)
    rows = [evaluate((text,)) for text in texts]
    assert {type(row.values) for row in rows} == {list, np.ndarray}
    assert [bits(row) for row in rows] == [bits(row_of_frame(frame, at)) for at in range(len(rows))]


def test_float32_rounds_every_value_and_overflows_nowhere() -> None:
    contract = contract_of(Column(name="n", type="number"))
    plan = FeaturePlan(columns=("n",), precision="float32", encoders=(Number(column="n"),), names=("n",))
    evaluate = prepare_row(plan, {})
    assert [evaluate((value,)).dense[0] for value in (0.1, 1e300, -1e300)] == [float(np.float32(0.1)), LIMIT, -LIMIT]
    frame = evaluate_frame(plan, {}, table_of(contract, (0.1,), (1e300,)))
    assert frame.dense[:, 0].tolist() == [float(np.float32(0.1)), LIMIT]


def test_a_table_without_rows_has_features_without_rows() -> None:
    contract = contract_of(Column(name="n", type="number"), Column(name="text", type="text"))
    table = table_of(contract, (1.0, "one two"), (2.0, "one three"))
    plan, arrays = fit_plan(contract, table, None, Features(), "linear")
    frame = prepare_frame(plan, arrays)(table_of(contract))
    assert frame.dense.shape == (0, len(plan.names))
    assert (frame.indptr.tolist(), frame.indices.size, frame.values.size) == ([0], 0, 0)


@pytest.mark.parametrize("family", ["linear", "trees"])
def test_sums_over_many_different_terms_agree_to_the_bit(family: Family) -> None:
    random = np.random.default_rng(0)
    vocabulary = [f"{chr(97 + number % 26)}w{number}" for number in range(300)]
    weights = 1 / np.arange(1, 301) / (1 / np.arange(1, 301)).sum()
    contract = contract_of(Column(name="text", type="text"))
    rows: list[Row] = [(" ".join(random.choice(vocabulary, 60, p=weights)),) for _ in range(150)]
    plan, arrays = fit_plan(contract, table_of(contract, *rows), np.arange(150) % 2, Features(), family)
    frame, evaluate = evaluate_frame(plan, arrays, table_of(contract, *rows)), prepare_row(plan, arrays)
    for position, row in enumerate(rows):
        assert bits(evaluate(row)) == bits(row_of_frame(frame, position))


def test_blocks_of_rows_change_nothing() -> None:
    contract = contract_of(Column(name="text", type="text"))
    rows: list[Row] = [(f"row {number} of {number % 7} ab" if number % 11 else None,) for number in range(4100)]
    table = table_of(contract, *rows)
    plan, arrays = fit_plan(contract, table, None, Features(), "linear")
    frame, evaluate = evaluate_frame(plan, arrays, table), prepare_row(plan, arrays)
    tokens = tokenise_table(contract, table, Features())
    assert all(map(np.array_equal, frame, evaluate_frame(plan, arrays, table, tokens=tokens)))
    for position in (0, 1, 2047, 2048, 2049, 4095, 4096, 4099):
        assert bits(evaluate(rows[position])) == bits(row_of_frame(frame, position))


def test_a_plan_does_not_change_what_it_is_given() -> None:
    contract = contract_of(Column(name="n", type="number", missing="median"), Column(name="text", type="text"))
    table = table_of(contract, (1.0, "one two"), (None, "one three"))
    before = {name: column.copy() for name, column in table.columns.items()}
    plan, arrays = fit_plan(contract, table, None, Features(), "linear")
    idf = {name: array.copy() for name, array in arrays.items()}
    evaluate_frame(plan, arrays, table)
    prepare_row(plan, arrays)((1.0, "one one two"))
    assert all(np.array_equal(before[name], column, equal_nan=name == "n") for name, column in table.columns.items())
    assert all(np.array_equal(idf[name], array) for name, array in arrays.items())


def test_remembering_chunks_changes_no_bit_and_is_bounded() -> None:
    contract = contract_of(Column(name="text", type="text"))
    table = table_of(contract, ("aa bb aa",), ("aa cc bb",))
    plan, arrays = fit_plan(contract, table, None, Features(), "linear")
    evaluate, fresh = prepare_row(plan, arrays), prepare_row(plan, arrays)
    for number in range(20_000):
        evaluate((f"aa x{number}",))
    assert bits(evaluate(("aa bb x19999 new",))) == bits(fresh(("aa bb x19999 new",)))


@pytest.mark.parametrize("idf", [None, np.ones(1), np.array([1.0, np.nan])])
def test_a_plan_without_its_array_is_refused(idf: np.ndarray | None) -> None:
    plan = FeaturePlan(
        columns=("text",), encoders=(Terms(column="text", words=(1, 1), word_terms=("a", "b")),), names=()
    )
    with pytest.raises(ReleaseError, match=r"terms\.0\.idf"):
        prepare_row(plan, {} if idf is None else {"terms.0.idf": idf})


def test_a_plan_with_an_unknown_column_is_refused() -> None:
    with pytest.raises(ReleaseError, match="gone"):
        prepare_row(FeaturePlan(columns=("n",), encoders=(Number(column="gone"),), names=("gone",)), {})
