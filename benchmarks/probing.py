"""Probes of a town's names by each contestant, measured alike."""

from __future__ import annotations

import sys
import time

from benchmarks.lab import Lab
from benchmarks.process import running
from benchmarks.subjects import Cost, Exporter, Mark, between
from benchmarks.town import Town

SCRAPE = 15.0  # seconds, Prometheus's usual interval
ABREAST = 64


def exporter(lab: Lab, town: Town, *, interval: float, seconds: float, warm_up: float) -> Cost:
    """Let the exporter probe by its own schedule, scraped as by Prometheus; the first sweep is left out."""
    timeout = min(5.0, interval * 0.9)
    with lab.exporter(town.config(interval=interval, timeout=timeout), town.acm) as running_:
        running_.await_ready()
        lab.say(f"exporter: warm-up of {warm_up:g} s, then {seconds:g} s are measured")
        time.sleep(warm_up)
        first = running_.mark()
        last = _scraped(running_, first, seconds)
    return between(first, last)


def _scraped(running_: Exporter, first: Mark, seconds: float) -> Mark:
    last = first
    while (left := first.at + seconds - time.time()) > 0.1:
        time.sleep(min(SCRAPE, left))
        last = running_.mark()
    return last


def blackbox(lab: Lab, town: Town, total: int, *, pace: float, warm_up: int) -> Cost:
    """Let blackbox_exporter probe the same names, as often (or as fast as it can, at pace 0)."""
    targets = town.targets()
    with lab.blackbox() as running_:
        lab.say(f"blackbox: {total:,} probes" + (f" at {pace:.0f} per second" if pace else ""))
        running_.probe(targets, warm_up, pace=pace, abreast=ABREAST)
        return running_.probe(targets, total, pace=pace, abreast=ABREAST)


def bare(lab: Lab, town: Town, total: int) -> Cost:
    """Only shake hands, 64 at once."""
    lab.say(f"bare handshakes: {total:,}")
    arguments = ["127.0.0.1", town.port, town.names(), total, ABREAST]
    command = [sys.executable, "-m", "benchmarks.peers.handshakes", *map(str, arguments)]
    folder, core = lab.folder, lab.client_core
    with running("handshakes", command, folder, core=core, talks=True) as process:
        process.hear()
        before = process.cpu()
        seconds = float(process.say("go"))
        return Cost((process.cpu() - before) / total, total / seconds, total, 0)
