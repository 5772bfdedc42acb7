"""What a metric family is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.expose import rows
from exporter.expose.rows import CERTIFICATE, ENDPOINT, ITSELF, SOURCE, Aspect, Rows, Subject
from exporter.snapshot import Case, Snapshot, Source, Spot


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family; `open_labels` gives label names that come from users, documented as `label_*`."""

    name: str
    help: str
    subject: Subject[Any]
    rows: Rows[Any]
    labels: tuple[str, ...] = ()
    aspect: Aspect[Any] = ITSELF
    kind: str = "gauge"
    open_labels: Callable[[Snapshot], tuple[str, ...]] | None = None

    def label_names(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Return all label names, identity first."""
        return self.subject.labels + (self.open_labels(snapshot) if self.open_labels else self.labels)


def certificate(
    name: str, help_: str, of: Rows[Case], *labels: str, aspect: Aspect[Case] = rows.WHAT
) -> Family:
    """Make a family of certificates."""
    return Family(name, help_, CERTIFICATE, of, labels, aspect)


def endpoint(
    name: str, help_: str, of: Rows[Spot], *labels: str, aspect: Aspect[Spot] = rows.SHOWN
) -> Family:
    """Make a family of endpoints."""
    return Family(name, help_, ENDPOINT, of, labels, aspect)


def source(name: str, help_: str, of: Rows[Source]) -> Family:
    """Make a family of sources."""
    return Family(name, help_, SOURCE, of)
