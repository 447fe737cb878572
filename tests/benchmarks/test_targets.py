"""What a measured line is said to reach, and that it is read as it was kept."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.source import ROOT


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("targets")


@pytest.mark.parametrize(
    ("values", "bounds", "reached"),
    [
        ([1.4, 0.1, 1.5], {"floor": 0.6, "aim": 1.4, "more": True}, "aim"),
        ([0.6], {"floor": 0.6, "aim": 1.4, "more": True}, "floor"),
        ([0.59], {"floor": 0.6, "aim": 1.4, "more": True}, "below the floor"),
        ([1.0], {"floor": 1.5, "aim": 1.2}, "aim"),
        ([1.3], {"floor": 1.5, "aim": 1.2}, "floor"),
        ([1.6], {"floor": 1.5, "aim": 1.2}, "below the floor"),
        ([1.1], {"aim": 1.0}, "below the aim"),
        ([3.0], {"floor": 3.0, "more": True}, "floor"),
    ],
)
def test_a_median_reaches_what_it_is_not_worse_than(
    targets: ModuleType, values: list[float], bounds: dict[str, float], reached: str
) -> None:
    assert targets.judge("it", values, **bounds).reached == reached


def test_lines_are_read_as_they_were_kept(targets: ModuleType, tmp_path: Path) -> None:
    lines = [targets.judge("it", [2.0, 1.0, 4.0], floor=3, more=True)]
    targets.keep(tmp_path / "kept", lines)
    assert targets.read(tmp_path / "kept") == lines == [("it", "3", "", "2.00 [1.00, 4.00]", "below the floor")]
