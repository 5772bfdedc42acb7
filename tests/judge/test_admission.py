"""What may be looked at when somebody asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.facts import Domain
from exporter.judge.admission import allowance, allowed, disguised
from tests.evidence import ARN

ALLOW = tuple(
    allowance(text)
    for text in (
        "status.example.net:443",
        "*.example.com:8443",
        "open.example.org:*",
        "192.0.2.0/24:443",
        "[2001:db8::/32]:443",
        "10.0.0.0/8:*",
    )
)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("status.example.net", 443),
        ("a.example.com", 8443),
        ("a.b.example.com", 8443),
        ("open.example.org", 25),
        ("192.0.2.255", 443),
        ("2001:db8::1", 443),
        ("10.1.2.3", 1),
        ("::ffff:10.1.2.3", 22),
        ("64:ff9b::10.1.2.3", 22),
    ],
)
def test_allowed(host: str, port: int) -> None:
    """A host, all hosts under a domain or the addresses of a network, at the port that was said or at all."""
    assert allowed(ALLOW, host, port)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("status.example.net", 8443),
        ("www.status.example.net", 443),
        ("example.com", 8443),
        ("a.example.com", 443),
        ("aexample.com", 8443),
        ("example.com.evil.example", 8443),
        ("192.0.3.1", 443),
        ("192.0.2.1", 22),
        ("2001:db9::1", 443),
        ("::ffff:192.0.3.1", 443),
        ("::1", 443),
    ],
)
def test_not_allowed(host: str, port: int) -> None:
    """Nothing beside, above or below what was said."""
    assert not allowed(ALLOW, host, port)


WWW = Domain("www.example.com", server_name="inner.example.com", arn=ARN, labels={"team": "web"})


@pytest.mark.parametrize(
    ("domain", "host", "as_name", "looked_at"),
    [
        pytest.param(WWW, "www.example.com", "", WWW, id="as itself"),
        pytest.param(WWW, "www.example.com", "www.example.com", WWW, id="its own name"),
        pytest.param(WWW, "www.example.com", "inner.example.com", WWW, id="as it is configured"),
        pytest.param(
            WWW,
            "www.example.com",
            "shop.example.com",
            Domain("shop.example.com", labels={"team": "web"}),
            id="as somebody else",
        ),
        pytest.param(
            replace(WWW, addresses=("192.0.2.1",)),
            "www.example.com",
            "shop.example.com",
            Domain("shop.example.com", addresses=("192.0.2.1",), labels={"team": "web"}),
            id="as somebody else, at its own addresses",
        ),
        pytest.param(
            Domain("192.0.2.1", 8443),
            "192.0.2.1",
            "shop.example.com",
            Domain("shop.example.com", 8443, addresses=("192.0.2.1",)),
            id="an address as somebody",
        ),
    ],
)
def test_disguise(domain: Domain, host: str, as_name: str, looked_at: Domain) -> None:
    """`hostname` changes for whom a target is looked at, and not where; a pin is about the former name."""
    assert disguised(domain, host, as_name) == looked_at
