"""One at a time has the turn, and presence ends with its last holder."""

from __future__ import annotations

import os
from pathlib import Path

from assay.records.turn import hold_presence, is_present, turn


def test_one_at_a_time_has_the_turn(tmp_path: Path) -> None:
    with turn(tmp_path) as first, turn(tmp_path) as second:
        assert (first, second) == (True, False)
    with turn(tmp_path, wait=True) as third:
        assert third


def test_presence_lasts_as_long_as_one_holds_it(tmp_path: Path) -> None:
    assert not is_present(tmp_path / "spool")
    one, other = hold_presence(tmp_path / "spool"), hold_presence(tmp_path / "spool")
    os.close(one)
    assert is_present(tmp_path / "spool")
    os.close(other)
    assert not is_present(tmp_path / "spool")
