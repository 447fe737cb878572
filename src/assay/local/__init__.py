"""The Python door, for programs and notebooks: train a table, load what is released, ask it."""

from assay.local.classifier import Classifier, load
from assay.local.learn import TrainedRelease, train

__all__ = ["Classifier", "TrainedRelease", "load", "train"]
