"""What text is made of: words, chunks, n-grams. One definition for fitting, frames and rows; defined on empty text.

Cleaning text is not done here: the contract's decoder and frame check have already done it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, pairwise

_WORD = re.compile(r"\w+")
_PREPARED_LENGTH = 64

_ASCII_WORDS = bytes(byte if byte < 128 and _WORD.match(chr(byte)) else ord(" ") for byte in range(256))


def find_words(text: str) -> list[str]:
    """The runs of letters, digits and underscores of a text, in order."""
    if text.isascii():
        # The same as the pattern's, three times faster.
        return text.encode().translate(_ASCII_WORDS).decode().split()
    return _WORD.findall(text)


def word_grams(words: Sequence[str], span: tuple[int, int]) -> list[str]:
    """All n-grams of `words` for n from `span[0]` to `span[1]`, shorter ones first, joined by a blank."""
    grams: list[str] = []
    for n in range(span[0], span[1] + 1):
        if n == 1:
            grams += words
        elif n == 2:
            grams += [f"{first} {second}" for first, second in pairwise(words)]
        else:
            grams += [" ".join(words[start : start + n]) for start in range(len(words) - n + 1)]
    return grams


def prepare_character_grams(span: tuple[int, int]) -> Callable[[str], Iterable[str]]:
    """A function from a chunk to its character n-grams for n from `span[0]` to `span[1]`, shorter ones first.

    A chunk is what white space separates; a blank is put on either side, so `hi` has the 2-grams ` h`, `hi`, `i `.
    """
    prepared = tuple(tuple(_slices(length, span)) for length in range(_PREPARED_LENGTH + 1))

    def character_grams(chunk: str) -> Iterable[str]:
        padded = f" {chunk} "
        length = len(padded)
        slices = prepared[length] if length <= _PREPARED_LENGTH else _slices(length, span)
        return map(padded.__getitem__, slices)

    return character_grams


def _slices(length: int, span: tuple[int, int]) -> Iterable[slice]:
    return chain.from_iterable(
        (slice(start, start + n) for start in range(length - n + 1)) for n in range(span[0], span[1] + 1)
    )
