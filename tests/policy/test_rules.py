from __future__ import annotations

from typing import Any

import pytest

from assay.errors import SpecError
from assay.policy.policy import Rule
from assay.policy.rules import prepare_reasons

NAMES = ("text.url_count", "amount", "note.length", "text.length")


def rule(feature: str, op: Any, value: Any, reason: str = "r") -> Rule:
    return Rule(feature=feature, op=op, value=value, reason=reason)


def test_the_reasons_that_hold_are_given_in_the_order_of_the_rules() -> None:
    reasons = prepare_reasons([rule("amount", "<", 5, "small"), rule("url_count", ">", 2, "many links")], NAMES)
    assert reasons([3.0, 1.0, 0.0, 0.0]) == ("small", "many links")
    assert reasons([2.0, 1.0, 0.0, 0.0]) == ("small",)
    assert reasons([2.0, 5.0, 0.0, 0.0]) == ()


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_every_comparison_means_what_it_says(op: str, below: bool, equal: bool, above: bool) -> None:
    holds = prepare_reasons([rule("amount", op, 1.0)], NAMES)
    assert [bool(holds([0.0, value, 0.0, 0.0])) for value in (0.5, 1.0, 1.5)] == [below, equal, above]


def test_no_rules_give_no_reasons() -> None:
    assert prepare_reasons([], NAMES)([1.0]) == ()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (rule("amuont", ">", 1), "did you mean amount?"),
        (rule("length", ">", 1), "'length' is not one feature"),
        (rule("amount", ">", "x"), "must be a number"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(bad: Rule, said: str) -> None:
    with pytest.raises(SpecError, match="a rule of the policy cannot be used") as caught:
        prepare_reasons([rule("amount", ">", 1), bad], NAMES)
    [problem] = caught.value.problems
    assert problem.path.startswith("policy.reasons.1.")
    assert said in problem.message
