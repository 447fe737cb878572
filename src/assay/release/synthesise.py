"""Examples made up from what a release knows of its columns: usual values, edges, missing and unknown ones.

No row of the data is copied: numbers are drawn between quantiles, categories and terms are those of the plan, which
come from more than one row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

import numpy as np

from assay.contract.columns import Column
from assay.features.plan import Categorical, Terms
from assay.release.bundle import Bundle, Example
from assay.release.typical import typical_cells

JsonCell = bool | float | str | None
T = TypeVar("T")
Draw = Callable[[np.random.Generator], JsonCell]

_MISSING_SHARE = 0.08
_UNKNOWN = "never seen before"
_NUMBERS = (0.0, 1.0, -1.0, 0.5, 3.0, 100.0, 1e-9, 12345.678, -1e9, 1e15)
_TEXTS = (
    "a",
    "WINNER!!! Claim your FREE prize at https://example.com/win or write to prize@example.com NOW!!!",
    "Shall we meet at noon? I will bring the papers.",
    "sooooo   goooood :-)",
    "&lt;b&gt;Fish &amp; chips&lt;/b&gt;\tfor\n\ntwo",
    "\ufb01ne \uff26\uff35\uff2c\uff2c \u0130stanbul Stra\u00dfe e\u0301t\u00e9 \u4f60\u597d \U0001f600",
    "1234567890 10% 3.14 -7 $99.99 +49 170 0000000",
)
_PLAIN_WORDS = ("the", "order", "is", "late", "and", "please", "call", "me", "back", "today", "thanks", "zyxgloop")


def synthesise(bundle: Bundle, *, seed: int, count: int = 64) -> list[Example]:
    """`count` examples as a caller would send them; equal arguments give equal examples.

    The first one is typical and has every column; then each column that may be missing is missing once.
    """
    random = np.random.default_rng(seed)
    columns = [(column, _prepare(column, bundle)) for column in bundle.contract.columns]
    examples: list[dict[str, JsonCell]] = [
        {column.name: draw(random) for column, draw in columns} for _ in range(count)
    ]
    for example in examples[1:]:
        for column, _ in columns:
            if not column.required and random.random() < _MISSING_SHARE:
                example[column.name] = None
    optional = [column.name for column, _ in columns if not column.required]
    for name, example in zip(optional, examples[1:], strict=False):
        example[name] = None
    for example in examples[:1]:
        example.update(typical_cells(bundle))
    return list(examples)


def _prepare(column: Column, bundle: Bundle) -> Draw:
    match column.type:
        case "number":
            return _prepare_number(column, _quantiles(bundle.profile, column.name))
        case "boolean":
            return lambda random: bool(random.random() < 0.5)
        case "timestamp":
            return _timestamp
        case "category":
            return _prepare_category(column, bundle)
        case "text":
            return _prepare_text(column, bundle)
        case "id":
            return lambda random: f"id-{random.integers(10_000)}"


def _prepare_number(column: Column, quantiles: Sequence[float]) -> Draw:
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    edges = [
        value for value in (column.minimum, column.maximum, *_NUMBERS) if value is not None and low <= value <= high
    ]
    if len(quantiles) < 2:
        quantiles = (max(low, -10.0), min(high, 1000.0))

    def draw(random: np.random.Generator) -> float:
        if random.random() < 0.15:
            return float(_pick(edges or quantiles, random))
        at = int(random.integers(len(quantiles) - 1))
        value = random.uniform(quantiles[at], max(quantiles[at], quantiles[at + 1]))
        return float(min(max(round(value) if random.random() < 0.5 else round(value, 3), low), high))

    return draw


def _prepare_category(column: Column, bundle: Bundle) -> Draw:
    values = list(column.values or ())
    for encoder in bundle.plan.encoders:
        if isinstance(encoder, Categorical) and encoder.column == column.name:
            values += [value for value in encoder.values if value not in values]
    open_ended = column.pattern is None and (column.values is None or column.unknown == "other")

    def draw(random: np.random.Generator) -> str:
        if not values or (open_ended and random.random() < 0.1):
            return _UNKNOWN
        return _pick(values, random)

    return draw


def _prepare_text(column: Column, bundle: Bundle) -> Draw:
    terms: list[str] = []
    joined = {derived.name for derived in bundle.plan.derived if derived.op == "join" and column.name in derived.of}
    for encoder in bundle.plan.encoders:
        if isinstance(encoder, Terms) and encoder.column in {column.name, *joined}:
            terms += [*encoder.word_terms, *encoder.character_terms]

    def draw(random: np.random.Generator) -> str:
        text = _pick(_TEXTS, random) if random.random() < 0.25 else " ".join(_words(terms, random))
        while len(text) < column.min_length:
            text = f"{text} {' '.join(_words(terms, random))}"
        return text[: column.max_length].strip() or "a"

    return draw


def _words(terms: Sequence[str], random: np.random.Generator) -> list[str]:
    words = []
    for _ in range(random.integers(1, 40)):
        pool = terms if terms and random.random() < 0.6 else _PLAIN_WORDS
        word = _pick(pool, random)
        words.append(word.upper() if random.random() < 0.1 else word)
    return words


def _pick(values: Sequence[T], random: np.random.Generator) -> T:
    return values[int(random.integers(len(values)))]


def _timestamp(random: np.random.Generator) -> str:
    moment = datetime(1999, 12, 31, tzinfo=UTC) + timedelta(seconds=int(random.integers(40 * 366 * 86_400)))
    if random.random() < 0.3:
        moment = moment.astimezone(timezone(timedelta(minutes=int(random.integers(-720, 840)))))
    return moment.isoformat()


def _quantiles(profile: Mapping[str, object], name: str) -> Sequence[float]:
    """The quantiles of a number column in the reference profile, if it has them."""
    columns = profile.get("columns")
    sketch = columns.get(name) if isinstance(columns, dict) else None
    quantiles = sketch.get("quantiles") if isinstance(sketch, dict) else None
    return [float(value) for value in quantiles] if isinstance(quantiles, list) else ()
