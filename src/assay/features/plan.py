"""The feature plan: how an example becomes numbers, as data. It holds what was learned from the training rows.

Features are in their own units: a model that wants scaled inputs folds the scale into its coefficients. A plan never
yields NaN. Dense features come first, in the order of `encoders`; n-gram terms follow as sparse features.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray


class _Node(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"
):
    pass


class Number(_Node, frozen=True, tag="number"):
    """A number (also a boolean or a derived column), imputed, clipped, with an indicator where it can be missing.

    A missing number without `impute` is 0.0. What is imputed is not clipped. Without `low` and `high` a number is held
    within the range of float32, so that no finite input makes a score overflow.
    """

    column: str
    impute: float | None = None
    indicator: bool = False
    low: float | None = None
    high: float | None = None


class OneHot(_Node, frozen=True, tag="one_hot"):
    """One 0/1 feature a known category; a category outside `values` sets none of them, nor does a missing one without
    `impute`. The indicator comes last.
    """

    column: str
    values: tuple[str, ...]
    impute: str | None = None
    indicator: bool = False


class Ordinal(_Node, frozen=True, tag="ordinal"):
    """The position of the category in `values`; outside of it, or missing without `impute`, -1. For trees."""

    column: str
    values: tuple[str, ...]
    impute: str | None = None
    indicator: bool = False


class Lookup(_Node, frozen=True, tag="lookup"):
    """The number that stands for a category: that of `numbers` at its place in `values`; `other` outside of them,
    `missing` where there is none. Imported models bring such tables: codes of an encoder, or which side of a split a
    category takes.
    """

    column: str
    values: tuple[str, ...]
    numbers: tuple[float, ...]
    other: float = 0.0
    missing: float = 0.0


class TextStatistics(_Node, frozen=True, tag="text_statistics"):
    """The named statistics of a text column, each a feature `<column>.<statistic>`, or `<statistic>` if unambiguous."""

    column: str
    statistics: tuple[str, ...]


class Terms(_Node, frozen=True, tag="terms"):
    """TF-IDF of word and character n-grams: (1 + ln count) * idf, then L2-normalised over the words and over the
    characters each on its own. Sparse. Imported vocabularies may weigh a term by its `count` or its `presence` alone,
    leave out the norm, words below `shortest_word` characters and `stop_words`.

    The sparse features are the word terms, then the character terms, each in lexicographic order; array
    `terms.<i>.idf` has their inverse document frequencies, where i counts the plan's `Terms`. Words are runs of
    letters, digits and underscores in lower case; character n-grams stay within what white space separates, with one
    blank put on either side.
    """

    column: str
    words: tuple[int, int] | None = None
    characters: tuple[int, int] | None = None
    counting: Literal["log", "count", "presence"] = "log"
    norm: Literal["l2", "none"] = "l2"
    shortest_word: int = 1
    stop_words: tuple[str, ...] = ()
    word_terms: tuple[str, ...] = ()
    character_terms: tuple[str, ...] = ()


class Derived(_Node, frozen=True, tag="derived"):
    """A column computed from others before encoding; a number for a `Number`, or, where it
    joins texts, a text for `TextStatistics` and `Terms`.
    """

    name: str
    op: Literal["ratio", "difference", "product", "date_part", "age", "length", "keyword", "bucket", "join"]
    of: tuple[str, ...]
    part: str | None = None
    words: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()


#: Encoders of a category that know some of its values.
Categorical = OneHot | Ordinal | Lookup
Encoder = Number | Categorical | TextStatistics | Terms


class FeaturePlan(_Node, frozen=True, tag="plan"):
    """The whole plan. `columns` are the contract's, in order; the row evaluator gets its cells in this order.

    `names` are the dense features' names; the sparse features are named after their terms. With precision `float32`
    (trees) every value is rounded to float32.
    """

    columns: tuple[str, ...]
    precision: Literal["float64", "float32"] = "float64"
    derived: tuple[Derived, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    names: tuple[str, ...] = ()


class FeatureRow(NamedTuple):
    """One row's features: all dense values, then the non-zero sparse ones, by ascending index (0 is the first sparse
    feature). The sparse part is two lists where it is short, two arrays where a text has hundreds of terms.
    """

    dense: list[float]
    indices: list[int] | NDArray[np.int64]
    values: list[float] | NDArray[np.float64]

    def sparse(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The sparse part as two arrays."""
        return np.asarray(self.indices, dtype=np.int64), np.asarray(self.values, dtype=np.float64)


class FeatureFrame(NamedTuple):
    """Many rows' features: `dense` (rows, d), and the sparse part in CSR form (`indptr` has rows + 1 entries, indices
    ascend within a row).
    """

    dense: NDArray[np.float64]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]
    values: NDArray[np.float64]
