"""The typical example of a release, for people to begin with: medians, most frequent categories, texts of known words.

It is made from the reference profile and the plan, never from a row. Two-word terms stand in two rows at least.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from assay.contract.cells import prepare_cell
from assay.contract.columns import Column
from assay.features.plan import Categorical, Terms
from assay.release.bundle import Bundle

JsonCell = bool | float | str | None

_DIGITS = 4
_TEXT_LENGTH = (20, 70)
_PLAIN_TEXT = "the order is late, please call me back today"
_MOMENT = datetime(2026, 1, 15, 12, tzinfo=UTC)
_ID_ENDING = re.compile(r"[\s_-]*(id|uuid|key|number|no)$", re.IGNORECASE)


def typical_cells(bundle: Bundle) -> dict[str, JsonCell]:
    """A typical value of each column, without those for which the contract takes none that is known here."""
    phrases = _Phrases(bundle)
    missing_values = frozenset(bundle.contract.missing_values)
    cells: dict[str, JsonCell] = {}
    for column in bundle.contract.columns:
        sketch = _sketch(bundle.profile, column.name)
        read = prepare_cell(column, missing_values)
        for cell in _candidates(column, bundle, sketch, phrases):
            try:
                known = read(cell) is not None
            except ValueError:
                continue
            if known:
                cells[column.name] = cell
                break
    return cells


def _candidates(
    column: Column, bundle: Bundle, sketch: Mapping[str, Any], phrases: _Phrases
) -> Iterator[bool | float | str]:
    match column.type:
        case "number":
            yield from _number(column, _quantiles(sketch))
        case "boolean":
            yield bool((sketch.get("mean") or 0.0) >= 0.5)
        case "timestamp":
            yield _moment(_quantiles(sketch))
        case "category":
            yield from _categories(column, bundle, sketch)
        case "text":
            yield phrases.text(column, _quantiles(sketch))
        case "id":
            yield f"{_ID_ENDING.sub('', column.name).lower() or 'row'}-1024"


def _number(column: Column, quantiles: Sequence[float]) -> Iterator[float]:
    """The median; of whole numbers a whole one."""
    if not quantiles:
        return
    median = quantiles[len(quantiles) // 2]
    whole = all(value.is_integer() for value in quantiles)
    value = float(round(median)) if whole else float(f"{median:.{_DIGITS}g}")
    value = value if column.minimum is None else max(value, column.minimum)
    yield value if column.maximum is None else min(value, column.maximum)


def _moment(quantiles: Sequence[float]) -> str:
    """The full hour before the median."""
    moment = _MOMENT
    if quantiles:
        moment = datetime.fromtimestamp(quantiles[len(quantiles) // 2] // 3600 * 3600, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _categories(column: Column, bundle: Bundle, sketch: Mapping[str, Any]) -> Iterator[str]:
    """From the most frequent one on, those of the contract first; without a profile those that the plan knows."""
    shares = sketch.get("shares")
    found: list[str] = sorted(shares, key=lambda value: (-shares[value], value)) if isinstance(shares, dict) else []
    allowed = set(column.values or found)
    yield from (value for value in found if value in allowed)
    for encoder in bundle.plan.encoders:
        if isinstance(encoder, Categorical) and encoder.column == column.name:
            yield from encoder.values
    yield from column.values or ()


class _Phrases:
    """Texts chained from the two-word terms that most rows have; no word is used twice in an example."""

    def __init__(self, bundle: Bundle) -> None:
        self._used: set[str] = set()
        self._pairs: dict[str, list[tuple[str, str]]] = {}
        joined = {derived.name: derived.of for derived in bundle.plan.derived if derived.op == "join"}
        terms = [encoder for encoder in bundle.plan.encoders if isinstance(encoder, Terms)]
        for number, encoder in enumerate(terms):
            pairs = _frequent_pairs(encoder, bundle.plan_arrays[f"terms.{number}.idf"].tolist())
            for name in (encoder.column, *joined.get(encoder.column, ())):
                self._pairs.setdefault(name, pairs)

    def text(self, column: Column, lengths: Sequence[float]) -> str:
        """A text about as long as half of them are, within bounds; plain words where no terms are known."""
        least, most = max(_TEXT_LENGTH[0], column.min_length), max(_TEXT_LENGTH[1], column.min_length)
        wanted = min(max(lengths[len(lengths) // 2], least), most) if lengths else least
        words: list[str] = []
        while len(" ".join(words)) < wanted and (chain := self._chain(column.name, words[-1] if words else None)):
            words += chain
        text = " ".join(words) or _PLAIN_TEXT
        while len(text) < column.min_length:
            text = f"{text} {_PLAIN_TEXT}"
        text = text[:1].upper() + text[1:]
        return text if len(text) <= column.max_length else text[: column.max_length].rstrip()

    def _chain(self, name: str, last: str | None) -> list[str]:
        """The next words: one that often follows the last one, or the most frequent pair of fresh words."""
        fresh = [pair for pair in self._pairs.get(name, ()) if pair[1] not in self._used]
        following = next(([second] for first, second in fresh if first == last), None)
        chain = following or next(([*pair] for pair in fresh if pair[0] not in self._used), [])
        self._used.update(chain)
        return chain


def _frequent_pairs(encoder: Terms, idf: Sequence[float]) -> list[tuple[str, str]]:
    """Pairs of two different words of at least two letters, those of most rows first."""
    ranked = sorted(zip(idf, encoder.word_terms, strict=False))
    pairs = (tuple(term.split(" ")) for _, term in ranked)
    return [
        (pair[0], pair[1])
        for pair in pairs
        if len(pair) == 2 and pair[0] != pair[1] and all(len(word) > 1 and word.isalpha() for word in pair)
    ]


def _sketch(profile: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What the reference profile says of a column; it may say nothing."""
    columns = profile.get("columns")
    sketch = columns.get(name) if isinstance(columns, dict) else None
    return sketch if isinstance(sketch, dict) else {}


def _quantiles(sketch: Mapping[str, Any]) -> Sequence[float]:
    quantiles = sketch.get("quantiles")
    return [float(value) for value in quantiles] if isinstance(quantiles, list) else ()
