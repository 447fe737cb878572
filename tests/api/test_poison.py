"""Fault 16: a poison row at any place of 256 takes nothing from its neighbours, with and without a fallback."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.app import App
from assay.features.plan import FeatureRow
from assay.settings import Settings
from tests.api.door import open_door
from tests.serving.material import TOPIC_ROW, broken, publish_in, topic_bundle, with_rule

ROWS = [{**TOPIC_ROW, "price": at / 7} for at in range(256)]
POISON = 1e9
LASTING = ("prediction_id", "latency_ms")


@pytest.mark.parametrize("ruled", [False, True])
def test_255_answers_are_those_of_one_by_one(tmp_path: Path, ruled: bool) -> None:
    home = tmp_path / "home"
    app = App(Settings(home=home), home)
    bundle = topic_bundle()
    publish_in(app, with_rule(bundle, "sport", "art", feature="goals", above=2) if ruled else bundle)
    with open_door(app, tmp_path / "counters") as door:
        sound = door.loader.served["topic"]

        def scores(features: FeatureRow) -> list[float]:
            if features.dense[1] == POISON:
                raise ZeroDivisionError("planted")
            return sound.release.scores(features)

        door.loader.served = {"topic": broken(sound, scores)}
        alone = [lasting(door.post("/predict", row).json) for row in ROWS]
        for place in range(0, 256, 15):
            rows = [*ROWS]
            rows[place] = {**TOPIC_ROW, "price": POISON}
            told = [lasting(answer) for answer in door.post("/predict/batch", {"rows": rows}).json["predictions"]]
            poisoned = told.pop(place)
            assert told == alone[:place] + alone[place + 1 :]
            assert ("degraded" in poisoned, poisoned.get("status", 200)) == ((True, 200) if ruled else (False, 500))
    app.engine.dispose()


def lasting(answer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in answer.items() if key not in LASTING}
