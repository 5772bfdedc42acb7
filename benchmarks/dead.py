"""Names that drop packets or never answer, among as many healthy ones: who waits for whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Row
from benchmarks.lab import Lab
from benchmarks.process import Process, running
from benchmarks.scrape import Page, quantile
from benchmarks.subjects import LOOKS, SNAPSHOT
from benchmarks.town import Town

SILENT, DROPPING = "127.0.0.2", "127.0.0.3"
PHASES = "tls_endpoint_probe_duration_seconds"
SUCCESS = "tls_endpoint_last_success_timestamp_seconds"
FEW = 4  # probes at a time are idleness
INTERVAL = 86_400.0  # seconds: nobody comes round a second time while the first sweep lasts


@dataclass(frozen=True, slots=True)
class Size:
    """So many healthy names and as many dead ones."""

    names: int = 1000
    timeout: float = 3.0


SIZES = {"tiny": Size(20, 1.0), "default": Size(), "full": Size()}


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep: seconds since its start, and how long the handshakes of the healthy took."""

    healthy: float  # when the last healthy name was seen
    after: float  # everything was seen after this moment …
    done: float  # … and before this one
    handshakes: list[float]
    seen: int  # healthy names
    as_expected: float  # dead names for which the right reason is given


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Sweep the healthy ones at leisure, then all of them."""
    command = [sys.executable, "-m", "benchmarks.peers.walls", SILENT, DROPPING]
    with running("walls", command, lab.folder, core=lab.server_core, talks=True) as walls:
        silent, dropping = map(int, walls.hear().split())
        half = size.names // 2
        elsewhere = {f"silent{n:04}.bench.example": (SILENT, silent) for n in range(half)}
        elsewhere |= {f"drops{n:04}.bench.example": (DROPPING, dropping) for n in range(size.names - half)}
        with lab.town(size.names, elsewhere=elsewhere) as town:
            lab.say(f"sweeping {size.names:,} healthy names, {FEW} at a time")
            idle = _sweep(lab, town, size, list(town.endpoints)[: size.names], concurrency=FEW)
            lab.say(f"sweeping {2 * size.names:,} names of which {size.names:,} are dead")
            mixed = _sweep(
                lab, town, size, _shuffled(list(town.endpoints), size.names), concurrency=256, walls=walls
            )
    yield from _rows(size, idle, mixed)


def _rows(size: Size, idle: Sweep, mixed: Sweep) -> Iterator[Row]:
    known = f"read from snapshots: not before {mixed.after:.2f} s"
    p50, p99 = (
        (quantile(mixed.handshakes, share) * 1000, quantile(idle.handshakes, share) * 1000)
        for share in (0.5, 0.99)
    )
    yield Row("dead", "last healthy name seen after", "s", mixed.healthy, at_most=2.0)
    yield Row("dead", "everything seen after", "s", mixed.done, at_most=2 * size.timeout, note=known)
    yield Row("dead", "handshake p50, all / few at a time", "ms", *p50, "itself, 4 at a time")
    yield Row("dead", "handshake p99, all / few at a time", "ms", *p99, "itself, 4 at a time", at_most=2.0)
    of, all_ = f"of {size.names:,}", size.names
    yield Row("dead", "healthy names seen", "", mixed.seen, at_least=all_, note=of)
    yield Row("dead", "dead names with a timeout as reason", "", mixed.as_expected, at_least=all_, note=of)


def _shuffled(names: list[str], healthy: int) -> list[str]:
    """Let healthy and dead names, and of these both kinds, take turns."""
    half = healthy + (len(names) - healthy) // 2
    kinds = [names[:healthy:2], names[healthy:half], names[1:healthy:2], names[half:]]
    longest = max(map(len, kinds))
    return [kind[n] for n in range(longest) for kind in kinds if n < len(kind)]


def _sweep(
    lab: Lab, town: Town, size: Size, names: list[str], *, concurrency: int, walls: Process | None = None
) -> Sweep:
    config = town.config(
        interval=INTERVAL, timeout=size.timeout, concurrency=concurrency, names=names, acm=False
    )
    snapshots = [0.0]

    def whole(page: Page) -> bool:
        if page.total(LOOKS, source="tls") >= len(names):
            return True
        snapshots[0] = page.total(SNAPSHOT)
        return False

    with lab.exporter(config, town.acm) as exporter:
        exporter.await_answer()
        page = exporter.await_page(whole, "the end of a sweep", 300)
    served = _served(town)
    took: dict[str, float] = {}
    handshakes = []
    for labels, seconds in page.rows(PHASES):
        took[labels["domain"]] = took.get(labels["domain"], 0.0) + seconds
        if labels["phase"] == "handshake" and labels["domain"] in served:
            handshakes.append(seconds)
    seen = {labels["domain"]: at for labels, at in page.rows(SUCCESS)}
    start = min(at - took[domain] for domain, at in seen.items())
    after = snapshots[0]
    if walls is not None:
        after = max(after, float(walls.say("").split()[1]))
    reasons = sum(
        labels["reason"] in ("handshake_timeout", "connect_timeout") and labels["domain"] not in served
        for labels, _ in page.rows("tls_endpoint_failure")
    )
    return Sweep(
        max(seen.values()) - start,
        after - start,
        page.total(SNAPSHOT) - start,
        handshakes,
        len(seen),
        reasons,
    )


def _served(town: Town) -> set[str]:
    return {name for name, (_, port) in town.endpoints.items() if port == town.port}
