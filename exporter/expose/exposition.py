"""A snapshot as Prometheus reads it.

The families of certificates, endpoints and files are written by `press`; all are gauges, whose text is the
same in both formats. The few others, and the process's own, go through prometheus_client at each scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from exporter.expose.deflate import Part, part
from exporter.expose.family import Family
from exporter.expose.itself import OWN
from exporter.expose.press import Rendered
from exporter.snapshot import Snapshot


def scrape(rendered: Rendered, accept: str) -> tuple[tuple[Part, ...], str]:
    """Return what one scrape gets, part by part, and its content type.

    The format is OpenMetrics 1.0.0 for whoever reads it, else Prometheus's; prometheus_client's own choice
    would also promise escapings and versions that the rendered part does not follow.
    """
    registry = _registry(rendered.snapshot)
    if "application/openmetrics-text" in accept:
        own: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        content_type = openmetrics.CONTENT_TYPE_LATEST
    else:
        own, content_type = generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
    return (*rendered.parts, part(own)), content_type


def collect(families: Iterable[Family], snapshot: Snapshot) -> Iterator[Metric]:
    """Give families as prometheus_client has them."""
    for family in families:
        make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = make(family.name, family.help, labels=family.label_names(snapshot))
        for identity, subject in family.subject.each(snapshot).items():
            for extra, value in family.rows(subject, snapshot):
                metric.add_metric([_utf8(text) for text in (*identity, *extra)], value)
        yield metric


class _Given(Collector):
    def __init__(self, metrics: Callable[[], Iterator[Metric]]) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        return self._metrics()


def registry_of(metrics: Callable[[], Iterator[Metric]]) -> CollectorRegistry:
    """Make what prometheus_client writes of metrics that are there already."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(metrics))
    return registry


def _registry(snapshot: Snapshot) -> CollectorRegistry:
    registry = registry_of(lambda: collect(OWN, snapshot))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _utf8(text: str) -> str:
    """Replace lone surrogates, which JSON and YAML can spell and UTF-8 cannot."""
    return text if text.isascii() else text.encode(errors="replace").decode()
