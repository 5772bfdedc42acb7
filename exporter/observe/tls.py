"""The TLS eye: what every address of a domain serves, under one deadline for the whole look."""

from __future__ import annotations

import asyncio
import copy
import ipaddress
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache

from exporter.facts import Domain, Endpoint, Look, Seen, Served, Sight, Timing, Unseen, Why
from exporter.observe.handshake import Course, Handshaker
from exporter.observe.leaf import Leaves
from exporter.observe.sight import Blind, sight
from exporter.observe.trust import Trust

MOST_ADDRESSES = 32
MOST_NAMES = 65_536  # whose form is remembered
_LONGEST_NAME = 253
_NAME = re.compile(r"[a-z0-9_*-]{1,63}(\.[a-z0-9_*-]{1,63})*", re.IGNORECASE)


class TlsEye:
    """Looks at domains from outside; one object, its contexts and its memory serve all of them."""

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[tuple[str, ...]]],
        trust: Trust,
        timeout: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._resolve = resolve  # raises Blind
        self._trust = trust
        self._timeout = timeout  # seconds for resolving, connecting and the handshake together
        self._clock = clock
        self._handshaker = Handshaker()
        self._leaves = Leaves()

    def otherwise(self, timeout: float, resolve: Callable[[str], Awaitable[tuple[str, ...]]]) -> TlsEye:
        """Return an eye of the same contexts and memory that has another deadline and another resolver."""
        other = copy.copy(self)
        other._timeout, other._resolve = timeout, resolve  # noqa: SLF001 - its own kind
        return other

    async def look(self, domain: Domain) -> tuple[Look, ...]:
        """Look at every address, side by side, in the resolver's order; what fails is a value."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            server_name = _server_name(domain.name, domain.server_name or domain.name)
        except Blind as blind:
            return (self._done(domain, "", Unseen(blind.why, blind.detail), Timing()),)
        resolving = None
        addresses = domain.addresses or _literal(domain.name)
        if not addresses:
            found = await sight(lambda: self._resolve(domain.name), self._timeout, Why.RESOLVER_TIMEOUT)
            resolving = loop.time() - start
            if isinstance(found, Seen) and not found.value:
                found = Unseen(Why.NO_ADDRESS)
            if isinstance(found, Unseen):
                return (self._done(domain, "", found, Timing(resolving)),)
            addresses = found.value
        looks = [
            self._look_at(domain, address, server_name, start, resolving)
            for address in tuple(dict.fromkeys(addresses))[:MOST_ADDRESSES]
        ]
        if len(looks) == 1:  # the usual case, without the cost of a task
            return (await looks[0],)
        return tuple(await asyncio.gather(*looks))

    async def _look_at(
        self, domain: Domain, address: str, server_name: bytes | None, start: float, resolving: float | None
    ) -> Look:
        """Look at one address for what is left of the time."""
        left = start + self._timeout - asyncio.get_running_loop().time()
        course = Course()
        seen = await sight(lambda: self._see(domain, address, server_name, course), left)
        if isinstance(seen, Unseen) and seen.why is Why.TIMEOUT:
            seen = Unseen(course.late, f"no answer within {self._timeout:g} s")
        return self._done(domain, address, seen, Timing(resolving, course.connect, course.handshake))

    async def _see(self, domain: Domain, address: str, server_name: bytes | None, course: Course) -> Served:
        """Shake hands and read what was served; raises Blind."""
        shaken = await self._handshaker.shake(address, domain.port, server_name, course)
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
        )

    def _done(self, domain: Domain, address: str, seen: Sight[Served], timing: Timing) -> Look:
        """Stamp the end of one look."""
        at = self._clock()
        endpoint = Endpoint(domain.name, domain.port, address)
        if isinstance(seen, Seen):
            return Look(endpoint, seen, at, timing, seen.value, at)
        return Look(endpoint, seen, at, timing)


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
