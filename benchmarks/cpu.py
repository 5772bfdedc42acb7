"""CPU per probe, everything included, beside blackbox_exporter and beside handshakes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import probing
from benchmarks.figures import Row
from benchmarks.lab import Lab
from benchmarks.subjects import Cost


@dataclass(frozen=True, slots=True)
class Size:
    """Every name is probed once per interval; six seconds are past the resolver's floor of five."""

    names: int = 2000
    interval: float = 6.0
    seconds: float = 60.0
    handshakes: int = 20_000

    @property
    def pace(self) -> float:
        """Probes per second."""
        return self.names / self.interval


SIZES = {"tiny": Size(20, 1.0, 3.0, 200), "default": Size(), "full": Size(seconds=180)}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Measure all three on the same names."""
    total = round(size.pace * size.seconds)
    with lab.town(size.names) as town:
        ours = probing.exporter(
            lab, town, interval=size.interval, seconds=size.seconds, warm_up=size.interval * 2
        )
        theirs = probing.blackbox(lab, town, total, pace=size.pace, warm_up=min(total, size.names))
        bare = probing.bare(lab, town, size.handshakes)
    resolved = "" if lab.resolves else "; addresses are given, for only root may lend blackbox a resolver"
    note = f"{ours.probes:,.0f} and {theirs.probes:,.0f} probes at {ours.rate:.0f} and {theirs.rate:.0f}/s"
    blackbox, library = "blackbox_exporter", "handshakes alone"
    yield Row("cpu", "CPU per probe", "ms", *_ms(ours, theirs), blackbox, at_most=0.6, note=note + resolved)
    yield Row("cpu", "CPU per probe", "ms", *_ms(ours, bare), library, at_most=1.3)
    yield Row("cpu", "probes that failed", "", ours.failed, theirs.failed, blackbox)


def _ms(ours: Cost, peer: Cost) -> tuple[float, float]:
    return ours.cpu * 1000, peer.cpu * 1000
