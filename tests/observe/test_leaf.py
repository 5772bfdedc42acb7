"""What is read from a leaf, however odd."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from exporter.demo import pki
from exporter.facts import Why
from exporter.observe.leaf import MOST_NAMES, Leaf, Leaves
from exporter.observe.sight import Blind
from tests.observe.tls_peers import COMMON_NAME, DAY, NOW, der, odd_leaf, tlv, with_serial


def dns(name: str | bytes) -> bytes:
    """Encode one dNSName."""
    return tlv(0x82, name if isinstance(name, bytes) else name.encode())


def names(*parts: bytes) -> bytes:
    """Encode a SubjectAltName."""
    return tlv(0x30, *parts)


def expected(leaf: bytes, **changes: object) -> Leaf:
    """Say what an odd leaf without names gives, but for the changes."""
    plain = Leaf(1, (), NOW - DAY, NOW + DAY, "", "", hashlib.sha256(leaf).hexdigest())
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_healthy_leaf() -> None:
    """Everything that an ordinary leaf says is read, names in their order and lower-case."""
    above = pki.root("Root", NOW - DAY)
    leaf = above.issue(["WWW.a.test", "*.a.test", "192.0.2.1", "2001:DB8::1"], NOW, 10 * DAY, serial=0xABC)
    assert Leaves().read(der(leaf.certificate)) == Leaf(
        serial=0xABC,
        names=("www.a.test", "*.a.test", "192.0.2.1", "2001:db8::1"),
        not_before=NOW,
        not_after=NOW + 10 * DAY,
        issuer="CN=Root,O=Example",
        subject="CN=WWW.a.test,O=Example",
        fingerprint=hashlib.sha256(der(leaf.certificate)).hexdigest(),
    )


ODD_NAMES = {
    "none": (None, ()),
    "empty list": (names(), ()),
    "empty name": (names(dns(""), dns("a.test")), ("a.test",)),
    "twice": (names(dns("a.test"), dns("A.test")), ("a.test",)),
    "A-labels": (names(dns("xn--bcher-kva.test"), dns("xn--\x7f.test")), ("xn--bcher-kva.test", "xn--\x7f.test")),
    "UTF-8": (names(dns("bücher.test"), dns("a.test")), ("bücher.test", "a.test")),
    "Latin-1": (names(dns(b"b\xfccher.test"), dns("a.test")), ("b\\xfccher.test", "a.test")),
    "NUL": (names(dns("a.test\0.evil.test")), ("a.test\0.evil.test",)),
    "too long": (names(dns("a" * 254), dns("a.test")), ("a.test",)),
    "mail and URI": (names(tlv(0x81, b"a@b.test"), tlv(0x86, b"http://\xff"), dns("a.test")), ("a.test",)),
    "bad address": (names(tlv(0x87, b"\1\2\3"), tlv(0x87, b"\xc0\0\2\1")), ("192.0.2.1",)),
    "cut off": (names(dns("a.test"), b"\x82\x10b.test"), ("a.test",)),
    "no DER": (b"\xff\xff\xff", ()),
}  # fmt: skip


@pytest.mark.parametrize(("extension", "found"), ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_names(extension: bytes | None, found: tuple[str, ...]) -> None:
    """One odd name costs none of the others."""
    leaf = odd_leaf(extension)
    assert Leaves().read(leaf) == expected(leaf, names=found)


def test_many_names() -> None:
    """A leaf of thousands of names costs the memory of the first thousand."""
    leaf = odd_leaf(names(*(dns(f"n{number}.test") for number in range(4000))))
    assert Leaves().read(leaf) == expected(
        leaf, names=tuple(f"n{number}.test" for number in range(MOST_NAMES))
    )


def test_names_beside_a_broken_extension() -> None:
    """An extension that nobody can parse does not hide the names."""
    broken = x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, b"\xff")
    leaf = odd_leaf(names(dns("a.test")), extra=broken)
    assert Leaves().read(leaf) == expected(leaf, names=("a.test",))


@pytest.mark.parametrize("serial", [0, -5])
def test_serial_below_one(serial: int) -> None:
    """A serial that RFC 5280 forbids is reported as it stands."""
    leaf = with_serial(odd_leaf(), serial)
    assert Leaves().read(leaf) == expected(leaf, serial=serial)


def test_far_dates() -> None:
    """Dates on both sides of UTCTime's range are read."""
    start, end = datetime(1950, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    leaf = odd_leaf(start=start, end=end)
    assert Leaves().read(leaf) == expected(leaf, not_before=start, not_after=end)


def test_odd_subject() -> None:
    """A subject is bounded in length, and its control characters are kept for whoever shows it."""
    subject = [
        COMMON_NAME,
        *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"\n{n}" + "x" * 60) for n in range(9)),
    ]
    leaf = odd_leaf(subject=subject)
    text = ",".join(f"O=\n{n}" + "x" * 60 for n in range(8, 0, -1))[:256]
    assert Leaves().read(leaf) == expected(leaf, subject=text, issuer=text)


def test_subject_that_breaks_its_encoding() -> None:
    """A subject whose text cannot be decoded is empty, and the rest is read."""
    leaf = odd_leaf(subject=[COMMON_NAME]).replace(b"odd.test", b"odd\xfftest")
    assert Leaves().read(leaf) == expected(leaf)


@pytest.mark.parametrize(
    "leaf",
    [b"\x30\x03\x02\x01\x01", odd_leaf()[:-1], odd_leaf().replace(b"\xa0\3\2\1\2", b"\xa0\3\2\1\x63", 1)],
    ids=["other DER", "cut off", "version 100"],
)
def test_not_a_certificate(leaf: bytes) -> None:
    """Bytes that are no certificate have a reason of their own."""
    with pytest.raises(Blind) as blind:
        Leaves().read(leaf)
    assert blind.value.why is Why.BAD_CERTIFICATE


def test_read_once() -> None:
    """A leaf is parsed once as long as it is among the latest ones, so that ten thousand looks stay cheap."""
    leaves = Leaves(most=2)
    one, two, three = odd_leaf(), odd_leaf(), odd_leaf()
    first, second = leaves.read(one), leaves.read(two)
    assert leaves.read(one) is first
    leaves.read(three)
    assert leaves.read(one) is first
    assert leaves.read(two) is not second


def test_wide_leaves_are_not_kept() -> None:
    """A peer that serves ever new leaves of many names cannot fill the memory."""
    leaf, leaves = odd_leaf(names(*(dns(f"n{number}.test") for number in range(101)))), Leaves()
    assert leaves.read(leaf) is not leaves.read(leaf)


def test_lifetime_of_a_second() -> None:
    """Begin and end are aware moments in UTC, to the second."""
    leaf = odd_leaf(start=NOW, end=NOW + timedelta(seconds=1))
    assert Leaves().read(leaf) == expected(leaf, not_before=NOW, not_after=NOW + timedelta(seconds=1))
