"""A snapshot as Prometheus reads it.

The families of certificates and endpoints are written here, once per snapshot and ten times quicker than
through prometheus_client (a test holds the two texts equal); all are gauges, whose text is the same in both
formats. The few others, and the process's own, go through prometheus_client at each scrape.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.expose.families import CERTIFICATES, ENDPOINTS, OWN, Family
from exporter.expose.rows import Subject
from exporter.snapshot import Snapshot

LEVEL = 1  # gzip: a twelfth of the size for half of level 6's time
BIG = (CERTIFICATES, ENDPOINTS)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One snapshot's big families as bytes, plain and gzipped."""

    snapshot: Snapshot
    plain: bytes
    gzipped: bytes


def render(snapshot: Snapshot) -> Rendered:
    """Write the big families of a snapshot; takes a while, so not for the event loop's thread."""
    text = "".join(chain.from_iterable(_group(families, snapshot) for families in BIG))
    plain = text.encode(errors="replace")  # lone surrogates, as in _utf8
    return Rendered(snapshot, plain, gzip.compress(plain, LEVEL, mtime=0))


def scrape(rendered: Rendered, accept: str, *, zipped: bool) -> tuple[bytes, str]:
    """Return the body of one scrape and its content type; two gzip members are one valid stream.

    The format is OpenMetrics 1.0.0 for whoever reads it, else Prometheus's; prometheus_client's own choice
    would also promise escapings and versions that the rendered part does not follow.
    """
    registry = _registry(rendered.snapshot)
    if "application/openmetrics-text" in accept:
        own: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        content_type = openmetrics.CONTENT_TYPE_LATEST
    else:
        own, content_type = generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
    if zipped:
        return rendered.gzipped + gzip.compress(own, LEVEL, mtime=0), content_type
    return rendered.plain + own, content_type


def collect(families: Iterable[Family], snapshot: Snapshot) -> Iterator[Metric]:
    """Give families as prometheus_client has them."""
    for family in families:
        make = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
        metric = make(family.name, family.help, labels=family.label_names(snapshot))
        for identity, subject in family.subject.each(snapshot).items():
            for extra, value in family.rows(subject, snapshot):
                metric.add_metric([_utf8(text) for text in (*identity, *extra)], value)
        yield metric


class _Own(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        return collect(OWN, self._snapshot)


def _registry(snapshot: Snapshot) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Own(snapshot))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def _group(families: tuple[Family, ...], snapshot: Snapshot) -> Iterator[str]:
    """Write families of one subject; the identity labels of each are put into text once."""
    kind: Subject[object] = families[0].subject
    subjects = [(one, _pairs(kind.labels, identity)) for identity, one in kind.each(snapshot).items()]
    for family in families:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
        names = family.label_names(snapshot)[len(kind.labels) :]
        for one, identity in subjects:
            for extra, value in family.rows(one, snapshot):
                more = f",{_pairs(names, extra)}" if extra else ""
                yield f"{family.name}{{{identity}{more}}} {_number(value)}\n"


def _pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join([f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True)])


def _utf8(text: str) -> str:
    """Replace lone surrogates, which JSON and YAML can spell and UTF-8 cannot."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _escape(value: str) -> str:
    if "\\" in value or "\n" in value or '"' in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _number(value: float) -> str:
    if value == 1.0:
        return "1.0"
    if value == 0.0:
        return "0.0"
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
