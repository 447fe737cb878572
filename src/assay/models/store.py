"""Models as a kind and arrays, and back. A stored model holds numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from assay.errors import ReleaseError
from assay.models.blend import BlendModel
from assay.models.forest import ForestModel
from assay.models.linear import LinearModel
from assay.models.model import Model
from assay.models.trees import TreeModel

_KINDS: dict[str, type[LinearModel] | type[TreeModel] | type[ForestModel] | type[BlendModel]] = {
    LinearModel.kind: LinearModel,
    TreeModel.kind: TreeModel,
    ForestModel.kind: ForestModel,
    BlendModel.kind: BlendModel,
}


def save(model: Model) -> tuple[str, dict[str, NDArray[Any]]]:
    """The kind of a model and what `load` needs to make it again."""
    return model.kind, dict(model.arrays())


def load(kind: str, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """The model of a kind from its arrays.

    Raises:
        ReleaseError: the kind is unknown, or the arrays are not those of such a model.
    """
    if kind not in _KINDS:
        raise ReleaseError(f"the model kind {kind!r} is unknown to this version", remedy="use a newer version of Assay")
    return _KINDS[kind].from_arrays(arrays)
