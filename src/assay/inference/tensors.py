"""Tensors of the Open Inference Protocol, and their binary form: little-endian, row major, without padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, prod
from struct import Struct
from types import MappingProxyType

import msgspec
import numpy as np

from assay.errors import ContractError, Problem

#: One element. None is missing: `null` in JSON, NaN in a floating-point tensor.
Element = bool | int | float | str | None

#: Every datatype but BYTES and how its elements stand in binary.
NUMPY: Mapping[str, np.dtype[np.generic]] = MappingProxyType(
    {
        "BOOL": np.dtype("?"),
        "INT8": np.dtype("i1"),
        "INT16": np.dtype("<i2"),
        "INT32": np.dtype("<i4"),
        "INT64": np.dtype("<i8"),
        "UINT8": np.dtype("u1"),
        "UINT16": np.dtype("<u2"),
        "UINT32": np.dtype("<u4"),
        "UINT64": np.dtype("<u8"),
        "FP16": np.dtype("<f2"),
        "FP32": np.dtype("<f4"),
        "FP64": np.dtype("<f8"),
    }
)
DATATYPES = (*NUMPY, "BYTES")
INTEGERS = tuple(name for name, dtype in NUMPY.items() if dtype.kind in "iu")
FLOATS = tuple(name for name, dtype in NUMPY.items() if dtype.kind == "f")
#: Of a shape: more is no tensor that anything here takes, and its size could be a number of any length.
_MOST_DIMENSIONS, _LARGEST_EXTENT = 8, 2**63 - 1
_LENGTH = Struct("<I")


class Tensor(msgspec.Struct, frozen=True):
    """A named tensor; `elements` are flat, in row-major order, those of BYTES as text."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    elements: Sequence[Element]
    parameters: Mapping[str, str] = MappingProxyType({})


def size_of(name: str, datatype: str, shape: Sequence[int]) -> int:
    """The number of elements of a tensor.

    Raises:
        ContractError: there is no such datatype, or no such shape.
    """
    if datatype not in DATATYPES:
        raise refusal(name, f"has the datatype {datatype[:20]!r}; known are {', '.join(DATATYPES)}")
    if len(shape) > _MOST_DIMENSIONS:
        raise refusal(name, f"has {len(shape)} dimensions in its shape; at most {_MOST_DIMENSIONS} are read")
    if any(extent < 0 for extent in shape):
        raise refusal(name, "has a negative dimension in its shape")
    if any(extent > _LARGEST_EXTENT for extent in shape):
        raise refusal(name, f"has a dimension above {_LARGEST_EXTENT} in its shape")
    return prod(shape)


def read_binary(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> Tensor:
    """A tensor from its binary form.

    Raises:
        ContractError: the bytes are not what datatype and shape say.
    """
    size = size_of(name, datatype, shape)
    if datatype == "BYTES":
        return Tensor(name, datatype, tuple(shape), read_texts(name, _split(name, size, raw)))
    dtype = NUMPY[datatype]
    if len(raw) != size * dtype.itemsize:
        raise refusal(name, f"has {len(raw)} bytes; its shape and datatype make {size * dtype.itemsize}")
    array = np.frombuffer(raw, dtype)
    if datatype == "BOOL" and raw.translate(None, b"\0\1"):
        raise refusal(name, "has bytes other than 0 and 1 in a BOOL tensor")
    return Tensor(name, datatype, tuple(shape), without_nan(array.tolist()) if dtype.kind == "f" else array.tolist())


def read_elements(name: str, datatype: str, shape: Sequence[int], elements: Sequence[Element]) -> Tensor:
    """A tensor from elements of the right kind, as its datatype holds them: FP16 and FP32 are rounded.

    Raises:
        ContractError: there are more or fewer than the shape says, or one is out of the datatype's bounds.
    """
    if len(elements) != size_of(name, datatype, shape):
        raise refusal(
            name, f"has {len(elements)} elements; its shape {list(shape)} makes {size_of(name, datatype, shape)}"
        )
    if datatype in INTEGERS:
        bounds = np.iinfo(NUMPY[datatype].str)
        for element in elements:
            if element is not None and not bounds.min <= int(element) <= bounds.max:
                raise refusal(name, f"has {element}, which is no {datatype}")
    elif datatype in ("FP16", "FP32"):
        held = NUMPY[datatype].type
        with np.errstate(over="ignore"):  # infinity is refused where its row and column are known
            elements = [None if element is None else float(held(element)) for element in elements]
    return Tensor(name, datatype, tuple(shape), elements)


def write_binary(tensor: Tensor) -> bytes:
    """The binary form of a tensor without missing elements."""
    if tensor.datatype == "BYTES":
        texts = [str(element).encode() for element in tensor.elements]
        return b"".join([part for text in texts for part in (_LENGTH.pack(len(text)), text)])
    return np.array(tensor.elements, NUMPY[tensor.datatype]).tobytes()


def read_texts(name: str, elements: Sequence[bytes]) -> list[str]:
    """The elements of a BYTES tensor as text.

    Raises:
        ContractError: one is not UTF-8.
    """
    try:
        return [element.decode() for element in elements]
    except UnicodeDecodeError:
        return [_read_text(name, at, element) for at, element in enumerate(elements)]


def without_nan(elements: list[float]) -> list[float | None]:
    """The elements of a floating-point tensor, in which NaN is missing."""
    return [None if isnan(element) else element for element in elements]


def refusal(name: str, message: str) -> ContractError:
    """What is said of an input tensor that cannot be used."""
    return ContractError(
        "the tensors are not what this route takes", problems=[Problem(f"inputs.{name[:60]}", message)]
    )


def _split(name: str, size: int, raw: bytes) -> list[bytes]:
    """The elements of a BYTES tensor: each after its length in four bytes."""
    found: list[bytes] = []
    at = 0
    while at < len(raw) and len(found) < size:
        start = at + _LENGTH.size
        if start > len(raw):
            break
        at = start + _LENGTH.unpack_from(raw, at)[0]
        found.append(raw[start:at])
    if at != len(raw) or len(found) != size:
        raise refusal(name, f"has bytes that are not the {size} elements of its shape, each after its length")
    return found


def _read_text(name: str, at: int, element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise refusal(name, f"has an element that is not UTF-8, number {at}") from None
