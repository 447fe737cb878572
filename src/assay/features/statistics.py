"""Statistics of a text: counts and ratios that need no vocabulary. All are computed at once: they share their parts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: The statistics, in the order in which they become features. URLs begin with `http://`, `https://` or `www.`; words
#: are what white space separates, alike in any case; a run is three or more of the same character. Ratios are shares
#: of all letters (capitals), words (unique) and characters (repeated).
STATISTICS = (
    "char_count",
    "word_count",
    "avg_word_length",
    "url_count",
    "email_count",
    "exclamation_count",
    "question_count",
    "capital_ratio",
    "unique_word_ratio",
    "repeated_char_ratio",
)

_URL = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}\.\w")
_RUN = re.compile(r"(.)\1\1+", re.DOTALL)
_UPPER = bytes(range(ord("A"), ord("Z") + 1))
_LOWER = bytes(range(ord("a"), ord("z") + 1))
_OF_NOTHING = (0.0,) * len(STATISTICS)
#: How many texts are measured at once.
_BLOCK_ROWS = 2048
_BYTES = [bytes([byte]).decode("latin-1") for byte in range(256)]
_IS_BLANK = np.array([sign.isascii() and sign.isspace() for sign in _BYTES])
_IS_UPPER = np.array([sign.isascii() and sign.isupper() for sign in _BYTES])
_IS_LETTER = np.array([sign.isascii() and sign.isalpha() for sign in _BYTES])


def text_statistics(text: str) -> tuple[float, ...]:
    """The values of `STATISTICS`, in that order; every one is 0 for empty text."""
    if not text:
        return _OF_NOTHING
    lowered = text.lower()
    words = lowered.split()
    count = len(words)
    letters_of_words = len("".join(words if text.isascii() else text.split()))
    return (
        float(len(text)),
        float(count),
        letters_of_words / count if count else 0.0,
        float(len(_URL.findall(text))) if "://" in text or "www." in lowered else 0.0,
        float(len(_EMAIL.findall(text))) if "@" in text else 0.0,
        float(text.count("!")),
        float(text.count("?")),
        _capital_ratio(text),
        len(set(words)) / count if count else 0.0,
        sum([match.end() - match.start() for match in _RUN.finditer(text)]) / len(text),
    )


def _capital_ratio(text: str) -> float:
    if text.isascii():
        raw = text.encode()
        capitals = len(raw) - len(raw.translate(None, _UPPER))
        letters = capitals + len(raw) - len(raw.translate(None, _LOWER))
    else:
        capitals = sum(map(str.isupper, text))
        letters = sum(map(str.isalpha, text))
    return capitals / letters if letters else 0.0


def measure_texts(texts: Sequence[str | None] | NDArray[np.object_]) -> NDArray[np.float64]:
    """`text_statistics` of many texts, shape (texts, statistics), to the bit; a missing text is empty."""
    found = np.zeros((len(texts), len(STATISTICS)))
    plain: list[int] = []
    for row, text in enumerate(texts):
        if text and text.isascii():
            plain.append(row)
        elif text:
            found[row] = text_statistics(text)
    for at in range(0, len(plain), _BLOCK_ROWS):
        rows = plain[at : at + _BLOCK_ROWS]
        found[rows] = _measure_ascii([texts[row] or "" for row in rows])
    return found


def _measure_ascii(texts: Sequence[str]) -> NDArray[np.float64]:
    """The statistics of texts of ASCII, none of them empty: characters are bytes, counted for all texts at once."""
    joined = "".join(texts)
    lowered = joined.lower()
    content = np.frombuffer(joined.encode(), dtype=np.uint8)
    length = np.array([len(text) for text in texts])
    starts = np.cumsum(length) - length

    def count(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.add.reduceat(marked, starts, dtype=np.int64)

    words = [text.lower().split() for text in texts]
    word_count = np.array([len(each) for each in words])
    different = np.array([len(set(each)) for each in words])
    letters = count(_IS_LETTER[content])
    has_links, has_addresses = "://" in joined or "www." in lowered, "@" in joined
    columns = (
        length,
        word_count,
        _share(length - count(_IS_BLANK[content]), word_count),
        [len(_URL.findall(text)) for text in texts] if has_links else 0.0,
        [len(_EMAIL.findall(text)) for text in texts] if has_addresses else 0.0,
        count(content == ord("!")),
        count(content == ord("?")),
        _share(count(_IS_UPPER[content]), letters),
        _share(different, word_count),
        _share(_in_runs(content, starts), length),
    )
    return np.stack([np.broadcast_to(column, len(texts)).astype(np.float64) for column in map(np.asarray, columns)], 1)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(whole == 0, 0.0, part / np.maximum(whole, 1))


def _in_runs(content: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many characters of each text stand in runs of three or more."""
    begins = np.concatenate([[True], content[1:] != content[:-1]])
    begins[starts] = True
    first = np.flatnonzero(begins)
    lengths = np.diff(first, append=content.size)
    long = lengths >= 3
    text_of = np.searchsorted(starts, first[long], side="right") - 1
    return np.bincount(text_of, weights=lengths[long], minlength=starts.size).astype(np.int64)
