"""More at once than there is room for: refused at every door with a time to come again, before anything is read."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.api.crowd import Crowd
from assay.app import App
from tests.api.door import Door, Told, call, open_door
from tests.api.test_protocol import post, read_answers, running
from tests.serving.material import SPAM_ROW, TOPIC_ROW

JSON = (b"content-type", b"application/json")
BULK = json.dumps({"model": "spam", "rows": [SPAM_ROW] * 20}).encode()


@pytest.fixture
def narrow(several_app: App, tmp_path: Path) -> Iterator[Door]:
    """A server with room for two, ready with all that it answers."""
    with open_door(several_app, tmp_path / "counters", max_in_flight=2) as door:
        assert door.get("/livez").status == 200
        yield door


def together(door: Door, *requests: tuple[str, bytes]) -> list[Told]:
    async def run() -> list[Told]:
        return list(await asyncio.gather(*[call(door.api, "POST", path, [body], [JSON]) for path, body in requests]))

    return asyncio.run(run())


def test_bulk_requests_beyond_the_room_are_refused_unread(narrow: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.api.predict._SLICE_S", 0.0)
    told = together(narrow, *[("/v1/predict/batch", BULK)] * 3, ("/v1/predict/batch", b"{"))
    assert [one.status for one in told] == [200, 200, 503, 503]
    assert [one.headers.get("retry-after") for one in told] == [None, None, "1", "1"]
    assert told[3].json["type"] == "urn:assay:problem:overloaded"
    assert narrow.errors() == {"overloaded": 2}
    assert len(narrow.log.predictions) == 40
    assert narrow.post("/v1/predict/batch", BULK).status == 200


def test_single_requests_are_answered_beside_a_full_room(narrow: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.api.predict._SLICE_S", 0.0)
    single = json.dumps({"model": "spam", "features": SPAM_ROW}).encode()
    told = together(narrow, *[("/v1/predict/batch", BULK)] * 3, ("/v1/predict", single))
    assert [one.status for one in told] == [200, 200, 503, 200]


def test_the_inference_protocol_is_refused_in_its_own_form(narrow: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.api.predict._SLICE_S", 0.0)
    told = together(narrow, *[("/v1/predict/batch", BULK)] * 2, ("/v2/models/spam/infer", b'{"inputs": []}'))
    assert told[2].status == 503
    assert list(told[2].json) == ["error"]
    assert told[2].headers["retry-after"] == "1"


def test_explanations_in_threads_have_no_more_room(several_app: App, tmp_path: Path) -> None:
    go_on = threading.Event()
    body = json.dumps({"model": "match", "features": TOPIC_ROW, "explain": True}).encode()
    with open_door(several_app, tmp_path / "counters", max_in_flight=1) as door:
        explainer = door.loader.served["match"].explainer
        sound = explainer.try_to

        async def run() -> list[Told]:
            def slow(thought):  # type: ignore[no-untyped-def] - stands in for a method
                assert go_on.wait(30.0)
                return sound(thought)

            explainer.try_to = slow  # type: ignore[method-assign] - slowed down
            first = asyncio.create_task(call(door.api, "POST", "/v1/predict", [body], [JSON]))
            await asyncio.sleep(0)
            second = await call(door.api, "POST", "/v1/predict", [body], [JSON])
            go_on.set()
            return [await first, second]

        first, second = asyncio.run(run())
    assert (first.status, second.status) == (200, 503)
    assert "explanation" in first.json
    assert second.json["type"] == "urn:assay:problem:overloaded"


def test_of_a_standing_crowd_requests_are_refused_on_connections_that_stay(tmp_path: Path) -> None:
    """A crowd of none has stood for long enough after the first look at a clock that goes on by a fifth of a second."""
    looks = itertools.count()
    with running(tmp_path, crowd=Crowd(0, lambda: 0.2 * next(looks))) as server, server.connect() as connection:
        answers = []
        for _ in range(4):
            connection.sendall(post("/echo", b"{}", "x-request-id: r-1"))
            answers += read_answers(connection, 1)
    assert [status for status, _, _ in answers] == [200, 200, 503, 503]
    _, headers, body = answers[-1]
    assert (headers["retry-after"], headers["x-request-id"]) == ("1", "r-1")
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["title"] == "Overloaded"
