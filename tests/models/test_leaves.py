"""Finding leaves by bits and walking to them give the same scores to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.models import leaves
from assay.models.leaves import prepare_leaves
from assay.models.trees import TreeModel
from tests.models.examples import random_frame, random_trees


@given(seed=st.integers(0, 10_000), depth=st.integers(0, 6), outputs=st.integers(1, 3))
def test_bits_and_walking_agree(seed: int, depth: int, outputs: int) -> None:
    random = np.random.default_rng(seed)
    trees = random_trees(random, trees=5, depth=depth, dense=4, outputs=outputs)
    frame = random_frame(random, rows=300, dense=4, terms=0)
    assert prepare_leaves(trees) is not None
    by_bits = TreeModel(trees).frame(frame)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(leaves, "_MOST_BYTES", -1)
        assert prepare_leaves(trees) is None
        walked = TreeModel(trees).frame(frame)
    assert by_bits.tobytes() == walked.tobytes()


def test_trees_of_more_leaves_than_bits_are_walked() -> None:
    random = np.random.default_rng(3)
    large = random_trees(random, trees=3, depth=9, dense=4)
    assert (np.asarray(large.feature) < 0).sum() > 3 * 64
    assert prepare_leaves(large) is None
