"""TF-IDF of n-grams against a plan's vocabulary: which terms a text has, and what they weigh.

The row and the frame share the tokeniser, the table of weights and the order of every sum, so they agree to the bit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay import native
from assay.errors import ReleaseError
from assay.features.plan import FeaturePlan, Terms
from assay.features.text import find_words, prepare_character_grams, word_grams

#: How many rows are counted at once: bounds what a large table needs in between.
BLOCK_ROWS = 2048
_COUNTS = range(1, 256)
#: The weight of a term by its count in the text; a count above 255 weighs like 255.
_COUNT_WEIGHTS = {
    "log": np.array([0.0, *(1.0 + math.log(count) for count in _COUNTS)]),
    "count": np.array([0.0, *map(float, _COUNTS)]),
    "presence": np.array([0.0, *(1.0 for _ in _COUNTS)]),
}

_MOST_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 24

_NO_GRAMS = (1, 0)

#: Up to so many terms plain Python is faster than a handful of calls into numpy.
_FEW_TERMS = 64

Coder = Callable[[str], bytes | bytearray]
Weigher = Callable[[bytearray], tuple[NDArray[np.int64], NDArray[np.float64]]]
#: The terms of one row, ascending, and their weights: lists where they are few, else arrays. The numbers are the same.
WeighedTerms = tuple[list[int], list[float]] | tuple[NDArray[np.int64], NDArray[np.float64]]


class TermCounts(NamedTuple):
    """Counts of terms in CSR form: `ids` ascend within a row; counts above 255 are given as 255."""

    indptr: NDArray[np.int64]
    ids: NDArray[np.int32]
    counts: NDArray[np.uint8]


def read_idf(plan: FeaturePlan, arrays: Mapping[str, NDArray[Any]]) -> Iterator[tuple[Terms, NDArray[np.float64]]]:
    """Each `Terms` of a plan with its inverse document frequencies.

    Raises:
        ReleaseError: the array is missing or has not one number a term.
    """
    for number, terms in enumerate(encoder for encoder in plan.encoders if isinstance(encoder, Terms)):
        name = idf_name(number)
        idf = arrays.get(name)
        size = _size(terms)
        if idf is None or idf.shape != (size,) or not np.isfinite(idf).all():
            raise ReleaseError(f"the array {name} of the feature plan is missing or is not {size} finite numbers")
        yield terms, np.asarray(idf, dtype=np.float64)


def _size(terms: Terms) -> int:
    return len(terms.word_terms) + len(terms.character_terms)


def idf_name(number: int) -> str:
    """The array of the inverse document frequencies of a plan's `number`th `Terms`."""
    return f"terms.{number}.idf"


def prepare_coder(terms: Terms) -> Coder:
    """A function from a text to the positions of its known terms, with repeats, as packed int64."""
    in_python, counter = _prepare_python_coder(terms), _prepare_counter(terms, np.zeros(_size(terms)))
    if counter is None:
        return in_python

    def code(text: str) -> bytes | bytearray:
        found: bytes | None = counter.code(text)
        return in_python(text) if found is None else found

    return code


def _prepare_python_coder(terms: Terms) -> Callable[[str], bytearray]:
    """The twin of the compiled coder.

    It remembers the codes of short chunks, up to a fixed number of them: most chunks of most texts are common words.
    """
    word_of = {term: position for position, term in enumerate(terms.word_terms)}.get
    offset = len(terms.word_terms)
    character_of = {term: offset + position for position, term in enumerate(terms.character_terms)}.get
    words, characters, find = terms.words, terms.characters, _prepare_words(terms)
    character_grams = prepare_character_grams(characters or _NO_GRAMS)
    known: dict[str, bytes] = {}
    remembered = known.get

    def code_chunk(chunk: str) -> bytes:
        packed = _pack(map(character_of, character_grams(chunk)))
        if len(known) < _MOST_REMEMBERED and len(chunk) <= _LONGEST_REMEMBERED:
            known[chunk] = packed
        return packed

    def code(text: str) -> bytearray:
        lowered = text.lower()
        parts = [_pack(map(word_of, word_grams(find(lowered), words)))] if words else []
        if characters:
            parts += [
                packed if (packed := remembered(chunk)) is not None else code_chunk(chunk) for chunk in lowered.split()
            ]
        return bytearray().join(parts)

    return code


def prepare_row_terms(terms: Terms, idf: NDArray[np.float64]) -> Callable[[str], WeighedTerms]:
    """A function from a text to the terms of one row and their normalised weights."""
    in_python, counter = _prepare_python_row(terms, idf), _prepare_counter(terms, idf)
    if counter is None:
        return in_python

    def weigh(text: str) -> WeighedTerms:
        found = counter.weigh(text)
        if found is None:
            return in_python(text)
        indices, values = found
        if isinstance(indices, list):
            return indices, values
        return np.frombuffer(indices, np.int64), np.frombuffer(values, np.float64)

    return weigh


def _prepare_counter(terms: Terms, idf: NDArray[np.float64]) -> Any:
    """The compiled counter of a vocabulary; None where there is none, or where words are left out."""
    if native.LOOPS is None or terms.shortest_word > 1 or terms.stop_words:
        return None
    return native.LOOPS.TermCounter(
        terms.word_terms,
        terms.character_terms,
        terms.words or _NO_GRAMS,
        terms.characters or _NO_GRAMS,
        idf.tolist(),
        _COUNT_WEIGHTS[terms.counting].tolist(),
        terms.norm == "l2",
    )


def _prepare_python_row(terms: Terms, idf: NDArray[np.float64]) -> Callable[[str], WeighedTerms]:
    """The twin of the compiled counter."""
    code, weigh = _prepare_python_coder(terms), prepare_weigher(terms, idf)
    if terms.characters:
        return lambda text: weigh(code(text))
    word_of = {term: position for position, term in enumerate(terms.word_terms)}.get
    span = terms.words or _NO_GRAMS
    weigh_few, find = _prepare_few(terms, idf), _prepare_words(terms)

    def words_only(text: str) -> WeighedTerms:
        found = [at for at in map(word_of, word_grams(find(text.lower()), span)) if at is not None]
        return weigh_few(found) if len(found) <= _FEW_TERMS else weigh(bytearray(array("q", found)))

    return words_only


def _prepare_few(terms: Terms, idf: NDArray[np.float64]) -> Callable[[list[int]], tuple[list[int], list[float]]]:
    """The weigher of words alone in plain Python: the same operations in the same order, so the same bits."""
    weight_at: Callable[[int], float] = idf.tolist().__getitem__
    count_weight: list[float] = _COUNT_WEIGHTS[terms.counting].tolist()
    normed = terms.norm == "l2"

    def weigh(positions: list[int]) -> tuple[list[int], list[float]]:
        positions.sort()
        if len(set(positions)) == len(positions):
            values = list(map(weight_at, positions))
        else:
            counts = dict.fromkeys(positions, 0)
            for at in positions:
                counts[at] += 1
            values = [weight_at(at) * count_weight[count] for at, count in counts.items()]
            positions = list(counts)
        if not normed:
            return positions, values
        total = 0.0
        for value in values:
            total += value * value
        norm = math.sqrt(total)
        return positions, [value / norm for value in values]

    return weigh


def _prepare_words(terms: Terms) -> Callable[[str], list[str]]:
    """The words of a text in lower case that count."""
    shortest, stops = terms.shortest_word, frozenset(terms.stop_words)
    if shortest <= 1 and not stops:
        return find_words
    return lambda text: [word for word in find_words(text) if len(word) >= shortest and word not in stops]


def prepare_weigher(terms: Terms, idf: NDArray[np.float64]) -> Weigher:
    """A function from packed positions to the terms of one row, ascending, and their normalised weights."""
    boundary = len(terms.word_terms)
    running_sum, sqrt = np.add.accumulate, math.sqrt
    weights, normed = _COUNT_WEIGHTS[terms.counting], terms.norm == "l2"

    def weigh(packed: bytearray) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        positions = np.frombuffer(packed, np.int64)
        positions.sort()
        first = _first_of_run(positions)
        ids = positions[first]
        values = idf.take(ids)
        count = ids.size
        if count != positions.size:
            values *= weights.take(_run_lengths(first, positions.size), mode="clip")
        if not normed:
            return ids, values
        squares = values * values
        middle = int(ids.searchsorted(boundary))
        if middle:
            values[:middle] /= sqrt(running_sum(squares[:middle])[-1])
        if middle < count:
            values[middle:] /= sqrt(running_sum(squares[middle:])[-1])
        return ids, values

    return weigh


def count_terms(texts: Iterable[str | None], coder: Coder) -> TermCounts:
    """The terms of many texts; a missing text has none."""
    found: list[TermCounts] = []
    block: list[bytes | bytearray] = []

    def flush() -> None:
        lengths = np.array([len(packed) // 8 for packed in block], dtype=np.int64)
        row_of = np.repeat(np.arange(len(block), dtype=np.int64), lengths)
        found.append(count_positions(np.frombuffer(b"".join(block), np.int64), row_of, len(block)))
        block.clear()

    for text in texts:
        block.append(coder(text) if text else b"")
        if len(block) == BLOCK_ROWS:
            flush()
    flush()
    return join_counts(found)


def count_positions(positions: NDArray[np.int64], row_of: NDArray[np.int64], rows: int) -> TermCounts:
    """Count positions, given with repeats, of `rows` rows; `row_of` says whose each is."""
    width = int(positions.max(initial=0)) + 1
    keys = row_of * width
    keys += positions
    keys.sort()
    first = _first_of_run(keys)
    counts = np.minimum(_run_lengths(first, keys.size), 255).astype(np.uint8)
    keys = keys[first]
    begins = np.arange(rows + 1, dtype=np.int64) * width
    indptr = np.searchsorted(keys, begins)
    keys -= np.repeat(begins[:-1], np.diff(indptr))
    return TermCounts(indptr, keys.astype(np.int32), counts)


def join_counts(blocks: Sequence[TermCounts]) -> TermCounts:
    """The counts of consecutive blocks of rows as one."""
    lengths = np.concatenate([np.diff(block.indptr) for block in blocks])
    indptr = np.zeros(lengths.size + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    return TermCounts(
        indptr, np.concatenate([block.ids for block in blocks]), np.concatenate([block.counts for block in blocks])
    )


def weigh_counts(found: TermCounts, terms: Terms, idf: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normalised weights of counted terms, aligned with `found.ids`."""
    rows = found.indptr.size - 1
    values: NDArray[np.float64] = idf.take(found.ids)
    again = np.flatnonzero(found.counts > 1)  # a term that stands once weighs 1
    values[again] *= _COUNT_WEIGHTS[terms.counting].take(found.counts[again])
    if terms.norm == "none":
        return values
    # Words and characters of a row are two groups, each with a norm of its own; bincount adds in order, like the row.
    group, kinds = np.repeat(np.arange(rows), np.diff(found.indptr)), 1
    if terms.word_terms and terms.character_terms:
        group, kinds = 2 * group + (found.ids >= len(terms.word_terms)), 2
    norms = np.sqrt(np.bincount(group, weights=values * values, minlength=kinds * rows))
    values /= norms.take(group)
    return values


def _first_of_run(ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each run of equal values begins."""
    begins = np.empty(ordered.size, dtype=np.bool_)
    begins[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    return begins.nonzero()[0]


def _run_lengths(first: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """How long each run is, of those that begin at `first` among `size` values."""
    lengths = np.empty(first.size, dtype=np.int64)
    lengths[:-1] = first[1:]
    lengths[-1:] = size
    lengths -= first
    return lengths


def _pack(positions: Iterable[int | None]) -> bytes:
    return array("q", [position for position in positions if position is not None]).tobytes()
