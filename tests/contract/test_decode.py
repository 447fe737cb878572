"""Decoding one example: what the fast pass accepts, the cell readers accept too, and mean the same by it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.columns import Column, Contract
from assay.contract.decode import prepare_decoder
from assay.errors import ContractError, MalformedError

COLUMNS = (
    Column(name="amount", type="number", minimum=0, maximum=100, outliers="reject"),
    Column(name="marital-status", type="category", missing="constant", constant="missing"),
    Column(name="plan", type="category", values=("free", "pro"), unknown="reject"),
    Column(name="verified", type="boolean", missing="most_frequent"),
    Column(name="sent_at", type="timestamp", missing="median"),
    Column(name="text", type="text", max_length=40),
    Column(name="code", type="category", pattern="[a-z]{2}", missing="most_frequent"),
    Column(name="id", type="id"),
)
CONTRACT = Contract(
    task="binary", classes=("no", "yes"), positive="yes", columns=COLUMNS, missing_values=("", "?", "NA")
)
GOOD = {"amount": 3, "plan": "pro", "text": " Hello&nbsp;there "}
decoder = prepare_decoder(CONTRACT)


def decode(example: Any) -> Any:
    return decoder.decode(json.dumps(example).encode())


def problems(example: Any) -> dict[str, str]:
    with pytest.raises(ContractError) as caught:
        decode(example)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_an_example_becomes_a_row_in_the_order_of_the_contract() -> None:
    assert decode(GOOD) == (3.0, None, "pro", None, None, "Hello there", None, None)


@pytest.mark.parametrize(
    ("column", "value", "cell"),
    [
        ("verified", True, 1.0),
        ("verified", False, 0.0),
        ("sent_at", "1970-01-02T00:00:00Z", 86400.0),
        ("sent_at", "1970-01-02", 86400.0),
        ("sent_at", "1970-01-01T02:00:00+01:00", 3600.0),
        ("marital-status", 7, "7"),
        ("marital-status", "?", None),
        ("id", 12, "12"),
        ("code", "de", "de"),
    ],
)
def test_a_value_becomes_the_cell_of_its_type(column: str, value: Any, cell: Any) -> None:
    row = decode({**GOOD, column: value})
    assert row[CONTRACT.names.index(column)] == cell


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("amount", "3", "must be a number, got a string"),
        ("amount", True, "must be a number, got true or false"),
        ("amount", 101, "must lie between 0 and 100, got 101"),
        ("amount", None, "is required"),
        ("amount", [1], "got a list"),
        ("plan", "gold", "must be one of free, pro"),
        ("plan", "?", "is required"),
        ("verified", 1, "must be true or false"),
        ("sent_at", "yesterday", "must be a time such as"),
        ("sent_at", 5, "must be a time such as"),
        ("text", "   ", "must hold some text"),
        ("text", "&nbsp;&#8203;", "must hold some text"),
        ("text", "x" * 41, "must have at most 40 characters, got 41"),
        ("text", 5, "must be text"),
        ("code", "DE", "must match"),
        ("id", {"a": 1}, "must be a string, got an object"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(column: str, value: Any, said: str) -> None:
    found = problems({**GOOD, column: value})
    assert list(found) == [f"features.{column}"]
    assert said in found[f"features.{column}"]


def test_all_problems_are_reported_at_once_with_a_hint_for_a_misspelt_column() -> None:
    found = problems({"amonut": 3, "plan": 1.5})
    assert set(found) == {"features.amount", "features.plan", "features.text", "features.amonut"}
    assert "did you mean amount?" in found["features.amonut"]


def test_a_flood_of_unknown_columns_is_counted_not_listed() -> None:
    found = problems({**GOOD, **{f"z{number}": 1 for number in range(5000)}})
    assert len(found) == 21
    assert found["features"] == "and 4980 more unknown columns"


def test_a_number_too_large_for_a_float_is_a_problem_of_its_column() -> None:
    with pytest.raises(ContractError) as caught:
        decoder.decode(b'{"amount": 1e400, "plan": "pro", "text": "a"}')
    assert str(caught.value.problems[0]) == "features.amount: must be a finite number"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"amount": NaN}', b'{"amount": 1e400, "x": NaN}', b"\xff\xfe", b'{"a":' * 100_000],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decoder.decode(body)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"'])
def test_json_that_is_no_object_breaks_the_contract(body: bytes) -> None:
    with pytest.raises(ContractError, match="breaks the contract"):
        decoder.decode(body)


@pytest.mark.parametrize(
    ("column", "cell"), [({"missing": "keep"}, None), ({"missing": "constant", "constant": 5.0}, 5.0)]
)
@pytest.mark.parametrize("example", [{}, {"at": None}, {"at": "NA"}])
def test_a_missing_time_is_the_constant_or_stays_missing(
    column: dict[str, Any], cell: float | None, example: dict[str, Any]
) -> None:
    contract = Contract(
        task="binary",
        classes=("a", "b"),
        columns=(Column(name="at", type="timestamp", **column),),
        missing_values=("", "NA"),
    )
    decoder = prepare_decoder(contract)
    assert decoder.decode(json.dumps(example).encode()) == decoder.decode_mapping(example) == (cell,)


def test_text_over_the_limit_is_cut_where_the_contract_allows_it() -> None:
    column = Column(name="text", type="text", max_length=5, truncate=True)
    short = prepare_decoder(Contract(task="binary", classes=("a", "b"), columns=(column,)))
    assert short.decode(b'{"text": "abcd  efgh"}') == ("abcd",)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=45),
    st.sampled_from(["free", "pro", "?", "NA", "", "de", "2024-05-01", "&lt;b&gt;", "\u200b", " a "]),
    st.just([1]),
    st.just({"a": 1}),
)
EXAMPLES = st.dictionaries(st.sampled_from([*CONTRACT.names, "other"]), VALUES).map(lambda example: {**GOOD, **example})


@given(EXAMPLES)
def test_json_and_values_in_memory_are_read_alike(example: dict[str, Any]) -> None:
    def outcome(read: Any, given_example: Any) -> Any:
        try:
            return read(given_example)
        except ContractError as error:
            return error.problems

    body = json.dumps(example).encode()
    assert outcome(decoder.decode, body) == outcome(decoder.decode_mapping, json.loads(body))


@given(EXAMPLES)
def test_every_accepted_row_keeps_to_its_types(example: dict[str, Any]) -> None:
    try:
        row = decoder.decode_mapping(example)
    except ContractError:
        return
    for column, cell in zip(COLUMNS, row, strict=True):
        if column.type in ("number", "boolean", "timestamp"):
            assert cell is None or (isinstance(cell, float) and math.isfinite(cell))
        else:
            assert cell is None or isinstance(cell, str)
        assert cell is not None or not column.required
