"""Hostile input at every POST route: an answer below 500 whatever comes; a planted fault is a 500 (control)."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assay.features.plan import FeatureRow
from assay.values import Row
from tests.api.door import Door, Told
from tests.serving.material import SPAM_ROW

INFER = "/v2/models/spam/infer"
ROUTES = ("/v1/predict", "/v1/predict/batch", "/predict", "/classify", "/predict/batch", "/v1/feedback", INFER)
SHAPES = (
    b'{"model": "spam", "features": %s}',
    b'{"features": {"text": "hello", "amount": %s}}',
    b'{"text": %s}',
    b'{"text": "hello", "user_id": %s}',
    b'{"rows": [{"text": "hello", "amount": %s}]}',
    b'{"texts": [%s]}',
    b'{"label": "spam", "prediction_id": %s}',
    b'{"label": "spam", "entity": "u1", "time": %s}',
    b'{"label": "spam", "prediction_id": "id-1", "score": %s}',
    b'{"inputs": %s}',
    b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": [%s]}]}',
    b'{"inputs": [{"name": "amount", "datatype": "FP64", "shape": [1], "data": %s}]}',
    b'{"inputs": [{"name": "amount", "datatype": "INT64", "shape": [%s], "data": [1]}]}',
    b'{"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": %s}}]}',
    b"%s",
)
HOSTILE = {
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "1e400": b"1e400",
    "2 to the 64": b"18446744073709551616",
    "an integer of 5000 digits": b"9" * 5000,
    "an empty string": b'""',
    "NUL": b'"a\\u0000b"',
    "a raw NUL": b'"a\x00b"',
    "a lone surrogate": b'"\\ud800"',
    "a pair the wrong way round": b'"\\udc00\\ud800"',
    "bytes that are not UTF-8": b'"\xff\xfe"',
    "an overlong encoding": b'"\xc0\x80"',
    "combining marks": '"a{}"'.format("\u0301" * 10_000).encode(),
    "text that grows when normalised": '"{}"'.format("\ufdfa" * 150).encode(),
    "direction marks": '"\u202e\u2066 \u200b"'.encode(),
    "entities": b'"&#x0; &#55296; &#9999999999; &amp;amp;"',
    "duplicate keys": b'{"text": "a", "text": "b", "amount": 1, "amount": "x"}',
    "deep nesting": b"[" * 100_000 + b"]" * 100_000,
    "nesting just within reach": b"[" * 400 + b"]" * 400,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "many columns": json.dumps({f"column{at}": at for at in range(20_000)}).encode(),
    "a column with a long name": json.dumps({"x" * 100_000: 1}).encode(),
    "a column named like an attribute": b'{"text": "a", "__class__": 1, "__struct_fields__": 2}',
    "an unfinished object": b'{"text": "a"',
    "an unfinished string": b'"abc',
    "an unfinished escape": b'"\\u12',
    "two documents": b'{"text": "a"}{"text": "b"}',
    "a comment": b'/* */ {"text": "a"}',
    "nothing": b"",
    "null": b"null",
    "a far date": b'"99999-12-31T00:00:00Z"',
    "the last second": b'"9999-12-31T23:59:60-23:59"',
    "the first day far east": b'"0001-01-01T00:00:00+23:59"',
    "minus zero": b"-0.0",
    "a denormal": b"5e-324",
    "SQL": b'"users; DROP TABLE users--"',
    "a path": b'"../../etc/passwd"',
}


def harmless(told: Told) -> None:
    """An answer below 500 that is JSON, and says what was wrong where it refuses."""
    assert told.status < 500, told.body[:300]
    content = json.loads(told.body)
    if told.status >= 400 and content.keys() == {"error"}:
        assert len(told.body) < 5000
    elif told.status >= 400:
        assert told.headers["content-type"] == "application/problem+json"
        assert content["status"] == told.status
        assert len(told.body) < 50_000
    for answer in content.get("predictions", ()):
        assert answer.get("status", 200) < 500


@pytest.mark.security
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_values_never_get_a_5xx(door: Door, what: str) -> None:
    for shape in SHAPES:
        for route in ROUTES:
            harmless(door.post(route, shape.replace(b"%s", HOSTILE[what])))


@pytest.mark.security
@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_body_cut_anywhere_is_malformed(door: Door, cut: int) -> None:
    whole = json.dumps({"model": "spam", "features": SPAM_ROW}).encode()
    told = door.post("/v1/predict", whole[:cut])
    assert told.status == 400
    assert door.log.records == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = """
    model features rows texts entity explain timeout_ms metadata request_id return_probabilities
    text user_id amount plan verified sent_at prediction_id label time score source comment
    inputs outputs id parameters name datatype shape data
"""
names = st.sampled_from(NAMES.split())
bodies = st.dictionaries(names | st.text(max_size=5), json_values, max_size=6)


@pytest.mark.security
@settings(max_examples=300)
@given(route=st.sampled_from(ROUTES), body=bodies, plausible=st.booleans())
def test_any_json_gets_an_answer_below_500(
    lasting_door: Door, route: str, body: dict[str, object], plausible: bool
) -> None:
    given_body = {"features": {**SPAM_ROW, **body}} if plausible else body
    harmless(lasting_door.post(route, json.dumps(given_body).encode()))


@pytest.mark.security
@settings(max_examples=300)
@given(
    names=st.lists(names, max_size=3),
    datatype=st.sampled_from(["BYTES", "FP64", "INT8", "BOOL", "FP32"]),
    shape=st.lists(st.integers(-1, 3), max_size=3) | json_values,
    data=st.lists(json_values, max_size=4) | json_values,
)
def test_any_tensor_gets_an_answer_below_500(
    lasting_door: Door, names: list[str], datatype: str, shape: object, data: object
) -> None:
    inputs = [{"name": name, "datatype": datatype, "shape": shape, "data": data} for name in names]
    harmless(lasting_door.post(INFER, json.dumps({"inputs": inputs}).encode()))


@pytest.mark.security
@settings(max_examples=300)
@given(route=st.sampled_from(ROUTES), body=st.binary(max_size=200))
@example(route="/predict", body=b'{"features":{')
def test_any_bytes_get_an_answer_below_500(lasting_door: Door, route: str, body: bytes) -> None:
    harmless(lasting_door.post(route, body))


@pytest.mark.security
@settings(max_examples=200)
@given(at=st.integers(0, 250), byte=st.integers(0, 255))
def test_one_changed_byte_gets_an_answer_below_500(lasting_door: Door, at: int, byte: int) -> None:
    raw = bytearray(json.dumps({"model": "spam", "features": SPAM_ROW, "explain": True}).encode())
    raw[at % len(raw)] = byte
    harmless(lasting_door.post("/v1/predict", bytes(raw)))


def test_a_fault_of_this_side_is_a_500_that_says_nothing(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_row: Row) -> FeatureRow:
        raise ZeroDivisionError("planted with someone's words")

    spam = door.loader.served["spam"]
    door.loader.served = {"spam": dataclasses.replace(spam, release=dataclasses.replace(spam.release, features=fail))}
    with caplog.at_level(logging.ERROR):
        told = door.post("/v1/predict", {"features": SPAM_ROW})
    assert told.status == 500
    assert "planted" not in told.body.decode()
    [line] = [record for record in caplog.records if record.name == "assay.api.predict"]
    assert vars(line)["error"] == "ZeroDivisionError"
    assert vars(line)["request_id"] == told.json["request_id"]
    assert "planted" not in line.getMessage()
    assert door.log.predictions[0].error == "ZeroDivisionError"
    assert door.errors() == {"internal": 1}
