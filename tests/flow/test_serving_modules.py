"""The process that serves imports none of the libraries that only training needs, whatever it is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.flow.material import MADE, Trained
from tests.flow.serving import served

HEAVY = frozenset({"pandas", "polars", "sklearn", "lightgbm", "scipy", "mlflow", "shap", "evidently", "torch"})
PROCESS = Path(__file__).with_name("serving_process.py")
EXAMPLE = {
    "customer": "c1",
    "joined": "2024-05-01T12:30:00Z",
    "amount": 12.5,
    "visits": 3,
    "plan": "pro",
    "active": True,
    "note": "please CANCEL my order",
}

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize("name", MADE)
def test_serving_imports_no_library_of_training(copied: Callable[[str], Trained], tmp_path: Path, name: str) -> None:
    made, kept = copied(name), tmp_path / "modules.json"
    with served([sys.executable, PROCESS, kept, "serve", "--port", "0"], made.home) as client:
        _ask_everything(client, name)
    modules = _top_level(kept)
    assert {"assay", "numpy", "uvicorn"} <= modules
    assert modules & HEAVY == set()


def test_the_check_of_modules_sees_a_library_that_is_there() -> None:
    assert HEAVY & {module.partition(".")[0] for module in ("polars.dataframe", "scipy", "assay")} == {
        "polars",
        "scipy",
    }


def _top_level(kept: Path) -> set[str]:
    return {module.partition(".")[0] for module in json.loads(kept.read_text())}


def _ask_everything(client: httpx.Client, name: str) -> None:
    answer = client.post(
        "/v1/predict", json={"model": name, "features": EXAMPLE, "explain": True, "return_probabilities": True}
    )
    assert answer.status_code == 200, answer.text
    said = answer.json()
    several = "labels" in said
    key = "labels" if several else "label"
    explanations = said["explanation"] if several else [said["explanation"]]
    assert {explained["kind"] for explained in explanations} == {"exact"}
    assert several or sum(said["probabilities"].values()) == pytest.approx(1.0)
    rows = [EXAMPLE | {"visits": visits} for visits in range(300)]
    bulk = client.post("/v1/predict/batch", json={"model": name, "rows": [*rows, {"visits": "many"}]}).json()
    assert len(bulk["predictions"]) == 301
    assert all(key in row for row in bulk["predictions"][:300])
    assert bulk["predictions"][300]["status"] == 422
    assert bulk["predictions"][3]["confidence"] == said["confidence"]
    feedback = {"prediction_id": said["prediction_id"], "label": said[key]}
    assert client.post("/v1/feedback", json=feedback).status_code == 202
    assert client.post("/predict", json=EXAMPLE).json()[key] == said[key]
    for path in ("/livez", "/readyz", "/health", "/metrics", "/v1/models", f"/v1/models/{name}",
                 f"/v1/models/{name}/versions/1", "/openapi.json", "/docs"):  # fmt: skip
        assert client.get(path).status_code == 200, path
