"""What is read from a file of certificates, whichever program wrote it."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo import pki
from exporter.facts import Held, Why
from exporter.observe.bundle import MOST_CERTIFICATES, Bundles
from exporter.observe.sight import Blind

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROOT = pki.root("Root", NOW - DAY)
ABOVE = ROOT.intermediate("Intermediate", NOW - DAY)
ISSUED = ABOVE.issue(["www.example.com", "example.com"], NOW, 198 * DAY, serial=0xA1B2C3)
LEAF = pki.pem(ISSUED.certificate)
CHAIN = pki.pem(ABOVE.certificate)
DER = ISSUED.certificate.public_bytes(Encoding.DER)
HELD = Held(
    serial=0xA1B2C3,
    names=("www.example.com", "example.com"),
    not_before=NOW,
    not_after=NOW + 198 * DAY,
    issuer="CN=Intermediate,O=Example",
    subject="CN=www.example.com,O=Example",
    fingerprint=hashlib.sha256(DER).hexdigest(),
)
SECRET = b"swordfish"


def read(data: bytes, password: bytes | None = None) -> Held | tuple[Why, str]:
    """Read one file; a failure is its reason and what is said of it."""
    try:
        return Bundles().read(data, lambda: password)
    except Blind as blind:
        return blind.why, blind.detail


@pytest.mark.parametrize(
    "data",
    [
        LEAF,
        LEAF + CHAIN,
        CHAIN + LEAF,
        pki.pem(ROOT.certificate) + CHAIN + LEAF,
        ISSUED.key_pem + LEAF + CHAIN,
        LEAF.replace(b"\n", b"\r\n"),
        b"subject=CN=www.example.com\nissuer=CN=Intermediate\n" + LEAF + b"\ntrailing words",
        LEAF.replace(b" CERTIFICATE", b" X509 CERTIFICATE"),
        b"\xef\xbb\xbf" + LEAF,
        DER,
        LEAF + LEAF[:-30],
    ],
    ids=[
        *("alone", "with its chain", "chain first", "root first", "behind its key", "of Windows"),
        *("with words around it", "of old", "with a mark", "DER", "before one that is cut off"),
    ],
)
def test_the_leaf_is_found(data: bytes) -> None:
    """However an administrator put the bundle together, the server's own certificate is what is read."""
    assert read(data) == HELD


def test_a_file_of_authorities_gives_the_first() -> None:
    """Whoever watches a chain file sees the end of its first certificate."""
    held = read(CHAIN + pki.pem(ROOT.certificate))
    assert isinstance(held, Held)
    assert held.serial == ABOVE.serial


NOTHING = "it holds no certificate"
UNENDED = "not PEM: a certificate begins and does not end"
PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", (Why.NO_CERTIFICATE, NOTHING)),
        (b"hello", (Why.NO_CERTIFICATE, NOTHING)),
        (ISSUED.key_pem, (Why.NO_CERTIFICATE, NOTHING)),
        (LEAF[:-30], (Why.BAD_CERTIFICATE, UNENDED)),
        (CHAIN + LEAF[:-30], (Why.BAD_CERTIFICATE, UNENDED)),
        (PEM.format("A").encode(), (Why.BAD_CERTIFICATE, None)),
        (PEM.format("AAAA").encode() + LEAF, (Why.BAD_CERTIFICATE, None)),
        (DER[:-1], (Why.BAD_CERTIFICATE, None)),
        (b"\x30\x03\x02\x01\x03", (Why.BAD_CERTIFICATE, None)),
        (b"\x30", (Why.BAD_CERTIFICATE, None)),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, expected: tuple[Why, str | None]) -> None:
    """A key, a half-written file and rubbish are told apart, and never is a chain taken for the leaf."""
    found = read(data)
    assert isinstance(found, tuple)
    assert found[0] is expected[0]
    assert expected[1] in (None, found[1])


def test_a_bundle_of_all_authorities_is_not_read_to_its_end() -> None:
    """A thousand roots in one file cost a hundred."""
    many = CHAIN * MOST_CERTIFICATES + LEAF
    held = read(many)
    assert isinstance(held, Held)
    assert held.serial == ABOVE.serial


# --- PKCS #12, by openssl ------------------------------------------------------------------------------

LEGACY_RC2 = ("-legacy",)  # RC2-40 for certificates, 3DES for the key: Windows and old Java
LEGACY_3DES = ("-legacy", "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES")
PLAIN = ("-certpbe", "NONE", "-keypbe", "NONE", "-nomac")


@dataclass(frozen=True)
class Export:
    """Makes PKCS #12 files by openssl."""

    folder: Path

    def __call__(self, *flags: str, password: bytes = SECRET, keyless: bool = False) -> bytes:
        """Export the leaf with its chain, and its key."""
        (self.folder / "leaf.pem").write_bytes(LEAF)
        (self.folder / "chain.pem").write_bytes(CHAIN)
        (self.folder / "key.pem").write_bytes(ISSUED.key_pem)
        subprocess.run(
            [
                *("openssl", "pkcs12", "-export", "-in", "leaf.pem", "-certfile", "chain.pem"),
                *(("-nokeys",) if keyless else ("-inkey", "key.pem")),
                *("-out", "store.p12", "-passout", f"pass:{password.decode()}", *flags),
            ],
            cwd=self.folder,
            check=True,
            capture_output=True,
            timeout=30,
        )
        return (self.folder / "store.p12").read_bytes()


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Give what makes PKCS #12 files."""
    return Export(tmp_path)


@pytest.mark.parametrize("flags", [(), LEGACY_RC2, LEGACY_3DES], ids=["AES", "RC2", "3DES"])
@pytest.mark.parametrize("keyless", [False, True], ids=["with key", "without"])
def test_pkcs12_of_any_age(export: Export, flags: tuple[str, ...], *, keyless: bool) -> None:
    """Keystores that openssl writes today, and those of ten years ago, are read with their password."""
    data = export(*flags, keyless=keyless)
    assert read(data, SECRET) == HELD
    wrong = "PKCS #12 wants a password and it is wrong, or the file is damaged"
    assert read(data, b"catfish") == (Why.BAD_PASSWORD, wrong)
    none = "PKCS #12 wants a password and there is none, or the file is damaged"
    assert read(data) == (Why.BAD_PASSWORD, none)


@pytest.mark.parametrize("flags", [(), LEGACY_RC2], ids=["AES", "RC2"])
def test_pkcs12_with_an_empty_password(export: Export, flags: tuple[str, ...]) -> None:
    """A keystore that was exported with Enter for a password needs none here."""
    assert read(export(*flags, password=b"")) == HELD


def test_pkcs12_without_encryption(export: Export) -> None:
    """So does one that protects nothing."""
    assert read(export(*PLAIN)) == HELD


def test_a_password_is_asked_for_only_where_one_is_needed() -> None:
    """A password file that is missing hides no PEM file beside a keystore."""

    def ask() -> bytes:
        raise AssertionError

    assert Bundles().read(LEAF, ask) == HELD


def test_a_file_is_known_by_what_it_holds_and_its_password(export: Export) -> None:
    """What was read once is not read with another password."""
    data, bundles = export(), Bundles()
    assert bundles.read(data, lambda: SECRET) is bundles.read(data, lambda: SECRET)
    with pytest.raises(Blind):
        bundles.read(data, lambda: b"catfish")


# --- whatever comes ------------------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Take a sound file and change, cut or repeat a piece of it."""
    data = draw(st.sampled_from([LEAF + CHAIN, DER, CHAIN, STORE]))
    at = draw(st.integers(0, len(data)))
    end = draw(st.integers(at, min(len(data), at + 40)))
    return data[:at] + draw(st.binary(max_size=40)) + data[end:]


STORE = pkcs12.serialize_key_and_certificates(
    b"www", ISSUED.key, ISSUED.certificate, [ABOVE.certificate], NoEncryption()
)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda tail: b"\x30" + tail), damaged()))
def test_no_bytes_raise_anything_but_a_reason(data: bytes) -> None:
    """Whatever lies on a disk, the look gives a value."""
    found = read(data, SECRET)
    assert isinstance(found, Held) or found[0] in {
        Why.BAD_CERTIFICATE,
        Why.NO_CERTIFICATE,
        Why.BAD_PASSWORD,
    }
