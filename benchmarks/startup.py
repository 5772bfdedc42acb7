"""What a command costs before it does anything, and how soon the daemon answers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures import Row
from benchmarks.lab import EXPORTER, Lab
from benchmarks.process import FailedError


@dataclass(frozen=True, slots=True)
class Size:
    """How many runs the medians are of."""

    runs: int = 11


SIZES = {"tiny": Size(1), "default": Size(), "full": Size(31)}
NAMES = 10


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Start it again and again."""
    note = f"median of {size.runs}"
    lab.say("acm-exporter --help")
    cost = statistics.median(_cpu([*EXPORTER, "--help"]) for _ in range(size.runs))
    bare = statistics.median(_cpu([sys.executable, "-c", "pass"]) for _ in range(size.runs))
    python = f"{note}; python alone takes {bare * 1000:.0f} ms"
    yield Row("startup", "--help, CPU", "ms", cost * 1000, at_most=150.0, note=python)
    with lab.town(NAMES) as town:
        file = lab.folder / "check.yaml"
        file.write_text(town.config(interval=60, timeout=5))
        lab.say("acm-exporter config check")
        command = [*EXPORTER, "config", "check", "--config.file", str(file)]
        cost = statistics.median(_cpu(command) for _ in range(size.runs))
        yield Row("startup", "config check, CPU", "ms", cost * 1000, at_most=400.0, note=note)
        lab.say("acm-exporter run")
        waits = []
        for _ in range(size.runs):
            began = time.monotonic()
            with lab.exporter(file.read_text(), town.acm) as exporter:
                exporter.await_answer(0.005)
                waits.append(time.monotonic() - began)
        yield Row("startup", "first /metrics", "s", statistics.median(waits), at_most=1.5, note=note)


def _cpu(command: Sequence[str]) -> float:
    """Run a command to its end and return its user and system time."""
    before = os.times()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    after = os.times()
    if ended.returncode:
        raise FailedError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr}")
    return after.children_user + after.children_system - before.children_user - before.children_system
