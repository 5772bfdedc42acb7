"""The dashboards as files, their panels and expressions, for the tests of this folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
DASHBOARDS: dict[str, Any] = {
    file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))
}

# What stands for each variable while nothing is chosen.
NOTHING_CHOSEN = {
    "job": "acm-exporter",
    "account": ".*",
    "region": ".*",
    "domain": ".*",
    "instance": ".*",
    "tag": 'job=~".+"',
    "tag_key": "tag_service",
    "label": 'job=~".+"',
    "certificate": "arn:aws:acm:us-east-1:111122223333:certificate/0",
    "__rate_interval": "30s",
    "__range": "7d",
    "__range_s": "604800",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: dict[str, Any]
    target: dict[str, Any]

    @property
    def title(self) -> str:
        """Name it for people."""
        return f"{self.dashboard}: {self.panel['title']}: {self.target['refId']}"

    def text(self, chosen: Mapping[str, str] | None = None) -> str:
        """Put the variables' values in, as Grafana does."""
        return substituted(self.target["expr"], chosen)


def substituted(text: str, chosen: Mapping[str, str] | None = None) -> str:
    """Put values for the variables in; one that does not exist is a KeyError."""
    values = NOTHING_CHOSEN | dict(chosen or {})
    name = r"\$(?:\{([a-z_]+)(?::raw)?\}|([a-z_]+))"
    return re.sub(name, lambda found: values[found[1] or found[2]], text)


def panels(name: str) -> list[dict[str, Any]]:
    """List the panels of a dashboard that are no headings."""
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    """Go through all queries of all panels."""
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                yield Query(name, panel, target)
