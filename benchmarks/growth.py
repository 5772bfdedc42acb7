"""The same fleet in several sizes: whether an endpoint costs the same among many as among few."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks import fleet, plot
from benchmarks.figures import Row
from benchmarks.lab import Lab
from benchmarks.scrape import quantile


@dataclass(frozen=True, slots=True)
class Size:
    """How many endpoints, the fewest first, and how each fleet is measured."""

    names: tuple[int, ...]
    fleet: fleet.Size


SIZES = {
    "tiny": Size((10, 20), fleet.SIZES["tiny"]),
    "default": Size((1_000, 10_000), fleet.SIZES["default"]),
    "full": Size((1_000, 10_000, 50_000), fleet.SIZES["full"]),
}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Measure each size, and plot them all."""
    found = {names: fleet.measure(lab, replace(size.fleet, names=names)) for names in size.names}
    series = {
        "CPU per endpoint and interval (ms)": {n: _cpu(one) for n, one in found.items()},
        "RSS per endpoint (KB)": {n: one.rest * 1000 / n for n, one in found.items()},
        "scrape p50, gzip (ms)": {n: _scrape(one) for n, one in found.items()},
    }
    lab.out.mkdir(parents=True, exist_ok=True)
    for name, points in series.items():
        file = lab.out / f"growth-{name.split()[0].lower()}.svg"
        file.write_text(plot.svg(name, points))
    few, *more = size.names
    for many in more:
        what, peer, few_fleet, fleet_ = f"{many:,} endpoints", f"{few:,} endpoints", found[few], found[many]
        yield Row(
            "growth", f"{what}: CPU per endpoint and interval", "ms", _cpu(fleet_), _cpu(few_fleet), peer
        )
        yield Row("growth", f"{what}: RSS", "MB", fleet_.rest, few_fleet.rest, peer)
        gained = (fleet_.rest - few_fleet.rest) * 1000 / (many - few)
        yield Row("growth", f"{what}: RSS per endpoint beyond the first {few:,}", "KB", gained)
        yield Row("growth", f"{what}: scrape p50 per endpoint", "us", _each(fleet_), _each(few_fleet), peer)


def _cpu(one: fleet.Fleet) -> float:
    return one.cpu * one.size.interval * 1000 / one.size.names


def _scrape(one: fleet.Fleet) -> float:
    return quantile([page.seconds * 1000 for page in one.zipped], 0.5)


def _each(one: fleet.Fleet) -> float:
    return _scrape(one) * 1000 / one.size.names
