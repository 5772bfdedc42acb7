"""Which certificates cover a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.facts import Certificate, Domain
from exporter.judge.coverage import Coverage
from tests.evidence import ARN, CERTIFICATE, OTHER_ARN, look, served

WILDCARD = replace(CERTIFICATE, arn=OTHER_ARN, names=("*.Example.com", "xn--bcher-kva.example"), serial=7)
COVERAGE = Coverage((CERTIFICATE, WILDCARD))


@pytest.mark.parametrize(
    ("domain", "covering"),
    [
        (Domain("example.com"), (CERTIFICATE,)),
        (Domain("shop.example.com", 8443), (WILDCARD,)),
        (Domain("www.example.com"), (CERTIFICATE, WILDCARD)),
        (Domain("a.b.example.com"), ()),
        (Domain("shop.example.com", arn=ARN), (CERTIFICATE,)),
        (Domain("shop.example.com", arn=f"{ARN}0"), ()),
    ],
)
def test_what_a_domain_may_serve(domain: Domain, covering: tuple[Certificate, ...]) -> None:
    """All certificates that cover the name, or the one that it is pinned to."""
    assert COVERAGE.of(domain) == covering


def test_what_looks_are_judged_by() -> None:
    """Beside those, whatever is pinned elsewhere or served, so that it can be called by its name."""
    pinned = Domain("example.com", arn=OTHER_ARN)
    assert COVERAGE.around(pinned, ()) == (WILDCARD, CERTIFICATE)
    assert COVERAGE.around(Domain("example.com"), [look(sight=served(serial=7))]) == (CERTIFICATE, WILDCARD)
    assert COVERAGE.around(Domain("example.org"), [look(sight=served(serial=9))]) == ()
