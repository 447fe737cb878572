"""classifier.yaml <-> Spec: parsed, validated, and written by `assay init`. It reads no data."""

from assay.spec.classes import check_classes, cost_matrix, resolve_features
from assay.spec.columns import column_from_spec
from assay.spec.read import parse_spec, read_spec
from assay.spec.tree import Spec
from assay.spec.write import Draft, classifier_name, write_spec

__all__ = [
    "Draft",
    "Spec",
    "check_classes",
    "classifier_name",
    "column_from_spec",
    "cost_matrix",
    "parse_spec",
    "read_spec",
    "resolve_features",
    "write_spec",
]
