"""Words and pairs of words of many texts at once, found in a vocabulary by numbers instead of by text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A vocabulary of words up to so many pairs has a table of all of them; a larger one is searched.
_MOST_TABLED = 1 << 22


class Found(NamedTuple):
    """Positions of terms, with repeats and in no order, and the row of each."""

    positions: NDArray[np.int64]
    row_of: NDArray[np.int64]


#: The words of each text -> the terms that they make.
Finder = Callable[[Sequence[list[str]]], Found]


def prepare_pairs(terms: Sequence[str], span: tuple[int, int]) -> Finder | None:
    """The function that finds the n-grams `terms` in words, as `assay.features.text.word_grams` joins them; None where
    n-grams are longer than pairs.
    """
    if not terms or span[1] > 2:
        return None
    parts = [term.split(" ") for term in terms]
    number_of = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(parts)))}
    unknown = len(number_of)
    single = np.full(unknown + 1, -1, dtype=np.int64)
    pairs: dict[int, int] = {}
    for position, words in enumerate(parts):
        if len(words) == 1:
            single[number_of[words[0]]] = position
        elif len(words) == 2:
            pairs[number_of[words[0]] * (unknown + 1) + number_of[words[1]]] = position
    pair_at = _prepare_look_up(pairs, (unknown + 1) ** 2)
    shortest, longest = span

    def find(texts: Sequence[list[str]]) -> Found:
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        row_of = np.repeat(np.arange(len(texts)), lengths)
        words = chain.from_iterable(texts)
        numbers = np.fromiter(map(number_of.get, words, repeat(unknown)), np.int64, row_of.size)
        found: list[Found] = []
        if shortest == 1:
            found.append(_known(single[numbers], row_of))
        if longest == 2:
            together = row_of[1:] == row_of[:-1]
            keys = (numbers[:-1] * (unknown + 1) + numbers[1:])[together]
            found.append(_known(pair_at(keys), row_of[1:][together]))
        return Found(*(np.concatenate(each) for each in zip(*found, strict=True)))

    return find


def _known(positions: NDArray[np.int64], row_of: NDArray[np.int64]) -> Found:
    known = positions >= 0
    return Found(positions[known], row_of[known])


def _prepare_look_up(pairs: dict[int, int], size: int) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """Keys -> what stands under them in `pairs`, -1 where nothing does; keys are below `size`."""
    keys = np.array(sorted(pairs), dtype=np.int64)
    values = np.array([pairs[key] for key in keys.tolist()], dtype=np.int64)
    if size <= _MOST_TABLED:
        table = np.full(size, -1, dtype=np.int64)
        table[keys] = values
        return table.take
    if not keys.size:
        return lambda asked: np.full(asked.size, -1, dtype=np.int64)

    def search(asked: NDArray[np.int64]) -> NDArray[np.int64]:
        at = np.minimum(np.searchsorted(keys, asked), keys.size - 1)
        return np.where(keys[at] == asked, values[at], -1)

    return search
