"""Ten thousand endpoints and certificates at rest: memory, scrapes, evenness and freshness."""

from __future__ import annotations

import functools
import json
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from benchmarks.figures import Row
from benchmarks.lab import Lab
from benchmarks.process import Process, free_port, program, running
from benchmarks.scrape import Page, quantile
from benchmarks.subjects import Exporter

SUCCESS = "tls_endpoint_last_success_timestamp_seconds"
REQUESTS = "acm_exporter_aws_requests_total"
READINGS = 4  # per interval: each look's time stamp is read before the next look replaces it
SLACK = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Size:
    """How many endpoints, each with a certificate of its own, and for how long."""

    names: int = 10_000
    interval: float = 60.0
    timeout: float = 10.0
    intervals: int = 3
    pause: float = 2.0  # between two scrapes of ours


SIZES = {
    "tiny": Size(20, 1.0, 0.8, 3, 0.1),
    "default": Size(),
    "full": Size(interval=300.0),
}


@dataclass
class Fleet:
    """What was measured; times in seconds, sizes in megabytes."""

    size: Size
    cpu: float = 0.0  # per second
    rest: float = 0.0
    peak: float = 0.0
    oldest: float = 0.0
    zipped: list[Page] = field(default_factory=list)
    plain: list[Page] = field(default_factory=list)
    looks: Counter[int] = field(default_factory=Counter)  # by second
    prometheus: tuple[float, float] = (0.0, 0.0)  # mean and maximum of scrape_duration_seconds

    @property
    def unevenness(self) -> float:
        """Looks in the fullest second over those in the mean one; the first and last second are partial."""
        whole = sorted(self.looks)[1:-1] or sorted(self.looks)
        seconds = range(whole[0], whole[-1] + 1) if whole else ()
        return max(self.looks[s] for s in whole) * len(seconds) / sum(self.looks[s] for s in whole)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Measure one fleet."""
    fleet = measure(lab, size)
    what = f"{size.names:,} endpoints every {size.interval:g} s"
    bound = size.interval + size.timeout + SLACK
    mean, most = fleet.prometheus
    yield Row("fleet", "RSS at rest", "MB", fleet.rest, note=what)
    yield Row("fleet", f"RSS peak over {size.intervals} intervals", "MB", fleet.peak, at_most=400)
    yield Row("fleet", "CPU share of a core", "%", fleet.cpu * 100)
    yield from _latency("gzip", fleet.zipped)
    yield from _latency("plain", fleet.plain)
    yield Row("fleet", "scrape_duration_seconds, mean", "ms", mean * 1000, note="Prometheus itself")
    yield Row("fleet", "scrape_duration_seconds, most", "ms", most * 1000, note="Prometheus itself")
    yield Row(
        "fleet", "fullest second over the mean", "x", fleet.unevenness, at_most=3.0,
        note=f"{sum(fleet.looks.values()):,} looks",
    )  # fmt: skip
    yield Row("fleet", "oldest look at any scrape", "s", fleet.oldest, at_most=bound)


def _latency(form: str, pages: list[Page]) -> Iterator[Row]:
    times = [page.seconds * 1000 for page in pages]
    size = f"{len(pages[0].body) / 1e6:.3g} MB, {len(pages)} scrapes"
    yield Row("fleet", f"/metrics {form}, p50", "ms", quantile(times, 0.5), note=size)
    yield Row("fleet", f"/metrics {form}, p99", "ms", quantile(times, 0.99), at_most=250.0)


@functools.cache
def measure(lab: Lab, size: Size) -> Fleet:
    """Measure a fleet, once per lab and size."""
    fleet = Fleet(size)
    seconds = size.interval * size.intervals
    with lab.town(size.names) as town:
        config = town.config(interval=size.interval, timeout=size.timeout)
        with (
            lab.exporter(config, town.acm, pinned=False) as exporter,
            _prometheus(lab, exporter, size.interval) as prometheus,
        ):
            lab.say("the first sweep")
            exporter.await_ready(900)
            exporter.await_page(lambda page: _described(page) >= size.names, "all descriptions", 900, 2)
            lab.say(f"settling for {size.interval:g} s")
            time.sleep(size.interval)
            lab.say(f"measuring for {seconds:g} s")
            _watch(fleet, exporter, seconds)
            fleet.prometheus = _durations(prometheus, seconds)
    return fleet


def _described(page: Page) -> float:
    return page.total(REQUESTS, operation="DescribeCertificate", code="OK")


def _watch(fleet: Fleet, exporter: Exporter, seconds: float) -> None:
    """Scrape, plain and gzip by turns, and read what the scrapes tell of each look."""
    size, process = fleet.size, exporter.process
    stamps: set[tuple[str, float]] = set()
    memory = []
    process.forget_peak()
    began, spent, reading = time.time(), process.cpu(), 0.0
    while (now := time.time()) < began + seconds:
        for zipped, pages in ((True, fleet.zipped), (False, fleet.plain)):
            page = exporter.client.get(zipped=zipped)
            if now >= reading and zipped:
                reading = now + size.interval / READINGS
                _read(fleet, page, stamps)
            pages.append(replace(page, body=b"") if pages else page)  # one body tells the size
            time.sleep(size.pause / 2)
        memory.append(process.memory())
    fleet.cpu = (process.cpu() - spent) / (time.time() - began)
    fleet.rest, fleet.peak = quantile(memory, 0.5), process.peak()
    fleet.looks.update(int(at) for _, at in stamps if at >= began)


def _read(fleet: Fleet, page: Page, stamps: set[tuple[str, float]]) -> None:
    seen = {labels["domain"]: at for labels, at in page.rows(SUCCESS)}
    stamps.update(seen.items())
    fleet.oldest = max(fleet.oldest, page.at - min(seen.values()))


@contextmanager
def _prometheus(lab: Lab, exporter: Exporter, interval: float) -> Iterator[str]:
    """Let a real Prometheus scrape it meanwhile; gives its URL."""
    file, url = lab.folder / "prometheus.yml", f"http://127.0.0.1:{free_port()}"
    file.write_text(_PROMETHEUS.format(interval=max(1, round(min(15, interval))), port=exporter.port))
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={lab.folder / f'prometheus-{exporter.port}'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    ]
    with running("prometheus", command, lab.folder, core=lab.server_core) as process:
        _until_ready(process, url)
        yield url


def _until_ready(process: Process, url: str) -> None:
    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    process.until(ready, 30, "readiness")


def _durations(url: str, seconds: float) -> tuple[float, float]:
    """Ask Prometheus for the mean and the longest of its scrapes in the last seconds."""
    window = f"scrape_duration_seconds[{max(1, round(seconds))}s]"
    mean, most = (_query(url, f"{over}({window})") for over in ("avg_over_time", "max_over_time"))
    return mean, most


def _query(url: str, expression: str) -> float:
    asked = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=30) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


_PROMETHEUS = """\
global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}
scrape_configs:
  - job_name: acm-exporter
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
