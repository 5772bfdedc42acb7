"""Which names a certificate covers."""

from __future__ import annotations

import ipaddress
import string
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.demo import pki
from exporter.judge.names import covers, normal, wildcard_over

START = datetime(2026, 10, 1, tzinfo=UTC)
LATER = START + timedelta(days=1)
ROOT = pki.root("names", START)
KEY = pki.new_key()
STORE = Store([ROOT.certificate])


@pytest.mark.parametrize(
    ("patterns", "name", "covered"),
    [
        (["example.com"], "example.com", True),
        (["EXAMPLE.com."], "example.COM", True),
        (["example.com"], "example.com.", True),
        (["a.test", "*.example.com"], "www.example.com", True),
        (["*.Example.com"], "WWW.example.com", True),
        (["*.com"], "example.com", True),
        (["*.example.com"], "xn--bcher-kva.example.com", True),
        (["xn--bcher-kva.example"], "XN--BCHER-KVA.example", True),
        (["*.example.com"], "*.example.com", True),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "a.www.example.com", False),
        (["*.*.example.com"], "a.www.example.com", False),
        (["w*.example.com"], "www.example.com", False),
        (["www.*.com"], "www.example.com", False),
        (["example.com"], "www.example.com", False),
        (["www.example.com"], "*.example.com", False),
        (["*"], "localhost", False),
        (["*."], "localhost", False),
        ([], "example.com", False),
        ([""], "localhost", False),
        (["."], "192.0.2.1", False),
        ([""], "", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["*.0.2.1"], "192.0.2.1", False),
        (["2001:db8::1"], "2001:DB8:0:0:0:0:0:1", True),
        (["2001:db8::1"], "2001:db8::2", False),
        (["192.0.2.1"], "::ffff:192.0.2.1", False),
    ],
)
def test_covers(patterns: list[str], name: str, *, covered: bool) -> None:
    """A name is covered as a browser sees it: literally, or by one wildcard in place of its first label."""
    assert covers(patterns, name) is covered


@pytest.mark.parametrize(
    ("name", "wildcard"),
    [
        ("www.example.com", "*.example.com"),
        ("localhost", ""),
        ("*.example.com", ""),
        ("192.0.2.1", ""),
        ("2001:db8::1", ""),
        ("", ""),
        (".example.com", ""),
    ],
)
def test_wildcard(name: str, wildcard: str) -> None:
    """One wildcard at most covers a name."""
    assert wildcard_over(name) == wildcard


def _hosts(*, wild: bool) -> st.SearchStrategy[str]:
    """Make host names of few different labels, so that they often meet."""
    label = st.sampled_from(["a", "b", "A", "www", "x-1", "xn--bcher-kva"])
    plain = st.lists(label, min_size=1, max_size=4).map(lambda found: ".".join([*found, "test"]))
    return plain | plain.map("*.{}".format) if wild else plain


@settings(deadline=None)
@given(st.lists(_hosts(wild=True), min_size=1, max_size=4), _hosts(wild=False))
def test_names_as_cryptography_sees_them(patterns: list[str], name: str) -> None:
    """Our matcher and cryptography's verifier agree on every certificate that the latter accepts."""
    assert covers(patterns, name) is _verifies(patterns, x509.DNSName(name))


@settings(deadline=None)
@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=3), st.ip_addresses(), st.booleans())
def test_addresses_as_cryptography_sees_them(
    patterns: list[str], other: ipaddress.IPv4Address | ipaddress.IPv6Address, own: bool
) -> None:
    """Our matcher and cryptography's verifier agree on IP addresses, however they are written."""
    address = patterns[0] if own else str(other)
    wanted = x509.IPAddress(ipaddress.ip_address(address))
    assert covers(patterns, wanted.value.exploded) is _verifies(patterns, wanted)


def _verifies(patterns: list[str], name: x509.DNSName | x509.IPAddress) -> bool:
    leaf = ROOT.issue(patterns, START, key=KEY).certificate
    verifier = PolicyBuilder().store(STORE).time(LATER).build_server_verifier(name)
    try:
        verifier.verify(leaf, [])
    except VerificationError as error:
        if "no matching subjectAltName" not in str(error):
            raise
        return False
    return True


@given(st.text(string.hexdigits + ".-*:%", max_size=12).filter(lambda text: not text.endswith(".")))
def test_normal_form_is_final(text: str) -> None:
    """The normal form of a name is its own, so that names of all sources can be compared."""
    assert normal(normal(text)) == normal(text)
