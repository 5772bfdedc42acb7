"""What is measured: the exporter, and blackbox_exporter beside it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.process import FailedError, Process, running
from benchmarks.scrape import Client, Page

LOOKS = "acm_exporter_looks_total"
SNAPSHOT = "acm_exporter_snapshot_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Mark:
    """The exporter's counters at one moment; looks are as of a snapshot, which is a little older."""

    at: float
    cpu: float
    looks: float
    failed: float
    snapshot: float


@dataclass(slots=True)
class Exporter:
    """A running exporter and a client of it."""

    process: Process
    port: int
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        """Have one connection."""
        self.client = Client(self.port)

    def await_answer(self, pause: float = 0.02) -> None:
        """Wait for a first page of metrics."""
        self.process.until(lambda: self.client.try_get("/metrics") == 200, 60, "an answer", pause)

    def await_ready(self, within: float = 300) -> None:
        """Wait for the first full sweep."""
        self.process.until(lambda: self.client.try_get("/-/ready") == 200, within, "readiness", 0.5)

    def await_page(self, good: Callable[[Page], bool], what: str, within: float, pause: float = 1) -> Page:
        """Scrape until a page is as wanted."""
        found: list[Page] = []

        def ready() -> bool:
            found[:] = [self.client.get()]
            return good(found[0])

        self.process.until(ready, within, what, pause)
        return found[0]

    def mark(self) -> Mark:
        """Scrape and count."""
        page = self.client.get()
        cpu, at = self.process.cpu(), time.time()
        looks = page.total(LOOKS, source="tls")
        good = page.total(LOOKS, source="tls", outcome="ok")
        return Mark(at, cpu, looks, looks - good, page.total(SNAPSHOT))

    def complaints(self) -> list[str]:
        """Return what it logged as warning or worse."""
        lines = self.process.log.read_text(errors="replace").splitlines()
        return [line[:400] for line in lines if "level=info" not in line and line.strip()]


@dataclass(frozen=True, slots=True)
class Cost:
    """What probing took: CPU seconds per probe, probes per second, and how many failed."""

    cpu: float
    rate: float
    probes: float
    failed: float


def between(first: Mark, last: Mark) -> Cost:
    """Divide CPU by looks, each per second of its own clock, as looks lag behind by one snapshot's age."""
    looks, seconds = last.looks - first.looks, last.snapshot - first.snapshot
    if looks <= 0 or seconds <= 0:
        raise FailedError("the exporter did not look at anything while it was measured")
    busy = (last.cpu - first.cpu) / (last.at - first.at)
    return Cost(busy / (looks / seconds), looks / seconds, looks, last.failed - first.failed)


@dataclass(frozen=True, slots=True)
class Blackbox:
    """A running blackbox_exporter."""

    process: Process
    port: int
    driver_core: int | None

    def probe(self, targets: Path, total: int, *, pace: float = 0, abreast: int = 64) -> Cost:
        """Have it probe so often, `pace` times per second or as fast as it can."""
        numbers = [self.port, targets, pace, abreast, total]
        command = [sys.executable, "-m", "benchmarks.peers.blast", *map(str, numbers)]
        before = self.process.cpu()
        with running("blast", command, targets.parent, core=self.driver_core, talks=True) as driver:
            told = json.loads(driver.hear())
            spent = self.process.cpu() - before
        return Cost(spent / total, total / told["seconds"], total, told["failed"])
