"""Ray Serve: one replica behind its HAProxy, with the switch for throughput; or gathering what waits."""

import signal
import sys
import threading
from typing import Any

import ray
from model import BATCH, load
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 1})
class Classifier:
    """Serves the model."""

    def __init__(self) -> None:
        self.model = load()

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Classify an example."""
        if BATCH > 1:
            return await self.gathered(await request.json())
        return self.model.one(await request.body())

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0.002)
    async def gathered(self, examples: list[Any]) -> list[dict[str, Any]]:
        """Classify gathered examples."""
        return self.model.many(examples)


if __name__ == "__main__":
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, _node_ip_address="127.0.0.1")
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])}, logging_config={"enable_access_log": False}
    )
    serve.run(Classifier.bind(), route_prefix="/")
    over.wait()
    serve.shutdown()
    ray.shutdown()
