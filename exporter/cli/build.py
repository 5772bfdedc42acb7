"""From settings to parts: the only place that knows both."""

from __future__ import annotations

import resource
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter import config
from exporter.cli.accounts import Reach, reach
from exporter.config import ConfigError, Settings
from exporter.config.ways import ProxyUrl
from exporter.config.web import WebSettings
from exporter.config.webfile import load_web
from exporter.expose.follow import Following
from exporter.expose.ondemand import Probing
from exporter.facts import Domain, Location, Look, Proxy, Way
from exporter.judge.addresses import Bounds
from exporter.judge.admission import allowance
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.sharding import ALONE, Shard
from exporter.observe.dns import Resolver
from exporter.observe.files import FileEye
from exporter.observe.records import DnsEye
from exporter.observe.tls import TlsEye
from exporter.observe.token import TokenFetcher
from exporter.observe.trust import Trust, load_roots
from exporter.schedule.ondemand import OnDemand, Resolve
from exporter.schedule.plan import Eyes, Plan
from exporter.schedule.rota import ROOM
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Snapshot

READERS = 4  # threads that read files, which a disk may keep waiting


def clock() -> datetime:
    """Tell the time: the one real clock of the house."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What one configuration is made into; `close` lets go of sockets and threads, and waits for nothing."""

    eyes: Eyes
    plan: Plan
    policy: Policy
    nameservers: tuple[str, ...]
    roots: tuple[bytes, ...]
    close: Callable[[], None]


def parts(
    settings: Settings,
    asked: tuple[Domain, ...] = (),
    *,
    tags: bool = True,
    shard: Shard = ALONE,
    clock: Callable[[], datetime] = clock,
) -> Parts:
    """Build what a watch is made of; `asked` domains are looked at besides the configured ones.

    Raises OSError for a file of trusted roots that cannot be read.
    """
    roots = load_roots(settings.probe.ca_file)
    accounts = reach(settings.aws, shard)
    readers = ThreadPoolExecutor(READERS, thread_name_prefix="files")
    files = FileEye(readers, settings.probe.timeout.total_seconds(), clock)

    def close() -> None:
        accounts.close()
        readers.shutdown(wait=False, cancel_futures=True)

    plan, policy = _plan(settings, asked, shard, tags=tags), _policy(settings)
    eyes = _eyes(settings, roots, accounts, files, clock)
    return Parts(eyes, plan, policy, settings.dns.nameservers, roots, close)


@contextmanager
def watch(
    settings: Settings,
    asked: tuple[Domain, ...] = (),
    *,
    tags: bool = True,
    shard: Shard = ALONE,
    clock: Callable[[], datetime] = clock,
) -> Iterator[tuple[Watch, Board]]:
    """Build a watch and its board."""
    made = parts(settings, asked, tags=tags, shard=shard, clock=clock)
    board = blank(made, shard, clock)
    try:
        yield Watch(made.eyes, made.plan, made.policy, clock, board), board
    finally:
        made.close()


def blank(made: Parts, shard: Shard = ALONE, clock: Callable[[], datetime] = clock) -> Board:
    """Build a board on which nothing is known."""
    return Board(Snapshot(clock(), made.policy, shard=shard))


def probing(
    settings: Settings,
    watch: Watch,
    *,
    clock: Callable[[], datetime] = clock,
    roots: tuple[bytes, ...] | None = None,
) -> Probing:
    """Build what looks on demand, with an eye of its own; the watch counts its looks and keeps none.

    The roots are read unless they are given.
    """
    resolver, tls = _tls(settings, load_roots(settings.probe.ca_file) if roots is None else roots, clock)

    async def look(domain: Domain, seconds: float, resolve: Resolve) -> tuple[Look, ...]:
        return await tls.otherwise(seconds, resolve).look(domain)

    return Probing(
        OnDemand(look, resolver.addresses, watch.count).run,
        tuple(allowance(text) for text in settings.probe.allow),
        settings.probe.timeout.total_seconds(),
    )


def following(web_file: Path, *, open_health: bool, clock: Callable[[], datetime] = clock) -> Following:
    """Build what follows a web configuration file; UnusableError where it cannot be used."""

    def load() -> WebSettings | str:
        try:
            return load_web(web_file)
        except ConfigError as error:
            return str(error)

    return Following(load, clock, open_health=open_health)


def _policy(settings: Settings) -> Policy:
    renewal = settings.renewal
    return Policy(RuleSet(renewal.rules), renewal.validation_limit, renewal.window, renewal.grace)


def _plan(settings: Settings, asked: tuple[Domain, ...], shard: Shard = ALONE, *, tags: bool) -> Plan:
    domains = tuple(map(_domain, settings.domains))
    return Plan(
        domains=(*domains, *(one for one in asked if one.name not in {d.name for d in domains})),
        asked=(*asked, *(one for one in domains if one.name in {a.name for a in asked})),
        files=tuple(map(_location, settings.files)),
        certificate_names=settings.probe.certificate_names,
        scheduled=settings.probe.scheduled,
        tags=settings.aws.tags if tags else (),
        resources=settings.aws.resources,
        look_behind=settings.probe.resources,
        acm_interval=settings.aws.interval.total_seconds(),
        tls_interval=settings.probe.interval.total_seconds(),
        dns_interval=settings.dns.interval.total_seconds(),
        abreast=settings.probe.concurrency,
        room=_room(settings.probe.concurrency),
        shard=shard,
    )


def _domain(one: config.Domain) -> Domain:
    client = one.client_certificate
    files = (str(client.cert_file), str(client.key_file)) if client else None
    way = Way(one.starttls, _proxy(one.proxy), one.ip_protocol, files, one.key_types)
    return Domain(
        name=one.name,
        port=one.port,
        addresses=one.addresses,
        server_name=one.server_name,
        arn=one.certificate_arn,
        labels=one.labels,
        way=way if way != Way() else None,
    )


def _location(one: config.CertificateFile) -> Location:
    return Location(str(one.path), one.password, str(one.password_file or ""), one.certificate_arn)


def _proxy(url: ProxyUrl | None) -> Proxy | None:
    if url is None:
        return None
    credentials = b64encode(f"{url.user}:{url.password}".encode()).decode()
    return Proxy(url.host, url.port, f"Basic {credentials}" if url.user else "")  # RFC 7617


def _way(probe: config.Probe) -> Way | None:
    """Return the way to all domains that do not say otherwise; None for TLS at once at every address."""
    proxy = _proxy(probe.proxy)
    if (proxy is None or not proxy.host) and probe.ip_protocol == "any":
        return None
    return Way(proxy=proxy, ip_protocol=probe.ip_protocol)


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
    roots: tuple[bytes, ...],
    accounts: Reach,
    files: FileEye,
    clock: Callable[[], datetime],
) -> Eyes:
    resolver, tls = _tls(settings, roots, clock)
    dns = _dns(settings, resolver)
    return Eyes(accounts.acm, tls.look, dns.look, files.look, accounts.membership)


def dns_eye(settings: Settings) -> DnsEye:
    """Build an eye for DNS alone."""
    return _dns(settings, _resolver(settings))


def _dns(settings: Settings, resolver: Resolver) -> DnsEye:
    bounds = Bounds(settings.probe.certificate_networks)
    fetch = TokenFetcher(resolver, settings.probe.timeout.total_seconds(), bounds.inward).fetch
    return DnsEye(resolver, fetch, settings.dns.timeout.total_seconds())


def _resolver(settings: Settings) -> Resolver:
    return Resolver(settings.dns.nameservers, settings.dns.timeout.total_seconds(), Path("/etc/hosts"))


def _tls(
    settings: Settings, roots: tuple[bytes, ...], clock: Callable[[], datetime]
) -> tuple[Resolver, TlsEye]:
    resolver = _resolver(settings)
    probe = settings.probe
    trust = Trust(roots, clock, links=probe.chain)
    timeout = probe.timeout.total_seconds()
    refusal = Bounds(probe.certificate_networks).refusal
    eye = TlsEye(resolver.addresses, trust, timeout, clock, _way(probe), staples=probe.ocsp, refusal=refusal)
    return resolver, eye
