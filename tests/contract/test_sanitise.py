"""Text as the features see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.contract.sanitise import sanitise


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("plain", "plain"),
        ("  two   words ", "two words"),
        ("a\tb\r\nc", "a b c"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&nbsp;", ""),
        ("ﬁne", "fine"),
        ("zero\u200bwidth", "zerowidth"),
        ("bell\x07", "bell"),
        ("lone \ud800", "lone"),
        ("<p><br/></p>", ""),
        ("<!-- note -->", ""),
        ("<b>bold</b>", "<b>bold</b>"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("", ""),
    ],
)
def test_text_is_cleaned(raw: str, clean: str) -> None:
    assert sanitise(raw) == clean


@given(st.text(max_size=200))
def test_clean_text_has_no_control_characters_and_single_blanks(text: str) -> None:
    clean = sanitise(text)
    assert clean == clean.strip()
    assert "  " not in clean
    clean.encode()
