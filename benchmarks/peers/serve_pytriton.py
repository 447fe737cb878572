"""Triton Inference Server through pytriton: the model is Python that the server calls; an example is JSON."""

import json
import signal
import sys
import threading
from typing import Any

import numpy as np
from model import BATCH, load
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

model = load()


def classify(requests: list[Any]) -> list[dict[str, Any]]:
    """Classify what the server hands over: one request with a row, or gathered requests, all rows at once."""
    rows = [bytes(request.data["row"].reshape(-1)[0]) for request in requests]
    if BATCH > 1:
        return [_outputs(answer, (1, 1)) for answer in model.many([json.loads(row) for row in rows])]
    return [_outputs(model.one(row), (1,)) for row in rows]


def _outputs(answer: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    return {
        "label": np.array([answer["label"].encode()], dtype=object).reshape(shape),
        "probability": np.array([answer["probability"]]).reshape(shape),
    }


if __name__ == "__main__":
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    server = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(sys.argv[1]),
        http_thread_count=1,
        allow_grpc=False,
        allow_metrics=False,
        log_verbose=0,
    )
    config = ModelConfig(batching=BATCH > 1, max_batch_size=BATCH, batcher=DynamicBatcher())
    with Triton(config=server) as triton:
        triton.bind(
            model_name="classifier",
            infer_func=classify,
            inputs=[Tensor(name="row", dtype=bytes, shape=(1,))],
            outputs=[
                Tensor(name="label", dtype=bytes, shape=(1,)),
                Tensor(name="probability", dtype=np.float64, shape=(1,)),
            ],
            config=config,
            strict=False,
        )
        triton.run()
        over.wait()
