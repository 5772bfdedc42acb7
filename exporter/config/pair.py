"""Whether a certificate and a key belong together and can be used."""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from exporter.config.kinds import show

SMALLEST = 1024  # bits of an RSA key, for Go's TLS as for ours
_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)


def private_key(pem: bytes) -> bytes:
    """Return the first private key of a PEM file, which may hold parameters before it, else all of it."""
    found = _KEY.search(pem)
    return pem if found is None else found[0]


def mismatch(certificate: bytes, key: bytes, certificate_name: str, key_name: str) -> tuple[str, str] | None:
    """Say which is wrong, the `cert` (a PEM chain, leaf first) or the `key` (PEM), and why; None if neither.

    The names are for the sentences.
    """
    try:
        served = x509.load_pem_x509_certificates(certificate)[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "cert", f"{show(certificate_name)} holds no certificate that can be read (expected PEM)"
    try:
        held = load_pem_private_key(private_key(key), None)
    except TypeError:
        return "key", f"{show(key_name)} is encrypted (expected a key without a passphrase)"
    except (ValueError, UnsupportedAlgorithm):
        return "key", f"{show(key_name)} holds no private key that can be read (expected PEM)"
    if not isinstance(held, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return "key", f"{show(key_name)} is of a kind that TLS does not use (expected RSA, EC or Ed25519)"
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if held.public_key().public_bytes(*form) != served.public_bytes(*form):
        return (
            "key",
            f"{show(key_name)} is not the key of {show(certificate_name)} (expected the two to match)",
        )
    if isinstance(held, rsa.RSAPrivateKey) and held.key_size < SMALLEST:
        return "key", f"{show(key_name)} is too small (expected at least {SMALLEST} bits)"
    return None
