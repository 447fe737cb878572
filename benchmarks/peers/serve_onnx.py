"""A hello-world: FastAPI, a pydantic model of the example, a session of onnxruntime on the pipeline's graph."""

import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, create_model

NUMBERS = {f"n{at}": (float, ...) for at in range(14)}
CATEGORIES = {f"c{at}": (str, ...) for at in range(6)}
Features = create_model("Features", **NUMBERS, **CATEGORIES)
app = FastAPI()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(Path(os.environ["PEER_SUBJECT"], "model.onnx").read_bytes(), options)


class Answer(BaseModel):
    """The answer on the wire."""

    label: str
    probability: float


@app.post("/predict")
async def predict(features: Features) -> Answer:
    """Classify an example."""
    cells = features.model_dump().items()
    given = {name: np.array([[cell]], dtype=object if isinstance(cell, str) else np.float32) for name, cell in cells}
    probability = float(session.run(None, given)[1][0, 1])
    return Answer(label="yes" if probability >= 0.5 else "no", probability=probability)


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
