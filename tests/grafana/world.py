"""A real Prometheus that has scraped the demo, for the dashboards' queries."""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.grafana.panels import Query
from tests.servers import free_port, running, watching

CERTIFICATES = ("shop.example.com", "lb.example.com", "silent.example.com", "overdue.example.com")
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class World:
    """Prometheus, having scraped the demo, and the ARNs of its certificates by domain."""

    url: str
    arns: Mapping[str, str]

    def ask(self, expression: str) -> Rows:
        """Ask for now."""
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        with urllib.request.urlopen(address) as response:
            rows: Rows = json.load(response)["data"]["result"]
        return rows

    def answers(self, query: Query, chosen: Mapping[str, str] | None = None) -> Rows:
        """Ask what a panel asks; those about one certificate are asked of several."""
        given = dict(chosen or {})
        if "$certificate" not in query.target["expr"] or "certificate" in given:
            return self.ask(query.text(given))
        several = ({"certificate": self.arns[one]} for one in CERTIFICATES)
        return [row for one in several for row in self.ask(query.text(given | one))]


@contextmanager
def scraped(folder: Path) -> Iterator[World]:
    """Scrape the demo thrice: as it is, by two replicas, and without tags and labels."""
    port = free_port()
    replicas = [f"127.0.0.1:{port}", f"localhost:{port}"]
    dropped = [
        {"action": "drop", "source_labels": ["__name__"], "regex": "acm_certificate_tags|tls_endpoint_labels"}
    ]
    jobs = [
        {"job_name": "acm-exporter", "static_configs": [{"targets": replicas[:1]}]},
        {"job_name": "replicas", "static_configs": [{"targets": replicas}]},
        {
            "job_name": "untagged",
            "static_configs": [{"targets": replicas[:1]}],
            "metric_relabel_configs": dropped,
        },
    ]
    configuration = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
    demo = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", f"127.0.0.1:{port}"]
    with (
        running(demo, f"http://127.0.0.1:{port}/-/ready", folder / "demo.log", within=60),
        watching(folder, yaml.safe_dump(configuration)) as url,
    ):
        empty = World(url, {})
        for job in ("acm-exporter", "untagged"):
            rate = f'rate(acm_exporter_looks_total{{job="{job}", outcome!="ok"}}[30s])'
            _until(lambda asked=rate: empty.ask(f"sum({asked}) > 0"))  # type: ignore[misc]
        _until(lambda: len(empty.ask('up{job="replicas"} == 1')) == len(replicas))
        arns = {row["metric"]["domain"]: row["metric"]["arn"] for row in empty.ask("acm_certificate_info")}
        yield World(url, arns)


def _until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "Prometheus does not scrape the exporter"
        time.sleep(0.2)
