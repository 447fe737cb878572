"""Models as arrays and back."""

from __future__ import annotations

import numpy as np
import pytest

from assay.errors import ReleaseError
from assay.models import BlendModel, LinearModel, Model, TreeModel, load, save
from assay.models.forest import ForestModel
from assay.models.trees import TreeArrays
from tests.models.examples import random_frame, random_trees, rows_of, with_sets


def models() -> list[Model]:
    random = np.random.default_rng(0)
    return [
        LinearModel(random.normal(size=(1, 7)), random.normal(size=1), random.normal(size=4)),
        LinearModel(random.normal(size=(3, 7)), random.normal(size=3), random.normal(size=4)),
        TreeModel(random_trees(random, trees=4, depth=4, dense=4, terms=3)),
        TreeModel(random_trees(random, trees=6, depth=4, dense=4, terms=3, outputs=3)),
        TreeModel(with_sets(random, random_trees(random, trees=6, depth=4, dense=4, terms=3))),
        BlendModel(
            [
                LinearModel(random.normal(size=(1, 7)), random.normal(size=1), random.normal(size=4)),
                TreeModel(random_trees(random, trees=4, depth=4, dense=4, terms=3)),
            ],
            [0.25, 1.5],
        ),
        *(ForestModel(_shares(random, outputs)) for outputs in (1, 3)),
    ]


def _shares(random: np.random.Generator, outputs: int) -> TreeArrays:
    """Trees whose leaves hold probabilities."""
    trees = random_trees(random, trees=6, depth=4, dense=4, terms=3, outputs=outputs)
    return trees._replace(value=random.random(trees.value.size), base=np.zeros(outputs))


@pytest.mark.parametrize("model", models(), ids=lambda model: f"{model.kind}")
def test_a_model_comes_back_as_it_was(model: Model) -> None:
    kind, arrays = save(model)
    frozen = {name: array.copy() for name, array in arrays.items()}
    for array in frozen.values():
        array.setflags(write=False)
    again = load(kind, frozen)
    inputs = random_frame(np.random.default_rng(1), 20, 4, 3)
    assert again.frame(inputs).tolist() == model.frame(inputs).tolist()
    assert [again.row(row) for row in rows_of(inputs)] == [model.row(row) for row in rows_of(inputs)]
    assert {name: array.tolist() for name, array in save(again)[1].items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


@pytest.mark.parametrize("model", models()[1:3], ids=lambda model: f"{model.kind}")
def test_a_missing_array_is_named(model: Model) -> None:
    kind, arrays = save(model)
    for name in arrays:
        with pytest.raises(ReleaseError, match=name):
            load(kind, {other: array for other, array in arrays.items() if other != name})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ReleaseError, match="jungle"):
        load("jungle", {})
