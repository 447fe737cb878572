"""Lines of a card."""

from __future__ import annotations

import pytest

from assay.cli.card import finding_line


@pytest.mark.parametrize(("columns", "line"), [(["a", "b"], "a, b: not in the spec"), ([], "not in the spec")])
def test_a_finding_names_its_columns(columns: list[str], line: str) -> None:
    assert finding_line({"columns": columns, "message": "not in the spec"}) == line
