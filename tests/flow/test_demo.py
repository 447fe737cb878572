"""The demo tells its story to the end, in a copy of the example's folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.integration
def test_the_demo_ends_well_without_a_terminal(tmp_path: Path) -> None:
    example = tmp_path / "examples" / "spam"
    shutil.copytree(ROOT / "examples" / "spam", example, ignore=shutil.ignore_patterns("__pycache__"))

    done = subprocess.run(
        [sys.executable, "demo.py"], cwd=example, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "contains multiple URLs" in done.stdout
    served, shipped = re.findall(r"served (\d+) = shipped (\d+) .* adds up", done.stdout)[0]
    assert served == shipped == "2005"
