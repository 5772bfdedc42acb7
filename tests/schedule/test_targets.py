"""Which names are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.facts import Certificate, Description, Domain, Listener, Seen
from exporter.schedule.targets import concerning, targets
from tests.evidence import ARN, BALANCER, CERTIFICATE, OTHER_ARN


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


LB, OTHER_LB = "lb-1.elb.amazonaws.com", "lb-2.elb.amazonaws.com"


def behind(
    *names: str,
    arn: str = ARN,
    hosts: tuple[str, ...] = (LB,),
    ports: tuple[int, ...] = (443,),
    **changes: Any,
) -> Certificate:
    """Make a certificate that described resources use."""
    described = Description("", listeners=tuple(Listener(port) for port in ports))
    found = {f"{BALANCER}{host}": Seen(replace(described, dns_name=host, **changes)) for host in hosts}
    return replace(CERTIFICATE, arn=arn, names=names, behind=found)


@pytest.mark.parametrize(
    ("known", "certificates", "expected"),
    [
        pytest.param(
            (),
            [behind("*.example")],
            [Domain("www.example", tentative=True, found=True, hosts=(LB,))],
            id="a wildcard: www, or else what stands behind it",
        ),
        pytest.param(
            (Domain("a.example"),),
            [behind("*.example")],
            [],
            id="not where a name under the wildcard is looked at",
        ),
        pytest.param(
            (Domain("a.example", 8443),), [behind("a.example")], [], id="not where the name is looked at"
        ),
        pytest.param(
            (Domain("example"),),
            [behind("example", "*.example")],
            [Domain("www.example", tentative=True, found=True, hosts=(LB,))],
            id="a wildcard beside a name",
        ),
        pytest.param(
            (),
            [behind("b.example", "a.example")],
            [Domain("b.example", found=True, hosts=(LB,))],
            id="one name is enough",
        ),
        pytest.param(
            (),
            [behind("*.example", ports=(443, 8443))],
            [
                Domain("www.example", tentative=True, found=True, hosts=(LB,)),
                Domain("www.example", 8443, found=True, hosts=(LB,)),
            ],
            id="another port is the resource's alone",
        ),
        pytest.param(
            (),
            [behind("*.example", hosts=(OTHER_LB, LB)), behind("*.Example.", arn=OTHER_ARN, hosts=("lb-3",))],
            [Domain("www.example", tentative=True, found=True, hosts=(LB, OTHER_LB, "lb-3"))],
            id="several resources of one name are one target",
        ),
        pytest.param(
            (),
            [behind("*.example", hosts=tuple(f"lb-{n}" for n in range(9)))],
            [Domain("www.example", tentative=True, found=True, hosts=tuple(f"lb-{n}" for n in range(8)))],
            id="not more than eight of a certificate",
        ),
        pytest.param(
            (),
            [behind("*.example", "example", internal=True)],
            [],
            id="never what is internal",
        ),
        pytest.param(
            (),
            [behind("*.example", names=("a.test", "b.example"))],
            [Domain("b.example", found=True, hosts=(LB,))],
            id="by a name that the resource answers to and the certificate covers",
        ),
        pytest.param((), [behind("*.example", names=("a.test",))], [], id="not where there is no such name"),
        pytest.param(
            (),
            [behind("*.example", names=("*.example",))],
            [Domain("www.example", tentative=True, found=True, hosts=(LB,))],
            id="by a wildcard that it answers to",
        ),
    ],
)
def test_resources_behind(
    known: tuple[Domain, ...], certificates: list[Certificate], expected: list[Domain]
) -> None:
    """A certificate with a name that is looked at nowhere is looked at on what uses it, and bounded so."""
    assert targets(known, [], certificates) == (*known, *expected)


def test_what_stands_behind_a_wildcard_takes_the_place_of_its_stand_in() -> None:
    """The name is one target, not two."""
    one = behind("*.example")
    assert targets((), [one], [one]) == (Domain("www.example", tentative=True, found=True, hosts=(LB,)),)
