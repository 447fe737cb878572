"""Labels as one text, so that a table can hold, group and compare them: one label as it is, several as a JSON list."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_REVIEW = "review"


def label_text(label: str | Sequence[str]) -> str:
    """Several labels stand in alphabetical order, so that the same labels are the same text."""
    return label if isinstance(label, str) else msgspec.json.encode(sorted(label)).decode()


def decision_text(decision: str | Sequence[str]) -> str:
    """The same; a whole example that goes to a person is `review`, however many labels it may have."""
    return _REVIEW if tuple(decision) == (_REVIEW,) else label_text(decision)


def same_labels(told: str, predicted: str) -> bool:
    """Whether a true label, as text, is what was predicted; one label alone may be meant as the only one of several."""
    return told == predicted or label_text([told]) == predicted


def readable(text: str) -> str:
    """Several labels with commas between, for people."""
    try:
        labels = msgspec.json.decode(text, type=list[str]) if text.startswith("[") else [text]
    except msgspec.DecodeError:
        return text
    return ", ".join(labels) or "no label"
