"""What one look on demand comes to."""

from __future__ import annotations

import pytest

from exporter.facts import Domain, Look, Why
from exporter.judge.probing import shown, success
from tests.evidence import DAY, ENDS, look, missed, served

WWW = Domain("www.example.com")
FINE = look()
OTHER = look(address="192.0.2.11")


@pytest.mark.parametrize(
    ("looks", "outcome"),
    [
        pytest.param((FINE,), True, id="all is well"),
        pytest.param((FINE, OTHER), True, id="at both addresses"),
        pytest.param((look(sight=served(serial=9)),), True, id="another serial: ACM is another question"),
        pytest.param((look(sight=served(names=("example.org",))),), False, id="another name"),
        pytest.param((look(sight=served(trusted=False)),), False, id="not trusted"),
        pytest.param((look(sight=served(trusted=None)),), False, id="no roots are known"),
        pytest.param((FINE, missed(Why.REFUSED, address="192.0.2.11")), False, id="one address refuses"),
        pytest.param((FINE, missed(Why.NO_ROUTE, address="2001:db8::1")), True, id="no IPv6 here"),
        pytest.param((missed(Why.NO_ROUTE),), False, id="no way there at all"),
        pytest.param((missed(Why.RESOLVER_TIMEOUT, address=""),), False, id="our resolver is silent"),
    ],
)
def test_success(looks: tuple[Look, ...], outcome: bool) -> None:
    """A success is TLS at every address, with a trusted chain that covers the name."""
    assert success(WWW, looks) is outcome


@pytest.mark.parametrize(
    ("looks", "outcome"),
    [
        pytest.param((missed(Why.NAME_NOT_FOUND, address=""),), None, id="nobody"),
        pytest.param((missed(Why.REFUSED),), False, id="somebody who refuses"),
        pytest.param((FINE,), True, id="somebody"),
    ],
)
def test_success_of_a_derived_name(looks: tuple[Look, ...], outcome: bool | None) -> None:
    """The www that stands in for a wildcard fails nobody by not resolving."""
    assert success(Domain("www.example.com", tentative=True), looks) is outcome


def test_the_chain_that_ends_first_is_shown() -> None:
    """Of several addresses, the one that will fail first."""
    sooner = look(sight=served(chain_not_after=ENDS - DAY), address="192.0.2.12")
    assert shown((FINE, sooner, OTHER)) is sooner
    assert shown((missed(Why.REFUSED), FINE, OTHER)) is FINE
    assert shown((missed(Why.REFUSED),)) is None
