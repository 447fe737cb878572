"""Fault 1: kill -9 of the server in the middle of a load. Lost is computed from the clients' own lists."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.adapters.sql.log_view import all_predictions
from assay.app import App
from assay.records.shipper import Shipper
from assay.records.stats import read_stats
from tests.faults.figures import Figure
from tests.faults.server import deployed, serving
from tests.records.material import wait_until

TIMES = 5
CLIENTS = 4

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    app = deployed(tmp_path / "home")
    yield app
    app.engine.dispose()


def killed_under_load(app: App, least: int, signal_number: int = signal.SIGKILL, **settings: str) -> list[str]:
    with serving(app.home, **settings) as server:
        server.load(CLIENTS)
        wait_until(lambda: len(server.acknowledged) >= least)
        server.kill(signal_number)
        return server.acknowledged


def logged(app: App) -> list[str]:
    Shipper(app.spools, lambda: app.sink).adopt()
    return [str(row["prediction_id"]) for row in all_predictions(app.engine)]


@pytest.mark.parametrize("durability", ["process", "power"])
def test_kill_9_under_load_loses_no_answer(app: App, figure: Figure, durability: str) -> None:
    acknowledged: list[str] = []
    for turn in range(TIMES):
        acknowledged += killed_under_load(app, 50 + 40 * turn, ASSAY_LOG_DURABILITY=durability)
    found = logged(app)
    figure(kills=TIMES, acknowledged=len(acknowledged), lost=len(set(acknowledged) - set(found)))
    assert len(acknowledged) >= TIMES * 50
    assert set(acknowledged) - set(found) == set()
    assert len(found) == len(set(found))
    assert read_stats(app.spools).balanced


def test_mode_off_loses_some(app: App, figure: Figure) -> None:
    acknowledged = killed_under_load(app, 300, ASSAY_LOG_DURABILITY="off")
    lost = set(acknowledged) - set(logged(app))
    figure(kills=1, acknowledged=len(acknowledged), lost=len(lost))
    assert lost


def test_a_server_that_is_asked_to_stop_has_shipped_everything(app: App, figure: Figure) -> None:
    acknowledged = killed_under_load(app, 100, signal.SIGTERM)
    found = read_stats(app.spools)
    lost = set(acknowledged) - {str(row["prediction_id"]) for row in all_predictions(app.engine)}
    figure(stops=1, acknowledged=len(acknowledged), lost=len(lost), left_behind=found.spooled)
    assert (found.spooled, found.balanced) == (0, True)
    assert not lost


def test_counts_are_exact_after_kill_9_of_a_worker(app: App, figure: Figure) -> None:
    with serving(app.home, "--workers", "2") as server:
        server.load(CLIENTS, again=True)
        for turn in range(1, TIMES + 1):
            wait_until(lambda turn=turn: len(server.acknowledged) >= 100 * turn and len(server.workers()) == 2)
            victim = server.workers()[turn % 2]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda victim=victim: victim not in server.workers())
        wait_until(lambda: len(server.workers()) == 2)
        server.rest()
        counted, acknowledged = server.counted(), len(server.acknowledged)
        assert server.kill(signal.SIGTERM) == 0
    found = logged(app)
    figure(kills=TIMES, acknowledged=acknowledged, counted=counted, logged=len(found), broken=server.broken)
    assert server.broken > 0
    assert set(server.acknowledged) <= set(found)
    # An answer that was counted or logged when its worker died may not have reached its client.
    assert acknowledged <= counted <= len(found) <= acknowledged + server.broken
