"""scikit-learn's fitted transformers, as arithmetic on the cells that their outputs come of.

Only what these can say exactly is here; everything else is refused by name.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from assay.importing.inputs import Code, Gap, Input, Operation, Source, Step, Term, Value, Vocabulary
from assay.importing.native import refuse

Inputs = list[Input]


@dataclass(slots=True)
class Notes:
    """What is gathered on the way through a pipeline: `strings` are columns whose categories are known as strings."""

    vocabularies: list[Vocabulary] = field(default_factory=list)
    closed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    strings: set[str] = field(default_factory=set)


def walk(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    """The outputs of a fitted transformer, given its inputs.

    Raises:
        NotSupportedError: the transformer, or a way it is set, cannot be imported exactly.
    """
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return inputs
    for kind, follow in _TRANSFORMERS:
        if type(transformer) is kind:
            return follow(transformer, inputs, notes)
    if isinstance(transformer, SelectorMixin):
        return [each for each, kept in zip(inputs, transformer.get_support(), strict=True) if kept]
    raise refuse(
        f"the step {type(transformer).__name__}",
        "known steps are "
        + ", ".join(sorted(kind.__name__ for kind, _ in _TRANSFORMERS))
        + " and selectors of columns",
    )


def _pipeline(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    for _, step in transformer.steps:
        inputs = walk(step, inputs, notes)
    return inputs


def _union(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    if transformer.transformer_weights:
        raise refuse("a FeatureUnion with weights", "fit it without transformer_weights")
    return [each for _, part in transformer.transformer_list if part != "drop" for each in walk(part, inputs, notes)]


def _columns(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    if transformer.transformer_weights:
        raise refuse("a ColumnTransformer with weights", "fit it without transformer_weights")
    names = list(getattr(transformer, "feature_names_in_", ()))
    found: Inputs = []
    for _, part, chosen in transformer.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        found += walk(part, [inputs[at] for at in _positions(chosen, names, len(inputs))], notes)
    return found


def _positions(chosen: Any, names: list[str], count: int) -> list[int]:
    """The columns that a ColumnTransformer hands to a part."""
    if isinstance(chosen, str):
        return [names.index(chosen)]
    if isinstance(chosen, numbers.Integral):
        return [int(chosen) % count]
    if isinstance(chosen, slice):
        if any(isinstance(end, str) for end in (chosen.start, chosen.stop)):
            raise refuse("a ColumnTransformer with a range of names", "name its columns one by one")
        return list(range(count))[chosen]
    listed = list(chosen)
    if listed and all(isinstance(each, bool | np.bool_) for each in listed):
        return np.flatnonzero(listed).tolist()
    return [names.index(each) if isinstance(each, str) else int(each) % count for each in listed]


def _plain(each: Input, step: str) -> Value:
    """The cell of a column as it stands in the data, at most imputed."""
    if each.steps or not isinstance(each.source, Value):
        raise refuse(f"a {step} of anything but columns of the data", f"put the {step} first")
    return each.source


def _imputer(transformer: Any, inputs: Inputs, _: Notes) -> Inputs:
    absent = transformer.missing_values
    if not (absent is None or (isinstance(absent, float) and np.isnan(absent)) or type(absent).__name__ == "NAType"):
        raise refuse(f"a SimpleImputer that takes {absent!r} for missing", "put a missing value into the data instead")
    found: Inputs = []
    for each, stands in zip(inputs, transformer.statistics_.tolist(), strict=True):
        if stands is None or (isinstance(stands, float) and np.isnan(stands)):
            raise refuse("a SimpleImputer of a column without values", "leave the column out")
        cell = _plain(each, "SimpleImputer")
        if cell.impute is not None:
            raise refuse("a second SimpleImputer of a column", "leave one of them out")
        found.append(Input(Value(cell.column, stands if isinstance(stands, str) else float(stands))))
    if transformer.add_indicator and transformer.indicator_ is not None:
        found += [_gap(inputs[at]) for at in transformer.indicator_.features_.tolist()]
    return found


def _gap(each: Input) -> Input:
    return Input(Gap(_plain(each, "SimpleImputer").column))


def _scale(*parts: tuple[Operation, str]) -> Callable[[Any, Inputs, Notes], Inputs]:
    """The rule of a scaler that does `parts` in order: the operation, and the attribute with its numbers."""

    def follow(transformer: Any, inputs: Inputs, _: Notes) -> Inputs:
        steps: list[list[Step]] = [[] for _ in inputs]
        for op, attribute in parts:
            by = getattr(transformer, attribute, None)
            if by is not None:
                for at, number in enumerate(np.broadcast_to(by, len(inputs)).tolist()):
                    steps[at].append(Step(op, float(number)))
        if getattr(transformer, "clip", False):
            low, high = transformer.feature_range
            for each in steps:
                each += [Step("at_least", float(low)), Step("at_most", float(high))]
        return [_number(each).then(*more) for each, more in zip(inputs, steps, strict=True)]

    return follow


def _number(each: Input) -> Input:
    if isinstance(each.source, Value) and isinstance(each.source.impute, str):
        raise refuse(f"a scaler of the column {each.source.column}, which was imputed by a string")
    return each


def _one_hot(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    dropped = transformer.drop_idx_
    rare = getattr(transformer, "infrequent_categories_", [None] * len(inputs))
    found: Inputs = []
    for at, (each, values) in enumerate(zip(inputs, transformer.categories_, strict=True)):
        cell = _plain(each, "OneHotEncoder")
        _note_strings(cell, values.tolist(), notes)
        groups: list[list[object]] = [[value] for value in values.tolist()]
        if rare[at] is not None:
            few = [_text(value) for value in np.asarray(rare[at]).tolist()]
            groups = [group for group in groups if _text(group[0]) not in few]
            groups.append([value for value in values.tolist() if _text(value) in few])
        if dropped is not None and dropped[at] is not None:
            if rare[at] is not None:
                raise refuse("a OneHotEncoder that drops a category and groups rare ones", "fit it with drop=None")
            del groups[int(dropped[at])]
        catches = rare[at] is not None and transformer.handle_unknown in ("infrequent_if_exist", "warn")
        for number, group in enumerate(groups):
            last = catches and number == len(groups) - 1
            found.append(Input(_flag(cell, group, values.tolist(), other=1.0 if last else 0.0)))
        if transformer.handle_unknown == "error":
            _close(cell, values.tolist(), notes)
    return found


def _flag(cell: Value, group: Sequence[object], values: Sequence[object], *, other: float) -> Code:
    """1 for the categories of `group`, `other` for those not among `values`."""
    known = [_text(value) for value in values if not _is_missing(value)]
    chosen = [_text(value) for value in group if not _is_missing(value)]
    missing = _missing(cell, values, group)
    if other:
        return Code(cell.column, tuple(known), tuple(float(name in chosen) for name in known), other, missing)
    return Code(cell.column, tuple(chosen), (1.0,) * len(chosen), other, missing)


def _missing(cell: Value, values: Sequence[object], group: Sequence[object]) -> float | None:
    """The flag of a missing cell: that of the category it is imputed by, or of the missing category if there is one."""
    if cell.impute is not None:
        return float(_text(cell.impute) in [_text(value) for value in group])
    if any(map(_is_missing, values)):
        return float(any(map(_is_missing, group)))
    return None


def _note_strings(cell: Value, values: Sequence[object], notes: Notes) -> None:
    if any(isinstance(value, str) for value in values):
        notes.strings.add(cell.column)


def _close(cell: Value, values: Sequence[object], notes: Notes) -> None:
    """The original refuses a category that it does not know, and so does the contract."""
    notes.closed[cell.column] = tuple(_text(value) for value in values if not _is_missing(value))


def _ordinal(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    found: Inputs = []
    if any(each is not None for each in getattr(transformer, "infrequent_categories_", ())):
        raise refuse("an OrdinalEncoder that groups rare categories", "fit it without min_frequency")
    unknown = transformer.handle_unknown == "use_encoded_value"
    if unknown and np.isnan(transformer.unknown_value):
        raise refuse("an OrdinalEncoder that makes unknown categories NaN", "fit it with a number as unknown_value")
    for each, values in zip(inputs, transformer.categories_, strict=True):
        cell, listed = _plain(each, "OrdinalEncoder"), values.tolist()
        _note_strings(cell, listed, notes)
        known = [_text(value) for value in listed if not _is_missing(value)]
        missing = None
        if cell.impute is not None:
            missing = float(known.index(_text(cell.impute))) if _text(cell.impute) in known else None
        elif any(map(_is_missing, listed)):
            missing = float(transformer.encoded_missing_value)
            if np.isnan(missing):
                raise refuse(
                    f"an OrdinalEncoder that keeps missing values of {cell.column} as NaN",
                    "fit it with a number as encoded_missing_value",
                )
        other = float(transformer.unknown_value) if unknown else 0.0
        if not unknown:
            _close(cell, listed, notes)
        codes = tuple(float(at) for at in range(len(known)))
        found.append(Input(Code(cell.column, tuple(known), codes, other, missing)))
    return found


def _text(value: object) -> str:
    """A category as the contract has it."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


_PATTERNS = {
    r"(?u)\b\w\w+\b": 2,
    r"\b\w\w+\b": 2,
    r"(?u)\b\w+\b": 1,
    r"\b\w+\b": 1,
    r"(?u)\w+": 1,
    r"\w+": 1,
    r"(?u)\w\w+": 2,
    r"\w\w+": 2,
}
_CHARACTERS_FROM = 3


def _vectorizer(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    """The terms of a text. Words are runs of letters, digits and underscores, as in the release."""
    if len(inputs) != 1:
        raise refuse("a vectorizer of several columns", "give it the name of one text column")
    cell = _plain(inputs[0], type(transformer).__name__)
    name = type(transformer).__name__
    lowest, highest = transformer.ngram_range
    if any(getattr(transformer, each) is not None for each in ("tokenizer", "preprocessor", "strip_accents")):
        raise refuse(f"a {name} with a tokenizer, a preprocessor or strip_accents of its own", "fit it without them")
    if callable(transformer.analyzer) or transformer.analyzer == "char":
        raise refuse(f"a {name} with the analyzer {transformer.analyzer!r}", "use the analyzer word or char_wb")
    if not transformer.lowercase:
        raise refuse(f"a {name} that keeps capitals", "fit it with lowercase=True")
    by_word = transformer.analyzer == "word"
    if by_word and transformer.token_pattern not in _PATTERNS:
        raise refuse(f"a {name} with the token pattern {transformer.token_pattern}", "use the usual token pattern")
    if not by_word and lowest > _CHARACTERS_FROM:
        raise refuse(f"a {name} of characters from {lowest} on", "begin with at most 3 characters, as in (3, 5)")
    terms = [""] * len(transformer.vocabulary_)
    for term, at in transformer.vocabulary_.items():
        terms[at] = term
    number = len(notes.vocabularies)
    notes.vocabularies.append(
        Vocabulary(
            column=cell.column,
            words=(lowest, highest) if by_word else None,
            characters=None if by_word else (lowest, highest),
            counting="presence" if transformer.binary else "count",
            shortest_word=_PATTERNS[transformer.token_pattern] if by_word else 1,
            stop_words=tuple(sorted(transformer.get_stop_words() or ())) if by_word else (),
            terms=tuple(terms),
            idf=(1.0,) * len(terms),
        )
    )
    found = [Input(Term(number, at)) for at in range(len(terms))]
    return _weigh(transformer, found, notes) if isinstance(transformer, TfidfVectorizer) else found


def _weigh(transformer: Any, inputs: Inputs, notes: Notes) -> Inputs:
    """Inverse document frequencies and norm, of a vectorizer or of a TfidfTransformer behind one."""
    numbers_of = {each.source.vocabulary for each in inputs if isinstance(each.source, Term)}
    whole = len(numbers_of) == 1 and all(
        each == Input(Term(next(iter(numbers_of)), at)) for at, each in enumerate(inputs)
    )
    if not whole or len(inputs) != len(notes.vocabularies[next(iter(numbers_of))].terms):
        raise refuse("a TfidfTransformer of anything but the terms of one CountVectorizer", "use a TfidfVectorizer")
    number = numbers_of.pop()
    vocabulary = notes.vocabularies[number]
    if transformer.norm not in ("l2", None):
        raise refuse(f"TF-IDF with the norm {transformer.norm}", "use the norm l2, or none")
    idf = tuple(transformer.idf_.tolist()) if transformer.use_idf else vocabulary.idf
    if min(idf, default=1.0) <= 0.0:
        raise refuse("TF-IDF with a weight that is not above 0", "fit it with smooth_idf=True")
    counting = vocabulary.counting
    if transformer.sublinear_tf and counting == "count":
        counting = "log"
    notes.vocabularies[number] = Vocabulary(
        column=vocabulary.column,
        words=vocabulary.words,
        characters=vocabulary.characters,
        counting=counting,
        norm="none" if transformer.norm is None else "l2",
        shortest_word=vocabulary.shortest_word,
        stop_words=vocabulary.stop_words,
        terms=vocabulary.terms,
        idf=idf,
    )
    return inputs


def _function(transformer: Any, inputs: Inputs, _: Notes) -> Inputs:
    if transformer.func is not None:
        raise refuse("a FunctionTransformer: its function is code", "do its work in the data, or as a derived column")
    return inputs


_TRANSFORMERS: tuple[tuple[type, Callable[[Any, Inputs, Notes], Inputs]], ...] = (
    (Pipeline, _pipeline),
    (ColumnTransformer, _columns),
    (FeatureUnion, _union),
    (SimpleImputer, _imputer),
    (StandardScaler, _scale(("subtract", "mean_"), ("divide", "scale_"))),
    (MinMaxScaler, _scale(("multiply", "scale_"), ("add", "min_"))),
    (MaxAbsScaler, _scale(("divide", "scale_"))),
    (RobustScaler, _scale(("subtract", "center_"), ("divide", "scale_"))),
    (OneHotEncoder, _one_hot),
    (OrdinalEncoder, _ordinal),
    (CountVectorizer, _vectorizer),
    (TfidfVectorizer, _vectorizer),
    (TfidfTransformer, _weigh),
    (FunctionTransformer, _function),
)


def columns_of(model: Any, names: Sequence[str], text: str | None) -> tuple[Inputs, Mapping[str, Any]]:
    """The columns that a fitted pipeline takes, and how: `names`, or the one `text` where a vectorizer comes first."""
    first: Any = model
    while isinstance(first, Pipeline) and first.steps:
        first = first.steps[0][1]
    if isinstance(first, CountVectorizer) or (
        isinstance(first, FeatureUnion) and isinstance(first.transformer_list[0][1], CountVectorizer)
    ):
        if text is None:
            raise refuse(
                "a pipeline that begins with text, for data with several text columns or none,",
                "leave out the other text columns (--ignore)",
            )
        return [Input(Value(text))], {"text": text}
    known = [str(name) for name in getattr(model, "feature_names_in_", ())] or None
    count = int(getattr(model, "n_features_in_", len(names)))
    if known is None and count != len(names):
        raise refuse(
            f"a pipeline of {count} columns without names, for data with {len(names)} columns beside the label,",
            "leave out the columns that the pipeline does not have (--ignore)",
        )
    return [Input(Value(name)) for name in known or names], {"columns": known or list(names)}


def sources_of(inputs: Sequence[Input]) -> tuple[Source, ...]:
    """The sources alone, of inputs to which nothing was done."""
    return tuple(each.source for each in inputs)
