"""The TLS eye: what every address of a domain serves, under one deadline for the whole look."""

from __future__ import annotations

import asyncio
import copy
import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from exporter.facts import Domain, Endpoint, Look, Seen, Served, Sight, Timing, Unseen, Way, Why
from exporter.observe.behind import resolve_behind
from exporter.observe.client import Client
from exporter.observe.contexts import ask_for_staple
from exporter.observe.handshake import Course, Handshake, Handshaker
from exporter.observe.leaf import Leaves
from exporter.observe.ocsp import stapled
from exporter.observe.sight import Blind, sight
from exporter.observe.trust import Trust
from exporter.observe.ways import Target, Ways

MOST_ADDRESSES = 32
MOST_NAMES = 65_536  # whose form is remembered
_LONGEST_NAME = 253
_NAME = re.compile(r"[a-z0-9_*-]{1,63}(\.[a-z0-9_*-]{1,63})*", re.IGNORECASE)


@dataclass(slots=True)
class _Visit:
    """One look at a domain, as it goes."""

    domain: Domain
    start: float
    way: Way | None
    client: Client | None = None
    server_name: bytes | None = None
    resolving: float | None = None  # seconds


class TlsEye:
    """Looks at domains from outside; one object, its contexts and its memory serve all of them."""

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[tuple[str, ...]]],
        trust: Trust,
        timeout: float,
        clock: Callable[[], datetime],
        way: Way | None = None,
        *,
        staples: bool = False,
        refusal: Callable[[Domain, str], str] = lambda *_: "",
    ) -> None:
        """Take the means, the way to domains that have none of their own, and whether to ask for staples.

        `refusal` says why an address of a domain must not be connected to, "" where it may be.
        """
        self._resolve = resolve  # raises Blind
        self._trust = trust
        self._timeout = timeout  # seconds for resolving, connecting and the handshake together
        self._clock = clock
        self._handshaker = Handshaker(ask_for_staple) if staples else Handshaker()
        self._ways = Ways(resolve, way, staples=staples)
        self._leaves = Leaves()
        self._refusal = refusal

    def otherwise(self, timeout: float, resolve: Callable[[str], Awaitable[tuple[str, ...]]]) -> TlsEye:
        """Return an eye of the same contexts and memory that has another deadline and another resolver."""
        other = copy.copy(self)
        other._timeout, other._resolve = timeout, resolve  # noqa: SLF001 - its own kind
        return other

    async def look(self, domain: Domain) -> tuple[Look, ...]:
        """Look at every address, side by side, in the resolver's order; what fails is a value."""
        loop = asyncio.get_running_loop()
        visit = _Visit(domain, loop.time(), self._ways.of(domain.way))
        try:
            visit.server_name = _server_name(domain.name, domain.server_name or domain.name)
            if visit.way is not None:
                visit.client = self._ways.client(visit.way)
        except Blind as blind:
            return (self._done(visit, "", Unseen(blind.why, blind.detail), Timing()),)
        addresses = domain.addresses or _literal(domain.name)
        if not addresses:
            found = await sight(lambda: self._addresses(domain), self._timeout, Why.RESOLVER_TIMEOUT)
            visit.resolving = loop.time() - visit.start
            if isinstance(found, Seen):
                addresses = found.value if visit.way is None else by_protocol(found.value, visit.way)
                if not addresses:
                    lacks = f"has no {visit.way.ip_protocol} address" if visit.way and found.value else ""
                    found = Unseen(Why.NO_ADDRESS, lacks)
            if isinstance(found, Unseen):
                return (self._done(visit, "", found, Timing(visit.resolving)),)
        looks = [
            self._look_at(visit, address) for address in tuple(dict.fromkeys(addresses))[:MOST_ADDRESSES]
        ]
        if len(looks) == 1:  # the usual case, without the cost of a task
            return (await looks[0],)
        return tuple(await asyncio.gather(*looks))

    async def _addresses(self, domain: Domain) -> tuple[str, ...]:
        """Resolve the name, or what stands behind it; raises Blind."""
        return await (resolve_behind(domain, self._resolve) if domain.hosts else self._resolve(domain.name))

    async def _look_at(self, visit: _Visit, address: str) -> Look:
        """Look at one address for what is left of the time, if it may be looked at."""
        refusal = self._refusal(visit.domain, address)
        if refusal:
            refused = Unseen(Why.FORBIDDEN_ADDRESS, refusal)
            return self._done(visit, address, refused, Timing(visit.resolving))
        left = visit.start + self._timeout - asyncio.get_running_loop().time()
        course = Course()
        see = self._see if visit.way is None else self._see_by
        seen = await sight(lambda: see(visit, address, course), left)
        if isinstance(seen, Unseen) and seen.why is Why.TIMEOUT:
            seen = Unseen(course.step.value, f"no answer within {self._timeout:g} s")
        timing = Timing(visit.resolving, course.connect, course.handshake, course.starttls)
        return self._done(visit, address, seen, timing)

    async def _see(self, visit: _Visit, address: str, course: Course) -> Served:
        """Shake hands and read what was served; raises Blind."""
        domain = visit.domain
        return self._read(await self._handshaker.shake(address, domain.port, visit.server_name, course))

    async def _see_by(self, visit: _Visit, address: str, course: Course) -> Served:
        """Go the domain's way; of several certificates the one whose chain ends first speaks for all."""
        domain, way = visit.domain, visit.way
        assert way is not None
        target = Target(address, domain.port, visit.server_name, domain.server_name or domain.name)
        shaken = await self._ways.shake(way, visit.client, target, course)
        served = [self._read(one, key_type) for key_type, one in shaken]
        first, *others = sorted(served, key=lambda one: (one.chain_not_after, one.not_after))
        return replace(first, others=tuple(others)) if others else first

    def _read(self, shaken: Handshake, key_type: str = "") -> Served:
        """Read what a handshake showed; raises Blind."""
        leaf = self._leaves.read(shaken.chain[0])
        trusted, trust_error, chain_not_after = self._trust.verify(shaken.chain)
        return Served(
            serial=leaf.serial,
            names=leaf.names,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            issuer=leaf.issuer,
            subject=leaf.subject,
            fingerprint=leaf.fingerprint,
            tls_version=shaken.tls_version,
            cipher=shaken.cipher,
            trusted=trusted,
            trust_error=trust_error,
            chain_not_after=chain_not_after,
            chain_length=len(shaken.chain),
            wants_client_certificate=shaken.wants_client_certificate,
            group=shaken.group,
            ocsp="" if shaken.staple is None else stapled(shaken.staple, shaken.chain, self._clock()),
            chain=self._trust.links(shaken.chain),
            key_type=key_type,
        )

    def _done(self, visit: _Visit, address: str, seen: Sight[Served], timing: Timing) -> Look:
        """Stamp the end of one look."""
        at = self._clock()
        endpoint = Endpoint(visit.domain.name, visit.domain.port, address)
        ends = visit.client.not_after if visit.client else None
        if isinstance(seen, Seen):
            return Look(endpoint, seen, at, timing, seen.value, at, client_not_after=ends)
        return Look(endpoint, seen, at, timing, client_not_after=ends)


def by_protocol(addresses: tuple[str, ...], way: Way) -> tuple[str, ...]:
    """Choose by IP protocol: ip4, ip6, or one of them where there is any (prefer_ip4, prefer_ip6)."""
    chosen = tuple(one for one in addresses if (":" in one) == way.ip_protocol.endswith("ip6"))
    match way.ip_protocol:
        case "ip4" | "ip6":
            return chosen
        case "prefer_ip4" | "prefer_ip6":
            return chosen or addresses
        case _:
            return addresses


def _literal(name: str) -> tuple[str, ...]:
    """Return a name that is itself an IP address, or ()."""
    if ":" not in name and not name[-1:].isdigit():
        return ()  # over ten times as fast as asking ipaddress, and so for nearly every name
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return ()
    return (name,)


@lru_cache(MOST_NAMES)
def _server_name(name: str, asked: str) -> bytes | None:
    """Return the name for SNI, None for an IP address (RFC 6066, section 3); raises Blind for a bad one."""
    for one in {name, asked}:
        bare = one.removesuffix(".")
        if not _literal(one) and (len(bare) > _LONGEST_NAME or not _NAME.fullmatch(bare)):
            raise Blind(Why.BAD_NAME, f"{one!r} is not a host name")
    return None if _literal(asked) else asked.removesuffix(".").encode("ascii")
