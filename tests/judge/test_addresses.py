"""To which addresses a look may lead."""

from __future__ import annotations

import pytest

from exporter.facts import Domain
from exporter.judge.addresses import Bounds, never


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.0.0.1", "::", "::ffff:0.0.0.0"),
        *("169.254.169.254", "169.254.0.1", "169.254.170.2", "fe80::1", "febf::1"),
        *("::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "::169.254.169.254"),
        *("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
        *("224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"),
    ],
)
def test_never(address: str) -> None:
    """Metadata services, this machine by its nameless address, and what is no single host, in every disguise."""
    assert never(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "192.0.2.1", "fd00::1", "2001:db8::1", "64:ff9b::10.0.0.1"]
)
def test_not_never(address: str) -> None:
    """Every other address is the operator's to allow, also inner ones."""
    assert not never(address)


FOUND = Domain("www.example.com", found=True)
CONFIGURED = Domain("www.example.com")
ANY, LOOPBACK, INNER = Bounds(), Bounds(["127.0.0.0/8", "::1/128"]), Bounds(["10.0.0.0/8", "2001:db8::/32"])
NEVER = "is link-local, multicast, unspecified or for metadata"
OUTSIDE = "is in none of probe.certificate_networks"


@pytest.mark.parametrize(
    ("bounds", "domain", "address", "refusal"),
    [
        (ANY, FOUND, "192.0.2.1", ""),
        (ANY, FOUND, "10.0.0.1", ""),
        (ANY, FOUND, "169.254.169.254", NEVER),
        (ANY, FOUND, "::ffff:169.254.169.254", NEVER),
        (ANY, FOUND, "127.0.0.1", ""),
        (INNER, FOUND, "::1", OUTSIDE),
        (INNER, FOUND, "::ffff:127.0.0.1", OUTSIDE),
        (INNER, FOUND, "64:ff9b::127.0.0.1", OUTSIDE),
        (LOOPBACK, FOUND, "127.1.2.3", ""),
        (LOOPBACK, FOUND, "::ffff:127.0.0.1", ""),
        (LOOPBACK, FOUND, "::1", ""),
        (LOOPBACK, FOUND, "192.0.2.1", OUTSIDE),
        (LOOPBACK, FOUND, "169.254.169.254", NEVER),
        (INNER, FOUND, "10.1.2.3", ""),
        (INNER, FOUND, "2001:db8::1", ""),
        (INNER, FOUND, "192.168.0.1", OUTSIDE),
        (INNER, FOUND, "127.0.0.1", OUTSIDE),
        (Bounds(["0.0.0.0/0", "::/0"]), FOUND, "127.0.0.1", ""),
        (Bounds(["0.0.0.0/0", "::/0"]), FOUND, "169.254.169.254", NEVER),
        (INNER, Domain("192.0.2.1", found=True), "192.0.2.1", OUTSIDE),
        (ANY, Domain("169.254.169.254", found=True), "169.254.169.254", NEVER),
        (INNER, CONFIGURED, "192.0.2.1", ""),
        (INNER, CONFIGURED, "127.0.0.1", ""),
        (ANY, CONFIGURED, "169.254.169.254", NEVER),
        (ANY, Domain("www.example.com", addresses=("169.254.1.1",)), "169.254.1.1", ""),
        (ANY, Domain("169.254.1.1"), "169.254.1.1", ""),
    ],
)
def test_refusal(bounds: Bounds, domain: Domain, address: str, refusal: str) -> None:
    """Certificates' names lead where the networks say; configured ones only not to metadata, unless written."""
    assert bounds.refusal(domain, address) == (refusal and f"{address} {refusal}")


@pytest.mark.parametrize(
    ("bounds", "address", "refusal"),
    [
        (ANY, "192.0.2.1", ""),
        (ANY, "127.0.0.1", ""),
        (INNER, "127.0.0.1", OUTSIDE),
        (INNER, "::ffff:127.0.0.1", OUTSIDE),
        (ANY, "169.254.169.254", NEVER),
        (LOOPBACK, "127.0.0.1", ""),
        (INNER, "192.0.2.1", ""),
    ],
)
def test_inward(bounds: Bounds, address: str, refusal: str) -> None:
    """ACM's tokens lie outside, wherever its names may lead; they too lead nobody inward."""
    assert bounds.inward(address) == (refusal and f"{address} {refusal}")
