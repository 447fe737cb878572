"""The yardstick for starting and memory: FastAPI and onnxruntime with one linear model, as a tutorial would have it."""

from __future__ import annotations

import os
from typing import Annotated

import numpy as np
import onnx
import onnxruntime
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel, Field

COLUMNS = 20
MODEL = "ASSAY_BENCH_HELLO_MODEL"


class Example(BaseModel):
    """What is sent."""

    values: Annotated[list[float], Field(min_length=COLUMNS, max_length=COLUMNS)]


def write_model(path: str) -> None:
    """A logistic regression over the columns."""
    weights = numpy_helper.from_array(np.linspace(-1, 1, COLUMNS, dtype=np.float32).reshape(COLUMNS, 1), "weights")
    nodes = [
        helper.make_node("MatMul", ["row", "weights"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["says"]),
    ]
    row = helper.make_tensor_value_info("row", TensorProto.FLOAT, [None, COLUMNS])
    says = helper.make_tensor_value_info("says", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph(nodes, "linear", [row], [says], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, path)


def create_app() -> FastAPI:
    """The application; the model is the file that the environment names."""
    app = FastAPI()
    session = onnxruntime.InferenceSession(os.environ[MODEL], providers=["CPUExecutionProvider"])

    @app.post("/")
    async def predict(example: Example) -> dict[str, float]:
        (says,) = session.run(None, {"row": np.array([example.values], dtype=np.float32)})
        return {"probability": float(says[0, 0])}

    return app
