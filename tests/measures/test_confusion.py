from __future__ import annotations

import numpy as np

from assay.measures.confusion import Confused, class_figures, confusion

LABELS, SAID = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])


def test_the_matrix_counts_what_was_said_of_which_class() -> None:
    assert confusion(LABELS, SAID, ("a", "b", "c")) == (
        Confused("a", "a", 2),
        Confused("a", "b", 1),
        Confused("b", "b", 2),
        Confused("c", "a", 1),
    )


def test_every_class_has_its_figures() -> None:
    first, second, third = class_figures(LABELS, SAID, ("a", "b", "c"))
    assert (first.rows, first.said) == (3, 3)
    assert first.precision is not None
    assert second.recall is not None
    assert (first.precision.value, second.recall.value) == (2 / 3, 1.0)
    assert (third.rows, third.said, third.precision) == (1, 0, None)
