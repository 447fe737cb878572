"""What every test may use: a clean environment, and the shared data sets where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# Examples are the same on every run and never judged by the clock: a busy machine must not change a verdict.
settings.register_profile(
    "assay", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# A mutant is noticed by the first failure; making that one small is for people.
settings.register_profile("mutants", settings.get_profile("assay"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("assay")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ASSAY_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {os.path.relpath(folder, ROOT)}")
    return folder
