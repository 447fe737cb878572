"""Terms found by numbers are those found by text, in every vocabulary, tabled or searched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features import pairs, terms
from assay.features.plan import Terms

WORDS = st.sampled_from(["a", "b", "free", "the", "é", "x1"])
TERMS = st.lists(WORDS | st.tuples(WORDS, WORDS).map(" ".join), unique=True, max_size=12).map(tuple)
TEXTS = st.lists(st.none() | st.lists(WORDS | st.just("?")).map(" ".join), max_size=8)


@pytest.mark.parametrize("most_tabled", [0, 1 << 22])
@given(
    texts=TEXTS,
    word_terms=TERMS,
    span=st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 3)]),
    characters=st.sampled_from([None, (1, 2)]),
)
def test_a_frame_counts_what_a_row_has(
    most_tabled: int,
    texts: list[str | None],
    word_terms: tuple[str, ...],
    span: tuple[int, int],
    characters: tuple[int, int] | None,
) -> None:
    character_terms = ("a", " f", "re") if characters else ()
    plan = Terms(
        column="text", words=span, characters=characters, word_terms=word_terms, character_terms=character_terms
    )
    idf = np.arange(1.0, 1.0 + len(word_terms) + len(character_terms))
    row_terms = terms.prepare_row_terms(plan, idf)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pairs, "_MOST_TABLED", most_tabled)
        count = terms.prepare_counter(plan)
    column = np.empty(len(texts), dtype=object)
    column[:] = texts
    found = count(column)
    weights = terms.weigh_counts(found, plan, idf)
    for row, text in enumerate(texts):
        part = slice(found.indptr[row], found.indptr[row + 1])
        ids, values = row_terms(text or "")
        assert (found.ids[part].tolist(), weights[part].tolist()) == (list(ids), list(values))
