"""Explanations: exact, in the signs of the label that was answered, largest first, with the reasons of the policy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features.plan import FeaturePlan, FeatureRow, Number, Terms
from assay.models.linear import LinearModel
from assay.serving.answer import Thought
from assay.serving.explain import Explainer, FeatureNames
from assay.serving.metrics import Slab
from assay.serving.served import Served
from assay.values import Decision, Explanation
from tests.serving.material import (
    SPAM_ROW,
    TOPIC_ROW,
    ReadableLog,
    predictor_with,
    served,
    spam_bundle,
    topic_bundle,
    tree_bundle,
)


def explain(one: Served, row: dict[str, object], top: int = 10) -> Explanation:
    thought = predictor_with(ReadableLog()).think(one, json.dumps(row).encode())
    return one.explainer.explain(thought, top)


def total(explanation: Explanation) -> float:
    return explanation.base + sum(factor.contribution for factor in explanation.factors)


def test_base_and_contributions_are_the_margin_of_a_linear_model(slab: Slab) -> None:
    said = explain(served(spam_bundle(bias=0.25), slab), SPAM_ROW)
    assert (said.kind, said.label) == ("exact", "spam")
    assert total(said) == pytest.approx(said.margin, abs=1e-9)
    assert said.base == 0.25


def test_the_largest_factors_come_first_and_zeros_never(slab: Slab) -> None:
    said = explain(served(spam_bundle(), slab), SPAM_ROW)
    sizes = [abs(factor.contribution) for factor in said.factors]
    assert sizes == sorted(sizes, reverse=True)
    assert all(sizes)
    assert said.factors[0].feature == "url_count"
    assert said.factors[0].value == 1.0


def test_terms_of_a_text_are_named(slab: Slab) -> None:
    said = explain(served(spam_bundle(), slab), SPAM_ROW)
    assert {"text word 'win'", "text word 'free'"} <= {factor.feature for factor in said.factors}


def test_only_the_most_important_factors_are_told(slab: Slab) -> None:
    assert len(explain(served(spam_bundle(), slab), SPAM_ROW, top=2).factors) == 2


def test_the_signs_turn_when_the_other_label_is_answered(slab: Slab) -> None:
    ham = explain(served(spam_bundle(bias=-9.0), slab), SPAM_ROW)
    spam = explain(served(spam_bundle(bias=9.0), slab), SPAM_ROW)
    assert (ham.label, spam.label) == ("ham", "spam")
    assert [factor.contribution for factor in ham.factors] == [-factor.contribution for factor in spam.factors]
    assert total(ham) == pytest.approx(ham.margin, abs=1e-9)


def test_several_classes_are_explained_by_the_score_of_the_label(slab: Slab) -> None:
    said = explain(served(topic_bundle(), slab), TOPIC_ROW)
    assert said.label == "sport"
    assert {factor.feature: factor.contribution for factor in said.factors} == {"goals": 3.0, "price": -0.75}


def test_trees_are_explained_exactly_and_not_on_the_event_loop(slab: Slab) -> None:
    match = served(tree_bundle(), slab)
    said = explain(match, TOPIC_ROW)
    assert not match.explainer.cheap
    assert said.kind == "exact"
    assert total(said) == pytest.approx(said.margin, abs=1e-6)


def test_the_rules_that_hold_give_their_reasons(slab: Slab) -> None:
    spam = served(spam_bundle(), slab)
    assert explain(spam, SPAM_ROW).reasons == ("contains a URL",)
    assert explain(spam, {"text": "hello there"}).reasons == ()


def test_contributions_that_do_not_sum_up_are_called_approximate() -> None:
    class Leaky(LinearModel):
        """A model whose contributions leave something out."""

        def contributions(self, features: FeatureRow, output: int) -> tuple[float, list[float], list[float]]:
            base, dense, sparse = super().contributions(features, output)
            return base + 0.5, dense, sparse

    plan = FeaturePlan(columns=("a",), encoders=(Number(column="a"),), names=("a",))
    model = Leaky(np.array([[2.0]]), np.array([0.0]), np.array([0.0]))
    features = FeatureRow([1.0], np.empty(0, dtype=np.int64), np.empty(0))
    thought = Thought((1.0,), features, [2.0], Decision("yes", 1, "yes", 0.9, 0.9, (0.1, 0.9)))
    said = Explainer(plan, model, lambda _: (), binary=True, positive=1).explain(thought)
    assert said.kind == "approximate"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=4))
def test_every_sparse_feature_has_the_name_of_its_term(sizes: list[tuple[int, int]]) -> None:
    encoders, expected = [], []
    for at, (words, characters) in enumerate(sizes):
        terms = Terms(
            column=f"c{at}",
            word_terms=tuple(f"w{number}" for number in range(words)),
            character_terms=tuple(f"k{number}" for number in range(characters)),
        )
        encoders.append(terms)
        expected += [f"c{at} word {term!r}" for term in terms.word_terms]
        expected += [f"c{at} characters {term!r}" for term in terms.character_terms]
    names = FeatureNames(FeaturePlan(columns=(), encoders=tuple(encoders)))
    assert [names.sparse(index) for index in range(len(expected))] == expected
