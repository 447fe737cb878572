"""The peers: what each needs, how it is started, how it is asked and what its answers look like."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import joblib
import sklearn

Row = Mapping[str, Any]

#: What every peer needs to open the pipeline and the release.
BOTH_MODELS = (
    f"scikit-learn=={sklearn.__version__}",
    f"joblib=={joblib.__version__}",
    "pandas>=2.2",
    "numpy",
    "msgspec>=0.19",
    "safetensors>=0.4",
)


class Wire(NamedTuple):
    """How an example is posted, and how label and probability of `yes` are read from the answer."""

    path: str
    body: Callable[[Row], Any]
    read: Callable[[Any], tuple[str, float]]

    def encode(self, row: Row) -> bytes:
        """The body of a request."""
        return json.dumps(self.body(row), separators=(",", ":")).encode()


class Peer(NamedTuple):
    """A server. The first of its requirements is the one whose version is told."""

    name: str
    environment: str
    requirements: tuple[str, ...]
    settings: Mapping[str, str] = {}


class Serving(NamedTuple):
    """One thing that a peer serves: which model, gathering how many requests, over which wire."""

    peer: Peer
    model: str
    wire: Wire
    batch: int = 1
    note: str = ""

    @property
    def what(self) -> str:
        """What is served, as the table says it."""
        return self.model + (f", {self.note}" if self.note else "")

    @property
    def name(self) -> str:
        """Who serves what."""
        return f"{self.peer.name}, {self.what}"


def _labelled(yes: float) -> tuple[str, float]:
    return ("yes" if yes >= 0.5 else "no"), yes


def _plain(answer: Any) -> tuple[str, float]:
    return answer["label"], answer["probability"]


def _tensors(answer: Any) -> tuple[str, float]:
    found = {output["name"]: output["data"][0] for output in answer["outputs"]}
    return found["label"], found["probability"]


def _columns(row: Row) -> dict[str, Any]:
    """An example as MLServer's codec of DataFrames has it: a tensor a column."""
    text = {"datatype": "BYTES", "parameters": {"content_type": "str"}}
    kinds = {str: text, float: {"datatype": "FP64"}}
    inputs = [{"name": name, "shape": [1, 1], "data": [cell], **kinds[type(cell)]} for name, cell in row.items()]
    return {"inputs": inputs, "outputs": [{"name": "predict_proba"}]}


def _bytes(row: Row) -> dict[str, Any]:
    return {"inputs": [{"name": "row", "shape": [1], "datatype": "BYTES", "data": [json.dumps(row)]}]}


def _bytes_of_batch(row: Row) -> dict[str, Any]:
    return {"inputs": [{"name": "row", "shape": [1, 1], "datatype": "BYTES", "data": [json.dumps(row)]}]}


PLAIN = Wire("/predict", dict, _plain)
RAW = Wire("/raw", dict, _plain)
RAY = Wire("/", dict, _plain)
BENTO = Wire("/predict", lambda row: {"row": row}, _plain)
BENTO_BATCH = Wire("/batched", lambda row: {"rows": [row]}, lambda answer: _plain(answer[0]))
INFER = "/v2/models/classifier/infer"
MLSERVER_COLUMNS = Wire(INFER, _columns, lambda answer: _labelled(answer["outputs"][0]["data"][1]))
TENSORS = Wire(INFER, _bytes, _tensors)
TENSORS_BATCH = Wire(INFER, _bytes_of_batch, _tensors)
MLFLOW_FRAME = Wire(
    "/invocations",
    lambda row: {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}},
    lambda answer: _labelled(answer["predictions"][0][1]),
)
MLFLOW_LIST = Wire("/invocations", lambda row: {"inputs": [row]}, lambda answer: _plain(answer["predictions"][0]))

UVLOOP = ("uvloop", "httptools")
FASTAPI = Peer("FastAPI", "fastapi", ("fastapi", "uvicorn", *UVLOOP))
BENTOML = Peer("BentoML", "bentoml", ("bentoml", *UVLOOP), {"BENTOML_DO_NOT_TRACK": "True"})
LITSERVE = Peer("LitServe", "litserve", ("litserve", *UVLOOP))
MLSERVER = Peer("MLServer", "mlserver", ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22", "httptools"))
MLFLOW = Peer("MLflow", "mlflow", ("mlflow", *UVLOOP), {"UVICORN_ACCESS_LOG": "0", "UVICORN_LOG_LEVEL": "warning"})
#: Triton's Python backend loads the shared library of this interpreter, not another that the system may have.
OWN_LIBRARY = {"LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR") or ""}
TRITON = Peer("Triton (pytriton)", "pytriton", ("nvidia-pytriton>=0.7",), OWN_LIBRARY)
RAY_SERVE = Peer(
    "Ray Serve",
    "ray",
    ("ray[serve]", *UVLOOP),
    {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_worker_niceness": "0",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",
    },
)

PEERS = (FASTAPI, BENTOML, LITSERVE, MLSERVER, MLFLOW, RAY_SERVE, TRITON)
GATHERS = 32
BATCHED = f"batches of {GATHERS}"

SERVINGS = (
    Serving(FASTAPI, "compiled", RAW, note="body as bytes"),
    Serving(FASTAPI, "compiled", PLAIN),
    Serving(BENTOML, "compiled", BENTO),
    Serving(LITSERVE, "compiled", PLAIN),
    Serving(MLSERVER, "compiled", TENSORS),
    Serving(MLFLOW, "compiled", MLFLOW_LIST),
    Serving(RAY_SERVE, "compiled", RAY),
    Serving(TRITON, "compiled", TENSORS),
    Serving(LITSERVE, "compiled", PLAIN, GATHERS, BATCHED),
    Serving(RAY_SERVE, "compiled", RAY, GATHERS, BATCHED),
    Serving(TRITON, "compiled", TENSORS_BATCH, GATHERS, BATCHED),
    Serving(FASTAPI, "pipeline", PLAIN),
    Serving(BENTOML, "pipeline", BENTO),
    Serving(LITSERVE, "pipeline", PLAIN),
    Serving(MLSERVER, "pipeline", MLSERVER_COLUMNS),
    Serving(MLFLOW, "pipeline", MLFLOW_FRAME),
    Serving(RAY_SERVE, "pipeline", RAY),
    Serving(TRITON, "pipeline", TENSORS),
    Serving(BENTOML, "pipeline", BENTO_BATCH, GATHERS, BATCHED),
    Serving(LITSERVE, "pipeline", PLAIN, GATHERS, BATCHED),
    Serving(MLSERVER, "pipeline", MLSERVER_COLUMNS, GATHERS, BATCHED),
    Serving(RAY_SERVE, "pipeline", RAY, GATHERS, BATCHED),
    Serving(TRITON, "pipeline", TENSORS_BATCH, GATHERS, BATCHED),
)
