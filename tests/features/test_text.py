"""Words, n-grams and statistics of a text, with every odd text a text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.features.statistics import STATISTICS, measure_texts, text_statistics
from assay.features.text import find_words, prepare_character_grams, word_grams
from tests.features.examples import texts


def test_words_are_runs_of_letters_digits_and_underscores() -> None:
    assert find_words("it's $5.00 -- a_b über, 日本語!") == ["it", "s", "5", "00", "a_b", "über", "日本語"]


@pytest.mark.parametrize(
    ("span", "grams"),
    [
        ((1, 1), ["a", "b", "c"]),
        ((1, 2), ["a", "b", "c", "a b", "b c"]),
        ((2, 3), ["a b", "b c", "a b c"]),
        ((4, 5), []),
    ],
)
def test_word_grams_come_shorter_ones_first(span: tuple[int, int], grams: list[str]) -> None:
    assert word_grams(["a", "b", "c"], span) == grams


def test_character_grams_have_a_blank_on_either_side() -> None:
    assert list(prepare_character_grams((2, 3))("hi")) == [" h", "hi", "i ", " hi", "hi "]
    assert list(prepare_character_grams((4, 5))("a")) == []


def test_a_chunk_of_any_length_is_taken_apart_alike() -> None:
    grams = prepare_character_grams((2, 2))
    for length in (1, 61, 62, 63, 64, 65, 300):
        padded = " " + "ab" * length + " "
        assert list(grams("ab" * length)) == [padded[at : at + 2] for at in range(len(padded) - 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", dict.fromkeys(STATISTICS, 0.0)),
        ("   ", {"char_count": 3.0, "word_count": 0.0, "avg_word_length": 0.0, "repeated_char_ratio": 1.0}),
        ("ab cde", {"char_count": 6.0, "word_count": 2.0, "avg_word_length": 2.5}),
        ("see http://x.y and WWW.z.w, not www. or a.b", {"url_count": 2.0}),
        ("https:// nothing", {"url_count": 0.0}),
        ("a.b+c@d-e.fg, x@y, me@here.org", {"email_count": 2.0}),
        ("what?! no!!", {"exclamation_count": 3.0, "question_count": 1.0}),
        ("ABc 12", {"capital_ratio": 2 / 3}),
        ("ÄBc 12", {"capital_ratio": 2 / 3}),
        ("日本", {"capital_ratio": 0.0}),
        ("a A b", {"unique_word_ratio": 2 / 3}),
        ("aaab\n\n\nbb", {"repeated_char_ratio": 6 / 9}),
    ],
)
def test_statistics_of_a_text(text: str, expected: dict[str, float]) -> None:
    measured = dict(zip(STATISTICS, text_statistics(text), strict=True))
    assert {name: measured[name] for name in expected} == expected


@given(text=texts())
def test_statistics_are_finite_and_ratios_are_shares(text: str) -> None:
    for name, value in zip(STATISTICS, text_statistics(text), strict=True):
        assert isinstance(value, float)
        assert 0.0 <= value <= (1.0 if name.endswith("_ratio") else len(text))


@pytest.mark.security
@pytest.mark.parametrize("text", ["a" * 10_000, "a@" * 5_000, "www." * 2_500, ("a" * 64 + "@") * 150, "." * 10_000])
def test_no_text_takes_a_pattern_long(text: str) -> None:
    """Work grows in proportion to the text: ten times the text may not take a hundred times as long."""

    def seconds(given_text: str) -> float:
        started = time.process_time()
        text_statistics(given_text)
        return time.process_time() - started

    short = min(seconds(text) for _ in range(3))
    long = min(seconds(text * 10) for _ in range(3))
    assert long < 60 * max(short, 1e-3)


@given(st.lists(st.none() | texts() | st.text("aaB \t\x1c!?@.:/w", max_size=30), max_size=12))
def test_many_texts_are_measured_as_one_is(many: list[str | None]) -> None:
    found = measure_texts(many)
    assert found.tolist() == [list(text_statistics(text or "")) for text in many]
