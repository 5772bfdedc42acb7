"""A large account at ACM's real quotas: what first gauges, all details and each refresh take."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Row
from benchmarks.lab import Lab, Say
from benchmarks.process import FailedError, running
from benchmarks.scrape import Page
from benchmarks.town import REGION, Acm
from exporter.demo.pki import Issued
from exporter.demo.stage import PRODUCTION, Scene, describe

REQUESTS = "acm_exporter_aws_requests_total"
GAUGES = "acm_certificate_days_to_expiry"
FAST = 1000.0  # requests per second, where the quotas are not what is measured
DEFAULT_PACE = 4.0  # aws.requests_per_second
SCRIPT = "boto3 List + Describe"
ALONE = "[{name: benchmark}]"  # one account, ambient credentials
REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-northeast-1")
MOST_THREADS = 64  # that call AWS, as exporter.cli.accounts has it
QUIET = 1.0  # seconds without a call: a refresh is over
ROOM = 16  # threads beside those that call AWS


@dataclass(frozen=True, slots=True)
class Size:
    """How many certificates, and how long to wait until all are described (what is left is projected)."""

    certificates: int = 2500
    patience: float = 90.0  # seconds
    refreshes: int = 4
    refresh: float = 10.0  # seconds between two
    changed: int = 3  # certificates between two
    accounts: int = 50
    each: int = 10  # certificates per account and region


SIZES = {
    "tiny": Size(12, 30.0, 1, 2.0, 1, 2, 2),
    "default": Size(),
    "full": Size(patience=1200.0, refreshes=10),
}


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Read it first, then keep it, then read many."""
    certificates = dict(
        _described(lab, leaf, n, PRODUCTION, REGION) for n, leaf in enumerate(lab.leaves(size.certificates))
    )
    with lab.dns({}) as nameserver:  # no record is there, which is soon told
        yield from _first(lab, size, certificates, nameserver)
        yield from _steady(lab, size, certificates, nameserver)
        yield from _many(lab, size, nameserver)


def _described(lab: Lab, leaf: Issued, number: int, account: str, region: str) -> tuple[str, object]:
    key, domain = f"{account}-{region}-{number:05}", f"n{number:05}.bench.example"
    scene = Scene(key, "One of many", domain, algorithm="EC_prime256v1", account=account, region=region)
    return scene.arn, describe(scene, leaf, lab.now, "")


def _first(lab: Lab, size: Size, certificates: dict[str, object], nameserver: str) -> Iterator[Row]:
    """Start the exporter as a user would, and a plain script beside it with a quota of its own."""
    config = _config(10 * 60, DEFAULT_PACE, nameserver, ALONE)
    with lab.acm(certificates, quotas=True) as acm:
        lab.say(f"plain boto3: {size.certificates:,} certificates, for at most {size.patience:g} s")
        plain = _plain(lab, acm, size.patience)
    with lab.acm(certificates, quotas=True) as acm:
        lab.say(f"exporter: {size.certificates:,} certificates, for at most {size.patience:g} s")
        began = time.monotonic()
        with lab.exporter(config, acm) as exporter:
            exporter.await_answer()
            exporter.await_page(lambda page: _gauges(page) >= size.certificates, "gauges", 120, 0.1)
            gauges, calls = time.monotonic() - began, _calls(acm)
            described = _await_described(lab.say, acm, size, began)
            took, every = time.monotonic() - began, _calls(acm)
            throttled = sum(acm.stats()["throttled"].values())
    yield Row("inventory", "first gauges of all", "s", gauges, at_most=5.0, note=f"{calls} calls by then")
    yield Row("inventory", "calls to first gauges", "", calls, plain.calls, SCRIPT)
    yield _whole_row(size, gauges, took, described, plain)
    yield Row("inventory", "calls to full detail so far", "", every, plain.calls, SCRIPT)
    yield Row("inventory", "throttled", "", throttled, at_most=0, note=f"{SCRIPT}: {plain.throttled:.0f}")


@dataclass(frozen=True, slots=True)
class Plain:
    """What the plain script did."""

    seconds: float
    described: int
    calls: int
    throttled: int


def _whole_row(size: Size, gauges: float, took: float, described: float, plain: Plain) -> Row:
    """Project what did not end within the patience from the pace."""
    if not described or not plain.described:
        raise FailedError("nothing was described at all")
    whole = gauges + (took - gauges) * size.certificates / described
    theirs = plain.seconds * size.certificates / plain.described
    ended = described >= size.certificates and plain.described >= size.certificates
    note = "" if ended else f"projected from {described:,.0f} and {plain.described:,} described"
    note += f"{'; ' if note else ''}aws.requests_per_second is {DEFAULT_PACE:g}, the script takes all it gets"
    return Row("inventory", "full detail of all", "s", whole, theirs, SCRIPT, note=note)


def _await_described(say: Say, acm: Acm, size: Size, began: float) -> int:
    described = 0
    while described < size.certificates and time.monotonic() - began < size.patience:
        time.sleep(0.5)
        stats = acm.stats()
        described = stats[PRODUCTION]["DescribeCertificate"] - stats["throttled"].get(
            "DescribeCertificate", 0
        )
        say(f"{described:,} of {size.certificates:,} described")
    return described


def _plain(lab: Lab, acm: Acm, seconds: float) -> Plain:
    command = [sys.executable, "-m", "benchmarks.peers.plain", str(seconds)]
    environment, core = acm.environment, lab.client_core
    with running("plain", command, lab.folder, core=core, environment=environment, talks=True) as process:
        told = json.loads(process.hear())
    calls = told["calls"]
    throttled = calls.pop("throttled", 0)
    return Plain(told["seconds"], told["described"], sum(calls.values()) + throttled, throttled)


def _calls(acm: Acm) -> int:
    return sum(n for name, n in acm.stats()[PRODUCTION].items() if name != "GetCallerIdentity")


def _descriptions(page: Page) -> float:
    return page.total(REQUESTS, operation="DescribeCertificate", code="OK")


def _gauges(page: Page) -> int:
    return sum(1 for _ in page.rows(GAUGES))


def _steady(lab: Lab, size: Size, certificates: dict[str, object], nameserver: str) -> Iterator[Row]:
    """Describe everything quickly, then count the calls of refreshes between which a few things change."""
    config = _config(size.refresh, FAST, nameserver, ALONE)
    with lab.acm(certificates) as acm, lab.exporter(config, acm) as exporter:
        lab.say("describing everything before steady refreshes are counted")
        exporter.await_answer()
        exporter.await_page(lambda page: _descriptions(page) >= size.certificates, "descriptions", 300)
        before = after = _settled(acm)
        for number in range(size.refreshes):
            lab.say(f"steady refresh {number + 1} of {size.refreshes}")
            acm.process.say(f"touch {size.changed}")
            after = _settled(acm, since=after)
        calls = after - before
    pages = -(-size.certificates // 500)
    refreshes = calls["SearchCertificates"] / pages
    told = ", ".join(f"{n} {operation}" for operation, n in sorted(calls.items()))
    note = f"{size.changed} certificates change before each; {refreshes:g} refreshes: {told}"
    most = pages + size.changed
    yield Row("inventory", "calls per steady refresh", "", calls.total() / refreshes, at_most=most, note=note)


def _settled(acm: Acm, since: Counter[str] | None = None) -> Counter[str]:
    """Count calls once there were some since then and no more come for a while."""
    last: Counter[str] = Counter()
    while (now := Counter(acm.stats()[PRODUCTION])) != last or now == since:
        last = now
        time.sleep(QUIET)
    return now


def _many(lab: Lab, size: Size, nameserver: str) -> Iterator[Row]:
    """Refresh many accounts in all their regions at once."""
    accounts = [f"{n:012}" for n in range(100_000_000_001, 100_000_000_001 + size.accounts)]
    places = [(account, region) for account in accounts for region in REGIONS]
    leaves = lab.leaves(size.each)
    certificates = dict(_described(lab, leaf, n, *place) for place in places for n, leaf in enumerate(leaves))
    entries = "".join(
        f"\n    - {{name: a{account}, regions: [{', '.join(REGIONS)}],"
        f" role_arn: 'arn:aws:iam::{account}:role/acm-exporter'}}"
        for account in accounts
    )
    config = _config(size.refresh, DEFAULT_PACE, nameserver, entries)
    threads, seconds = [], size.refresh * size.refreshes
    with lab.acm(certificates, quotas=True) as acm, lab.exporter(config, acm) as exporter:
        lab.say(f"{len(places)} accounts and regions refresh side by side")
        began = time.monotonic()
        exporter.await_answer()
        exporter.await_page(lambda page: _gauges(page) >= len(certificates), "gauges", 300, 0.5)
        first = time.monotonic() - began
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            threads.append(exporter.process.threads())
            time.sleep(0.2)
        peak, throttled = exporter.process.peak(), sum(acm.stats()["throttled"].values())
        page = exporter.client.get()
        failed = sum(value == 0 for _, value in page.rows("acm_exporter_source_success", source="acm"))
    what = f"{size.accounts} accounts x {len(REGIONS)} regions"
    yield Row(
        "inventory", f"{what}: first gauges of all", "s", first, note=f"{len(certificates):,} certificates"
    )
    yield Row("inventory", f"{what}: threads, most", "", max(threads), at_most=MOST_THREADS + ROOM)
    yield Row("inventory", f"{what}: RSS, most", "MB", peak, at_most=400)
    yield Row("inventory", f"{what}: throttled or failed", "", throttled + failed, at_most=0)


def _config(refresh: float, per_second: float, nameserver: str, accounts: str) -> str:
    """Read ACM only: no name is looked at."""
    return _CONFIG.format(
        refresh=round(refresh * 1000), per_second=per_second, nameserver=nameserver, accounts=accounts
    )


_CONFIG = """\
aws:
  interval: {refresh}ms
  requests_per_second: {per_second}
  accounts: {accounts}
probe:
  certificate_names: false
dns:
  nameservers: ["{nameserver}"]
"""
