"""JSON schemas of the wire: a contract's columns, bodies, answers and problems, for OpenAPI and for model metadata."""

from __future__ import annotations

from typing import Any

from assay.contract.columns import Column, Contract
from assay.inference.examples import TAKEN
from assay.inference.tensors import DATATYPES

Schema = dict[str, Any]

_WORDS = {
    "median": "the median of the training rows",
    "mean": "the mean of the training rows",
    "most_frequent": "the most frequent value of the training rows",
    "constant": "a constant",
}


def features_schema(contract: Contract) -> Schema:
    """What `features` takes: the classifier's own columns."""
    return {
        "type": "object",
        "properties": {column.name: column_schema(column) for column in contract.columns},
        "required": [column.name for column in contract.columns if column.required],
        "additionalProperties": False,
    }


def column_schema(column: Column) -> Schema:
    """What one column takes."""
    schema: Schema = {}
    if column.type == "number":
        types = ["number"]
        if column.outliers == "reject":
            schema |= _present(minimum=column.minimum, maximum=column.maximum)
    elif column.type == "boolean":
        types = ["boolean"]
    elif column.type == "timestamp":
        types = ["string"]
        schema["format"] = "date-time"
    elif column.type == "text":
        types = ["string"]
        schema["minLength"] = column.min_length
        if not column.truncate:
            schema["maxLength"] = column.max_length
    else:
        types = ["string", "integer"]
        if column.values is not None and column.unknown == "reject":
            types = ["string"]
            schema["enum"] = [*column.values, *([] if column.required else [None])]
        schema |= _present(pattern=column.pattern)
    if column.required:
        return {"type": types if len(types) > 1 else types[0], **schema}
    if column.type != "id":
        schema["description"] = _when_missing(column)
    return {"type": [*types, "null"], **schema}


def _when_missing(column: Column) -> str:
    if column.type == "timestamp" and column.missing != "constant":
        return "May be missing."
    return f"When missing, {_WORDS.get(column.missing, 'left out')} stands for it."


def answer_schema(contract: Contract) -> Schema:
    """What comes back."""
    probability: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    classes = list(contract.classes)
    properties: Schema = {
        "prediction_id": {"type": "string", "description": "Names this answer in the log and in feedback."},
        "model": {"type": "string"},
        "model_version": {"type": "integer"},
        "policy_digest": {"type": "string"},
        "label": {"type": "string", "enum": classes, "description": "The most likely class under the policy."},
        "decision": {"type": "string", "enum": [*classes, "review"], "description": "The label, or review."},
        "confidence": {**probability, "description": "Calibrated probability of the label."},
        "prediction": {**probability, "description": "Probability of the positive class, else of the label."},
        "latency_ms": {"type": "number"},
        "probabilities": {"type": "object", "properties": dict.fromkeys(classes, probability)},
        "explanation": EXPLANATION,
        "cache_hit": {"type": "boolean", "description": "Present and true where the scores were kept from before."},
        "degraded": {"type": "array", "items": {"type": "string"}, "description": "What was left out, and why."},
    }
    if contract.task == "multilabel":
        properties = {_SEVERAL.get(name, name): schema for name, schema in properties.items()} | _labels(classes)
    return {
        "type": "object",
        "properties": properties,
        "required": [
            name for name in properties if name not in ("probabilities", "explanation", "cache_hit", "degraded")
        ],
    }


_SEVERAL = {"label": "labels"}


def _labels(classes: list[str]) -> Schema:
    """What is different in an answer that may have any number of labels."""
    probability: Schema = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "labels": {"type": "array", "items": {"type": "string", "enum": classes}, "description": "Those that apply."},
        "decision": {
            "type": "array",
            "items": {"type": "string", "enum": [*classes, "review"]},
            "description": "The labels, or review alone.",
        },
        "confidence": {**probability, "description": "Least probability of the labels; with none, of none applying."},
        "prediction": {
            "type": "object",
            "properties": dict.fromkeys(classes, probability),
            "description": "Calibrated probability of every label.",
        },
        "explanation": {"type": "array", "items": EXPLANATION, "description": "One for each of `labels`."},
    }


#: The options that every predict route takes beside its rows.
OPTIONS: Schema = {
    "entity": {"type": ["string", "null"], "minLength": 1, "maxLength": 1000, "description": "Who this is about."},
    "explain": {"type": "boolean", "default": False},
    "return_probabilities": {"type": "boolean", "default": False},
    "timeout_ms": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 3_600_000},
    "metadata": {"type": ["string", "null"], "maxLength": 1000, "description": "Kept in the log."},
    "request_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 200},
}

EXPLANATION: Schema = {
    "type": "object",
    "description": "base + all contributions = margin, the raw score (log-odds) of `label` before calibration; "
    "`factors` are the largest.",
    "properties": {
        "kind": {"type": "string", "enum": ["exact", "approximate", "rule"]},
        "label": {"type": "string"},
        "base": {"type": "number"},
        "margin": {"type": "number"},
        "factors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "feature": {"type": "string"},
                    "contribution": {"type": "number"},
                    "value": {"type": ["number", "string", "null"]},
                },
                "required": ["feature", "contribution"],
            },
        },
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["kind", "label", "base", "margin", "factors"],
}

_LABEL: Schema = {"type": "string", "minLength": 1, "maxLength": 1000}

FEEDBACK: Schema = {
    "type": "object",
    "description": "The prediction is named by its id, or by entity and time.",
    "properties": {
        "prediction_id": {"type": "string", "minLength": 1, "maxLength": 100},
        "entity": {"type": "string", "minLength": 1, "maxLength": 1000},
        "time": {"type": "string", "format": "date-time", "maxLength": 100},
        "model": {"type": "string"},
        "label": {
            "anyOf": [_LABEL, {"type": "array", "items": _LABEL, "maxItems": 1000}],
            "description": "A list for a multilabel classifier: all labels that apply.",
        },
        "score": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "source": {"type": "string", "minLength": 1, "maxLength": 100, "default": "api"},
        "comment": {"type": ["string", "null"], "maxLength": 1000},
    },
    "required": ["label"],
    "additionalProperties": False,
}

ACCEPTED: Schema = {
    "type": "object",
    "properties": {"outcome_id": {"type": "string"}, "status": {"type": "string", "enum": ["accepted"]}},
    "required": ["outcome_id", "status"],
}

PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                "required": ["path", "message"],
            },
        },
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}


def _present(**values: object) -> Schema:
    return {name: value for name, value in values.items() if value is not None}


def infer_schema(contract: Contract | None = None) -> Schema:
    """What the Open Inference Protocol takes: a tensor a column, of one classifier or of any."""
    name: Schema = {"type": "string"}
    datatype: Schema = {"type": "string", "enum": list(DATATYPES)}
    if contract is not None:
        name["enum"] = list(contract.names)
        datatype["enum"] = sorted({one for column in contract.columns for one in TAKEN[column.type]})
    shape = {"type": "array", "items": {"type": "integer"}, "description": "[rows] or [rows, 1]."}
    tensor = {
        "type": "object",
        "properties": {
            "name": name,
            "datatype": datatype,
            "shape": shape,
            "data": {"type": "array", "description": "One element a row; null is missing."},
            "parameters": {"type": "object"},
        },
        "required": ["name", "datatype", "shape"],
    }
    output = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "maxLength": 200},
            "inputs": {"type": "array", "items": tensor},
            "outputs": {"type": "array", "items": output, "description": "Without it, all of them."},
            "parameters": {"type": "object"},
        },
        "required": ["inputs"],
    }


INFER_ANSWER: Schema = {
    "type": "object",
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "parameters": {"type": "object"},
        "outputs": {"type": "array", "items": {"type": "object"}},
    },
}
INFER_REFUSAL: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
