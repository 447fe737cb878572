"""Docs are tests: the reference is what the code says, links lead somewhere, examples run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.documents import Example, free_port, read_examples, run_all
from tests.house.source import ROOT, SRC, files, place, python_files

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_reference", ROOT / "scripts" / "write_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    reference = _reference()
    stale = [
        name
        for name, text in reference.pages().items()
        if not (reference.FOLDER / name).exists() or (reference.FOLDER / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run `make docs` and read what changed"


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{place(path)}: {target}"
        for path in DOCUMENTS
        for target in LINK.findall(path.read_text(encoding="utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_walk_names_files_that_exist() -> None:
    named = re.findall(r"`([a-z_/]+\.py)`", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    assert sorted(name for name in named if not (SRC / name).exists()) == []


def test_every_route_is_described() -> None:
    told = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    written = re.compile(r'"(/(?:v[12]/)?[a-z0-9]+(?:\.json)?(?:/[a-z{}]+)*)"')
    routes = {
        route
        for name in ("server", "operations", "models", "inference", "docs")
        for route in written.findall((SRC / "api" / f"{name}.py").read_text(encoding="utf-8"))
        if not route.startswith("/docs/")
    }
    assert len(routes) > 10
    assert sorted(route for route in routes if f"`{route}`" not in told) == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_the_readme_shows_an_example_with_its_output_at_once() -> None:
    first = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    start = first.index("```console")
    block = first[start + 1 : first.index("```", start + 1)]
    assert any(line.startswith("$ assay") for line in block)
    assert any(line and not line.startswith("$") for line in block)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if read_examples(path)], ids=place)
def test_a_document_prints_what_it_says(path: Path, tmp_path: Path) -> None:
    examples = read_examples(path)
    missing = sorted({tool for example in examples for tool in example.tools if shutil.which(tool) is None})
    if missing:
        pytest.skip(f"{place(path)} uses {', '.join(missing)}, which is not installed here")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    said = run_all(examples, tmp_path, free_port())
    assert not said, "\n\n".join(said)


def _modules_with_examples() -> Iterator[str]:
    for path in python_files("src"):
        if ">>> " in path.read_text(encoding="utf-8"):
            yield "assay." + path.relative_to(SRC).with_suffix("").as_posix().replace("/", ".")


@pytest.mark.parametrize("name", sorted(_modules_with_examples()) or ["assay.errors"])
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_example_runner_notices_a_wrong_output(tmp_path: Path) -> None:
    wrong = Example(1, "echo one", ["two"])
    right = Example(2, "echo one", ["o..."])
    assert [problem.split(":")[0] for problem in run_all([wrong, right], tmp_path, free_port())] == ["line 1"]


def test_the_generator_writes_the_same_messages_every_time(tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        command = [sys.executable, str(ROOT / "examples/spam/generate.py"), "--rows", "200"]
        subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        written.append((tmp_path / "messages.csv").read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") >= 201
