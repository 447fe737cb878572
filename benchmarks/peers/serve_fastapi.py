"""FastAPI as people write it: a pydantic model of the example, an async function; `/raw` takes the body as bytes."""

import sys

import uvicorn
from fastapi import FastAPI, Request
from model import load
from pydantic import BaseModel, create_model

NUMBERS = {f"n{at}": (float, ...) for at in range(14)}
CATEGORIES = {f"c{at}": (str, ...) for at in range(6)}
Features = create_model("Features", **NUMBERS, **CATEGORIES)
app = FastAPI()
model = load()


class Answer(BaseModel):
    """The answer on the wire."""

    label: str
    probability: float


@app.post("/predict")
async def predict(features: Features) -> Answer:
    """Classify a validated example."""
    return Answer(**model.one(features.model_dump()))


@app.post("/raw")
async def predict_raw(request: Request) -> Answer:
    """Classify the bytes of an example."""
    return Answer(**model.one(await request.body()))


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
