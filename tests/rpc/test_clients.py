"""Triton's own client library, as it is installed, against a server in a process of its own: REST and gRPC, one by one
and at once, in binary and in JSON. Every answer is that of /v1/predict, bit for bit.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from sqlalchemy import text
from tritonclient.utils import InferenceServerException

from assay.app import App
from tests.api.running import TIMEOUT_S, Running, running
from tests.serving.material import SPAM_ROW

pytestmark = pytest.mark.integration

SYNC = {"http": tritonclient.http, "grpc": tritonclient.grpc}
ASYNC = {"http": tritonclient.http.aio, "grpc": tritonclient.grpc.aio}
ROWS: dict[str, list[dict[str, Any]]] = {
    "spam": [
        SPAM_ROW,
        {**SPAM_ROW, "text": "hello hello", "amount": None, "verified": False},
        {**SPAM_ROW, "text": "grüß dich\0 日本 🙂", "plan": "", "amount": -0.0},
    ],
    "topic": [{"goals": goals, "price": price} for goals in (0, 3, 7) for price in (0.1, 1e-300, -2.5)],
    "themes": [{"goals": goals, "price": price} for goals in (0, 3) for price in (0.1, 1.5)],
    "match": [{"goals": goals, "price": price} for goals in (2, 3) for price in (1.0, 2.0000001)],
}


@dataclass(frozen=True)
class Sent:
    """A client library, one of its clients, and the server behind it."""

    library: ModuleType
    client: Any
    server: Running


@pytest.fixture(scope="module")
def server(app: App) -> Iterator[Running]:
    with running(app.home, "--grpc-port", "0", ASSAY_MAX_BODY_KB="65536", ASSAY_MAX_ROWS="50000") as server:
        server.wait_for("Application startup complete")
        yield server
        assert server.stop() == 0


def address(server: Running, kind: str) -> str:
    return f"127.0.0.1:{server.port}" if kind == "http" else str(server.wait_for(r"gRPC at ([\d.:]+)")[1])


@pytest.fixture(params=["http", "grpc"])
def sent(request: pytest.FixtureRequest, server: Running) -> Iterator[Sent]:
    library = SYNC[request.param]
    client = library.InferenceServerClient(address(server, request.param))
    yield Sent(library, client, server)
    client.close()


def tensors(library: Any, rows: Sequence[dict[str, Any]], **how: Any) -> list[Any]:
    """A tensor a column, as a user of the library makes it."""
    made = []
    for name, first in rows[0].items():
        cells = [row[name] for row in rows]
        if isinstance(first, str):
            array, datatype = np.array(cells, dtype=object), "BYTES"
        elif isinstance(first, bool):
            array, datatype = np.array(cells, dtype=bool), "BOOL"
        elif all(isinstance(cell, int) for cell in cells):
            array, datatype = np.array(cells, dtype=np.int64)[:, None], "INT64"
        else:
            array, datatype = np.array(cells, dtype=np.float64)[:, None], "FP64"
        tensor = library.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **how)
        made.append(tensor)
    return made


def expected(server: Running, model: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    status, told = server.ask(
        "POST", "/v1/predict/batch", {"model": model, "rows": list(rows), "return_probabilities": True}
    )
    assert status == 200
    return list(told["predictions"])


def texts(array: Any) -> list[str]:
    return [cell.decode() if isinstance(cell, bytes) else str(cell) for cell in array.reshape(-1)]


def check(result: Any, answers: Sequence[dict[str, Any]], model: str) -> None:
    probabilities = result.as_numpy("probabilities")
    assert probabilities.dtype == np.float64
    assert probabilities.tolist() == [list(answer["probabilities"].values()) for answer in answers]
    assert result.as_numpy("confidence").tolist() == [answer["confidence"] for answer in answers]
    if model == "themes":
        classes = ["art", "money", "sport"]
        told = [[classes[at] for at in np.flatnonzero(row)] for row in result.as_numpy("label")]
        assert told == [answer["labels"] for answer in answers]
        assert result.as_numpy("decision")[:, :3].tolist() == result.as_numpy("label").tolist()
    else:
        assert texts(result.as_numpy("label")) == [answer["label"] for answer in answers]
        assert texts(result.as_numpy("decision")) == [answer["decision"] for answer in answers]


@pytest.mark.parametrize("model", ROWS)
def test_several_rows_are_answered_as_by_v1(sent: Sent, model: str) -> None:
    rows = ROWS[model]
    result = sent.client.infer(model, tensors(sent.library, rows), request_id="mine")
    check(result, expected(sent.server, model, rows), model)
    told = result.get_response()
    given = told if isinstance(told, dict) else {"id": told.id, "model_version": told.model_version}
    assert (given["id"], given["model_version"]) == ("mine", "1")


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("model", ROWS)
def test_json_and_binary_say_the_same(server: Running, model: str, binary_in: bool, binary_out: bool) -> None:
    library = tritonclient.http
    rows = ROWS[model]
    names = ("label", "decision", "confidence", "probabilities", "prediction_id")
    outputs = [library.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    with library.InferenceServerClient(address(server, "http")) as client:
        result = client.infer(model, tensors(library, rows, binary_data=binary_in), outputs=outputs)
        check(result, expected(server, model, rows), model)


def test_health_and_metadata_are_told(sent: Sent) -> None:
    client, as_json = sent.client, {"as_json": True} if sent.library is tritonclient.grpc else {}
    assert client.is_server_live()
    assert client.is_server_ready()
    ready = [client.is_model_ready("spam"), client.is_model_ready("spam", "1"), client.is_model_ready("spam", "2")]
    assert [*ready, client.is_model_ready("nope")] == [True, True, False, False]
    told = client.get_server_metadata(**as_json)
    assert (told["name"], told["extensions"]) == ("assay", ["binary_tensor_data"])
    told = client.get_model_metadata("spam", "1", **as_json)
    assert (told["name"], told["versions"], told["platform"]) == ("spam", ["1"], "assay_linear")
    shapes = {one["name"]: (one["datatype"], [int(extent) for extent in one["shape"]]) for one in told["inputs"]}
    assert shapes["amount"] == ("FP64", [-1])
    shapes = {one["name"]: (one["datatype"], [int(extent) for extent in one["shape"]]) for one in told["outputs"]}
    assert shapes["probabilities"] == ("FP64", [-1, 2])


def test_the_classes_come_with_the_answer(sent: Sent) -> None:
    output = sent.client.infer("spam", tensors(sent.library, ROWS["spam"])).get_output("probabilities")
    told = output["parameters"]["classes"] if isinstance(output, dict) else output.parameters["classes"].string_param
    assert json.loads(told) == ["ham", "spam"]


def test_only_the_asked_outputs_come(sent: Sent) -> None:
    wanted = [sent.library.InferRequestedOutput("label")]
    result = sent.client.infer("spam", tensors(sent.library, ROWS["spam"]), outputs=wanted)
    assert result.as_numpy("label").shape == (3,)
    assert result.as_numpy("probabilities") is None


def test_a_version_is_asked_for_by_its_number(sent: Sent) -> None:
    given = tensors(sent.library, ROWS["topic"])
    assert sent.client.infer("topic", given, model_version="1").as_numpy("label").shape == (9,)
    with pytest.raises(InferenceServerException, match="answers with version 1 here"):
        sent.client.infer("topic", given, model_version="9")


def test_errors_are_told(sent: Sent) -> None:
    given = tensors(sent.library, ROWS["spam"])
    bad = tensors(sent.library, [{"text": "  "}, {"text": "hello"}])
    other = [sent.library.InferRequestedOutput("nope")]
    not_found, invalid = ("404", "422") if sent.library is tritonclient.http else ("NOT_FOUND", "INVALID_ARGUMENT")
    for model, inputs, outputs, status, says in (
        ("nope", given, None, not_found, "no classifier 'nope' is served here"),
        ("spam", bad, None, invalid, "row 0, features.text: must hold some text"),
        ("spam", given[1:], None, invalid, "inputs.text: is required"),
        ("spam", given, other, invalid, "outputs.nope"),
        ("topic", given, None, invalid, "inputs.text: is not a column"),
    ):
        with pytest.raises(InferenceServerException) as error:
            sent.client.infer(model, inputs, outputs=outputs)
        assert str(error.value.status()).endswith(status)
        assert says in str(error.value.message())


def test_what_is_not_of_the_protocol_is_refused_and_nothing_breaks(sent: Sent) -> None:
    for ask in (sent.client.get_model_repository_index, lambda: sent.client.get_model_config("spam")):
        with pytest.raises(InferenceServerException):
            ask()
    assert sent.client.is_server_live()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_packed_requests_are_answered(sent: Sent, algorithm: str) -> None:
    named = (
        {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
        if sent.library is tritonclient.http
        else {"compression_algorithm": algorithm}
    )
    result = sent.client.infer("spam", tensors(sent.library, ROWS["spam"]), **named)
    check(result, expected(sent.server, "spam", ROWS["spam"]), "spam")


def test_further_parameters_mean_nothing(sent: Sent) -> None:
    result = sent.client.infer(
        "spam", tensors(sent.library, ROWS["spam"]), priority=3, timeout=10_000, parameters={"a": 1}
    )
    check(result, expected(sent.server, "spam", ROWS["spam"]), "spam")


def test_a_large_request_is_answered(sent: Sent) -> None:
    rows = [{**SPAM_ROW, "text": f"win {at} " + "x" * 180, "amount": at / 7} for at in range(5000)]
    result = sent.client.infer("spam", tensors(sent.library, rows))
    check(result, expected(sent.server, "spam", rows), "spam")
    assert len(set(texts(result.as_numpy("prediction_id")))) == 5000


def test_a_request_above_the_limit_is_refused(sent: Sent) -> None:
    rows = [{"text": "x" * 1000}] * 70_000
    with pytest.raises(InferenceServerException, match=r"larger|max"):
        sent.client.infer("spam", tensors(sent.library, rows))
    assert sent.client.is_server_ready()


def test_calls_in_the_background_are_answered(server: Running) -> None:
    rows = ROWS["topic"]
    with tritonclient.http.InferenceServerClient(address(server, "http"), concurrency=4) as client:
        calls = [client.async_infer("topic", tensors(tritonclient.http, rows)) for _ in range(8)]
        results = [call.get_result() for call in calls]
    done: queue.Queue[tuple[Any, Any]] = queue.Queue()
    with tritonclient.grpc.InferenceServerClient(address(server, "grpc")) as client:
        for _ in range(8):
            client.async_infer(
                "topic", tensors(tritonclient.grpc, rows), callback=lambda result, error: done.put((result, error))
            )
        for _ in range(8):
            result, error = done.get(timeout=TIMEOUT_S)
            assert error is None
            results.append(result)
    answers = expected(server, "topic", rows)
    for result in results:
        check(result, answers, "topic")


def test_a_body_made_beforehand_is_answered(server: Running) -> None:
    library = tritonclient.http.InferenceServerClient
    body, length = library.generate_request_body(tensors(tritonclient.http, ROWS["spam"]))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
    connection.request("POST", "/v2/models/spam/infer", body, {"Inference-Header-Content-Length": str(length)})
    response = connection.getresponse()
    told = library.parse_response_body(
        response.read(), header_length=int(response.headers["Inference-Header-Content-Length"])
    )
    connection.close()
    check(told, expected(server, "spam", ROWS["spam"]), "spam")


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_many_clients_at_once_get_their_own_answers(server: Running, kind: str) -> None:
    library = ASYNC[kind]
    models = list(ROWS)
    answers = {model: expected(server, model, ROWS[model]) for model in models}

    async def ask(client: Any, number: int) -> None:
        model = models[number % len(models)]
        result = await client.infer(model, tensors(library, ROWS[model]), request_id=str(number))
        check(result, answers[model], model)
        told = result.get_response()
        assert (told["id"] if isinstance(told, dict) else told.id) == str(number)

    async def main() -> None:
        clients = [library.InferenceServerClient(address(server, kind)) for _ in range(8)]
        await asyncio.gather(
            *[ask(client, 100 * at + number) for at, client in enumerate(clients) for number in range(25)]
        )
        assert await clients[0].is_server_live()
        assert await clients[0].is_server_ready()
        assert await clients[0].is_model_ready("spam", "1")
        assert (await clients[0].get_model_metadata("spam", **({"as_json": True} if kind == "grpc" else {})))[
            "name"
        ] == "spam"
        with pytest.raises(InferenceServerException):
            await clients[0].infer("nope", tensors(library, ROWS["topic"]))
        for client in clients:
            await client.close()

    asyncio.run(main())


def logged_ids(app: App) -> set[str]:
    with app.engine.connect() as connection:
        return set(connection.execute(text("select id from prediction_logs")).scalars())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_asked_to_stop_it_answers_what_it_has_begun_and_every_answer_is_on_record(app: App, workers: str) -> None:
    begun = threading.Event()
    done: queue.Queue[tuple[Any, Any]] = queue.Queue()
    rows = ROWS["spam"] * 100

    def keep(result: Any, error: Any) -> None:
        begun.set()
        done.put((result, error))

    answered: list[str] = []
    with running(app.home, "--grpc-port", "0", "--workers", workers) as server:
        server.wait_for("Application startup complete", count=int(workers))
        for _ in range(5):
            with tritonclient.grpc.InferenceServerClient(address(server, "grpc")) as client:
                check(client.infer("spam", tensors(tritonclient.grpc, rows)), expected(server, "spam", rows), "spam")
        with tritonclient.grpc.InferenceServerClient(address(server, "grpc")) as client:
            for _ in range(20):
                client.async_infer("spam", tensors(tritonclient.grpc, rows), callback=keep)
            assert begun.wait(TIMEOUT_S)
            server.process.send_signal(signal.SIGTERM)
            for _ in range(20):
                result, error = done.get(timeout=TIMEOUT_S)
                if error is None:
                    answered += texts(result.as_numpy("prediction_id"))
                else:  # it had not begun; gRPC itself cancels what it took at the very end
                    assert error.status() in {"StatusCode.UNAVAILABLE", "StatusCode.CANCELLED"}
        assert server.stop() == 0
    assert len(answered) >= len(rows)
    assert set(answered) <= logged_ids(app)
