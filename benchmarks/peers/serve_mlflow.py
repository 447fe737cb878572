"""MLflow: `mlflow models serve` of the pipeline in its scikit-learn flavour, or of the release as a Python model."""

import os
import shutil
import sys
from typing import Any

import joblib
import mlflow
from mlflow.pyfunc import PythonModel
from model import MODEL, SUBJECT, load


class Classifier(PythonModel):
    """Takes examples as they come: the type hint keeps MLflow from making a DataFrame of them."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002 - named by the library
        """Load the release."""
        self.model = load()

    def predict(self, model_input: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Classify examples."""
        return self.model.many(model_input)


if __name__ == "__main__":
    shutil.rmtree("saved", ignore_errors=True)
    if MODEL == "pipeline":
        pipeline = joblib.load(SUBJECT / "pipeline.joblib")
        mlflow.sklearn.save_model(
            pipeline,
            "saved",
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
            pip_requirements=[],
        )
    else:
        mlflow.pyfunc.save_model("saved", python_model=Classifier(), pip_requirements=[])
    options = ["--model-uri", "saved", "--host", "127.0.0.1", "--port", sys.argv[1], "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "models", "serve", *options, "--env-manager", "local"])  # noqa: S606 - no shell is wanted
