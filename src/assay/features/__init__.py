"""The feature plan, which is data, and its two evaluators: columnar (`frame`) and one row (`row`).

Fitting (`fit`) belongs to training and is not imported here.
"""

from assay.features.frame import evaluate_frame, prepare_frame
from assay.features.names import term_count, term_names
from assay.features.plan import FeatureFrame, FeaturePlan, FeatureRow
from assay.features.row import prepare_row

__all__ = [
    "FeatureFrame",
    "FeaturePlan",
    "FeatureRow",
    "evaluate_frame",
    "prepare_frame",
    "prepare_row",
    "term_count",
    "term_names",
]
