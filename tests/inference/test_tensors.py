"""Tensors and their binary form."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import serialize_byte_tensor

from assay.errors import ContractError
from assay.inference.tensors import FLOATS, INTEGERS, NUMPY, Tensor, read_binary, read_elements, write_binary


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_are_the_same_after_their_binary_form(texts: list[str]) -> None:
    tensor = Tensor("a", "BYTES", (len(texts),), texts)
    assert read_binary("a", "BYTES", (len(texts),), write_binary(tensor)) == tensor


@given(st.lists(st.floats(allow_nan=False)))
def test_numbers_are_the_same_after_their_binary_form(numbers: list[float]) -> None:
    read = read_binary("a", "FP64", (len(numbers),), write_binary(Tensor("a", "FP64", (len(numbers),), numbers)))
    assert [struct.pack("<d", number) for number in read.elements] == [struct.pack("<d", number) for number in numbers]


@pytest.mark.parametrize("datatype", INTEGERS)
def test_whole_numbers_keep_their_bounds(datatype: str) -> None:
    bounds = np.iinfo(NUMPY[datatype].str)
    tensor = read_elements("a", datatype, (2, 1), [int(bounds.min), int(bounds.max)])
    assert read_binary("a", datatype, (2, 1), write_binary(tensor)) == tensor
    with pytest.raises(ContractError) as refused:
        read_elements("a", datatype, (1,), [int(bounds.max) + 1])
    assert refused.value.problems[0].path == "inputs.a"


@pytest.mark.parametrize("datatype", FLOATS)
def test_not_a_number_is_missing(datatype: str) -> None:
    raw = np.array([1.5, math.nan], NUMPY[datatype]).tobytes()
    assert read_binary("a", datatype, (2,), raw).elements == [1.5, None]


def test_a_number_is_what_its_datatype_holds() -> None:
    assert read_elements("a", "FP32", (3,), [0.1, 1e300, None]).elements == [float(np.float32(0.1)), math.inf, None]
    assert read_elements("a", "FP64", (1,), [0.1]).elements == [0.1]


def test_texts_stand_as_the_client_library_writes_them() -> None:
    texts = np.array(["", "hé", "\0", "x" * 300], dtype=object)
    raw = serialize_byte_tensor(texts).item()
    assert read_binary("a", "BYTES", (4,), raw).elements == list(texts)
    assert write_binary(Tensor("a", "BYTES", (4,), list(texts))) == raw


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "says"),
    [
        ("FP64", (1,), b"1234567", "has 7 bytes; its shape and datatype make 8"),
        ("FP64", (10**12,), b"", "make 8000000000000"),
        ("BOOL", (2,), b"\0\2", "other than 0 and 1"),
        ("BYTES", (1,), b"\xff\xff\xff\xff", "are not the 1 elements"),
        ("BYTES", (1,), b"\1\0\0", "are not the 1 elements"),
        ("BYTES", (2,), b"\1\0\0\0a", "are not the 2 elements"),
        ("BYTES", (1,), b"\1\0\0\0ab", "are not the 1 elements"),
        ("BYTES", (2,), b"\1\0\0\0a\1\0\0\0\xff", "not UTF-8, number 1"),
        ("BF16", (1,), b"12", "known are BOOL"),
        ("FP64", (-1, -1), b"12345678", "negative"),
    ],
)
def test_bytes_that_are_no_such_tensor_are_refused(
    datatype: str, shape: tuple[int, ...], raw: bytes, says: str
) -> None:
    with pytest.raises(ContractError) as refused:
        read_binary("a", datatype, shape, raw)
    [problem] = refused.value.problems
    assert problem.path == "inputs.a"
    assert says in problem.message


@given(st.sampled_from([*NUMPY, "BYTES"]), st.lists(st.integers(-2, 4), max_size=3), st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(datatype: str, shape: list[int], raw: bytes) -> None:
    try:
        tensor = read_binary("a", datatype, shape, raw)
    except ContractError:
        return
    assert len(tensor.elements) == math.prod(shape)
