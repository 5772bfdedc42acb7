"""A long stay in bad weather: whether memory, threads and open files stay what they are.

Configurations are reloaded, every fifth with a mistake, while certificates come, are renewed and go, and ACM,
DNS and endpoints fail and recover (`peers/weather.py`).
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Row
from benchmarks.lab import Lab
from benchmarks.process import FailedError, Process, running
from benchmarks.scrape import Page
from benchmarks.subjects import Exporter
from benchmarks.town import Acm

WARM = 0.2  # of the time, in which everything comes to its size
INTERVAL = 2  # seconds
EXPECTED = re.compile(  # what the weather brings, and the mistakes in configurations
    r'event="(ACM could not be read|configuration refused|the configuration before stays|cert|tags|Search)'
)
BAD = "a mistake: here\n"


@dataclass(frozen=True, slots=True)
class Size:
    """How long, how many names, seconds between two reloads, and acts of the weather per second."""

    seconds: float = 180.0
    names: int = 100
    reload: float = 2.0
    acts: float = 10.0


SIZES = {"tiny": Size(9.0, 4, 1.0, 5.0), "default": Size(), "full": Size(1800.0, 200)}


@dataclass(frozen=True, slots=True)
class Sample:
    """What /proc says of the exporter at one moment."""

    at: float  # seconds since the beginning
    memory: float  # MB
    threads: float
    files: float


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Stay, then let the weather calm down."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.weather",
        str(lab.folder),
        str(size.names),
        str(size.acts),
    ]
    with running("weather", command, lab.folder, core=lab.server_core, talks=True) as weather:
        told = json.loads(weather.hear())
        configs = _configs(told, lab.folder / "soak-roots.pem")
        acm = Acm(weather, told["acm"], lab.folder)
        with lab.exporter(configs[0], acm) as exporter:
            exporter.await_ready()
            samples, reloads = _stay(lab, exporter, configs, size)
            (lab.folder / "acm-exporter.yaml").write_text(configs[0])
            _reload(exporter)
            acts, began = int(weather.say("calm")), time.monotonic()
            exporter.await_page(lambda page: _well(page, size.names), "recovery", 120, 0.2)
            recovered = time.monotonic() - began
    lab.complaints[:] = [one for one in lab.complaints if not EXPECTED.search(one)]
    yield from _rows(samples, size)
    yield Row(
        "soak", "recovery after the last fault", "s", recovered, at_most=30.0, note=f"after {acts} acts"
    )
    yield Row("soak", "reloads", "", reloads, note="a fifth of them refused")


def _configs(told: dict[str, object], roots: Path) -> list[str]:
    """Write a configuration of everything, one of half the names, and others of other settings."""
    names = told["names"]
    assert isinstance(names, list)

    def one(chosen: Sequence[str], more: str = "") -> str:
        domains = "".join(f"  - {{name: {name}, port: {told['port']}}}\n" for name in chosen)
        every = f"interval: {INTERVAL}s, timeout: 1s"
        return (
            f"aws: {{interval: {INTERVAL}s, requests_per_second: 100, tags: [service]}}\n"
            f"probe: {{{every}, certificate_names: false, ca_file: '{roots}'}}\n"
            f"dns: {{{every}, nameservers: ['{told['nameserver']}']}}\n{more}domains:\n{domains}"
        )

    return [one(names), one(names[::2]), one(names[::-1], "renewal: {rules: classic}\n"), BAD, one(names[1:])]


def _stay(lab: Lab, exporter: Exporter, configs: Sequence[str], size: Size) -> tuple[list[Sample], int]:
    samples, reloads, began = [], 0, time.monotonic()
    while (at := time.monotonic() - began) < size.seconds:
        if at >= reloads * size.reload:
            text = configs[reloads % len(configs)]
            (lab.folder / "acm-exporter.yaml").write_text(text)
            status = _reload(exporter)
            if (status == 200) is (text is BAD):
                raise FailedError(f"a reload was answered with {status}")
            reloads += 1
        exporter.client.get()
        samples.append(_sample(exporter.process, at))
        lab.say(f"{at:.0f} of {size.seconds:.0f} s, {samples[-1].memory:.0f} MB")
        time.sleep(0.5)
    return samples, reloads


def _reload(exporter: Exporter) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{exporter.port}/-/reload", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _sample(process: Process, at: float) -> Sample:
    files = len(list(Path(f"/proc/{process.popen.pid}/fd").iterdir()))
    return Sample(at, process.memory(), process.threads(), files)


def _well(page: Page, names: int) -> bool:
    """Whether every certificate is there and renews, every address is reached, and every source works."""
    verdicts = list(page.rows("acm_certificate_renewal_verdict", verdict="renews"))
    reached = list(page.rows("tls_endpoint_reachable"))
    sources = list(page.rows("acm_exporter_source_success"))
    broken = [row for row in page.rows("acm_certificate_condition") if row[1] == 0]
    whole = len(verdicts) == len(reached) == names
    return whole and not broken and all(value == 1 for _, value in (*verdicts, *reached, *sources))


def _rows(samples: Sequence[Sample], size: Size) -> Iterator[Row]:
    """Hold the last third against the first, after all came to its size."""
    warm = [one for one in samples if one.at >= WARM * size.seconds]
    third = max(1, len(warm) // 3)
    first, last = warm[:third], warm[-third:]
    note = f"{len(warm)} samples after {WARM:.0%} of {size.seconds:.0f} s; {_slope(warm):+.1f} MB an hour"
    for figure, unit, of, at_most in (
        ("memory", "MB", lambda one: one.memory, 1.05),
        ("threads", "", lambda one: one.threads, 1.2),
        ("open files", "", lambda one: one.files, 1.2),
    ):
        before, after = (statistics.fmean(map(of, part)) for part in (first, last))
        most = max(map(of, warm))
        told = f"{note}; at most {most:.0f}" if unit else f"at most {most:.0f}"
        peer = "the first third"
        yield Row("soak", f"{figure}, last third", unit, after, before, peer, at_most=at_most, note=told)


def _slope(samples: Sequence[Sample]) -> float:
    """Return the megabytes that an hour brings, by a line through all samples."""
    if len(samples) < 2:
        return 0.0
    return 3600 * statistics.linear_regression([s.at for s in samples], [s.memory for s in samples]).slope
