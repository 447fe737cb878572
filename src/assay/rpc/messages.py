"""The messages of the Open Inference Protocol's gRPC service, as a table; made into classes in a pool of their own.

Source: the protocol's public specification (package `inference`, service `GRPCInferenceService`). A client library in
the same process registers the same names in the default pool, where they would clash.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"

_PARAMETERS = "map InferParameter parameters"
_TENSOR = ("string name", "string datatype", "repeated int64 shape", _PARAMETERS)
#: Each message with its fields; the number of a field is its place. `parameters` of metadata is not in the
#: specification: clients that do not know it pass over it.
MESSAGES = MappingProxyType(
    {
        "ServerLiveRequest": (),
        "ServerLiveResponse": ("bool live",),
        "ServerReadyRequest": (),
        "ServerReadyResponse": ("bool ready",),
        "ModelReadyRequest": ("string name", "string version"),
        "ModelReadyResponse": ("bool ready",),
        "ServerMetadataRequest": (),
        "ServerMetadataResponse": ("string name", "string version", "repeated string extensions"),
        "ModelMetadataRequest": ("string name", "string version"),
        "ModelMetadataResponse": (
            "string name",
            "repeated string versions",
            "string platform",
            "repeated ModelMetadataResponse.TensorMetadata inputs",
            "repeated ModelMetadataResponse.TensorMetadata outputs",
            _PARAMETERS,
        ),
        "ModelMetadataResponse.TensorMetadata": _TENSOR,
        "ModelInferRequest": (
            "string model_name",
            "string model_version",
            "string id",
            _PARAMETERS,
            "repeated ModelInferRequest.InferInputTensor inputs",
            "repeated ModelInferRequest.InferRequestedOutputTensor outputs",
            "repeated bytes raw_input_contents",
        ),
        "ModelInferRequest.InferInputTensor": (*_TENSOR, "InferTensorContents contents"),
        "ModelInferRequest.InferRequestedOutputTensor": ("string name", _PARAMETERS),
        "ModelInferResponse": (
            "string model_name",
            "string model_version",
            "string id",
            _PARAMETERS,
            "repeated ModelInferResponse.InferOutputTensor outputs",
            "repeated bytes raw_output_contents",
        ),
        "ModelInferResponse.InferOutputTensor": (*_TENSOR, "InferTensorContents contents"),
        "InferParameter": (
            "bool bool_param",
            "int64 int64_param",
            "string string_param",
            "double double_param",
            "uint64 uint64_param",
        ),
        "InferTensorContents": (
            "repeated bool bool_contents",
            "repeated int32 int_contents",
            "repeated int64 int64_contents",
            "repeated uint32 uint_contents",
            "repeated uint64 uint64_contents",
            "repeated float fp32_contents",
            "repeated double fp64_contents",
            "repeated bytes bytes_contents",
        ),
    }
)
#: Messages of which one field only is set.
_ONEOFS = MappingProxyType({"InferParameter": "parameter_choice"})
_OPTIONAL, _REPEATED = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED


@cache
def message(name: str) -> Any:
    """The class of a message."""
    return GetMessageClass(_pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def _pool() -> DescriptorPool:
    file = FileDescriptorProto(name="assay/inference.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, DescriptorProto] = {}
    for name, fields in MESSAGES.items():
        outer, _, own = name.rpartition(".")
        described = made[outer].nested_type.add(name=own) if outer else file.message_type.add(name=own)
        made[name] = described
        if name in _ONEOFS:
            described.oneof_decl.add(name=_ONEOFS[name])
        for number, field in enumerate(fields, start=1):
            _add_field(described, name, number, field.split())
    pool = DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_field(described: DescriptorProto, owner: str, number: int, words: list[str]) -> None:
    """`repeated string versions`: how many, of what, its name."""
    *many, kind, name = words
    field = described.field.add(name=name, number=number, label=_REPEATED if many else _OPTIONAL)
    if many == ["map"]:
        entry = described.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _add_field(entry, "", 1, ["string", "key"])
        _add_field(entry, "", 2, [kind, "value"])
        kind = f"{owner}.{entry.name}"
    if kind[0].islower():
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"
    if owner in _ONEOFS:
        field.oneof_index = 0
