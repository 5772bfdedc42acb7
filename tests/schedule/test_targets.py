"""Which names are looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.facts import Domain
from exporter.schedule.targets import concerning, targets
from tests.evidence import ARN, CERTIFICATE, OTHER_ARN


@pytest.mark.parametrize(
    ("configured", "names", "expected"),
    [
        pytest.param((), (), (), id="nothing"),
        pytest.param(
            (),
            [("b.example", "a.example"), ("a.example",)],
            (Domain("a.example", found=True), Domain("b.example", found=True)),
            id="the names of all certificates, each once and in order",
        ),
        pytest.param(
            (Domain("a.example", 8443, ("192.0.2.1",), labels={"team": "web"}),),
            [("a.example", "b.example")],
            (
                Domain("a.example", 8443, ("192.0.2.1",), labels={"team": "web"}),
                Domain("b.example", found=True),
            ),
            id="a configured name is looked at as configured, and only so",
        ),
        pytest.param(
            (Domain("a.example", 443), Domain("a.example", 8443)),
            [("a.example",)],
            (Domain("a.example", 443), Domain("a.example", 8443)),
            id="a name may be configured with several ports",
        ),
        pytest.param(
            (),
            [("*.example", "example")],
            (Domain("example", found=True), Domain("www.example", tentative=True, found=True)),
            id="www stands in for a wildcard",
        ),
        pytest.param(
            (), [("*.example",)], (Domain("www.example", tentative=True, found=True),), id="a wildcard alone"
        ),
        pytest.param(
            (),
            [("*.example",), ("www.example",)],
            (Domain("www.example", found=True),),
            id="www as a certificate's own name is not tentative",
        ),
        pytest.param(
            (Domain("www.example", 8443),),
            [("*.example",)],
            (Domain("www.example", 8443),),
            id="www as a configured name is not tentative",
        ),
        pytest.param(
            (),
            [("192.0.2.1", "2001:db8::1")],
            (Domain("192.0.2.1", found=True), Domain("2001:db8::1", found=True)),
            id="addresses as names",
        ),
    ],
)
def test_targets(
    configured: tuple[Domain, ...], names: list[tuple[str, ...]], expected: tuple[Domain, ...]
) -> None:
    """What is looked at follows from the configuration and the inventory, as the README says."""
    certificates = [replace(CERTIFICATE, names=one) for one in names]
    assert targets(configured, certificates) == expected


@pytest.mark.parametrize(
    ("domain", "chosen"),
    [
        (Domain("example.com"), True),
        (Domain("WWW.example.com."), True),
        (Domain("shop.example.com"), False),
        (Domain("api.example.net"), True),
        (Domain("example.net"), False),
        (Domain("a.b.example.net"), False),
        (Domain("else.example.org", arn=ARN), True),
        (Domain("else.example.org", arn=OTHER_ARN), False),
        (Domain("2001:DB8::0:1"), True),
        (Domain("192.0.2.1"), False),
    ],
)
def test_concerning(domain: Domain, chosen: bool) -> None:
    """`check NAME` looks only at what can tell something of the certificates that were asked for."""
    wild = replace(CERTIFICATE, names=("*.example.net", "2001:db8::1", "*.0.2.1"))
    assert concerning([domain], iter([CERTIFICATE, wild])) == ((domain,) if chosen else ())
