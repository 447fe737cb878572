"""The repository as the house tests see it: which files it holds, and their syntax trees."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "assay"
_BUILT = {".venv", ".git", "build", "dist", "__pycache__", ".assay", "node_modules"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or could be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        found = [path for path in ROOT.rglob("*") if not _BUILT & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


def python_files(*folders: str) -> list[Path]:
    """The Python files under `folders` (all of them when none is named)."""
    return [
        path for path in files() if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders)
    ]


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, line: int = 0) -> str:
    """`tests/house/source.py:12`, for a message."""
    name = path.relative_to(ROOT).as_posix()
    return f"{name}:{line}" if line else name


def text_lines() -> list[tuple[Path, int, str]]:
    """Every line of every text file: path, number, text."""
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [(path, number, line) for number, line in enumerate(text.splitlines(), start=1)]
    return found


def called_name(node: ast.AST) -> str:
    """`time.sleep` for the call `time.sleep(...)`, else an empty string."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""
