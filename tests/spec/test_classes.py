from __future__ import annotations

import pytest

from assay.contract.columns import Column
from assay.errors import SpecError
from assay.spec import check_classes, cost_matrix, parse_spec, resolve_features
from tests.spec.material import FULL, MINIMAL

MATRIX = "decision: {cost: {a: {b: 2, c: 3}, b: {a: 1}}}\n"


def test_binary_costs_become_a_matrix_of_actual_by_predicted() -> None:
    cost = parse_spec(FULL).decision.cost
    assert cost_matrix(cost, ("ham", "spam")) == ((0.0, 5.0), (1.0, 0.0))
    assert cost_matrix(cost, ("spam", "ham"), positive_index=0) == ((0.0, 1.0), (5.0, 0.0))


def test_a_matrix_of_costs_is_filled_with_nothing() -> None:
    cost = parse_spec(MINIMAL + MATRIX).decision.cost
    assert cost_matrix(cost, ("a", "b", "c")) == ((0.0, 2.0, 3.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert cost_matrix(None, ("a", "b")) == ()


@pytest.mark.parametrize(
    ("more", "task", "classes", "path", "said"),
    [
        ("  positive: spma\n", "binary", ("ham", "spam"), "data.positive", "did you mean spam?"),
        ("  positive: a\n", "multiclass", ("a", "b", "c"), "data.positive", "the data has 3 classes"),
        ("policy: {maximise: f1}\n", "multiclass", ("a", "b", "c"), "policy.maximise", "belongs to the task binary"),
        (MATRIX, "multiclass", ("a", "b"), "decision.cost.a.c", "'c' is not a class of the data (a, b)"),
        ("decision: {cost: {false_positive: 1}}\n", "multiclass", ("a", "b", "c"), "decision.cost", "needs a matrix"),
        (
            "gates: {champion: {non_inferior_by: 0, metric: hamming_loss}}\n",
            "binary",
            ("ham", "spam"),
            "gates.champion.metric",
            "belongs to the task multilabel",
        ),
        (
            "gates: {positive_rate: {min: 0.1}}\n",
            "multiclass",
            ("a", "b", "c"),
            "gates.positive_rate",
            "the task binary",
        ),
    ],
)
def test_classes_that_do_not_fit_the_spec_are_named(
    more: str, task: str, classes: tuple[str, ...], path: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        check_classes(parse_spec(MINIMAL + more), "binary" if task == "binary" else "multiclass", classes)
    [problem] = caught.value.problems
    assert problem.path == path
    assert said in problem.message


def test_classes_that_fit_pass() -> None:
    check_classes(parse_spec(FULL), "binary", ("ham", "spam"))
    check_classes(parse_spec(MINIMAL + MATRIX), "multiclass", ("a", "b", "c"))


def test_all_text_gets_features_unless_the_spec_says_which() -> None:
    columns = (Column(name="subject", type="text"), Column(name="age", type="number"), Column(name="body", type="text"))
    default = resolve_features(parse_spec(MINIMAL).features, columns)
    assert default.text_statistics == ("subject", "body")
    assert default.ngrams is not None
    assert {name: (grams.words, grams.characters) for name, grams in default.ngrams.items()} == {
        "all_text": ((1, 2), (2, 5))
    }
    assert [(derived.name, derived.op, derived.of) for derived in default.derived] == [
        ("all_text", "join", ("subject", "body"))
    ]
    chosen = resolve_features(parse_spec(MINIMAL + "features: {text_statistics: [], ngrams: {}}\n").features, columns)
    assert chosen.text_statistics == ()
    assert chosen.ngrams == {}
