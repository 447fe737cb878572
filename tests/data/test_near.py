from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.data.near import LEAST_CHARACTERS, SIMILARITY, near_groups

WORDS = [first + second + third for first in "btkmrs" for second in "aeiou" for third in ("n", "st", "ng", "lt")]


def sentence(random: np.random.Generator, words: int) -> str:
    return " ".join(random.choice(WORDS, words))


def similarity(one: str, other: str) -> float:
    first, second = ({text[at : at + 5] for at in range(len(text) - 4)} for text in (one, other))
    return len(first & second) / len(first | second)


def test_a_text_with_a_word_changed_is_a_near_copy() -> None:
    text = "thank you for your order of monday, it will be at your door between nine and noon tomorrow"
    texts = [text, "a wholly different message about the match that was played on sunday", text.replace("noon", "ten")]
    assert near_groups(texts).tolist() == [0, 1, 0]


def test_short_texts_are_alike_by_chance() -> None:
    short = "a" * (LEAST_CHARACTERS - 1)
    assert near_groups([short, short]).tolist() == [0, 1]
    assert near_groups([short + "a", short + "a"]).tolist() == [0, 0]


def test_what_stands_behind_the_first_characters_does_not_count() -> None:
    random = np.random.default_rng(1)
    start = sentence(random, 1500)[:5000]
    assert near_groups([start + "x" * 9000, start + "y" * 9000]).tolist() == [0, 0]


def test_texts_of_many_blocks_are_compared_with_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    texts = [sentence(random, 12) for _ in range(40)]
    texts += [f"{text} indeed" for text in texts[:10]]
    whole = near_groups(texts)
    monkeypatch.setattr("assay.data.near._BLOCK", 100)
    assert near_groups(texts).tolist() == whole.tolist()
    assert whole[40:].tolist() == list(range(10))


@given(st.integers(0, 10_000))
def test_what_is_grouped_is_linked_by_real_similarity_and_what_is_alike_is_grouped(seed: int) -> None:
    random = np.random.default_rng(seed)
    texts = [sentence(random, 14) for _ in range(8)]
    for text in list(texts):
        words = text.split()
        for place in random.choice(14, int(random.integers(1, 4)), replace=False):
            words[place] = str(random.choice(WORDS))
        texts.append(" ".join(words))
    alike = [(one, other) for one, other in combinations(range(16), 2) if similarity(texts[one], texts[other]) >= 0.8]
    groups = near_groups(texts)
    for one, other in alike:
        assert groups[one] == groups[other]
    linked = {row for pair in alike for row in pair}
    assert SIMILARITY == 0.8
    assert len(set(groups.tolist())) >= 16 - len(linked) + bool(linked)


def test_nearly_every_near_copy_is_found() -> None:
    random = np.random.default_rng(3)
    texts: list[str] = []
    while len(texts) < 2000:
        text = sentence(random, 20)
        words = text.split()
        words[int(random.integers(1, 19))] = str(random.choice(WORDS))
        words[int(random.integers(1, 19))] = str(random.choice(WORDS))
        if 0.8 <= similarity(text, " ".join(words)) < 0.85:
            texts += [text, " ".join(words)]
    groups = near_groups(texts).reshape(-1, 2)
    assert (groups[:, 0] == groups[:, 1]).mean() >= 0.995


def test_texts_in_any_script_and_broken_unicode_are_compared() -> None:
    chinese = "这是一个关于明天会议时间和地点的通知请大家准时参加并带好所需的材料谢谢合作"
    broken = "a lone surrogate \ud800 stands in the middle of this text"
    assert near_groups([chinese, broken, chinese + "。", broken + "!"]).tolist() == [0, 1, 0, 1]
