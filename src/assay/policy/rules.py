"""Rules over dense features, by name: the reasons of an answer, and what a fallback goes by."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from assay.errors import Problem, SpecError
from assay.policy.policy import Rule

#: The dense features of one example -> the reasons that hold for it, in the order of the rules.
Reasons = Callable[[Sequence[float]], tuple[str, ...]]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


class Test(NamedTuple):
    """A rule made ready: the place of its feature, and how that is compared. It takes columns of rows as well."""

    at: int
    compare: Callable[[Any, Any], Any]
    value: float

    def holds(self, dense: Any) -> Any:
        """Whether it holds for the dense features of one row; of a frame (features, rows), for each row."""
        return self.compare(dense[self.at], self.value)


def prepare_reasons(rules: Sequence[Rule], names: Sequence[str]) -> Reasons:
    """A function from dense features, named `names` in order, to the reasons that hold.

    A rule on `url_count` also means `text.url_count` where only one feature ends so.

    Raises:
        SpecError: a rule names a feature that does not exist, or compares with something that is not a number.
    """
    found = [_prepare(rule, names, f"policy.reasons.{index}") for index, rule in enumerate(rules)]
    if problems := [one for one in found if isinstance(one, Problem)]:
        raise SpecError(f"a rule of the policy cannot be used: {problems[0]}", problems=problems)
    prepared = [(one, rule.reason) for one, rule in zip(found, rules, strict=True) if isinstance(one, Test)]
    if not prepared:
        return lambda _: ()
    tests = [(*test, reason) for test, reason in prepared]
    return lambda dense: tuple([reason for at, holds, value, reason in tests if holds(dense[at], value)])


def prepare_test(rule: Rule, names: Sequence[str], path: str) -> Test:
    """A single rule, written at `path` of the spec. Raises as `prepare_reasons`."""
    found = _prepare(rule, names, path)
    if isinstance(found, Problem):
        raise SpecError(f"the rule cannot be used: {found}", problems=[found])
    return found


def _prepare(rule: Rule, names: Sequence[str], path: str) -> Test | Problem:
    position = _find(rule.feature, names)
    if position is None:
        close = difflib.get_close_matches(rule.feature, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return Problem(f"{path}.feature", f"{rule.feature!r} is not one feature of this classifier{hint}")
    if not isinstance(rule.value, float | int):
        return Problem(f"{path}.value", "must be a number")
    return Test(position, _COMPARE[rule.op], float(rule.value))


def _find(feature: str, names: Sequence[str]) -> int | None:
    if feature in names:
        return names.index(feature)
    ends = [position for position, name in enumerate(names) if name.endswith(f".{feature}")]
    return ends[0] if len(ends) == 1 else None
