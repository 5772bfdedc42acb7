"""To which addresses a look may lead, whoever gave the name for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from exporter.facts import Domain

Ip: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_REMEMBERED = 65_536

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


class Bounds:
    """What `probe.certificate_networks` says, on top of what is never looked at."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Take the networks to which names of certificates may lead; none are all."""
        self._networks = tuple(map(ipaddress.ip_network, networks))

    def refusal(self, domain: Domain, address: str) -> str:
        """Say why an address of a domain is not looked at, "" where it is.

        What an operator wrote is his own will: a configured address always counts, and a configured name
        leads everywhere but to what is never looked at.
        """
        if not domain.found:
            return "" if address in (*domain.addresses, domain.name) else _never(address)
        return _never(address) or self._outside(address)

    def inward(self, address: str) -> str:
        """Say why an address that somebody else gave leads to this machine or its cloud, "" if not."""
        return _never(address) or (self._outside(address) if loopback(address) else "")

    def _outside(self, address: str) -> str:
        if not self._networks or self._within(address):
            return ""
        return f"{address} is in none of probe.certificate_networks"

    def _within(self, address: str) -> bool:
        found = literal(address)
        return found is not None and any(inner(found) in network for network in self._networks)


@lru_cache(MOST_REMEMBERED)
def never(address: str) -> bool:
    """Tell whether an address is closed to whatever does not come from the configuration."""
    return any(one in network for one in _both(address) for network in _NEVER)


@lru_cache(MOST_REMEMBERED)
def loopback(address: str) -> bool:
    """Tell whether an address is this machine's own to itself."""
    return any(one.is_loopback for one in _both(address))


def literal(text: str) -> Ip | None:
    """Read an address, None where the text is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def inner(address: Ip) -> Ip:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    found = address.ipv4_mapped or address.sixtofour
    if found is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > _LAST_OF_NULL)):
        found = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return found or address


def _both(address: str) -> tuple[Ip, ...]:
    found = literal(address)
    return () if found is None else (found, inner(found))


def _never(address: str) -> str:
    return f"{address} is link-local, multicast, unspecified or for metadata" if never(address) else ""
