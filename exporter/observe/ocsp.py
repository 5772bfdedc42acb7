"""What a stapled OCSP response says of a leaf (RFC 6960)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.observe.leaf import UNREADABLE, parse
from exporter.observe.sight import Blind

STATUSES = ("good", "revoked", "unknown", "expired", "invalid")
_WORDS = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


def stapled(staple: bytes, chain: tuple[bytes, ...], now: datetime) -> str:
    """Return one of STATUSES, or "none" where nothing was stapled.

    `invalid` is what tells nothing of the leaf: not to be parsed, an error, for another certificate, or not
    signed by the issuer that was served beside the leaf (without one the signature is not checked).
    """
    if not staple:
        return "none"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _status(ocsp.load_der_ocsp_response(staple), [parse(one) for one in chain[:2]], now)
    except (*UNREADABLE, InvalidSignature, Blind):
        return "invalid"


def _status(response: ocsp.OCSPResponse, chain: list[x509.Certificate], now: datetime) -> str:
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        return "invalid"
    leaf, *issuer = chain
    single = next((one for one in response.responses if one.serial_number == leaf.serial_number), None)
    if single is None or (
        issuer and not any(_signed(response, one) for one in _signers(response, issuer[0]))
    ):
        return "invalid"
    if single.next_update_utc is not None and single.next_update_utc < now:
        return "expired"
    return _WORDS[single.certificate_status]


def _signers(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> Iterator[x509.Certificate]:
    """Yield who may sign for an issuer: itself, and whom it says so of (RFC 6960, section 4.2.2.2)."""
    yield issuer
    for one in response.certificates:
        try:
            one.verify_directly_issued_by(issuer)
            usages = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except (x509.ExtensionNotFound, InvalidSignature, *UNREADABLE):
            continue
        if ExtendedKeyUsageOID.OCSP_SIGNING in usages:
            yield one


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, hashed = signer.public_key(), response.signature_hash_algorithm
    signature, data = response.signature, response.tbs_response_bytes
    try:
        match key:
            case rsa.RSAPublicKey() if hashed is not None:
                key.verify(signature, data, padding.PKCS1v15(), hashed)
            case ec.EllipticCurvePublicKey() if hashed is not None:
                key.verify(signature, data, ec.ECDSA(hashed))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, data)
            case _:
                return False
    except InvalidSignature:
        return False
    return True
