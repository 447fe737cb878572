"""What the features of a plan are called."""

from __future__ import annotations

from collections.abc import Sequence

from assay.features.plan import Encoder, FeaturePlan, Lookup, Number, OneHot, Ordinal, Terms, TextStatistics


def dense_names(encoders: Sequence[Encoder]) -> tuple[str, ...]:
    """The names of the dense features, in order: `column`, `column=value`, `statistic` or `column.statistic`."""
    texts = [encoder.column for encoder in encoders if isinstance(encoder, TextStatistics)]
    columns = {encoder.column for encoder in encoders}
    names: list[str] = []
    for encoder in encoders:
        if isinstance(encoder, Number | Ordinal | Lookup):
            names.append(encoder.column)
        elif isinstance(encoder, OneHot):
            names += [f"{encoder.column}={value}" for value in encoder.values]
        elif isinstance(encoder, TextStatistics):
            names += [
                name if len(texts) == 1 and name not in columns else f"{encoder.column}.{name}"
                for name in encoder.statistics
            ]
        if isinstance(encoder, Number | OneHot | Ordinal) and encoder.indicator:
            names.append(f"{encoder.column} is missing")
    return tuple(names)


def term_names(plan: FeaturePlan) -> tuple[str, ...]:
    """The names of the sparse features, in order: `column: free entry`, and `column: ~_fre~` for characters, where an
    underscore stands for a blank.
    """
    names: list[str] = []
    for encoder in plan.encoders:
        if isinstance(encoder, Terms):
            names += [f"{encoder.column}: {term}" for term in encoder.word_terms]
            names += [f"{encoder.column}: ~{term.replace(' ', '_')}~" for term in encoder.character_terms]
    return tuple(names)


def term_count(plan: FeaturePlan) -> int:
    """How many sparse features there are."""
    return sum(
        len(encoder.word_terms) + len(encoder.character_terms)
        for encoder in plan.encoders
        if isinstance(encoder, Terms)
    )
