"""The outermost layer: what is refused unread, bodies in pieces, headers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from assay.api.crowd import Crowd
from assay.api.hot import HotDoor
from assay.app import App
from assay.serving.metrics import DoorCounters, Slab
from tests.api.door import Door, call, open_door
from tests.serving.material import SPAM_ROW

BODY = json.dumps({"features": SPAM_ROW}).encode()
JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    "kind", [b"application/json", b"application/json; charset=utf-8", b"Application/JSON", b" application/json ;x=y"]
)
def test_json_is_taken_however_it_is_announced(door: Door, kind: bytes) -> None:
    assert door.send("POST", "/v1/predict", [BODY], [(b"content-type", kind)]).status == 200


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonx"])
def test_another_content_type_is_a_415(door: Door, kind: bytes) -> None:
    told = door.send("POST", "/v1/predict", [BODY], [(b"content-type", kind)] if kind else [])
    assert (told.status, told.json["type"]) == (415, "urn:assay:problem:media_type")
    assert door.errors() == {"media_type": 1}


def test_a_compressed_body_is_a_415(door: Door) -> None:
    assert door.post("/v1/predict", BODY, [(b"content-encoding", b"gzip")]).status == 415
    assert door.post("/v1/predict", BODY, [(b"content-encoding", b"Identity")]).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_a_405_that_names_the_right_one(door: Door, method: str) -> None:
    told = door.send(method, "/v1/predict", [b""], [])
    assert (told.status, told.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1.evil.example:80", b"", b"[::2]:80"])
@pytest.mark.parametrize("path", ["/v1/predict", "/v1/models", "/docs"])
def test_another_host_is_refused(door: Door, host: bytes, path: str) -> None:
    send = door.post if path == "/v1/predict" else None
    told = send(path, BODY, [(b"host", host)]) if send else door.get(path, [(b"host", host)])
    assert (told.status, told.json["type"]) == (421, "urn:assay:problem:host")


@pytest.mark.parametrize("host", [b"localhost", b"LOCALHOST:8000", b"127.0.0.1:1"])
def test_the_servers_own_names_are_taken(door: Door, host: bytes) -> None:
    assert door.post("/v1/predict", BODY, [(b"host", host)]).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/v2/health/live", "/v2/health/ready"])
def test_probes_may_call_the_server_anything(door: Door, path: str) -> None:
    assert door.get(path, [(b"host", b"10.0.0.7")]).status == 200


def test_a_body_in_pieces_is_put_together(door: Door) -> None:
    pieces = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
    assert door.send("POST", "/v1/predict", pieces, [JSON]).status == 200


def test_a_body_above_the_limit_is_a_413_however_it_comes(one_app: App, tmp_path: Path) -> None:
    large = json.dumps({"features": SPAM_ROW, "metadata": "x" * 900}).encode()
    with open_door(one_app, tmp_path / "counters", max_body_kb=1) as door:
        announced = door.send("POST", "/v1/predict", [], [JSON, (b"content-length", b"5000")])
        whole = door.send("POST", "/v1/predict", [large], [JSON])
        pieces = door.send("POST", "/v1/predict", [large[at : at + 100] for at in range(0, len(large), 100)], [JSON])
        first = door.send("POST", "/v1/predict", [large, b""], [JSON])
        assert door.send("POST", "/v1/predict", [BODY], [JSON, (b"content-length", b"x")]).status == 200
    for told in (announced, whole, pieces, first):
        assert (told.status, told.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("pieces", [[None], [BODY[:10], None]])
def test_a_caller_that_goes_away_gets_no_answer_and_leaves_no_record(door: Door, pieces: list[bytes | None]) -> None:
    with pytest.raises(LookupError):
        asyncio.run(call(door.api, "POST", "/v1/predict", pieces, [JSON]))
    assert door.log.records == []


def test_every_answer_carries_the_security_headers(door: Door) -> None:
    for told in (door.post("/predict", SPAM_ROW), door.post("/predict", b"{"), door.get("/health"), door.get("/docs")):
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["cache-control"] == "no-store"
    assert "script-src" not in door.get("/docs").headers["content-security-policy"]
    assert "default-src 'self'" in door.get("/docs").headers["content-security-policy"]


def test_a_refusal_carries_an_id_to_find_it_by(door: Door) -> None:
    mine = door.post("/predict", b"{", [(b"x-request-id", b"r-9")])
    made = door.post("/predict", b"{")
    assert mine.json["request_id"] == mine.headers["x-request-id"] == "r-9"
    assert len(made.json["request_id"]) == 32


def test_refusals_are_counted_by_kind(door: Door) -> None:
    door.post("/predict", b"{")
    door.post("/predict", {"text": 1})
    door.post("/predict", {"text": 2})
    door.post("/v1/predict", {"model": "x", "features": {}})
    assert door.errors() == {"contract": 2, "malformed": 1, "not_found": 1}


def _behind(fail_after_start: bool) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        if fail_after_start:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError("planted")

    return app


def test_a_failure_behind_the_door_is_a_500(tmp_path: Path) -> None:
    hot = HotDoor(
        _behind(False), {}, DoorCounters(Slab(tmp_path, "w"), ("internal",)), frozenset(), 1000, Crowd(64, monotonic)
    )
    told = asyncio.run(call(hot, "GET", "/anything", [b""], []))
    assert told.status == 500
    assert "planted" not in told.body.decode()


def test_a_failure_behind_the_door_after_the_head_ends_quietly(tmp_path: Path) -> None:
    hot = HotDoor(
        _behind(True), {}, DoorCounters(Slab(tmp_path, "w"), ("internal",)), frozenset(), 1000, Crowd(64, monotonic)
    )
    assert asyncio.run(call(hot, "GET", "/anything", [b""], [])).status == 200


def test_web_sockets_are_not_answered(door: Door) -> None:
    sent: list[Any] = []

    async def knock() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await door.api({"type": "websocket", "path": "/v1/predict", "headers": []}, receive, send)

    asyncio.run(knock())
    assert sent == []
