"""LitServe: one API server, one inference worker, ZeroMQ between them; or gathering what waits."""

import sys
from typing import Any

import litserve
from model import BATCH, load


class Classifier(litserve.LitAPI):
    """Serves the model."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - named by the library
        """Load it in the inference worker."""
        self.model = load()

    def predict(self, x: Any) -> Any:
        """Classify an example, or a list of them where requests are gathered."""
        return self.model.many(x) if isinstance(x, list) else self.model.one(x)

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Gathered examples stay a list."""
        return inputs

    def unbatch(self, output: list[Any]) -> list[Any]:
        """So do their answers."""
        return output


if __name__ == "__main__":
    api = Classifier(max_batch_size=BATCH, batch_timeout=0.0 if BATCH == 1 else 0.002)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
