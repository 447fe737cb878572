"""Features as the libraries take them: an array, or a CSR matrix where the plan has terms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.features.fit import MOST_TREE_TERMS
from assay.features.names import term_count
from assay.features.plan import FeatureFrame, FeaturePlan, Lookup, OneHot, Ordinal, Terms, TextStatistics
from assay.features.terms import TermCounts
from assay.features.tokens import choose_telling

_ROUNDING = 1e-12
#: Beside terms, which weigh about a tenth in a row of text, dense features get a tenth of their spread, so that the
#: penalty treats both alike; statistics of the text less, since they are heavy-tailed and terms say most of it.
_BESIDE_TERMS = 0.1
_STATISTICS_BESIDE_TERMS = 0.03
_SMOOTHING = 0.1
#: LightGBM takes numbers up to this size for 0 where it reads an array, and where it learns; not where it reads CSR.
_TREES_ZERO = float(np.float32(1e-35))


class Scaling(NamedTuple):
    """What is taken off the dense features, what they are then divided by, and what terms are multiplied by."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weights: NDArray[np.float64]


def fit_scaling(plan: FeaturePlan, features: FeatureFrame, targets: NDArray[np.int64]) -> Scaling:
    """The scaling under which dense features have mean 0 and standard deviation 1 (less beside terms), and telling
    terms count for more. A constant feature keeps its unit.
    """
    dense = features.dense[:, linear_columns(plan)]
    mean = dense.mean(axis=0)
    spread = dense.std(axis=0)
    # The spread of a constant column is not quite 0 but the rounding of its mean.
    spread = np.where(spread > _ROUNDING * np.abs(mean), spread, 1.0)
    terms = term_count(plan)
    if not terms:
        return Scaling(mean, spread, np.empty(0))
    return Scaling(mean, spread / _dense_units(plan), _term_weights(features, targets, terms))


def linear_matrix(plan: FeaturePlan, features: FeatureFrame, scaling: Scaling) -> Any:
    """The features scaled; without categories as numbers."""
    dense = (features.dense[:, linear_columns(plan)] - scaling.mean) / scaling.spread
    if not scaling.weights.size:
        return np.ascontiguousarray(dense)
    weighed = features._replace(values=features.values * scaling.weights[features.indices])
    return _beside_terms(dense, _terms(weighed, term_count(plan)))


def linear_columns(plan: FeaturePlan) -> NDArray[np.intp]:
    """The dense features that linear models learn from: all but categories as numbers."""
    return _dense_columns(plan, Ordinal)


def tree_columns(plan: FeaturePlan, features: FeatureFrame, labels: NDArray[np.int64]) -> NDArray[np.intp]:
    """The features that trees learn from, the sparse ones counted behind the dense: all dense ones but flags of
    categories, and the terms that tell most about the labels of the rows.
    """
    dense, terms = _dense_columns(plan, OneHot), np.arange(term_count(plan))
    if terms.size > MOST_TREE_TERMS:
        found = TermCounts(features.indptr, features.indices.astype(np.int32), np.empty(0, dtype=np.uint8))
        terms = terms[choose_telling(found, terms, labels, MOST_TREE_TERMS)]
    return np.concatenate([dense, len(plan.names) + terms])


def tree_matrix(plan: FeaturePlan, features: FeatureFrame, columns: NDArray[np.intp]) -> Any:
    """The features `columns` as they are; a plan for trees gives float32 values."""
    dense = features.dense[:, columns[columns < len(plan.names)]]
    terms = columns[columns >= len(plan.names)] - len(plan.names)
    if not terms.size:
        return np.ascontiguousarray(dense)
    known = _terms(features, term_count(plan))
    matrix = _beside_terms(dense, known if terms.size == known.shape[1] else known[:, terms])
    matrix.data[np.abs(matrix.data) <= _TREES_ZERO] = 0.0
    return matrix


def category_columns(plan: FeaturePlan, columns: NDArray[np.intp]) -> list[int]:
    """Which of `columns` hold the numbers of categories."""
    numbers = np.setdiff1d(_dense_columns(plan, OneHot), linear_columns(plan))
    return np.flatnonzero(np.isin(columns, numbers)).tolist()


def _dense_columns(plan: FeaturePlan, without: type[OneHot] | type[Ordinal]) -> NDArray[np.intp]:
    """The dense features but those of one kind of encoder; what says that a category is missing stays."""
    kept: list[int] = []
    at = 0
    for encoder in plan.encoders:
        if isinstance(encoder, Terms):
            continue
        if isinstance(encoder, TextStatistics | Lookup):
            width, indicator = len(encoder.statistics) if isinstance(encoder, TextStatistics) else 1, False
        else:
            width, indicator = len(encoder.values) if isinstance(encoder, OneHot) else 1, encoder.indicator
        if not isinstance(encoder, without):
            kept += range(at, at + width)
        kept += range(at + width, at + width + indicator)
        at += width + indicator
    return np.array(kept, dtype=np.intp)


def _dense_units(plan: FeaturePlan) -> NDArray[np.float64]:
    """The standard deviation that each dense feature gets; statistics of texts come last."""
    units = np.full(linear_columns(plan).size, _BESIDE_TERMS)
    statistics = sum(len(encoder.statistics) for encoder in plan.encoders if isinstance(encoder, TextStatistics))
    units[len(units) - statistics :] = _STATISTICS_BESIDE_TERMS
    return units


def _term_weights(features: FeatureFrame, targets: NDArray[np.int64], terms: int) -> NDArray[np.float64]:
    """The square root of how much a term's share differs between the classes, over all terms with mean square 1.

    How much is the standard deviation over the classes (or labels) of the log-ratio of the term's share in the class to
    that in the rest, the ratio of Wang & Manning 2012 (section 2.1) made symmetric for several classes.
    """
    if targets.ndim == 2:
        shares, rest = _label_shares(_terms(features, terms), targets)
    else:
        rows = np.arange(targets.size)
        of_class = sparse.csr_matrix((np.ones(rows.size), (targets, rows)))
        masses = (of_class @ _terms(features, terms)).toarray() + _SMOOTHING
        shares = masses / masses.sum(axis=1, keepdims=True)
        rest = (shares.sum(axis=0) - shares) / (len(shares) - 1)
    weights = np.sqrt(np.log(shares / rest).std(axis=0))
    size = float(np.sqrt(np.mean(weights**2)))
    return weights / size if size > 0.0 else np.ones(terms)


def _label_shares(terms: Any, targets: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The share of each term in the rows of a label, and in the rows without it: both (labels, terms)."""
    inside = (sparse.csr_matrix(targets.T.astype(np.float64)) @ terms).toarray()
    outside = np.asarray(terms.sum(axis=0)) - inside
    both = (np.maximum(masses, 0.0) + _SMOOTHING for masses in (inside, outside))
    shares, rest = (masses / masses.sum(axis=1, keepdims=True) for masses in both)
    return shares, rest


def _beside_terms(dense: NDArray[np.float64], terms: Any) -> Any:
    return sparse.hstack([sparse.csr_matrix(dense), terms], format="csr") if dense.shape[1] else terms


def _terms(features: FeatureFrame, width: int) -> Any:
    # The solvers are a good deal faster on 32-bit positions.
    index = np.int32 if features.indices.size <= np.iinfo(np.int32).max else np.int64
    return sparse.csr_matrix(
        (features.values, features.indices.astype(index), features.indptr.astype(index)),
        shape=(len(features.indptr) - 1, width),
    )
