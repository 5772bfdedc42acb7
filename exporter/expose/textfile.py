"""One sweep for node_exporter's textfile collector: what /metrics has of it, without what a daemon counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest

from exporter.expose.exposition import collect, registry_of
from exporter.expose.itself import OWN
from exporter.expose.press import Press
from exporter.snapshot import Case, Snapshot

HEADING = 2  # lines

_DAEMON = {  # besides the counters, which one sweep would begin anew each time
    "acm_exporter_config_last_reload_successful",
    "acm_exporter_config_last_reload_success_timestamp_seconds",
    "acm_exporter_shard_ordinal",
    "acm_exporter_total_shards",
}
SWEPT = tuple(one for one in OWN if one.kind == "gauge" and one.name not in _DAEMON)


def write(snapshot: Snapshot, cases: Iterable[Case]) -> str:
    """Write the families of some certificates and of all endpoints; those without rows are left out.

    No row has a timestamp, which the collector refuses; `acm_exporter_snapshot_timestamp_seconds` tells how
    old all of it is.
    """
    chosen = replace(snapshot, cases=tuple(cases))
    families = [one.plain.decode() for one in Press().render(chosen).parts]
    own = generate_latest(registry_of(lambda: _own(chosen))).decode()
    return "".join([*(text for text in families if text.count("\n") > HEADING), own])


def _own(snapshot: Snapshot) -> Iterator[Metric]:
    return (one for one in collect(SWEPT, snapshot) if one.samples)
