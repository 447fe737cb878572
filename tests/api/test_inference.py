"""The Open Inference Protocol over REST: the wire to the letter, and the answers those of /v1/predict."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from assay.app import App
from assay.settings import Settings
from tests.api.door import Door, Told, open_door
from tests.house.source import ROOT
from tests.serving.material import SPAM, SPAM_ROW, TOPIC_ROW, labels_bundle, publish_in, spam_bundle

INFER = "/v2/models/spam/infer"
TEXT = {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["win a free prize http://x.example", "hello hello"]}
AMOUNT = {"name": "amount", "datatype": "FP64", "shape": [2, 1], "data": [3.5, None]}
OCTETS = (b"content-type", b"application/octet-stream")


def outputs(told: Told) -> dict[str, Any]:
    assert told.status == 200, told.body
    return {output["name"]: output["data"] for output in told.json["outputs"]}


def error(told: Told) -> str:
    assert list(told.json) == ["error"]
    assert told.headers["content-type"] == "application/json"
    return str(told.json["error"])


def as_tensors(row: dict[str, Any]) -> list[dict[str, Any]]:
    datatypes = {bool: "BOOL", float: "FP64", int: "FP64", str: "BYTES"}
    return [
        {"name": name, "datatype": datatypes[type(cell)], "shape": [1], "data": [cell]} for name, cell in row.items()
    ]


def test_an_answer_has_the_fields_of_the_protocol(door: Door) -> None:
    told = door.post(INFER, {"id": "7", "inputs": [TEXT, AMOUNT]}).json
    assert list(told) == ["model_name", "model_version", "id", "parameters", "outputs"]
    assert (told["model_name"], told["model_version"], told["id"]) == ("spam", "1", "7")
    assert [(output["name"], output["datatype"], output["shape"]) for output in told["outputs"]] == [
        ("label", "BYTES", [2]),
        ("decision", "BYTES", [2]),
        ("confidence", "FP64", [2]),
        ("probabilities", "FP64", [2, 2]),
        ("prediction_id", "BYTES", [2]),
        ("degraded", "BYTES", [2]),
    ]
    assert json.loads(told["outputs"][3]["parameters"]["classes"]) == ["ham", "spam"]


@pytest.mark.parametrize(
    ("model", "row"), [("spam", SPAM_ROW), ("topic", TOPIC_ROW), ("match", TOPIC_ROW), ("spam", {"text": "hello"})]
)
def test_an_answer_is_that_of_v1(several: Door, model: str, row: dict[str, Any]) -> None:
    body = {"model": model, "features": row, "return_probabilities": True}
    expected = several.post("/v1/predict", body).json
    told = outputs(several.post(f"/v2/models/{model}/infer", {"inputs": as_tensors(row)}))
    assert told == {
        "label": [expected["label"]],
        "decision": [expected["decision"]],
        "confidence": [expected["confidence"]],
        "probabilities": list(expected["probabilities"].values()),
        "prediction_id": ["id-2"],
        "degraded": [""],
    }
    first, second = several.log.predictions
    differing = {"prediction_id", "latency_ms"}
    assert {name for name in first.__struct_fields__ if getattr(first, name) != getattr(second, name)} <= differing


def test_several_labels_have_a_place_each(themes: Door) -> None:
    inputs = [
        {"name": "goals", "datatype": "INT64", "shape": [2], "data": [3, 0]},
        {"name": "price", "datatype": "FP32", "shape": [2, 1], "data": [[1.5], [-3.0]]},
    ]
    told = themes.post("/v2/models/themes/infer", {"inputs": inputs}).json["outputs"]
    label, decision, confidence, probabilities = told[:4]
    assert (label["datatype"], label["shape"], label["data"]) == (
        "BOOL",
        [2, 3],
        [False, True, True, True, False, True],
    )
    assert (decision["shape"], json.loads(decision["parameters"]["classes"])) == (
        [2, 4],
        ["art", "money", "sport", "review"],
    )
    assert decision["data"] == [False, True, True, False, True, False, True, False]
    for at, row in enumerate(({"goals": 3, "price": 1.5}, {"goals": 0, "price": -3.0})):
        expected = themes.post("/v1/predict", {"features": row}).json
        assert probabilities["data"][3 * at : 3 * at + 3] == list(expected["prediction"].values())
        assert confidence["data"][at] == expected["confidence"]


def test_a_review_of_several_labels_stands_in_its_own_place(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path), tmp_path)
    publish_in(app, labels_bundle(review_within=0.45))
    with open_door(app, tmp_path / "counters") as door:
        told = outputs(door.post("/v2/models/themes/infer", {"inputs": as_tensors(TOPIC_ROW)}))
        assert door.post("/v1/predict", {"features": TOPIC_ROW}).json["decision"] == ["review"]
    app.engine.dispose()
    assert (told["label"], told["decision"]) == ([False, True, True], [False, False, False, True])


def test_missing_cells_are_null_or_left_out(door: Door) -> None:
    alone = outputs(door.post(INFER, {"inputs": [TEXT]}))
    flag = {"name": "verified", "datatype": "FP32", "shape": [2], "data": [None, None]}
    with_nulls = outputs(door.post(INFER, {"inputs": [TEXT, {**AMOUNT, "data": [None, None]}, flag]}))
    assert alone["probabilities"] == with_nulls["probabilities"]


def test_not_a_number_as_some_writers_of_json_put_it_is_missing(door: Door) -> None:
    body = json.dumps({"inputs": [TEXT, {**AMOUNT, "data": [3.5, float("nan")]}]}).encode()
    assert b"NaN" in body
    expected = outputs(door.post(INFER, {"inputs": [TEXT, AMOUNT]}))
    assert outputs(door.post(INFER, body))["probabilities"] == expected["probabilities"]
    for broken in (body.replace(b"3.5", b"Infinity"), body[:-1], b'{"x": ' + b"[" * 100_000 + body):
        assert door.post(INFER, broken).status == 400


def test_the_documented_example_is_answered_as_it_says(door: Door) -> None:
    told = (ROOT / "docs" / "inference.md").read_text(encoding="utf-8")
    request, answer = (
        json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", told, re.MULTILINE | re.DOTALL)
    )
    given = door.post(INFER, request).json
    assert list(given) == list(answer)
    shown = [{name: value for name, value in output.items() if name != "data"} for output in given["outputs"]]
    assert shown == [{name: value for name, value in output.items() if name != "data"} for output in answer["outputs"]]
    assert given["outputs"][0] == answer["outputs"][0]


def test_asked_outputs_come_alone_and_in_order(door: Door) -> None:
    wanted = [{"name": "confidence"}, {"name": "label", "parameters": {"unknown": 1}}]
    told = door.post(INFER, {"inputs": [TEXT], "outputs": wanted}).json["outputs"]
    assert [output["name"] for output in told] == ["confidence", "label"]


def test_an_output_that_is_asked_for_twice_is_refused(door: Door) -> None:
    told = door.post(INFER, {"inputs": [TEXT], "outputs": [{"name": "label"}] * 20_000})
    assert (told.status, told.json) == (
        422, {"error": "the outputs are not what this classifier gives: outputs: has a name twice"},
    )  # fmt: skip


@pytest.mark.parametrize("shape", [[2**63 - 1] * 1_000, [2] * 9, [2**63], [-1]], ids=["long", "deep", "wide", "none"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_shape_that_no_tensor_has_is_refused(door: Door, shape: list[int], binary: bool) -> None:
    wanted: dict[str, Any] = {**TEXT, "shape": shape}
    if binary:
        wanted = {"name": "text", "datatype": "BYTES", "shape": shape, "parameters": {"binary_data_size": 0}}
    told = door.post(INFER, {"inputs": [wanted]})
    assert (told.status, "in its shape" in told.json["error"]) == (422, True)


def test_a_number_beyond_all_floats_is_refused_beside_nan(door: Door) -> None:
    body = b'{"inputs": [%s, {"name": "amount", "datatype": "FP64", "shape": [2], "data": [NaN, 1e400]}]}'
    assert door.post(INFER, body % json.dumps(TEXT).encode()).status == 400


def test_the_request_id_is_kept_and_comes_back(door: Door) -> None:
    door.post(INFER, {"id": "mine", "inputs": [TEXT]}, [(b"x-request-id", b"theirs")])
    told = door.post(INFER, {"inputs": [TEXT]}, [(b"x-request-id", b"theirs")])
    assert told.json["id"] == "theirs"
    assert "id" not in door.post(INFER, {"inputs": [TEXT]}).json
    assert [record.request_id for record in door.log.predictions] == ["mine", "mine", "theirs", "theirs", None, None]


def test_truncation_is_told(tmp_path: Path) -> None:
    bundle = spam_bundle()
    columns = (msgspec.structs.replace(SPAM.columns[0], truncate=True), *SPAM.columns[1:])
    app = App(Settings(home=tmp_path), tmp_path)
    publish_in(app, dataclasses.replace(bundle, contract=msgspec.structs.replace(SPAM, columns=columns)))
    with open_door(app, tmp_path / "counters") as door:
        told = outputs(door.post(INFER, {"inputs": [{**TEXT, "data": ["x" * 201, "y"]}]}))
    app.engine.dispose()
    assert told["degraded"] == ["text was truncated", ""]


def test_binary_tensors_follow_the_json(door: Door) -> None:
    texts = b"".join(len(text).to_bytes(4, "little") + text.encode() for text in TEXT["data"])
    amounts = np.array([3.5, np.nan]).tobytes()
    head = json.dumps(
        {
            "inputs": [
                {"name": "text", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": len(texts)}},
                {"name": "amount", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}},
            ],
            "outputs": [{"name": "label"}, {"name": "probabilities", "parameters": {"binary_data": True}}],
        }
    ).encode()
    length = (b"inference-header-content-length", str(len(head)).encode())
    told = door.send("POST", INFER, [head + texts + amounts], [OCTETS, length])
    assert told.headers["content-type"] == "application/octet-stream"
    at = int(told.headers["inference-header-content-length"])
    label, probabilities = json.loads(told.body[:at])["outputs"]
    assert "parameters" not in label
    assert probabilities["parameters"]["binary_data_size"] == 32 == len(told.body) - at
    expected = outputs(door.post(INFER, {"inputs": [TEXT, AMOUNT]}))
    assert np.frombuffer(told.body[at:]).tolist() == expected["probabilities"]
    assert label["data"] == expected["label"]


def test_all_outputs_can_be_binary_but_for_one(door: Door) -> None:
    body = {
        "inputs": [TEXT],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "label", "parameters": {"binary_data": False}}, {"name": "confidence"}],
    }
    told = door.post(INFER, body)
    at = int(told.headers["inference-header-content-length"])
    label, confidence = json.loads(told.body[:at])["outputs"]
    assert "data" in label
    assert "data" not in confidence


@pytest.mark.parametrize(
    ("length", "body", "status", "says"),
    [
        (b"x", b"{}", 400, "not a number"),
        (b"3", b"{}", 400, "more than the body"),
        (b"14", b'{"inputs": []}left over', 400, "binary_data_size"),
    ],
)
def test_a_header_that_does_not_fit_the_body_is_refused(
    door: Door, length: bytes, body: bytes, status: int, says: str
) -> None:
    told = door.send("POST", INFER, [body], [OCTETS, (b"inference-header-content-length", length)])
    assert told.status == status
    assert says in error(told)


@pytest.mark.parametrize(("name", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_packed_body_is_unpacked_up_to_the_limit(one_app: App, tmp_path: Path, name: bytes, pack: Any) -> None:
    body = json.dumps({"inputs": [TEXT]}).encode()
    encoding = (b"content-encoding", name)
    with open_door(one_app, tmp_path / "counters", max_body_kb=1) as door:
        assert door.post(INFER, pack(body), [encoding]).status == 200
        assert door.post(INFER, pack(body + b" " * 1024), [encoding]).status == 413
        assert door.post(INFER, pack(body)[:-3], [encoding]).status == 400
        assert door.post(INFER, b"junk", [encoding]).status == 400
        assert door.post(INFER, body, [(b"content-encoding", b"br")]).status == 422


def test_a_body_above_the_limit_is_refused_however_it_comes(one_app: App, tmp_path: Path) -> None:
    body = json.dumps({"inputs": [TEXT], "more": "x" * 1024}).encode()
    json_type = (b"content-type", b"application/json")
    with open_door(one_app, tmp_path / "counters", max_body_kb=1) as door:
        announced = door.send("POST", INFER, [], [json_type, (b"content-length", b"5000")])
        pieces = door.send("POST", INFER, [body[at : at + 100] for at in range(0, len(body), 100)], [json_type])
        assert door.errors() == {"too_large": 2}
    assert [announced.status, pieces.status] == [413, 413]
    assert "1024" in error(pieces)


def test_programs_may_leave_the_type_out_and_pages_may_not(door: Door) -> None:
    body = json.dumps({"inputs": [TEXT]}).encode()
    assert door.send("POST", INFER, [body], []).status == 200
    told = door.send("POST", INFER, [body], [(b"origin", b"http://evil.example")])
    assert (told.status, door.errors()) == (415, {"media_type": 1})
    assert door.send("POST", INFER, [body], [(b"content-type", b"text/plain")]).status == 415


def test_one_bad_row_refuses_the_request_and_nothing_is_on_record(door: Door) -> None:
    told = door.post(INFER, {"inputs": [{**TEXT, "data": ["hello", "  "]}, AMOUNT]})
    assert told.status == 422
    assert error(told).startswith("rows break the contract; none was answered: row 1, features.text: must hold some")
    assert (door.log.records, door.errors()) == ([], {"contract": 1})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"datatype": "FP64"}, "inputs.text"),
        ({"datatype": "NOPE"}, "inputs.text: has the datatype 'NOPE'"),
        ({"data": ["a"]}, "inputs.text: has 1 elements"),
        ({"data": [["a"], "b"]}, "inputs.text: has elements beside lists"),
        ({"data": ["a", 1]}, "inputs.text: is not BYTES"),
        ({"data": "ab"}, "inputs.text: is not BYTES"),
        ({"data": {}}, "inputs.text: is not BYTES"),
        ({"shape": [3]}, "inputs.text: has 2 elements"),
        ({"shape": [1, 2]}, "inputs.text: has the shape [1, 2]"),
        ({"shape": "2"}, "inputs[0].shape"),
        ({"name": "texst"}, "inputs.texst: is not a column"),
        ({"parameters": {"shared_memory_region": "a"}}, "shared_memory_region"),
        ({"parameters": {"binary_data_size": -1}}, "binary_data_size"),
        ({"parameters": {"binary_data_size": 2**40}}, "inputs.text: has bytes that are not"),
    ],
)
def test_a_tensor_that_cannot_be_used_is_named(door: Door, change: dict[str, Any], says: str) -> None:
    told = door.post(INFER, {"inputs": [{**TEXT, **change}]})
    assert told.status in (400, 422)
    assert says in error(told)
    assert door.log.records == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 422, "body"),
        ({}, 422, "inputs: is required"),
        ({"inputs": []}, 422, "give a tensor"),
        ({"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}]}, 422, "neither data nor"),
        ({"inputs": [TEXT], "outputs": [{"name": "nope"}]}, 422, "outputs.nope: is not an output; there are label"),
        (
            {"inputs": [TEXT], "outputs": [{"name": "label", "parameters": {"classification": 2}}]},
            422,
            "classification",
        ),
        ({"inputs": [TEXT], "id": "x" * 201}, 422, "id"),
        (b'{"inputs": [{"name": "amount", "datatype": "FP64", "shape": [1], "data": [1e999]}]}', 422, "amount"),
        (b'{"x": ' + b"[" * 5000, 400, "nested"),
    ],
)
def test_a_body_that_is_no_request_is_refused(door: Door, body: Any, status: int, says: str) -> None:
    told = door.post(INFER, body)
    assert told.status == status
    assert says in error(told)


def test_too_many_rows_are_refused(one_app: App, tmp_path: Path) -> None:
    with open_door(one_app, tmp_path / "counters", max_rows=1) as door:
        assert "at most 1" in error(door.post(INFER, {"inputs": [TEXT]}))


def test_a_full_log_is_a_503_in_the_protocols_form(door: Door) -> None:
    door.log.full = True
    told = door.post(INFER, {"inputs": [TEXT]})
    assert (told.status, told.headers["retry-after"], error(told)) == (503, "2", "the spool of the log is full")


def test_an_unexpected_failure_says_nothing_about_itself(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(door.log, "append_many", fail)
    told = door.post(INFER, {"inputs": [TEXT]})
    assert told.status == 500
    assert "secret" not in error(told)
    assert door.errors() == {"internal": 1}


def test_a_caller_that_goes_away_is_no_failure(door: Door) -> None:
    told = door.send("POST", INFER, [b'{"inputs"', None], [(b"content-type", b"application/json")])
    assert (told.status, door.errors()) == (499, {})


def test_health_and_metadata_are_the_protocols(door: Door) -> None:
    assert door.get("/v2/health/live").json == {"live": True}
    assert door.get("/v2/health/ready").json == {"ready": True}
    assert door.get("/v2/models/spam/ready").json == {"name": "spam", "ready": True}
    assert door.get("/v2").json["extensions"] == ["binary_tensor_data"]
    told = door.get("/v2/models/spam").json
    assert [(one["name"], one["datatype"], one["shape"]) for one in told["inputs"]] == [
        ("text", "BYTES", [-1]),
        ("user_id", "BYTES", [-1]),
        ("amount", "FP64", [-1]),
        ("plan", "BYTES", [-1]),
        ("verified", "BOOL", [-1]),
        ("sent_at", "BYTES", [-1]),
    ]
    assert told["outputs"][3]["shape"] == [-1, 2]
    assert (told["versions"], json.loads(told["parameters"]["classes"])) == (["1"], ["ham", "spam"])


def test_a_version_in_the_path_is_the_one_that_answers_or_an_error(door: Door) -> None:
    assert outputs(door.post("/v2/models/spam/versions/1/infer", {"inputs": [TEXT]}))["label"] == ["spam", "ham"]
    assert door.get("/v2/models/spam/versions/1").json == door.get("/v2/models/spam").json
    assert door.get("/v2/models/spam/versions/1/ready").status == 200
    for told in (
        door.post("/v2/models/spam/versions/2/infer", {"inputs": [TEXT]}),
        door.get("/v2/models/spam/versions/2"),
    ):
        assert (told.status, error(told)) == (404, "spam answers with version 1 here, not with '2'")
    assert door.get("/v2/models/spam/versions/2/ready").json == {"name": "spam", "ready": False}


@pytest.mark.parametrize(
    "path", ["/v2/models/no", "/v2/models/no/infer", "/v2/nothing", "/v2/models/..%2F..%2Fetc/infer"]
)
def test_what_does_not_exist_is_a_404(door: Door, path: str) -> None:
    told = door.post(path, {"inputs": [TEXT]}) if path.endswith("infer") else door.get(path)
    assert (told.status, bool(error(told))) == (404, True)
    assert door.get("/v2/models/no/ready").status == 404


def test_another_method_is_a_405(door: Door) -> None:
    told = door.get(INFER)
    assert (told.status, told.headers["allow"]) == (405, "POST")
    assert error(told)


def test_without_a_classifier_nothing_is_ready(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path), tmp_path)
    with open_door(app, tmp_path / "counters") as door:
        assert door.get("/v2/health/ready").status == 503
        assert door.get("/v2/health/live").status == 200
        assert door.post(INFER, {"inputs": [TEXT]}).status == 503
    app.engine.dispose()
