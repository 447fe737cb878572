"""Where a release comes from: the libraries, the machine and the commit that made it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = ("assay-ml", "lightgbm", "msgspec", "numpy", "optuna", "polars", "scikit-learn", "scipy")
_TIMEOUT_S = 5.0


def library_versions() -> dict[str, str]:
    """Versions of everything that had a part in the figures."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def code_commit(directory: Path) -> str | None:
    """The commit that is checked out where the spec lies, with `+` when files there differ from it; None outside of
    version control.
    """
    git = shutil.which("git")
    commit = git and _run(git, directory, "rev-parse", "HEAD")
    if not git or not commit:
        return None
    changed = _run(git, directory, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+" if changed else "")


def _run(git: str, directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            [git, "-C", str(directory), *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
