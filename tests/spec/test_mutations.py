"""One fault put into a sound spec, hundreds of times: each is refused, and the refusal names the line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from assay.errors import SpecError
from assay.spec import parse_spec
from tests.spec.material import FULL

_KEY = re.compile(r"(?<=[ {\n-])([a-z_0-9]+):(?=[ \n])")
#: What these say is free text, or is compared with the data only later.
_FREE_TEXT = {
    "missing", "objective", "prediction_point", "team", "on_call", "reason", "source", "label", "positive", "default",
    "feature",
}  # fmt: skip
_FREE_KEYS = {"text", "user_id", "sent_at", "amount", "limit", "plan", "verified", "language", "spam_reports"}


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def mutations() -> Iterator[tuple[str, int, str]]:
    """(what was done, in which line, the spec)."""
    for match in _KEY.finditer("\n" + FULL):
        key, start, end = match[1], match.start(1) - 1, match.end(1) - 1
        line = _line(FULL, start)
        yield f"renamed {key}", line, f"{FULL[:start]}x{key}x{FULL[end:]}" if key not in _FREE_KEYS else ""
        yield f"blanked {key}", line, _replace_value(end + 1, " ")
        if key not in _FREE_TEXT and (key != "name" or line == 1):
            yield f"nonsense in {key}", line, _replace_value(end + 1, ' "?!"')
        yield f"a list of lists in {key}", line, _replace_value(end + 1, " [[1]]")
        if key != "cost":
            yield f"a mapping in {key}", line, _replace_value(end + 1, " {zz: {yy: 1}}")
    lines = FULL.splitlines()
    for number, text in enumerate(lines, start=1):
        if text.startswith("  ") and ":" in text and not text.strip().startswith("-"):
            doubled = [*lines[:number], text, *lines[number:]]
            if text.rstrip()[-1] != ":":
                yield f"doubled line {number}", number + 1, "\n".join(doubled)
            yield (
                f"tab in line {number}",
                number,
                "\n".join([*lines[: number - 1], "\t" + text.strip(), *lines[number:]]),
            )


def _replace_value(start: int, value: str) -> str:
    """FULL with the flow value that follows `start` replaced; nothing for block values."""
    depth, at = 0, start
    while FULL[at] != "\n":
        character = FULL[at]
        if depth == 0 and character in ",}]":
            break
        depth += (character in "[{") - (character in "]}")
        at += 1
    if not FULL[start:at].strip():
        return ""
    return FULL[:start] + value + FULL[at:]


MUTATIONS = [mutation for mutation in mutations() if mutation[2]]


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) >= 300


def test_the_spec_they_start_from_is_sound() -> None:
    assert parse_spec(FULL).name == "spam"


@pytest.mark.parametrize(("what", "line", "text"), MUTATIONS, ids=[mutation[0] for mutation in MUTATIONS])
def test_a_mutated_spec_is_refused_at_its_line(what: str, line: int, text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "c.yaml")
    error = caught.value
    named = {int(found) for problem in error.problems for found in re.findall(r"\(c\.yaml:(\d+)\)", problem.message)}
    assert any(abs(found - line) <= 1 for found in named), (what, line, error.problems)
    assert all(problem.message for problem in error.problems)
