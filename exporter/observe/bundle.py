"""What a file of certificates holds: PEM, DER or PKCS #12 -> its leaf. Private keys are passed over.

That of a PKCS #12 file is decrypted with the rest, for the library knows no other way, and dropped at once.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from exporter.facts import Held, Why
from exporter.observe import leaf
from exporter.observe.sight import Blind

MOST_CERTIFICATES = 100  # of one file, among which the leaf is looked for
MOST_BUNDLES = 4096  # that are remembered
_PEM = re.compile(rb"-----BEGIN ((?:X509 )?CERTIFICATE)-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")
_SEQUENCE, _INTEGER = 0x30, 0x02


class Bundles:
    """Reads files and remembers the latest ones by what they hold, so that few are parsed twice."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, bytes | None], Held] = OrderedDict()

    def read(self, data: bytes, password: Callable[[], bytes | None] = lambda: None) -> Held:
        """Give the first certificate that is no authority's, else the first; raises Blind.

        The password is asked for where one is needed.
        """
        secret = password() if _is_pkcs12(data) else None
        key = (hashlib.sha256(data).digest(), secret)
        known = self._known.pop(key, None)
        self._known[key] = held = known or _leaf(_certificates(data, secret))
        if len(self._known) > MOST_BUNDLES:
            self._known.popitem(last=False)
        return held


def _certificates(data: bytes, password: bytes | None) -> Iterator[bytes]:
    """Yield the certificates of a file as DER, in their order."""
    if _is_pkcs12(data):
        return _of_pkcs12(data, password)
    if data[:1] == bytes([_SEQUENCE]):
        return iter([data])
    return _of_pem(data)


def _of_pem(data: bytes) -> Iterator[bytes]:
    end = 0
    for block in _PEM.finditer(data):
        end = block.end()
        try:
            yield binascii.a2b_base64(block[2])
        except ValueError as error:
            raise Blind(Why.BAD_CERTIFICATE, f"not PEM: {error}") from error
    if _BEGIN.search(data, end):
        raise Blind(Why.BAD_CERTIFICATE, "not PEM: a certificate begins and does not end")


def _of_pkcs12(data: bytes, password: bytes | None) -> Iterator[bytes]:
    candidates = [None, b""] if password is None else [password]  # both are written where there is none
    for number, candidate in enumerate(candidates, 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = pkcs12.load_pkcs12(data, candidate)
                ders = [
                    one.certificate.public_bytes(Encoding.DER)
                    for one in (found.cert, *found.additional_certs)
                    if one is not None
                ]
        except leaf.UNREADABLE as error:
            if number < len(candidates):
                continue
            if "password" in str(error).lower():
                said = "there is none" if password is None else "it is wrong"
                words = f"PKCS #12 wants a password and {said}, or the file is damaged"
                raise Blind(Why.BAD_PASSWORD, words) from error
            raise Blind(Why.BAD_CERTIFICATE, f"not PKCS #12 that can be read: {error}") from error
        return iter(ders)
    return iter(())


def _is_pkcs12(data: bytes) -> bool:
    """Tell a PFX (RFC 7292), which begins with a version, from a certificate."""
    if len(data) < 2 or data[0] != _SEQUENCE:
        return False
    at = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    return data[at : at + 1] == bytes([_INTEGER])


def _leaf(certificates: Iterator[bytes]) -> Held:
    first = None
    for der in islice(certificates, MOST_CERTIFICATES):
        parsed = leaf.parse(der)
        first = first or der
        if not _is_authority(parsed):
            first = der
            break
    if first is None:
        raise Blind(Why.NO_CERTIFICATE, "it holds no certificate")
    one = leaf.read(first)
    return Held(
        one.serial, one.names, one.not_before, one.not_after, one.issuer, one.subject, one.fingerprint
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*leaf.UNREADABLE, x509.ExtensionNotFound):
        return False
