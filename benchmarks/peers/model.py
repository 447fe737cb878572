"""What every peer serves, loaded within its own environment: the scikit-learn pipeline or Assay's compiled release.

`PEER_SUBJECT` names the folder that `subject.py` wrote, `PEER_MODEL` which of the two is served, `PEER_BATCH` how many
waiting requests the server may gather.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

SUBJECT = Path(os.environ["PEER_SUBJECT"])
MODEL = os.environ["PEER_MODEL"]
BATCH = int(os.environ["PEER_BATCH"])
CLASSES = ("no", "yes")

Answer = dict[str, Any]


class Model(NamedTuple):
    """A model made ready. `one` takes an example or its JSON, `many` examples."""

    one: Callable[[Mapping[str, Any] | bytes], Answer]
    many: Callable[[list[Mapping[str, Any]]], list[Answer]]


def load() -> Model:
    """The model that was asked for."""
    return {"pipeline": _pipeline, "compiled": _compiled}[MODEL]()


def _pipeline() -> Model:
    import joblib
    import pandas as pd

    pipeline = joblib.load(SUBJECT / "pipeline.joblib")

    def many(examples: list[Mapping[str, Any]]) -> list[Answer]:
        found = pipeline.predict_proba(pd.DataFrame(examples))[:, 1]
        return [{"label": CLASSES[yes >= 0.5], "probability": yes} for yes in found.tolist()]

    def one(example: Mapping[str, Any] | bytes) -> Answer:
        return many([json.loads(example) if isinstance(example, bytes) else example])[0]

    return Model(one, many)


def _compiled() -> Model:
    from assay.release.bundle import RELEASE_FILES, read_files
    from assay.release.core import Release

    files = {name: (SUBJECT / "release" / name).read_bytes() for name in RELEASE_FILES}
    release = Release.prepare(read_files("linear_tabular", files))

    def one(example: Mapping[str, Any] | bytes) -> Answer:
        row = release.decode(example) if isinstance(example, bytes) else release.decode_mapping(example)
        decision = release.answer(row)
        return {"label": decision.label, "probability": decision.prediction}

    return Model(one, lambda examples: [one(example) for example in examples])
