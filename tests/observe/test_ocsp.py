"""What a stapled OCSP response says."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from exporter.demo import pki
from exporter.facts import Domain, Seen
from exporter.observe.ocsp import STATUSES, stapled
from exporter.observe.tls import TlsEye
from exporter.observe.trust import Trust
from tests.observe import tls_peers as peers
from tests.observe.test_tls import LEAF, MIDDLE, PATIENT, ROOT, nobody
from tests.observe.tls_peers import DAY, NOW

RESPONDER = MIDDLE.issue(["ocsp.test"], NOW - DAY, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,))
RSA_RESPONDER = MIDDLE.issue(
    ["ocsp.test"], NOW - DAY, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,), key=pki.new_key("rsa")
)
CHAIN = peers.chain(LEAF)


def staple(
    signer: pki.Issued = MIDDLE,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    leaf: pki.Issued = LEAF,
    until: datetime | None = NOW + DAY,
) -> bytes:
    """Sign a response about a leaf."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate,
        MIDDLE.certificate,
        hashes.SHA1(),
        status,
        NOW - DAY,
        until,
        NOW - DAY if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate)
    if signer is not MIDDLE:
        builder = builder.certificates([signer.certificate])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (b"", "none"),
        (staple(), "good"),
        (staple(status=ocsp.OCSPCertStatus.REVOKED), "revoked"),
        (staple(status=ocsp.OCSPCertStatus.UNKNOWN), "unknown"),
        (staple(until=None), "good"),
        (staple(until=NOW - DAY / 2), "expired"),
        (staple(RESPONDER), "good"),
        (staple(RSA_RESPONDER), "good"),
        (staple(MIDDLE.issue(["ocsp.test"], NOW - DAY)), "invalid"),
        (staple(pki.self_signed(["ocsp.test"], NOW - DAY)), "invalid"),
        (staple(leaf=RESPONDER), "invalid"),
        (staple()[:-9], "invalid"),
        (b"junk", "invalid"),
        (
            ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
                Encoding.DER
            ),
            "invalid",
        ),
    ],
    ids=[
        *("none", "good", "revoked", "unknown", "without an end", "expired", "of a responder"),
        *("of an RSA responder", "of another server", "of anybody", "for another certificate"),
        *("cut off", "junk", "try later"),
    ],
)
def test_status(response: bytes, status: str) -> None:
    """A response counts if whom the issuer allows signed it for this certificate, and while it is valid."""
    assert stapled(response, CHAIN, NOW) == status


def test_without_an_issuer() -> None:
    """A server that serves its leaf alone gives nothing to check the signature by."""
    assert stapled(staple(pki.self_signed(["ocsp.test"], NOW - DAY)), CHAIN[:1], NOW) == "good"


GOOD = staple()


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_any_change(at: int, by: int) -> None:
    """A response that was changed on the way never ends a look."""
    changed = GOOD[:at] + bytes([GOOD[at] ^ by]) + GOOD[at + 1 :]
    assert stapled(changed, CHAIN, NOW) in STATUSES


async def test_stapled_by_a_server(tmp_path: Path) -> None:
    """A server is asked for a staple only where that was asked for."""
    for name, content in {"leaf": LEAF.chain_pem, "key": LEAF.key_pem, "staple": staple()}.items():
        (tmp_path / name).write_bytes(content)
    server = await asyncio.create_subprocess_exec(
        *("openssl", "s_server", "-accept", "127.0.0.1:0", "-key", str(tmp_path / "key")),
        *("-cert", str(tmp_path / "leaf"), "-status_file", str(tmp_path / "staple")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdout is not None
    while not (line := await server.stdout.readline()).startswith(b"ACCEPT"):
        assert line, "openssl s_server ended"
    domain = Domain("a.test", int(line.rsplit(b":", 1)[1]), ("127.0.0.1",))
    found = []
    for staples in (True, False):
        trust = Trust([peers.der(ROOT.certificate)], lambda: NOW)
        (seen,) = await TlsEye(nobody, trust, PATIENT, lambda: NOW, staples=staples).look(domain)
        assert isinstance(seen.sight, Seen), seen
        found.append(seen.sight.value.ocsp)
    server.kill()
    await server.communicate()
    assert found == ["good", ""]
