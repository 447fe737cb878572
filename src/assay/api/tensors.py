"""The REST wire of the Open Inference Protocol: JSON bodies, after which binary tensors may follow."""

from __future__ import annotations

import json
import zlib
from itertools import chain
from math import isfinite
from typing import Annotated, Any

import msgspec

from assay.api.wire import read_body
from assay.errors import MalformedError, NotSupportedError
from assay.inference.service import FOREIGN, InferAnswer
from assay.inference.tensors import FLOATS, INTEGERS, Tensor, read_binary, read_elements, refusal, write_binary


class InputParameters(msgspec.Struct, frozen=True):
    """What is read of an input's parameters."""

    binary_data_size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    shared_memory_region: msgspec.Raw = msgspec.Raw()


class InputBody(msgspec.Struct, frozen=True):
    """One input. `data` stays unread until its datatype is known."""

    name: str
    datatype: str
    shape: list[int]
    data: msgspec.Raw = msgspec.Raw()
    parameters: InputParameters = InputParameters()


class OutputParameters(msgspec.Struct, frozen=True):
    """What is read of a requested output's parameters."""

    binary_data: bool | None = None
    shared_memory_region: msgspec.Raw = msgspec.Raw()
    classification: int = 0


class OutputBody(msgspec.Struct, frozen=True):
    """One requested output."""

    name: str
    parameters: OutputParameters = OutputParameters()


class RequestParameters(msgspec.Struct, frozen=True):
    """What is read of a request's parameters."""

    binary_data_output: bool = False


class InferBody(msgspec.Struct, frozen=True):
    """A request. Members and parameters that are not named here are of other servers and mean nothing to this one."""

    inputs: list[InputBody]
    outputs: list[OutputBody] | None = None
    id: Annotated[str, msgspec.Meta(max_length=200)] = ""
    parameters: RequestParameters = RequestParameters()

    def is_binary(self, output: str) -> bool:
        """Whether an output is to be told in binary."""
        for wanted in self.outputs or ():
            if wanted.name == output and wanted.parameters.binary_data is not None:
                return wanted.parameters.binary_data
        return self.parameters.binary_data_output


#: How `data` is read: flat, or a list a row.
_DATA: dict[str, msgspec.json.Decoder[list[Any]]] = {
    "BOOL": msgspec.json.Decoder(list[bool | list[bool | None] | None]),
    "BYTES": msgspec.json.Decoder(list[str | list[str | None] | None]),
    **dict.fromkeys(INTEGERS, msgspec.json.Decoder(list[int | list[int | None] | None])),
    **dict.fromkeys(FLOATS, msgspec.json.Decoder(list[float | list[float | None] | None])),
}
_BODY = msgspec.json.Decoder(InferBody)
_ENCODE = msgspec.json.Encoder().encode


def read_request(body: bytes, header_length: int | None) -> tuple[InferBody, list[Tensor]]:
    """A request's body and its input tensors. `header_length` is where its JSON ends, where binary tensors follow.

    Raises:
        MalformedError: not JSON, or its length is not what is announced.
        ContractError: JSON of another shape, or a tensor that is not what its datatype and shape say.
        NotSupportedError: something of another extension.
    """
    end = len(body) if header_length is None else header_length
    if end > len(body):
        raise MalformedError("Inference-Header-Content-Length is more than the body has")
    read = _read_json(body[:end])
    if any(_is_foreign(one.parameters) for one in (*read.inputs, *(read.outputs or ()))):
        raise NotSupportedError(f"{', '.join(FOREIGN)} are of extensions that this server does not have")
    tensors = []
    for given in read.inputs:
        size = given.parameters.binary_data_size
        if size is None:
            tensors.append(read_elements(given.name, given.datatype, given.shape, _read_data(given)))
        else:
            tensors.append(read_binary(given.name, given.datatype, given.shape, body[end : end + size]))
            end += size
    if end != len(body):
        raise MalformedError("the binary tensors are not as long as their binary_data_size says")
    return read, tensors


def write_answer(answer: InferAnswer, asked: InferBody) -> tuple[bytes, int | None]:
    """The body of an answer, and where its JSON ends if binary tensors follow."""
    told: dict[str, Any] = {"model_name": answer.model, "model_version": answer.version}
    if answer.id:
        told["id"] = answer.id
    told["parameters"] = answer.parameters
    outputs, pieces = [], []
    for tensor in answer.outputs:
        shown: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        parameters: dict[str, Any] = dict(tensor.parameters)
        if asked.is_binary(tensor.name):
            pieces.append(write_binary(tensor))
            parameters["binary_data_size"] = len(pieces[-1])
        else:
            shown["data"] = tensor.elements
        outputs.append({**shown, "parameters": parameters} if parameters else shown)
    head = _ENCODE({**told, "outputs": outputs})
    return (b"".join([head, *pieces]), len(head)) if pieces else (head, None)


def inflate(body: bytes, encoding: str, limit: int) -> bytes | None:
    """A compressed body, or None where it is longer than `limit` bytes.

    Raises:
        NotSupportedError: another encoding than gzip and deflate.
        MalformedError: it is not what the encoding says.
    """
    if encoding not in ("gzip", "deflate"):
        raise NotSupportedError(f"the content-encoding {encoding[:20]!r} is not understood; gzip and deflate are")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise MalformedError(f"the body is not {encoding}") from None
    if len(inflated) > limit:
        return None
    if not inflater.eof:
        raise MalformedError(f"the body is cut short: its {encoding} does not end")
    return inflated


def _read_json(raw: bytes) -> InferBody:
    """A body of JSON, in which NaN, as Python's writer and Triton's client put it, is null."""
    try:
        return read_body(_BODY, raw)
    except MalformedError:
        if b"NaN" not in raw:
            raise
    try:
        read = json.loads(raw, parse_constant={"NaN": None}.__getitem__, parse_float=_read_finite)
        return read_body(_BODY, _ENCODE(read))
    except (ValueError, KeyError, RecursionError):
        raise MalformedError("the body is not JSON, or has a number that no 64-bit float holds") from None


def _read_finite(said: str) -> float:
    """A number of JSON; one beyond all 64-bit floats is none, and must not become null."""
    if not isfinite(number := float(said)):
        raise ValueError(said)
    return number


def _is_foreign(parameters: InputParameters | OutputParameters) -> bool:
    ranked = isinstance(parameters, OutputParameters) and parameters.classification != 0
    return ranked or bytes(parameters.shared_memory_region) != b""


def _read_data(given: InputBody) -> list[Any]:
    raw = bytes(given.data)
    if not raw:
        raise refusal(given.name, "has neither data nor a binary_data_size")
    try:
        read = _DATA[given.datatype].decode(raw) if given.datatype in _DATA else []
    except msgspec.ValidationError as error:
        told = str(error).replace("`$", "`data")
        raise refusal(given.name, f"is not {given.datatype}: {told}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedError(f"the data of {given.name[:60]!r} is not JSON") from None
    nested = [isinstance(row, list) for row in read]
    if not any(nested):
        return read
    if not all(nested):
        raise refusal(given.name, "has elements beside lists of elements in data")
    return list(chain.from_iterable(read))
