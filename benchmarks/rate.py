"""Probes per second when one core is all there is and all of it is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import probing
from benchmarks.figures import Row
from benchmarks.lab import Lab


@dataclass(frozen=True, slots=True)
class Size:
    """More names are due than can be looked at, and each comes round after the resolver's floor of 5 s."""

    names: int = 10_000
    interval: float = 2.0
    seconds: float = 30.0
    probes: int = 15_000  # of blackbox


SIZES = {"tiny": Size(30, 1.0, 3.0, 100), "default": Size(), "full": Size(seconds=120, probes=100_000)}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Saturate one, then the other."""
    with lab.town(size.names) as town:
        ours = probing.exporter(
            lab, town, interval=size.interval, seconds=size.seconds, warm_up=size.interval * 2
        )
        theirs = probing.blackbox(lab, town, size.probes, pace=0, warm_up=size.probes // 10)
    share = f"{ours.cpu * ours.rate:.0%} and {theirs.cpu * theirs.rate:.0%} of a core"
    round_ = f"a name comes round after {size.names / ours.rate:.1f} s"
    yield Row(
        "rate",
        "probes per second",
        "/s",
        ours.rate,
        theirs.rate,
        "blackbox_exporter",
        at_least=1.3,
        note=f"{share}; {round_}",
    )
    yield Row("rate", "probes that failed", "", ours.failed, theirs.failed, "blackbox_exporter")
