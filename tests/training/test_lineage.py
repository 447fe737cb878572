"""Where a release comes from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from assay.training.lineage import code_commit, library_versions


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_that_of_the_spec_and_marked_when_files_differ_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    spec = tmp_path / "classifier.yaml"
    spec.write_text("name: a\n")
    git(tmp_path, "add", spec.name)
    git(tmp_path, "commit", "--quiet", "-m", "A spec")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert code_commit(tmp_path) == commit
    spec.write_text("name: b\n")
    assert code_commit(tmp_path) == f"{commit}+"


def test_outside_of_version_control_there_is_no_commit(tmp_path: Path) -> None:
    assert code_commit(tmp_path) is None


def test_versions_are_those_of_what_is_imported() -> None:
    assert library_versions()["numpy"] == np.__version__
