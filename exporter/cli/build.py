"""From settings to parts: the only place that knows both."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from exporter.config import Settings
from exporter.expose.ondemand import Probing
from exporter.facts import Domain, Look
from exporter.judge.admission import allowance
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.sharding import ALONE, Shard
from exporter.observe.acm import AcmEye
from exporter.observe.aws import Access, Clients
from exporter.observe.dns import Resolver
from exporter.observe.records import DnsEye
from exporter.observe.tls import TlsEye
from exporter.observe.token import TokenFetcher
from exporter.observe.trust import Trust, load_roots
from exporter.schedule.ondemand import OnDemand, Resolve
from exporter.schedule.rota import ROOM
from exporter.schedule.watch import Eyes, Plan, Watch
from exporter.snapshot import Board, Snapshot

THREADS = (
    6  # that call AWS at once for one account and region: its lanes of descriptions, a sweep and one more
)
MOST_THREADS = 64


def clock() -> datetime:
    """Tell the time: the one real clock of the house."""
    return datetime.now(UTC)


@contextmanager
def watch(
    settings: Settings,
    asked: tuple[Domain, ...] = (),
    *,
    tags: bool = True,
    shard: Shard = ALONE,
    clock: Callable[[], datetime] = clock,
) -> Iterator[tuple[Watch, Board]]:
    """Build a watch and its board; `asked` domains are looked at besides the configured ones."""
    policy = _policy(settings)
    board = Board(Snapshot(clock(), policy, shard=shard))
    places = sum(max(1, len(one.regions)) for one in settings.aws.accounts)
    threads = min(MOST_THREADS, max(1, THREADS * places))
    executor = ThreadPoolExecutor(threads, thread_name_prefix="aws")
    clients = Clients(threads)
    eyes = _eyes(settings, clients, executor, shard, clock)
    try:
        yield Watch(eyes, _plan(settings, asked, shard, tags=tags), policy, clock, board), board
    finally:
        clients.close()
        executor.shutdown(wait=False, cancel_futures=True)


def probing(settings: Settings, watch: Watch, *, clock: Callable[[], datetime] = clock) -> Probing:
    """Build what looks on demand, with an eye of its own; the watch counts its looks and keeps none."""
    resolver, tls = _tls(settings, clock)

    async def look(domain: Domain, seconds: float, resolve: Resolve) -> tuple[Look, ...]:
        return await tls.otherwise(seconds, resolve).look(domain)

    return Probing(
        OnDemand(look, resolver.addresses, watch.count).run,
        tuple(allowance(text) for text in settings.probe.allow),
        settings.probe.timeout.total_seconds(),
    )


def _policy(settings: Settings) -> Policy:
    renewal = settings.renewal
    return Policy(RuleSet(renewal.rules), renewal.validation_limit, renewal.window, renewal.grace)


def _plan(settings: Settings, asked: tuple[Domain, ...], shard: Shard = ALONE, *, tags: bool) -> Plan:
    domains = tuple(
        Domain(one.name, one.port, one.addresses, one.server_name, one.certificate_arn, one.labels)
        for one in settings.domains
    )
    return Plan(
        domains=(*domains, *(one for one in asked if one.name not in {d.name for d in domains})),
        asked=(*asked, *(one for one in domains if one.name in {a.name for a in asked})),
        certificate_names=settings.probe.certificate_names,
        scheduled=settings.probe.scheduled,
        tags=settings.aws.tags if tags else (),
        acm_interval=settings.aws.interval.total_seconds(),
        tls_interval=settings.probe.interval.total_seconds(),
        dns_interval=settings.dns.interval.total_seconds(),
        abreast=settings.probe.concurrency,
        room=_room(settings.probe.concurrency),
        shard=shard,
    )


def _room(abreast: int) -> int:
    """Leave half of this process's descriptors to all but looks, which may need several each."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(abreast, min(ROOM * abreast, soft // 2))


def raise_limits() -> None:
    """Allow this process as many open files as it may have: looks at silent peers only wait, but hold one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _eyes(
    settings: Settings,
    clients: Clients,
    executor: ThreadPoolExecutor,
    shard: Shard,
    clock: Callable[[], datetime],
) -> Eyes:
    resolver, tls = _tls(settings, clock)
    dns = _dns(settings, resolver)
    return Eyes(tuple(_acm(settings, clients, executor, shard)), tls.look, dns.look)


def dns_eye(settings: Settings) -> DnsEye:
    """Build an eye for DNS alone."""
    return _dns(settings, _tls(settings, clock)[0])


def _dns(settings: Settings, resolver: Resolver) -> DnsEye:
    fetch = TokenFetcher(resolver, settings.probe.timeout.total_seconds()).fetch
    return DnsEye(resolver, fetch, settings.dns.timeout.total_seconds())


def _tls(settings: Settings, clock: Callable[[], datetime]) -> tuple[Resolver, TlsEye]:
    resolver = Resolver(settings.dns.nameservers, settings.dns.timeout.total_seconds(), Path("/etc/hosts"))
    trust = Trust(load_roots(settings.probe.ca_file), clock)
    return resolver, TlsEye(resolver.addresses, trust, settings.probe.timeout.total_seconds(), clock)


def _acm(
    settings: Settings, clients: Clients, executor: ThreadPoolExecutor, shard: Shard
) -> Iterator[tuple[str, AcmEye]]:
    pace = settings.aws.requests_per_second / shard.total  # all shards draw on the same quota
    for account in settings.aws.accounts:
        access = Access(account.profile, account.role_arn, account.external_id)
        for region in account.regions or ("",):
            yield (
                account.name,
                AcmEye(clients, access, region, executor, pace),
            )
