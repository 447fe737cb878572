"""Reasons of an answer: the policy's rules over dense features, by name."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Sequence

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


def prepare_reasons(rules: Sequence[Rule], names: Sequence[str]) -> Reasons:
    """A function from dense features, named `names` in order, to the reasons that hold.

    A rule on `url_count` also means `text.url_count` where only one feature ends so.

    Raises:
        SpecError: a rule names a feature that does not exist, or compares with something that is not a number.
    """
    prepared: list[tuple[int, Callable[[float, float], bool], float, str]] = []
    problems: list[Problem] = []
    for index, rule in enumerate(rules):
        position = _find(rule.feature, names)
        if position is None:
            close = difflib.get_close_matches(rule.feature, names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            message = f"{rule.feature!r} is not one feature of this classifier{hint}"
            problems.append(Problem(f"policy.reasons.{index}.feature", message))
        elif not isinstance(rule.value, float | int):
            problems.append(Problem(f"policy.reasons.{index}.value", "must be a number"))
        else:
            prepared.append((position, _COMPARE[rule.op], float(rule.value), rule.reason))
    if problems:
        raise SpecError(f"a rule of the policy cannot be used: {problems[0]}", problems=problems)
    if not prepared:
        return lambda _: ()
    return lambda dense: tuple([reason for at, holds, value, reason in prepared if holds(dense[at], value)])


def _find(feature: str, names: Sequence[str]) -> int | None:
    if feature in names:
        return names.index(feature)
    ends = [position for position, name in enumerate(names) if name.endswith(f".{feature}")]
    return ends[0] if len(ends) == 1 else None
