"""The search: within its limits, the same again, going on where it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from assay.errors import StorageError
from assay.spec.tree import Search
from assay.training.candidates import TUNABLE
from assay.training.lesson import Lesson, Range, Settings, Tick, Trial
from assay.training.progress import Silence
from assay.training.search import SearchTrial, Study, search
from tests.training.lessons import lesson


class Bowl:
    """Does best at depth 3; counts how often it is tried."""

    space: Mapping[str, Range] = {"depth": Range(1, 9, whole=True), "rate": Range(0.01, 1.0, log=True)}

    def __init__(self) -> None:
        self.tried = 0

    def usual(self, lesson: Lesson) -> Settings:
        return {"depth": 8, "rate": 0.1}

    def try_out(self, lesson: Lesson, tick: Tick, settings: Settings | None = None) -> Trial:
        self.tried += 1
        wrong = abs((settings or self.usual(lesson))["depth"] - 3)
        noise = np.random.default_rng(0).normal(size=lesson.asked.size)
        return Trial((2.0 * lesson.targets[lesson.asked] - 1.0 + wrong * noise)[:, None], dict(settings or {}))


def run(folder: Path | None, trials: int, bowl: Bowl, origin: str = "one") -> tuple[Settings, tuple[SearchTrial, ...]]:
    wish = Search(trials=trials)
    best, done = search(lesson(text=False), {"bowl": bowl}, wish, Study(folder, {"data": origin}), Silence())
    return best["bowl"], done


def test_the_first_trial_is_what_is_usual_and_the_best_is_found() -> None:
    best, done = run(None, 12, Bowl())
    assert done[0].settings == {"depth": 8, "rate": 0.1}
    assert best["depth"] == 3
    assert [trial.number for trial in done] == list(range(12))


def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    bowl = Bowl()
    run(tmp_path, 4, bowl)
    best, done = run(tmp_path, 7, bowl)
    assert bowl.tried == 7
    assert (best, done) == run(None, 7, Bowl())


@pytest.mark.parametrize("torn", [b'{"op_code":4,"wor', b'{"op_code":4,"wor\n', b"\0\0\0"])
def test_a_search_goes_on_after_a_line_that_was_not_written_to_its_end(tmp_path: Path, torn: bytes) -> None:
    run(tmp_path, 4, Bowl())
    (study,) = tmp_path.glob("*.jsonl")
    whole = study.read_bytes()
    study.write_bytes(whole + torn)
    bowl = Bowl()
    assert run(tmp_path, 6, bowl) == run(None, 6, Bowl())
    assert bowl.tried == 2
    assert study.read_bytes().startswith(whole)


def test_a_search_that_was_cut_within_a_line_goes_on(tmp_path: Path) -> None:
    run(tmp_path, 4, Bowl())
    (study,) = tmp_path.glob("*.jsonl")
    study.write_bytes(study.read_bytes()[:-10])
    assert run(tmp_path, 6, Bowl())[0].keys() == {"depth", "rate"}


def test_a_damaged_line_of_a_search_is_named(tmp_path: Path) -> None:
    run(tmp_path, 4, Bowl())
    (study,) = tmp_path.glob("*.jsonl")
    first, _, rest = study.read_bytes().split(b"\n", 2)
    study.write_bytes(b"\n".join([first, b'{"op_code"', rest]))
    with pytest.raises(StorageError, match=rf"{study.name}, line 2: .* is damaged") as caught:
        run(tmp_path, 6, Bowl())
    assert "delete it" in caught.value.remedy


def test_a_search_that_is_done_tries_nothing(tmp_path: Path) -> None:
    first = run(tmp_path, 5, Bowl())
    again = Bowl()
    assert run(tmp_path, 5, again) == first
    assert again.tried == 0


def test_other_data_is_another_study(tmp_path: Path) -> None:
    run(tmp_path, 3, Bowl())
    other = Bowl()
    run(tmp_path, 3, other, origin="other")
    assert other.tried == 3


def test_no_trial_begins_after_the_time_is_up() -> None:
    clock = map(float, count(step=60))
    wish = Search(trials=100, timeout=timedelta(minutes=3))
    _, done = search(lesson(text=False), {"bowl": Bowl()}, wish, Study(None, {}), Silence(), lambda: next(clock))
    assert len(done) == 2


def test_without_trials_nothing_is_searched() -> None:
    assert search(lesson(text=False), {"bowl": Bowl()}, Search(), Study(None, {}), Silence()) == ({}, ())


def test_what_is_usual_lies_within_what_is_searched() -> None:
    for text in (True, False):
        given = lesson(text=text)
        for candidate in TUNABLE.values():
            usual = candidate.usual(given)
            assert usual.keys() == candidate.space.keys()
            assert all(limits.low <= usual[name] <= limits.high for name, limits in candidate.space.items())
