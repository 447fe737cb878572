"""The OpenAPI document: the classifiers' own columns, and examples that work."""

from __future__ import annotations

from typing import Any

import pytest

from assay.api.schemas import column_schema
from assay.contract.columns import Column
from tests.api.door import Door

HOT = {"/v1/predict", "/v1/predict/batch", "/v1/feedback"}
SHORT = {"/predict", "/classify", "/predict/batch"}


def document(door: Door) -> Any:
    return door.get("/openapi.json").json


def content(route: Any) -> Any:
    return route["post"]["requestBody"]["content"]["application/json"]


def test_hot_and_other_routes_stand_in_one_document(door: Door, several: Door) -> None:
    paths = set(document(door)["paths"])
    assert HOT | SHORT | {"/livez", "/readyz", "/health", "/metrics", "/v1/models"} <= paths
    assert set(document(several)["paths"]) >= HOT
    assert not SHORT & set(document(several)["paths"])


def test_the_columns_are_the_classifiers_own(door: Door) -> None:
    features = document(door)["components"]["schemas"]["spamFeatures"]
    assert features["properties"]["text"] == {"type": "string", "minLength": 1, "maxLength": 200}
    assert features["properties"]["amount"]["type"] == ["number", "null"]
    assert (features["required"], features["additionalProperties"]) == (["text"], False)


@pytest.mark.parametrize(("which", "examples"), [("door", 6), ("several", 9)])
def test_every_example_of_a_request_is_answered(which: str, examples: int, request: pytest.FixtureRequest) -> None:
    door: Door = request.getfixturevalue(which)
    tried = 0
    for path, route in document(door)["paths"].items():
        for example in content(route).get("examples", {}).values() if "post" in route else ():
            told = door.post(path, example["value"])
            assert told.status == 200, told.body
            assert all("label" in answer for answer in told.json.get("predictions", ()))
            tried += 1
    assert tried == examples


def test_the_example_of_an_answer_is_what_the_release_answers(several: Door) -> None:
    route = document(several)["paths"]["/v1/predict"]
    answers = route["post"]["responses"]["200"]["content"]["application/json"]["examples"]
    for name, example in content(route)["examples"].items():
        told = several.post("/v1/predict", example["value"]).json
        lasting = {key for key in told if key not in {"prediction_id", "latency_ms"}}
        assert {key: answers[name]["value"][key] for key in lasting} == {key: told[key] for key in lasting}
        assert answers[name]["value"].keys() == told.keys()
    assert len(several.log.predictions) == 3


def test_every_reference_leads_somewhere(several: Door) -> None:
    whole = document(several)
    known = {f"#/components/schemas/{name}" for name in whole["components"]["schemas"]}
    assert set(_references(whole)) <= known


def test_every_refusal_is_a_problem_document(door: Door) -> None:
    responses = document(door)["paths"]["/v1/predict"]["post"]["responses"]
    assert {"400", "404", "413", "415", "421", "422", "503"} <= responses.keys()
    assert "application/problem+json" in responses["422"]["content"]


@pytest.mark.parametrize(
    ("column", "schema"),
    [
        (Column(name="a", type="number"), {"type": "number"}),
        (
            Column(name="a", type="number", outliers="reject", minimum=0.0),
            {"type": "number", "minimum": 0.0},
        ),
        (Column(name="a", type="number", outliers="clip", minimum=0.0), {"type": "number"}),
        (Column(name="a", type="boolean"), {"type": "boolean"}),
        (Column(name="a", type="timestamp"), {"type": "string", "format": "date-time"}),
        (Column(name="a", type="text", truncate=True), {"type": "string", "minLength": 1}),
        (
            Column(name="a", type="category", values=("x", "y"), unknown="reject"),
            {"type": "string", "enum": ["x", "y"]},
        ),
        (
            Column(name="a", type="category", values=("x",), pattern="^x"),
            {"type": ["string", "integer"], "pattern": "^x"},
        ),
        (Column(name="a", type="id"), {"type": ["string", "integer", "null"]}),
    ],
)
def test_a_columns_schema_says_what_its_contract_takes(column: Column, schema: dict[str, object]) -> None:
    assert column_schema(column) == schema


def test_a_column_that_may_be_missing_says_what_stands_for_it() -> None:
    category = Column(name="a", type="category", missing="most_frequent", values=("x",), unknown="reject")
    assert column_schema(category)["enum"] == ["x", None]
    assert "most frequent" in column_schema(category)["description"]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for inner in value.values() for found in _references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _references(inner)]
    return []
