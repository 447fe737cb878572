"""What must not stand in any file of the repository. The patterns are written so as not to find themselves."""

from __future__ import annotations

import re

import pytest

from tests.house.source import files, place, python_files, text_lines

FORBIDDEN = {
    "an address of a package registry": r"py[p]i\.(org|python)|pythonh[o]sted|registry\.np[m]js|deb\.deb[i]an\.org",
    "a path of one machine": r"(?<![\w.$~}/-])/(wor[k]|far[m]|roo[t]|hom[e]|tm[p]|Use[r]s|opt/whee[l]s)(/|\b(?![\w-]))",
    "the number of an issue": r"\b[Ii]ssue[ -]?#?\d|\b(?:GH|gh)-\d|(?:[Ff]ixes|[Cc]loses|[Rr]esolves) #\d",
    "how the text came about": r"\b(?:this|last|next|previous|another|helper|parallel) se[s]sion\b|\bAI[- ]gener|"
    r"\bas an AI\b|\blanguage mode[l]\b|\b[Cc]laud[e]\b|\bChatGP[T]\b|\bengineer [A-H]\b",
    "work that was left undone": r"\b(?:TOD[O]|FIXM[E]|XX[X])\b",
}
ATTIC = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc", "stuff"}
SUPPRESSION = re.compile(r"#\s*(?:type:\s*ignore|noqa|pragma:\s*no cover)(?P<rest>.*)$")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    assert [
        f"{place(path, number)}: {line.strip()[:100]}" for path, number, line in text_lines() if pattern.search(line)
    ] == []


def test_the_patterns_find_what_they_are_for() -> None:
    samples = {
        "an address of a package registry": "https://py" + "pi.org/simple",
        "a path of one machine": "see /wor" + "k/shared",
        "the number of an issue": "see issue" + " 12",
        "how the text came about": "in the next sess" + "ion",
        "work that was left undone": "TO" + "DO: later",
    }
    assert all(re.search(FORBIDDEN[what], sample) for what, sample in samples.items())
    assert samples.keys() == FORBIDDEN.keys()


def test_no_module_is_an_attic() -> None:
    named = [place(path) for path in files() if path.suffix == ".py" and ATTIC & {path.stem, *path.parts}]
    assert named == []


def test_every_suppressed_check_says_why() -> None:
    bare = []
    for path in python_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found = SUPPRESSION.search(line)
            if found and path.name != "test_words.py" and not re.search(r"\s(?:-|because|:)\s+\S.{2,}", found["rest"]):
                bare.append(f"{place(path, number)}: {line.strip()}")
    assert bare == []
