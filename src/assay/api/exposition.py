"""/metrics: the counters of all workers and a few gauges of this one, in the Prometheus text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from assay.serving.loader import Loader
from assay.serving.metrics import METRICS, Sample, read_samples

#: What `/metrics` says beside the counters.
GAUGES = {
    "classification_model_info": "The releases that this server answers with; always 1.",
    "classification_ready": "1 when everything that was asked for can be answered.",
    "classification_database_connected": "1 when deployments can be followed.",
    "classification_log_fill": "How full this worker's spool is, as a share of its cap.",
    "classification_log_waiting": "Records of this worker that are not yet shipped.",
}


class _Scrape(Collector):
    def __init__(self, samples: Iterable[Sample], loader: Loader, log_counts: Mapping[str, float]) -> None:
        self._samples = list(samples)
        self._loader = loader
        self._log_counts = log_counts

    def collect(self) -> Iterator[Metric]:
        for metric in METRICS:
            samples = [sample for sample in self._samples if sample.metric.name == metric.name]
            if metric.kind == "counter":
                counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
                for sample in samples:
                    counter.add_metric(sample.labels, sample.cells[0])
                yield counter
            else:
                histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                for sample in samples:
                    bounds = [*map(str, metric.bounds), "+Inf"]
                    histogram.add_metric(
                        sample.labels, list(zip(bounds, accumulate(sample.cells[:-1]), strict=True)), sample.sum
                    )
                yield histogram
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        loader = self._loader
        info = GaugeMetricFamily(
            "classification_model_info",
            GAUGES["classification_model_info"],
            labels=("model", "model_version", "release_digest"),
        )
        for name, served in sorted(loader.served.items()):
            info.add_metric((name, str(served.release.version), served.release.digest), 1)
        yield info
        for name, value in (
            ("classification_ready", loader.ready),
            ("classification_database_connected", loader.database_connected),
        ):
            yield GaugeMetricFamily(name, GAUGES[name], value=float(value))
        for name, count in self._log_counts.items():
            yield GaugeMetricFamily(
                f"classification_log_{name}", f"Records of the prediction log: {name}.", value=count
            )


def expose(directory: Path, loader: Loader, log_counts: Mapping[str, float]) -> tuple[bytes, str]:
    """The exposition and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Scrape(read_samples(directory), loader, log_counts))
    return generate_latest(registry), CONTENT_TYPE_LATEST
