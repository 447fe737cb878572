"""Statistics of a text: counts and ratios that need no vocabulary. All are computed at once: they share their parts."""

from __future__ import annotations

import re

from assay import native

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


def text_statistics(text: str) -> tuple[float, ...]:
    """The values of `STATISTICS`, in that order; every one is 0 for empty text."""
    if not text:
        return _OF_NOTHING
    loops = native.LOOPS
    found: tuple[float, ...] | None = None if loops is None else loops.text_statistics(text)
    return _measure(text) if found is None else found


def _measure(text: str) -> tuple[float, ...]:
    """The twin of the compiled function; addresses and letters beyond ASCII are counted here alone."""
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
