"""A text column taken apart once, so that vocabularies can be chosen on any of its rows without reading it again.

Out-of-fold scores need a vocabulary per fold. Here every n-gram becomes a number once; choosing terms on some rows is
then a count over numbers, and gives exactly what fitting on those rows alone would give.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from assay.features.terms import BLOCK_ROWS, TermCounts, count_positions, join_counts
from assay.features.text import find_words, prepare_character_grams, word_grams

_LEAST_ROWS = 2


class _Kind(NamedTuple):
    """One kind of n-gram over all rows: row i has `chunks[starts[i]:starts[i + 1]]`, and a chunk has the n-grams
    `grams[chunk_starts[c]:chunk_starts[c + 1]]`. Names are in the order in which they were first seen.
    """

    names: list[str]
    starts: NDArray[np.int64]
    chunks: NDArray[np.int32]
    chunk_starts: NDArray[np.int64]
    grams: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The n-grams of all rows of a text column that stand there twice or more; positions into `names`, words before
    characters, each in lexicographic order; `words` says how many of them are words.
    """

    names: list[str]
    words: int
    found: TermCounts

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.found.indptr.size - 1

    def take(self, rows: NDArray[np.intp] | None) -> TermCounts:
        """The counts of the rows at `rows`, in that order; None takes all."""
        if rows is None:
            return self.found
        indptr, ids, counts = self.found
        lengths = np.diff(indptr)[rows]
        taken = np.concatenate([[0], np.cumsum(lengths)])
        source = np.arange(taken[-1]) + np.repeat(indptr[:-1][rows] - taken[:-1], lengths)
        return TermCounts(taken, ids[source], counts[source])

    def counts_of(
        self, word_terms: tuple[str, ...], character_terms: tuple[str, ...], rows: NDArray[np.intp] | None
    ) -> TermCounts:
        """The counts of the given terms only, renumbered to their positions (words first) in ascending order."""
        kinds = ((word_terms, 0, self.words), (character_terms, self.words, len(self.names)))
        number = np.full(len(self.names), -1, dtype=np.int32)
        offset = 0
        for terms, first, last in kinds:
            position = {name: at for at, name in enumerate(self.names[first:last], start=first)}
            for at, term in enumerate(terms, start=offset):
                if term in position:
                    number[position[term]] = at
            offset += len(terms)
        indptr, ids, counts = self.take(rows)
        renumbered = number[ids]
        kept = renumbered >= 0
        before = np.concatenate([[0], np.cumsum(kept)])
        return TermCounts(before[indptr], renumbered[kept], counts[kept])


def tokenise(texts: Iterable[str | None], words: tuple[int, int] | None, characters: tuple[int, int] | None) -> Tokens:
    """Take a text column apart into word and character n-grams of the given lengths; None leaves a kind out."""
    word_kind, character_kind = _read(texts, words, characters)
    kinds = [_keep_repeated(word_kind), _keep_repeated(character_kind)]
    names: list[str] = []
    ranked: list[_Kind] = []
    for kind in kinds:
        order = sorted(range(len(kind.names)), key=kind.names.__getitem__)
        rank = np.full(len(order) + 1, -1, dtype=np.int32)
        rank[order] = np.arange(len(names), len(names) + len(order))
        names += [kind.names[position] for position in order]
        ranked.append(kind._replace(grams=rank[kind.grams]))
    return Tokens(names, len(kinds[0].names), _count(ranked))


def choose_terms(
    tokens: Tokens, rows: NDArray[np.intp] | None, max_terms: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The terms that stand in at least two of the rows, at most `max_terms`, those in the most rows first; ties go by
    position. Returns their positions, ascending, and in how many rows each stands.
    """
    in_rows = np.bincount(tokens.take(rows).ids, minlength=len(tokens.names))
    terms = np.flatnonzero(in_rows >= _LEAST_ROWS)
    if terms.size > max_terms:
        terms = np.sort(terms[np.argsort(-in_rows[terms], kind="stable")[:max_terms]])
    return terms, in_rows[terms]


def choose_telling(
    found: TermCounts, terms: NDArray[np.intp], labels: NDArray[np.int64], most: int
) -> NDArray[np.bool_]:
    """Which of `terms` tell most about the labels of the rows `found`, by the chi-squared statistic of presence against
    class; at most `most`, ties by position. `labels` are class numbers, or flags (rows, labels), each label being two
    classes.
    """
    width = int(max(found.ids.max(initial=0), terms.max(initial=0))) + 1
    if labels.ndim == 2:
        return _most(_telling_of_labels(found, width, labels)[terms], most)
    classes = int(labels.max(initial=0)) + 1
    pairs = found.ids.astype(np.int64) * classes + np.repeat(labels, np.diff(found.indptr))
    present = np.bincount(pairs, minlength=width * classes).reshape(-1, classes)[terms].astype(np.float64)
    share = np.bincount(labels, minlength=classes) / max(labels.size, 1)
    in_rows = present.sum(axis=1, keepdims=True)
    expected = np.maximum(in_rows * share, 1e-12)
    absent = np.maximum(1 - in_rows / max(labels.size, 1), 1e-12)
    return _most((((present - expected) ** 2) / expected).sum(axis=1) / absent[:, 0], most)


def _telling_of_labels(found: TermCounts, terms: int, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The chi-squared statistics of each term against every label, summed."""
    row_of = np.repeat(np.arange(len(labels)), np.diff(found.indptr))
    in_rows = np.bincount(found.ids, minlength=terms).astype(np.float64)
    absent = np.maximum(1 - in_rows / max(len(labels), 1), 1e-12)
    total = np.zeros(terms)
    for flags in labels.T:
        share = float(flags.mean())
        present = np.bincount(found.ids, weights=flags[row_of], minlength=terms)
        expected = np.maximum(in_rows * share * (1 - share), 1e-12)
        total += (present - in_rows * share) ** 2 / expected / absent
    return total


def _most(telling: NDArray[np.float64], most: int) -> NDArray[np.bool_]:
    best = np.zeros(telling.size, dtype=np.bool_)
    best[np.argsort(-telling, kind="stable")[:most]] = True
    return best


def _read(
    texts: Iterable[str | None], words: tuple[int, int] | None, characters: tuple[int, int] | None
) -> tuple[_Kind, _Kind]:
    """One pass over the texts: number every word n-gram and every chunk, then take the different chunks apart."""
    word_number: defaultdict[str, int] = defaultdict()
    word_number.default_factory = word_number.__len__
    chunk_number: defaultdict[str, int] = defaultdict()
    chunk_number.default_factory = chunk_number.__len__
    word_stream, chunk_stream = array("i"), array("i")
    word_starts, chunk_starts = array("q", [0]), array("q", [0])
    for text in texts:
        lowered = text.lower() if text else ""
        if words:
            word_stream.extend(map(word_number.__getitem__, word_grams(find_words(lowered), words)))
        if characters:
            chunk_stream.extend(map(chunk_number.__getitem__, lowered.split()))
        word_starts.append(len(word_stream))
        chunk_starts.append(len(chunk_stream))
    count = len(word_number)
    word_kind = _Kind(
        list(word_number),
        np.array(word_starts, dtype=np.int64),
        np.array(word_stream, dtype=np.int32),
        np.arange(count + 1, dtype=np.int64),
        np.arange(count, dtype=np.int32),
    )
    names, starts, grams = _take_apart(chunk_number, characters or (1, 0))
    return word_kind, _Kind(
        names, np.array(chunk_starts, dtype=np.int64), np.array(chunk_stream, dtype=np.int32), starts, grams
    )


def _take_apart(chunks: Iterable[str], span: tuple[int, int]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32]]:
    character_grams = prepare_character_grams(span)
    number: defaultdict[str, int] = defaultdict()
    number.default_factory = number.__len__
    stream, starts = array("i"), array("q", [0])
    for chunk in chunks:
        stream.extend(map(number.__getitem__, character_grams(chunk)))
        starts.append(len(stream))
    return list(number), np.array(starts, dtype=np.int64), np.array(stream, dtype=np.int32)


def _keep_repeated(kind: _Kind) -> _Kind:
    """Drop what stands in the whole column only once: it can never stand in two rows."""
    chunk_uses = np.bincount(kind.chunks, minlength=kind.chunk_starts.size - 1)
    gram_uses = np.bincount(
        kind.grams, weights=np.repeat(chunk_uses, np.diff(kind.chunk_starts)), minlength=len(kind.names)
    )
    kept = gram_uses >= _LEAST_ROWS
    number = np.cumsum(kept, dtype=np.int32) - 1
    stays = kept[kind.grams]
    starts = np.concatenate([[0], np.cumsum(stays)])[kind.chunk_starts]
    names = [kind.names[position] for position in np.flatnonzero(kept).tolist()]
    return kind._replace(names=names, chunk_starts=starts, grams=number[kind.grams[stays]])


def _count(kinds: list[_Kind]) -> TermCounts:
    rows = kinds[0].starts.size - 1
    blocks: list[TermCounts] = []
    for first in range(0, max(rows, 1), BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, rows)
        parts = [_expand(kind, first, last) for kind in kinds]
        row_of = np.concatenate([row for row, _ in parts])
        positions = np.concatenate([grams for _, grams in parts]).astype(np.int64)
        blocks.append(count_positions(positions, row_of, last - first))
    return join_counts(blocks)


def _expand(kind: _Kind, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The n-grams of rows `first` to `last`, with repeats, and the row (0 is `first`) of each."""
    begin, end = kind.starts[first], kind.starts[last]
    chunks = kind.chunks[begin:end]
    chunk_row = np.repeat(np.arange(last - first), np.diff(kind.starts[first : last + 1]))
    lengths = np.diff(kind.chunk_starts)[chunks]
    ends = np.cumsum(lengths)
    source = np.arange(lengths.sum()) + np.repeat(kind.chunk_starts[:-1][chunks] - (ends - lengths), lengths)
    return np.repeat(chunk_row, lengths), kind.grams[source]
