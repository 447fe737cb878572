"""Raw scores from features. A model is a value made of arrays; nothing here imports the library that fitted it."""

from assay.models.blend import BlendModel
from assay.models.linear import LinearModel
from assay.models.model import Model
from assay.models.store import load, save
from assay.models.trees import TreeModel

__all__ = ["BlendModel", "LinearModel", "Model", "TreeModel", "load", "save"]
