"""Shapes: every text is escaped, every picture is well formed, scales have round ticks."""

from __future__ import annotations

import math
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.report.svg import Scale, around, box, dot, label, number, picture, shorten

HOSTILE = "</title><script>alert(1)</script>\" onload='x' &amp; \x00\x1b]0;\u202e"


@given(st.text(max_size=60))
def test_no_text_becomes_markup(text: str) -> None:
    drawn = picture(
        text, text, (10, 10), [label((1, 2), text), dot((1, 1), 2, "c0", text), box((0, 0), (1, 1), "x", hint=text)]
    )
    root = fromstring(drawn)  # noqa: S314 - written by the code under test
    assert {child.tag for child in root.iter()} <= {"svg", "title", "desc", "text", "circle", "rect"}


def test_a_hostile_name_is_only_a_name() -> None:
    drawn = picture(HOSTILE, HOSTILE, (10, 10), [label((1, 2), HOSTILE)])
    assert "<script" not in drawn
    assert "\x00" not in drawn


def test_a_picture_is_read_out() -> None:
    root = fromstring(picture("A title", "What it shows", (200, 100.04), []))  # noqa: S314 - as above
    assert root.attrib == {"viewBox": "0 0 200 100", "width": "200", "height": "100", "role": "img"}
    assert [child.text for child in root] == ["A title", "What it shows"]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 10))
def test_ticks_are_round_few_and_within_the_scale(low: float, span: float, count: int) -> None:
    scale = Scale(low=low, high=low + span, begin=0.0, end=100.0)
    ticks = scale.ticks(count)
    assert len(ticks) <= 2 * count + 1
    assert all(low - 1e-6 * span <= tick <= low + span + 1e-6 * span for tick in ticks)
    assert ticks == sorted(ticks)


def test_a_value_outside_of_a_scale_is_held_at_its_end() -> None:
    scale = Scale(low=0.0, high=2.0, begin=100.0, end=0.0)
    assert [scale(value) for value in (-1.0, 0.0, 1.0, 3.0)] == [100.0, 100.0, 50.0, 0.0]
    assert Scale(low=1.0, high=1.0, begin=0.0, end=10.0)(1.0) == 5.0


def test_bounds_hold_every_value() -> None:
    low, high = around([1.0, 2.0, math.nan])
    assert (low < 1.0, high > 2.0) == (True, True)
    assert around([2.0], zero=True)[0] == 0.0
    assert around([]) == (-0.5, 0.5)


@pytest.mark.parametrize(("value", "said"), [(0.25, "0.25"), (1000.0, "1,000"), (0.0, "0"), (1e-05, "1e-05")])
def test_numbers_are_short(value: float, said: str) -> None:
    assert number(value) == said


def test_long_names_are_cut() -> None:
    assert shorten("abcdef", 4) == "ab…f"
    assert shorten("abcd", 4) == "abcd"
