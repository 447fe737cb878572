"""The OpenAPI document: FastAPI's routes and the hot ones, with the columns of the classifiers that are served now and
an example of each that works.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.api.schemas import (
    ACCEPTED,
    FEEDBACK,
    INFER_ANSWER,
    INFER_REFUSAL,
    OPTIONS,
    PROBLEM,
    Schema,
    answer_schema,
    features_schema,
    infer_schema,
)
from assay.inference.examples import TAKEN
from assay.serving.served import Served

_JSON, _PROBLEM_JSON = "application/json", "application/problem+json"
_PROBLEMS = {
    "400": "The body is not JSON.",
    "404": "No such classifier.",
    "413": "The body is too large.",
    "415": "The body is not sent as application/json.",
    "421": "The Host header is not one of this server's.",
    "422": "The body breaks the contract; `errors` name the fields.",
    "503": "Not possible now; see Retry-After.",
}
_SAMPLE_ID = "00000000-0000-8000-8000-000000000001"


def describe(base: Schema, all_served: Mapping[str, Served]) -> Schema:
    """`base` with the hot routes and their schemas added."""
    served = [all_served[name] for name in sorted(all_served)]
    schemas: Schema = {"Problem": PROBLEM, "Feedback": FEEDBACK, "Accepted": ACCEPTED}
    for one in served:
        name = _component(one)
        schemas[f"{name}Features"] = features_schema(one.release.contract)
        schemas[f"{name}Answer"] = answer_schema(one.release.contract)
    paths = {
        "/v1/predict": _route("Classify one example.", _any(served, _envelope), _answers(served), _samples(served)),
        "/v1/predict/batch": _route(
            "Classify many examples: one answer or problem a row, in order.",
            _any(served, _batch),
            {"type": "object", "properties": {"predictions": {"type": "array", "items": _told(served)}}},
            _batch_samples(served),
        ),
        "/v1/feedback": _route("Send a true label.", _ref("Feedback"), _ref("Accepted"), {}, status="202"),
    }
    paths |= {f"/v2/models/{one.release.classifier}/infer": _inference_route(one) for one in served}
    if len(served) == 1:
        only = served[0]
        flat = {"anyOf": [_ref(f"{_component(only)}Features"), _envelope(only)]}
        samples = {"row": {"value": example_features(only)}}
        for path in ("/predict", "/classify"):
            paths[path] = _route("Classify one example, given as the row itself.", flat, _answers(served), samples)
        paths["/predict/batch"] = paths["/v1/predict/batch"]
    components = base.get("components", {})
    return {
        **base,
        "paths": {**paths, **base.get("paths", {})},
        "components": {**components, "schemas": {**components.get("schemas", {}), **schemas}},
    }


def example_features(served: Served) -> dict[str, Any]:
    """The features of a working example: the first of the most complete among the release's own synthetic ones."""
    examples = served.release.examples
    best = max(examples, key=lambda example: sum(cell is not None for cell in example.values()))
    return {name: _written(cell) for name, cell in best.items() if cell is not None}


def example_body(served: Served) -> dict[str, Any]:
    """A body of /v1/predict that works."""
    return {"model": served.release.classifier, "features": example_features(served)}


def example_tensors(served: Served) -> dict[str, Any]:
    """A body of /v2/models/{name}/infer that works: the same example, as tensors of one row."""
    features = example_features(served)
    return {
        "inputs": [
            {
                "name": column.name,
                "datatype": TAKEN[column.type][0],
                "shape": [1],
                "data": [features[column.name]],
            }
            for column in served.release.contract.columns
            if column.name in features
        ]
    }


def example_answer(served: Served) -> dict[str, Any]:
    """What the release answers to its example; it is not put on record."""
    release = served.release
    decision = release.answer(release.decode(msgspec.json.encode(example_features(served))))
    return {
        "prediction_id": _SAMPLE_ID,
        "model": release.classifier,
        "model_version": release.version,
        "policy_digest": release.policy_digest,
        "labels" if release.contract.task == "multilabel" else "label": decision.label,
        "decision": decision.decision,
        "confidence": decision.confidence,
        "prediction": decision.prediction,
        "latency_ms": 0.1,
    }


def _written(cell: bool | float | str) -> bool | float | str:
    """A whole number without a decimal point, as people write it."""
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15 else cell


def _route(summary: str, body: Schema, answer: Schema, samples: Schema, status: str = "200") -> Schema:
    content: Schema = {"schema": body}
    if samples:
        content["examples"] = {name: {"value": sample["value"]} for name, sample in samples.items()}
    told: Schema = {"schema": answer}
    if answers := {name: {"value": sample["answer"]} for name, sample in samples.items() if "answer" in sample}:
        told["examples"] = answers
    responses = {status: {"description": "Done.", "content": {_JSON: told}}}
    responses |= {
        code: {"description": words, "content": {_PROBLEM_JSON: {"schema": _ref("Problem")}}}
        for code, words in _PROBLEMS.items()
    }
    request = {"required": True, "content": {_JSON: content}}
    return {"post": {"summary": summary, "tags": ["predict"], "requestBody": request, "responses": responses}}


def _inference_route(served: Served) -> Schema:
    """The protocol's route of one classifier, with a tensor a column."""
    body = infer_schema(served.release.contract)
    content = {"schema": body, "examples": {served.release.classifier: {"value": example_tensors(served)}}}
    responses = {"200": {"description": "Done.", "content": {_JSON: {"schema": INFER_ANSWER}}}}
    responses |= {
        code: {"description": words, "content": {_JSON: {"schema": INFER_REFUSAL}}} for code, words in _PROBLEMS.items()
    }
    summary = f"Classify rows with {served.release.classifier}, given as a tensor a column (Open Inference Protocol)."
    request = {"required": True, "content": {_JSON: content}}
    return {"post": {"summary": summary, "tags": ["inference"], "requestBody": request, "responses": responses}}


def _envelope(served: Served) -> Schema:
    return {
        "type": "object",
        "properties": {**_model(served), "features": _ref(f"{_component(served)}Features"), **OPTIONS},
        "required": ["model", "features"],
        "additionalProperties": False,
    }


def _batch(served: Served) -> Schema:
    rows = {"type": "array", "items": {"type": "object"}, "description": "Each row as `features` of /v1/predict."}
    texts = {"type": "array", "items": {"type": "string"}, "description": "For a classifier with one text column."}
    return {
        "type": "object",
        "properties": {**_model(served), "rows": rows, "texts": texts, **OPTIONS},
        "required": ["model"],
        "additionalProperties": False,
    }


def _model(served: Served) -> Schema:
    return {"model": {"type": "string", "enum": [served.release.classifier]}}


def _samples(served: list[Served]) -> Schema:
    return {one.release.classifier: {"value": example_body(one), "answer": example_answer(one)} for one in served}


def _batch_samples(served: list[Served]) -> Schema:
    return {
        one.release.classifier: {"value": {"model": one.release.classifier, "rows": [example_features(one)]}}
        for one in served
    }


def _any(served: list[Served], make: Any) -> Schema:
    return {"oneOf": [make(one) for one in served]} if len(served) != 1 else make(served[0])


def _answers(served: list[Served]) -> Schema:
    return {"anyOf": [_ref(f"{_component(one)}Answer") for one in served]} if served else {"type": "object"}


def _told(served: list[Served]) -> Schema:
    return {"anyOf": [*(_ref(f"{_component(one)}Answer") for one in served), _ref("Problem")]}


def _component(served: Served) -> str:
    """A classifier's name as OpenAPI allows it in component names, kept apart by its hex digits where it differs."""
    name = served.release.classifier
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return plain if plain == name else f"{plain}_{name.encode().hex()}"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
