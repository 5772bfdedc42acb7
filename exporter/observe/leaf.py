"""What a leaf certificate says, read once per certificate and tolerant of what authorities get wrong."""

from __future__ import annotations

import hashlib
import ipaddress
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from sys import intern

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from exporter.facts import Why
from exporter.observe.sight import Blind

MOST_NAMES = 1000
MOST_LEAVES = 65_536
MOST_TEXT = 256  # characters of an issuer or subject
_LONGEST_NAME = 253  # RFC 1035, section 2.3.4, as text
_WIDE = 100  # a leaf of more names is read anew each time, so that what is kept stays small

_EXTENSIONS = 0xA3  # [3] in a TBSCertificate
_OID = 0x06
_SUBJECT_ALTERNATIVE_NAME = bytes([0x55, 0x1D, 0x11])
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87  # GeneralName [2] and [7] (RFC 5280, section 4.2.1.6)


# What cryptography raises for certificates that break a rule, found by changing bytes of real ones.
UNREADABLE = (
    *(ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion),
    *(x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """The part of facts.Served that the leaf alone decides."""

    serial: int
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issuer: str
    subject: str
    fingerprint: str


class Leaves:
    """Reads leaves and remembers the latest ones by their fingerprint."""

    def __init__(self, most: int = MOST_LEAVES) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Leaf] = OrderedDict()

    def read(self, der: bytes) -> Leaf:
        """Read one certificate; raises Blind if it cannot be parsed."""
        fingerprint = hashlib.sha256(der).digest()
        known = self._known.get(fingerprint)
        if known is not None:
            self._known.move_to_end(fingerprint)
            return known
        leaf = read(der)
        if len(leaf.names) <= _WIDE:
            self._known[fingerprint] = leaf
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return leaf


def parse(der: bytes) -> x509.Certificate:
    """Parse one certificate without the library's remarks about it; raises Blind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise Blind(Why.BAD_CERTIFICATE, str(error)) from error


def read(der: bytes) -> Leaf:
    """Read one certificate; raises Blind if it cannot be parsed."""
    certificate = parse(der)
    with warnings.catch_warnings():  # a serial below 1, a country code of three letters
        warnings.simplefilter("ignore")
        try:
            return Leaf(
                certificate.serial_number,
                _names(certificate.tbs_certificate_bytes),
                certificate.not_valid_before_utc,
                certificate.not_valid_after_utc,
                _text(certificate, "issuer"),
                _text(certificate, "subject"),
                hashlib.sha256(der).hexdigest(),
            )
        except UNREADABLE as error:
            raise Blind(Why.BAD_CERTIFICATE, str(error)) from error


def _text(certificate: x509.Certificate, field: str) -> str:
    """Return a distinguished name as text (RFC 4514), or "" where its strings break their own encoding."""
    try:
        name: x509.Name = getattr(certificate, field)
        return intern(name.rfc4514_string()[:MOST_TEXT])
    except UNREADABLE:
        return ""


def _names(tbs: bytes) -> tuple[str, ...]:
    """Return the DNS names and IP addresses of a TBSCertificate, without repetition.

    cryptography gives no name at all if a single one breaks a rule, or any other extension does, while
    visitors' software looks only for the name it wants. So the list is walked here.
    """
    names: dict[str, None] = {}
    try:
        for tag, value in _elements(_alternative_names(tbs)):
            name = _name(tag, value)
            if name:
                names[name] = None
            if len(names) == MOST_NAMES:
                break
    except ValueError:
        pass  # what stands before the broken part counts
    return tuple(names)


def _name(tag: int, value: bytes) -> str:
    """Return one GeneralName as text, or "" for kinds that name no server."""
    if tag == _DNS_NAME and len(value) <= _LONGEST_NAME:
        return value.decode("utf-8", "backslashreplace").lower()
    if tag == _IP_ADDRESS and len(value) in (4, 16):
        return str(ipaddress.ip_address(value))
    return ""


def _alternative_names(tbs: bytes) -> bytes:
    """Return the content of a TBSCertificate's SubjectAltName, or b"" where it has none."""
    for tag, field in _elements(_inside(tbs)):
        if tag == _EXTENSIONS:
            for _, extension in _elements(_inside(field)):
                parts = list(_elements(extension))
                if parts[:1] == [(_OID, _SUBJECT_ALTERNATIVE_NAME)]:
                    return _inside(parts[-1][1])
    return b""


def _inside(data: bytes) -> bytes:
    """Return the content of the one DER element that `data` is."""
    return next(_elements(data), (0, b""))[1]


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each DER element in turn; raises ValueError where they end too early."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], int.from_bytes(data[at + 1 : at + 2]), at + 2
        if length > 0x7F:
            width = length & 0x7F
            length, at = int.from_bytes(data[at : at + width]), at + width
        if at + length > len(data):
            raise ValueError("a DER element longer than what holds it")
        yield tag, data[at : at + length]
        at += length
