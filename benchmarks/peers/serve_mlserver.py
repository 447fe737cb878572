"""MLServer: its scikit-learn runtime for the pipeline, a custom one for the release; no process pool, no metrics."""

import json
import os
import sys
from pathlib import Path

import mlserver
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from model import BATCH, MODEL, SUBJECT, load


class Classifier(mlserver.MLModel):
    """An example comes as JSON in a tensor of bytes, as the guide to custom runtimes has it."""

    async def load(self) -> bool:
        """Load the release."""
        self.model = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Classify the one example of a request."""
        example = payload.inputs[0].data[0]
        answer = self.model.one(example.encode() if isinstance(example, str) else example)
        outputs = [
            StringCodec.encode_output("label", [answer["label"]]),
            ResponseOutput(name="probability", shape=[1], datatype="FP64", data=[answer["probability"]]),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


SETTINGS = {
    "host": "127.0.0.1",
    "debug": False,
    "parallel_workers": 0,
    "metrics_endpoint": None,
    "gzip_enabled": False,
    "load_models_at_startup": True,
}
RUNTIMES = {
    "pipeline": {
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(SUBJECT / "pipeline.joblib"), "content_type": "pd"},
    },
    "compiled": {"implementation": "serve_mlserver.Classifier"},
}

if __name__ == "__main__":
    ports = {"http_port": int(sys.argv[1]), "grpc_port": int(sys.argv[2])}
    batching = {"max_batch_size": BATCH, "max_batch_time": 0.002} if BATCH > 1 else {}
    Path("settings.json").write_text(json.dumps(SETTINGS | ports))
    Path("model-settings.json").write_text(json.dumps({"name": "classifier", **RUNTIMES[MODEL], **batching}))
    program = str(Path(sys.executable).with_name("mlserver"))
    os.execv(program, [program, "start", "."])  # noqa: S606 - no shell is wanted
