"""A blend is the weighted sum of its models, in its scores and in its explanations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import ReleaseError
from assay.models import BlendModel, LinearModel, TreeModel
from tests.models.examples import numbered, random_frame, random_trees, rows_of, with_sets


def parts(seed: int, outputs: int) -> list[LinearModel | TreeModel]:
    random = np.random.default_rng(seed)
    trees = random_trees(random, trees=5, depth=4, dense=3, terms=4, outputs=outputs)
    weights = random.normal(size=(outputs, 7))
    return [
        LinearModel(weights, random.normal(size=outputs), random.normal(size=3)),
        TreeModel(with_sets(random, trees)),
        TreeModel(random_trees(random, trees=3, depth=2, dense=3, terms=4, outputs=outputs)),
    ]


@given(seed=st.integers(0, 2**32 - 1), outputs=st.sampled_from([1, 3]))
@settings(max_examples=40)
def test_row_and_frame_agree_to_the_bit(seed: int, outputs: int) -> None:
    model = BlendModel(parts(seed, outputs), [0.3, 0.5, 1.7])
    inputs = numbered(random_frame(np.random.default_rng(seed), 20, 3, 4))
    assert [model.row(row) for row in rows_of(inputs)] == model.frame(inputs).tolist()


@given(seed=st.integers(0, 2**32 - 1), outputs=st.sampled_from([1, 3]))
@settings(max_examples=20)
def test_scores_and_contributions_are_weighted_sums(seed: int, outputs: int) -> None:
    members, weights = parts(seed, outputs), [0.3, 0.5, 1.7]
    model = BlendModel(members, weights)
    inputs = numbered(random_frame(np.random.default_rng(seed), 3, 3, 4))
    sums = sum(weight * member.frame(inputs) for weight, member in zip(weights, members, strict=True))
    assert model.frame(inputs) == pytest.approx(np.asarray(sums), rel=1e-9)
    for row in rows_of(inputs):
        base, dense, sparse = model.contributions(row, outputs - 1)
        each = [member.contributions(row, outputs - 1) for member in members]
        for at, found in enumerate(dense):
            told = sum(weight * one[1][at] for weight, one in zip(weights, each, strict=True))
            assert found == pytest.approx(told, rel=1e-9, abs=1e-12)
        assert base + sum(dense) + sum(sparse) == pytest.approx(model.row(row)[outputs - 1], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("weights", [[], [1.0], [1.0, 1.0, np.nan]])
def test_a_weight_is_needed_for_each_model(weights: list[float]) -> None:
    with pytest.raises(ReleaseError, match="one finite weight"):
        BlendModel(parts(0, 1), weights)


def test_a_part_of_no_known_kind_is_refused() -> None:
    arrays = BlendModel(parts(0, 1), [1.0, 1.0, 1.0]).arrays()
    strange = {name.replace("1.trees", "1.forest"): array for name, array in arrays.items()}
    with pytest.raises(ReleaseError, match="the blend lacks"):
        BlendModel.from_arrays(strange)
