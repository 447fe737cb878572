"""The table of messages against the descriptors of a client library."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto
from tritonclient.grpc import service_pb2

from assay.rpc.messages import MESSAGES, PACKAGE, message

#: What metadata says beyond the specification.
OURS = {("ModelMetadataResponse", "parameters"), ("ModelMetadataResponse.TensorMetadata", "parameters")}


def described(descriptor: Any) -> DescriptorProto:
    proto = DescriptorProto()
    descriptor.CopyToProto(proto)
    return proto


def theirs(name: str) -> DescriptorProto:
    return described(service_pb2.DESCRIPTOR.pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


@pytest.mark.parametrize("name", MESSAGES)
def test_every_field_is_that_of_the_protocol(name: str) -> None:
    expected = {field.name: field for field in theirs(name).field}
    for field in described(message(name).DESCRIPTOR).field:
        if (name, field.name) in OURS:
            assert field.name not in expected
            assert field.number not in {other.number for other in expected.values()}
            continue
        other = expected.pop(field.name)
        assert (field.number, field.type, field.label, field.type_name) == (
            other.number,
            other.type,
            other.label,
            other.type_name,
        )
    assert expected == {}


@pytest.mark.parametrize("name", MESSAGES)
def test_every_map_is_that_of_the_protocol(name: str) -> None:
    expected = {entry.name: entry for entry in theirs(name).nested_type}
    for entry in described(message(name).DESCRIPTOR).nested_type:
        if entry.options.map_entry and (name, "parameters") not in OURS:
            other = expected[entry.name]
            assert [(field.name, field.number, field.type_name) for field in entry.field] == [
                (field.name, field.number, field.type_name) for field in other.field
            ]


def test_a_parameter_is_one_of_its_kinds() -> None:
    parameter = message("InferParameter")(int64_param=3)
    parameter.string_param = "x"
    assert parameter.WhichOneof("parameter_choice") == "string_param"
    assert parameter.int64_param == 0


def test_bytes_of_one_side_are_read_by_the_other() -> None:
    sent = service_pb2.ModelInferRequest(model_name="spam", id="7", raw_input_contents=[b"abc"])
    sent.parameters["a"].bool_param = True
    sent.inputs.add(name="n", datatype="FP64", shape=[2, 1]).contents.fp64_contents.extend([1.5, -2.0])
    read = message("ModelInferRequest").FromString(sent.SerializeToString())
    assert read.SerializeToString() == sent.SerializeToString()
    assert list(read.inputs[0].contents.fp64_contents) == [1.5, -2.0]
