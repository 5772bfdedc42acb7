"""What may be looked at when somebody asks, so that nobody can scan the inner network through us."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from exporter.facts import Domain, Look, Way
from exporter.judge.names import normal

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_ALLOWANCE = re.compile(r"\[?(.+?)\]?:([0-9]+|\*)")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
_LAST_OF_NULL = int(ipaddress.ip_address("0.255.255.255"))  # below are :: and ::1, which are no IPv4
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "::/128"),  # unspecified, which means this machine
            *("169.254.0.0/16", "fe80::/10"),  # link-local, and so AWS's, Google's and Azure's metadata
            *("224.0.0.0/4", "ff00::/8", "255.255.255.255/32"),  # multicast and broadcast
            *("fd00:ec2::/32", "fd20:ce::254/128"),  # what AWS and Google tell an instance over IPv6
            *("100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"),  # Alibaba, Oracle, Azure
        ),
    )
)


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
        address = _address(host)
        if address is not None:
            return self.network is not None and _inner(address) in self.network
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


def never(address: str) -> bool:
    """Tell whether an address is closed to whatever only `probe.allow` allows."""
    found = _address(address)
    if found is None:
        return False
    return any(one in network for one in (found, _inner(found)) for network in _NEVER)


def disguised(domain: Domain, host: str, as_name: str) -> Domain:
    """Return the domain as it is to be looked at under another name, at its own addresses."""
    if as_name in ("", domain.name, domain.server_name):
        return domain
    literal = () if _address(host) is None else (host,)
    addresses = domain.addresses or literal
    return replace(
        domain, name=as_name, server_name="", addresses=addresses, arn="", tentative=False, hosts=()
    )


def beginning(domain: Domain, starttls: str) -> Domain:
    """Return the domain as it is to be looked at with another protocol before TLS."""
    if starttls in ("", domain.way.starttls if domain.way else ""):
        return domain
    return replace(domain, way=replace(domain.way or Way(), starttls=starttls))


def _address(text: str) -> Ip | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _inner(address: Ip) -> Ip:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > _LAST_OF_NULL)):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address
