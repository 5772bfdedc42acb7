"""Certificates while you wait: an authority, its intermediates and leaves of any age and shape."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)


def new_key(algorithm: str = "ec") -> Key:
    """Make a private key: "ec" (P-256) or "rsa", perhaps with its bits ("rsa1024")."""
    if algorithm == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa") or 2048))


def pem(certificate: x509.Certificate) -> bytes:
    """Return one certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and the intermediates to be served after it."""

    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def chain_pem(self) -> bytes:
        """The leaf and its intermediates as a server wants them."""
        return b"".join(pem(one) for one in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS #8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def serial(self) -> int:
        """The certificate's serial number."""
        return self.certificate.serial_number


@dataclass(frozen=True)
class Authority(Issued):
    """A certificate that signs others; a root has no chain."""

    def issue(
        self,
        names: Sequence[str],
        start: datetime,
        lifetime: timedelta = timedelta(days=198),
        *,
        serial: int | None = None,
        common_name: str | None = None,
        usages: Sequence[ObjectIdentifier] = SERVER,
        key: Key | None = None,
    ) -> Issued:
        """Issue a leaf for DNS names and IP addresses; no names, no SAN extension."""
        key = key or new_key()
        builder = _builder(common_name or (names[0] if names else "nobody"), key, start, lifetime, serial)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        return Issued(self._sign(builder), key, self._above)

    def intermediate(
        self,
        name: str,
        start: datetime,
        lifetime: timedelta = timedelta(days=3650),
        *,
        organization: str = "Example",
    ) -> Authority:
        """Issue a subordinate authority."""
        key = new_key()
        builder = _as_authority(_builder(name, key, start, lifetime, None, organization=organization), key)
        return Authority(self._sign(builder), key, self._above)

    @property
    def _above(self) -> tuple[x509.Certificate, ...]:
        is_root = self.certificate.issuer == self.certificate.subject
        return () if is_root else (self.certificate, *self.chain)

    def _sign(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        signed = builder.issuer_name(self.certificate.subject).add_extension(identifier, False)
        return signed.sign(self.key, hashes.SHA256())


def root(name: str, start: datetime, lifetime: timedelta = timedelta(days=7300)) -> Authority:
    """Make a self-signed root."""
    key = new_key()
    builder = _as_authority(_builder(name, key, start, lifetime, None), key)
    return Authority(builder.issuer_name(_subject(name, "Example")).sign(key, hashes.SHA256()), key)


def self_signed(
    names: Sequence[str],
    start: datetime,
    lifetime: timedelta = timedelta(days=198),
    *,
    serial: int | None = None,
) -> Issued:
    """Make a leaf that vouches for itself."""
    key = new_key()
    builder = _builder(names[0], key, start, lifetime, serial)
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), False)
    return Issued(builder.issuer_name(_subject(names[0], "Example")).sign(key, hashes.SHA256()), key)


def _subject(name: str, organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(
    name: str,
    key: Key,
    start: datetime,
    lifetime: timedelta,
    serial: int | None,
    *,
    organization: str = "Example",
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=_subject(name, organization),
        public_key=key.public_key(),
        serial_number=serial or x509.random_serial_number(),
        not_valid_before=start,
        not_valid_after=start + lifetime,
    )


def _as_authority(builder: x509.CertificateBuilder, key: Key) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
