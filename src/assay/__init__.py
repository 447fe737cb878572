"""Assay: from a table of labelled examples to a guarded classifier in production."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.errors import AssayError
    from assay.local import Classifier, load
    from assay.values import Explanation

_HOMES = {
    "AssayError": "assay.errors",
    "Classifier": "assay.local",
    "Explanation": "assay.values",
    "load": "assay.local",
    "train": "assay.local",
}

__all__ = ["AssayError", "Classifier", "Explanation", "load", "train"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
