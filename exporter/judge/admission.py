"""What may be looked at when somebody asks, so that nobody can scan the inner network through us."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.facts import Domain, Look, Way
from exporter.judge.addresses import Network, inner, literal
from exporter.judge.names import normal

_ALLOWANCE = re.compile(r"\[?(.+?)\]?:([0-9]+|\*)")


@dataclass(frozen=True, slots=True)
class Errand:
    """One look that somebody asks for and may have."""

    domain: Domain  # what to look at, and by which name
    host: str  # whose addresses: the domain's name, unless it is looked at as somebody else
    timeout: float  # seconds for resolving, connecting and the handshake together
    guarded: bool = False  # known to nobody, and allowed by `probe.allow`


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of an errand: at least one look."""

    looks: tuple[Look, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Forbidden:
    """An errand that was not run, because its host has an address that nobody may be sent to."""

    address: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """One entry of `probe.allow`: a host, all hosts under a domain, or a network; a port, or None for all."""

    host: str
    network: Network | None
    port: int | None

    def allows(self, host: str, port: int) -> bool:
        """Tell whether this host or literal address may be looked at."""
        if self.port not in (None, port):
            return False
        address = literal(host)
        if address is not None:
            return self.network is not None and inner(address) in self.network
        return self.host == host or (self.host.startswith("*.") and host.endswith(self.host[1:]))


def allowance(text: str) -> Allowance:
    """Read an entry as the configuration gives it: HOST:PORT, *.DOMAIN:PORT or NETWORK:PORT."""
    match = _ALLOWANCE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no allowance")
    port = None if match[2] == "*" else int(match[2])
    return Allowance(match[1], ipaddress.ip_network(match[1]) if "/" in match[1] else None, port)


def allowed(allowances: Iterable[Allowance], host: str, port: int) -> bool:
    """Tell whether a host that is not known may be looked at; its addresses are another question."""
    return any(one.allows(normal(host), port) for one in allowances)


def disguised(domain: Domain, host: str, as_name: str) -> Domain:
    """Return the domain as it is to be looked at under another name, at its own addresses."""
    if as_name in ("", domain.name, domain.server_name):
        return domain
    own = () if literal(host) is None else (host,)
    addresses = domain.addresses or own
    return replace(
        domain, name=as_name, server_name="", addresses=addresses, arn="", tentative=False, hosts=()
    )


def beginning(domain: Domain, starttls: str) -> Domain:
    """Return the domain as it is to be looked at with another protocol before TLS."""
    if starttls in ("", domain.way.starttls if domain.way else ""):
        return domain
    return replace(domain, way=replace(domain.way or Way(), starttls=starttls))
