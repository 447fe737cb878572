"""Messages to what `inference` takes, and what it gives to messages."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from assay.errors import ContractError, NotSupportedError, Problem
from assay.inference.service import FOREIGN, InferAnswer, InferRequest, ModelMetadata, TensorMetadata
from assay.inference.tensors import Tensor, read_binary, read_elements, read_texts, refusal, without_nan, write_binary
from assay.rpc.messages import message

#: Where the elements of a datatype stand when they are not raw.
CONTENTS: Mapping[str, str] = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def read_request(request: Any) -> InferRequest:
    """A ModelInferRequest.

    Raises:
        ContractError: its tensors are not what their datatypes and shapes say.
        NotSupportedError: something of another extension.
    """
    started = perf_counter()
    if any(name in FOREIGN for one in (*request.inputs, *request.outputs) for name in one.parameters):
        raise NotSupportedError(f"{', '.join(FOREIGN)} are of extensions that this server does not have")
    raw = request.raw_input_contents
    if raw and (len(raw) != len(request.inputs) or any(one.HasField("contents") for one in request.inputs)):
        problem = Problem("raw_input_contents", "must hold every input, and then no input has contents")
        raise ContractError("the tensors are not what this route takes", problems=[problem])
    tensors = [
        read_binary(one.name, one.datatype, one.shape, raw[at]) if raw else _read_contents(one)
        for at, one in enumerate(request.inputs)
    ]
    return InferRequest(
        model=request.model_name,
        version=request.model_version,
        id=request.id,
        inputs=tensors,
        outputs=[one.name for one in request.outputs],
        started=started,
    )


def write_answer(answer: InferAnswer, *, raw: bool) -> Any:
    """A ModelInferResponse; its tensors are raw where those of the request are."""
    told = message("ModelInferResponse")(model_name=answer.model, model_version=answer.version, id=answer.id)
    _add_parameters(told, answer.parameters)
    for tensor in answer.outputs:
        output = told.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        _add_parameters(output, tensor.parameters)
        if raw:
            told.raw_output_contents.append(write_binary(tensor))
        else:
            getattr(output.contents, CONTENTS[tensor.datatype]).extend(_elements(tensor))
    return told


def write_metadata(metadata: ModelMetadata) -> Any:
    """A ModelMetadataResponse."""
    told = message("ModelMetadataResponse")(name=metadata.name, versions=metadata.versions, platform=metadata.platform)
    _add_tensors(told.inputs, metadata.inputs)
    _add_tensors(told.outputs, metadata.outputs)
    _add_parameters(told, metadata.parameters)
    return told


def _read_contents(given: Any) -> Tensor:
    field = CONTENTS.get(given.datatype)
    if field is None and given.datatype == "FP16":
        raise refusal(given.name, "is FP16, which raw_input_contents alone can hold")
    elements: list[Any] = list(getattr(given.contents, field)) if field else []
    if given.datatype == "BYTES":
        elements = list(read_texts(given.name, elements))
    elif given.datatype in ("FP32", "FP64"):
        elements = list(without_nan(elements))
    return read_elements(given.name, given.datatype, given.shape, elements)


def _elements(tensor: Tensor) -> Any:
    return [str(element).encode() for element in tensor.elements] if tensor.datatype == "BYTES" else tensor.elements


def _add_tensors(told: Any, tensors: tuple[TensorMetadata, ...]) -> None:
    for tensor in tensors:
        added = told.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        _add_parameters(added, tensor.parameters)


def _add_parameters(told: Any, parameters: Mapping[str, str | bool]) -> None:
    for name, value in parameters.items():
        if isinstance(value, bool):
            told.parameters[name].bool_param = value
        else:
            told.parameters[name].string_param = value
