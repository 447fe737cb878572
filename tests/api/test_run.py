"""The server as a process: it starts or says why not, prints what works, answers, and stops in order."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.api.run import parse_targets, serve
from assay.app import App
from assay.errors import ConfigurationError, NotFoundError, NotSupportedError
from assay.serving.loader import Target
from assay.settings import Settings
from tests.api.running import TIMEOUT_S, running
from tests.serving.material import SPAM_ROW, TOPIC_ROW, deploy_in, publish_in, spam_bundle, topic_bundle, tree_bundle

HEAVY = ("pandas", "polars", "sklearn", "scipy", "lightgbm", "mlflow", "shap", "evidently", "torch")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[App]:
    """A home with the spam classifier deployed."""
    app = App(Settings(home=tmp_path / "home"), tmp_path / "home")
    publish_in(app, spam_bundle())
    yield app
    app.engine.dispose()


def logged_ids(app: App) -> set[str]:
    with app.engine.connect() as connection:
        return set(connection.execute(text("select id from prediction_logs")).scalars())


@pytest.mark.integration
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_stops_in_order_when_it_is_asked_to_as_soon_as_it_says_that_it_serves(home: App, workers: str) -> None:
    for _ in range(3):
        with running(home.home, "--workers", workers) as server:
            assert server.stop() == 0


@pytest.mark.integration
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_asked_to_stop_and_ships_its_log(home: App, number: int) -> None:
    with running(home.home) as server:
        answered = [server.ask("POST", "/predict", SPAM_ROW)[1]["prediction_id"] for _ in range(20)]
        assert server.stop(number) == 0
        assert not (home.home / "counters" / str(server.process.pid)).exists()
    assert logged_ids(home) == set(answered)


@pytest.mark.integration
def test_the_command_that_it_prints_works(home: App) -> None:
    with running(home.home) as server:
        body = re.search(r" -d '(.*)'$", server.wait_for("try: curl.*").string)
        assert body is not None
        status, answer = server.ask("POST", "/v1/predict", json.loads(body[1]))
        assert (status, answer["label"]) == (200, "spam")
        assert server.stop() == 0


@pytest.mark.integration
def test_a_deployment_is_followed_without_a_failed_request(home: App) -> None:
    with running(home.home) as server:
        publish_in(home, spam_bundle(bias=-9.0))
        deadline = time.monotonic() + TIMEOUT_S
        versions: list[int] = []
        while 2 not in versions:
            assert time.monotonic() < deadline
            status, answer = server.ask("POST", "/predict", SPAM_ROW)
            assert status == 200
            assert answer["label"] == {1: "spam", 2: "ham"}[answer["model_version"]]
            versions.append(answer["model_version"])
        assert versions == sorted(versions)
        deploy_in(home, "spam", 1)
        while server.ask("POST", "/predict", SPAM_ROW)[1]["model_version"] != 1:
            assert time.monotonic() < deadline
        assert server.stop() == 0


@pytest.mark.integration
def test_several_workers_share_the_port_and_the_counters(home: App) -> None:
    with running(home.home, "--workers", "2") as server:
        server.wait_for("Application startup complete", count=2)
        answered = [server.ask("POST", "/predict", SPAM_ROW)[1]["prediction_id"] for _ in range(40)]
        assert len(set(answered)) == 40
        assert 'prediction_class="spam"} 40.0' in server.ask("GET", "/metrics")[1]
        assert server.stop() == 0
    assert logged_ids(home) == set(answered)


@pytest.mark.integration
def test_the_serving_process_loads_no_training_library(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path / "home"), tmp_path / "home")
    for bundle in (spam_bundle(), topic_bundle(), tree_bundle()):
        publish_in(app, bundle)
    app.engine.dispose()
    with running(app.home) as server:
        for model, row in (("spam", SPAM_ROW), ("topic", TOPIC_ROW), ("match", TOPIC_ROW)):
            assert server.ask("POST", "/v1/predict", {"model": model, "features": row, "explain": True})[0] == 200
            assert server.ask("POST", "/v1/predict/batch", {"model": model, "rows": [row] * 50})[0] == 200
        assert server.ask("GET", "/openapi.json")[0] == 200
        mapped = Path(f"/proc/{server.process.pid}/maps")
        if not mapped.exists():
            pytest.skip("what a process has loaded is read from /proc, which this machine does not have")
        loaded = mapped.read_text()
        assert [name for name in HEAVY if f"/{name}/" in loaded] == []
        assert server.stop() == 0


@pytest.mark.integration
def test_a_taken_port_is_one_clear_error(home: App, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} on 127.0.0.1") as refused:
            serve(home, (), host="127.0.0.1", port=port, workers=1, announce=_never)
    assert "--port" in refused.value.remedy


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org"])  # noqa: S104 - refused, which is the point
def test_it_does_not_listen_beyond_this_machine(tmp_path: Path, host: str) -> None:
    app = App(Settings(home=tmp_path), tmp_path)
    with pytest.raises(NotSupportedError, match=re.escape(host)):
        serve(app, (), host=host, port=0, workers=1, announce=_never)


def test_nothing_to_serve_is_said_before_listening(tmp_path: Path) -> None:
    app = App(Settings(home=tmp_path), tmp_path)
    with pytest.raises(NotFoundError, match="no classifier is deployed"):
        serve(app, (), host="127.0.0.1", port=0, workers=1, announce=_never)
    app.engine.dispose()


def test_references_name_classifiers_and_versions() -> None:
    assert parse_targets(["spam", "topic@champion", "match@3"]) == (
        Target("spam"),
        Target("topic"),
        Target("match", 3),
    )


@pytest.mark.parametrize("references", [["spam@x"], ["spam@-1"], ["spam@٣"], ["spam", "spam@2"]])
def test_references_that_mean_nothing_are_refused(references: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="spam"):
        parse_targets(references)


def _never(address: str, command: str) -> None:
    raise AssertionError(f"announced {address} {command}")
