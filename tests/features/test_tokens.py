"""Choosing terms that tell: by the chi-squared statistic, as a table of counts gives it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from assay.features.tokens import choose_telling, choose_terms, tokenise

TERMS = [f"w{number}" for number in range(12)]


def texts_and_labels(classes: int, rows: int = 90) -> tuple[list[str], NDArray[np.int64]]:
    """Texts in which the first terms stand in all rows, in those of one class more often, or by chance."""
    draw = np.random.default_rng(11)
    labels = np.sort(draw.integers(0, classes, rows))
    shares = draw.random((len(TERMS), classes))
    shares[0] = 1.0
    present = draw.random((rows, len(TERMS))) < shares.T[labels]
    return [" ".join(term for term, here in zip(TERMS, row, strict=True) if here) for row in present], labels


def chi_squared(present: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    """Pearson's statistic of the table of presence against class (Pearson 1900); 0 where a term is in every row."""
    total = 0.0
    for here in (True, False):
        for label in np.unique(labels):
            expected = (present == here).mean() * (labels == label).sum()
            observed = ((present == here) & (labels == label)).sum()
            total += (observed - expected) ** 2 / expected if expected else 0.0
    return total


def presence(texts: list[str]) -> dict[str, NDArray[np.bool_]]:
    return {term: np.array([term in text.split() for text in texts]) for term in TERMS}


@pytest.mark.parametrize("most", [1, 3, 6, 11])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_most_telling_terms_have_the_largest_statistic(classes: int, most: int) -> None:
    texts, labels = texts_and_labels(classes)
    tokens = tokenise(texts, (1, 1), None)
    chosen, _ = choose_terms(tokens, None, 1000)
    told = {term: chi_squared(here, labels) for term, here in presence(texts).items()}
    best = sorted(told, key=lambda term: -told[term])[:most]
    found = chosen[choose_telling(tokens.take(None), chosen, labels, most)]
    assert {tokens.names[at] for at in found} == set(best)


@pytest.mark.parametrize("most", [1, 3, 6, 11])
def test_of_several_labels_the_statistics_are_added(most: int) -> None:
    texts, classes = texts_and_labels(3)
    flags = np.column_stack([classes == 0, classes > 0, np.arange(classes.size) % 4 == 0]).astype(np.int64)
    tokens = tokenise(texts, (1, 1), None)
    chosen, _ = choose_terms(tokens, None, 1000)
    told = {term: sum(chi_squared(here, flag) for flag in flags.T) for term, here in presence(texts).items()}
    best = sorted(told, key=lambda term: -told[term])[:most]
    found = chosen[choose_telling(tokens.take(None), chosen, flags, most)]
    assert {tokens.names[at] for at in found} == set(best)


def test_ties_go_to_the_first_terms() -> None:
    tokens = tokenise(["a b c", "a b c", "d", "d"], (1, 1), None)
    chosen, _ = choose_terms(tokens, None, 1000)
    found = chosen[choose_telling(tokens.take(None), chosen, np.array([0, 0, 1, 1]), 2)]
    assert [tokens.names[at] for at in found] == ["a", "b"]
