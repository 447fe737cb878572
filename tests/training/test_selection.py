"""Which candidate is chosen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assay.training.lesson import Trial
from assay.training.selection import select, tell_settings

TARGETS = (np.arange(400) % 2).astype(np.int64)


def trial(quality: float, *, noise: float = 1.0, seed: int = 0) -> Trial:
    """Scores that tell the classes apart by `quality` standard deviations."""
    random = np.random.default_rng(seed)
    scores: NDArray[np.float64] = quality * (2.0 * TARGETS - 1.0) + random.normal(scale=noise, size=TARGETS.size)
    return Trial(scores[:, None], {"C": 1.0})


def test_a_richer_candidate_that_gains_is_chosen() -> None:
    chosen, tried = select({"simple": trial(0.2), "rich": trial(2.0, seed=1)}, TARGETS, 0.002)
    assert chosen == "rich"
    assert [one.chosen for one in tried] == [False, True]
    assert tried[1].gain is not None
    assert tried[1].gain.low > 0.002


def test_without_a_gain_the_simpler_one_stays() -> None:
    chosen, tried = select({"simple": trial(1.0), "rich": trial(1.0)}, TARGETS, 0.002)
    assert chosen == "simple"
    assert tried[1].why == "does not beat simple"


def test_a_gain_below_the_margin_is_not_enough() -> None:
    better = trial(1.0)
    slightly = Trial(better.scores + 0.05 * (2.0 * TARGETS - 1.0)[:, None], {})
    chosen, tried = select({"simple": better, "rich": slightly}, TARGETS, 0.5)
    assert chosen == "simple"
    assert "less than the margin of 0.5" in tried[1].why


def test_a_gain_that_may_be_chance_is_not_enough() -> None:
    few = TARGETS[:12]
    simple, rich = Trial(trial(0.5).scores[:12], {}), Trial(trial(0.9, seed=3).scores[:12], {})
    chosen, tried = select({"simple": simple, "rich": rich}, few, 0.0)
    assert chosen == "simple"
    assert tried[1].gain is not None
    assert tried[1].gain.low <= 0.0


def test_a_gain_in_few_groups_is_not_enough() -> None:
    """Rows of a group gain or lose together; three of ten lose nearly what the others gain."""
    groups = np.arange(TARGETS.size) // 40
    towards = np.where(groups < 3, -0.8, 1.0) * (2.0 * TARGETS - 1.0)
    trials = {"simple": trial(1.0), "rich": Trial(trial(1.0).scores + 0.5 * towards[:, None], {})}
    assert select(trials, TARGETS, 0.0)[0] == "rich"
    chosen, tried = select(trials, TARGETS, 0.0, groups)
    assert chosen == "simple"
    assert "may be chance" in tried[1].why


def test_only_settings_that_are_not_usual_are_told() -> None:
    usual = {"learning_rate": 0.05, "num_leaves": 31}
    assert tell_settings(Trial(np.zeros((1, 1)), {"rounds": 93, **usual}, usual)) == "rounds 93"
    searched = {"rounds": 93, "learning_rate": 0.0437261, "num_leaves": 31}
    assert tell_settings(Trial(np.zeros((1, 1)), searched, usual)) == "rounds 93, learning_rate 0.04373"


def test_settings_of_many_labels_are_told_as_a_range() -> None:
    rounds = {"rounds of joy": 40, "rounds of fear of heights": 7}
    assert tell_settings(Trial(np.zeros((1, 1)), rounds)) == "rounds 7 to 40"


def test_each_candidate_is_compared_with_the_best_simpler_one() -> None:
    chosen, tried = select(
        {"baseline": trial(0.0), "simple": trial(2.0, seed=1), "rich": trial(0.5, seed=2)}, TARGETS, 0.002
    )
    assert chosen == "simple"
    assert "does not beat simple" in tried[2].why
