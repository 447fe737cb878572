"""How tests are written: no sleeping, no mocks, and a reason for everything that is skipped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import called_name, place, python_files, tree

SKIPS = {"pytest.skip", "pytest.xfail", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail", "skip", "xfail"}
MARKS = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}


def _calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in python_files("tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                yield path, node, called_name(node)


def test_no_test_sleeps() -> None:
    assert [place(path, call.lineno) for path, call, name in _calls() if name in {"time.sleep", "sleep"}] == []


def test_every_skip_has_a_reason() -> None:
    silent = []
    for path, call, name in _calls():
        if name not in SKIPS:
            continue
        named = [keyword.value for keyword in call.keywords if keyword.arg in {"reason", "msg"}]
        given = named or ([] if name == "pytest.mark.skipif" else call.args)
        if not any(_says_something(reason) for reason in given):
            silent.append(place(path, call.lineno))
    assert silent == []


def test_no_bare_skip_mark() -> None:
    bare = []
    for path in python_files("tests"):
        called = {id(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
        bare += [
            place(path, node.lineno)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in MARKS and id(node) not in called
        ]
    assert bare == []


def test_no_test_replaces_code_with_a_mock() -> None:
    modules = []
    for path in python_files("tests"):
        for node in ast.walk(tree(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [place(path, node.lineno) for name in names if name.startswith(("unittest", "mock"))]
    assert modules == []


def _says_something(reason: ast.expr) -> bool:
    return not isinstance(reason, ast.Constant) or (isinstance(reason.value, str) and len(reason.value) > 10)
