"""BentoML: one worker, an async method (no thread pool); or its adaptive batching."""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from model import BATCH, load


@bentoml.service(workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}})
class Classifier:
    """Serves the model."""

    def __init__(self) -> None:
        self.model = load()

    @bentoml.api(route="/predict")
    async def predict(self, row: dict[str, Any]) -> dict[str, Any]:
        """Classify an example."""
        return self.model.one(row)

    @bentoml.api(route="/batched", batchable=True, max_batch_size=max(BATCH, 2), max_latency_ms=1000)
    async def batched(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Classify gathered examples."""
        return self.model.many(rows)


if __name__ == "__main__":
    where = ["--host", "127.0.0.1", "--port", sys.argv[1], "--working-dir", str(Path(__file__).parent)]
    command = [sys.executable, "-m", "bentoml", "serve", "serve_bentoml:Classifier", *where]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted
