"""Tensors to examples."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from assay.contract.columns import Column, Contract
from assay.errors import ContractError
from assay.inference.examples import TAKEN, read_examples
from assay.inference.tensors import DATATYPES, Element, Tensor
from tests.serving.material import SPAM

KINDS = Contract(
    task="binary",
    classes=("no", "yes"),
    columns=(
        Column(name="n", type="number", missing="median"),
        Column(name="b", type="boolean", missing="median"),
        Column(name="c", type="category", missing="most_frequent"),
        Column(name="t", type="text", missing="constant"),
        Column(name="w", type="timestamp", missing="keep"),
        Column(name="i", type="id"),
    ),
)


def tensor(name: str, datatype: str, elements: Sequence[Element], shape: tuple[int, ...] | None = None) -> Tensor:
    return Tensor(name, datatype, (len(elements),) if shape is None else shape, elements)


def rows(contract: Contract, *tensors: Tensor) -> list[object]:
    return [json.loads(raw) for raw in read_examples(contract, tensors, 1000)]


def refused(contract: Contract, *tensors: Tensor) -> dict[str, str]:
    with pytest.raises(ContractError) as error:
        rows(contract, *tensors)
    return {problem.path: problem.message for problem in error.value.problems}


def test_a_row_is_what_v1_takes_as_features() -> None:
    assert rows(
        KINDS,
        tensor("n", "FP64", [1.5, None]),
        tensor("b", "BOOL", [True, None], (2, 1)),
        tensor("c", "BYTES", ["x", ""]),
        tensor("i", "INT64", [7, None], (2, 1)),
    ) == [{"n": 1.5, "b": True, "c": "x", "i": 7}, {"n": None, "b": None, "c": "", "i": None}]


def test_whole_numbers_are_numbers_and_codes() -> None:
    told = rows(KINDS, tensor("n", "UINT8", [3]), tensor("c", "INT32", [-4]), tensor("i", "UINT64", [2**64 - 1]))
    assert told == [{"n": 3.0, "c": -4, "i": 2**64 - 1}]


def test_a_boolean_in_numbers_can_be_missing() -> None:
    assert rows(KINDS, tensor("b", "FP64", [1.0, 0.0, None])) == [{"b": True}, {"b": False}, {"b": None}]
    assert refused(KINDS, tensor("b", "FP64", [1.0, 0.5]))["inputs.b"].startswith("row 1: must be 0, 1")


def test_a_whole_number_is_taken_where_it_is_exact() -> None:
    assert rows(KINDS, tensor("n", "INT64", [2**53, 2**60])) == [{"n": 2.0**53}, {"n": 2.0**60}]
    assert refused(KINDS, tensor("n", "INT64", [0, 2**53 + 1])) == {
        "inputs.n": "row 1: 9007199254740993 is not exactly a 64-bit float"
    }


def test_infinity_is_refused_with_its_row() -> None:
    assert refused(KINDS, tensor("n", "FP64", [0.0, float("-inf")])) == {"inputs.n": "row 1: must be a finite number"}


@pytest.mark.parametrize("column", KINDS.columns, ids=lambda column: column.type)
def test_each_column_takes_its_datatypes_and_no_others(column: Column) -> None:
    for datatype in DATATYPES:
        given = tensor(column.name, datatype, [None])
        if datatype in TAKEN[column.type]:
            assert rows(KINDS, given) == [{column.name: None}]
        else:
            assert (
                f"a {column.type} takes {', '.join(TAKEN[column.type])}"
                in refused(KINDS, given)[f"inputs.{column.name}"]
            )


@pytest.mark.parametrize("shape", [(), (2,), (1, 2), (1, 1, 1)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    assert "is expected" in refused(KINDS, tensor("n", "FP64", [1.0]), tensor("c", "BYTES", ["x"], shape))["inputs.c"]


def test_all_that_is_wrong_is_named_at_once() -> None:
    told = refused(
        SPAM,
        tensor("amount", "FP64", [1.0]),
        tensor("amount", "FP64", [1.0]),
        tensor("plan", "BYTES", ["a", "b"]),
        tensor("nope", "BYTES", ["a"]),
    )
    assert told.keys() == {"inputs.amount", "inputs.plan", "inputs.nope", "inputs.text"}
    assert (told["inputs.amount"], told["inputs.text"]) == ("is given twice", "is required")


def test_nothing_and_too_much_are_refused() -> None:
    assert "give a tensor" in refused(KINDS)["inputs"]
    with pytest.raises(ContractError) as error:
        read_examples(KINDS, [tensor("n", "FP64", [1.0] * 3)], 2)
    assert error.value.problems[0].message == "has 3 rows; at most 2 in one request"


def test_no_rows_are_no_rows() -> None:
    assert rows(KINDS, tensor("n", "FP64", []), tensor("c", "BYTES", [], (0, 1))) == []
