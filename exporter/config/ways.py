"""What a text may mean where it says how a certificate is reached: protocols, proxies, files.

Law of this module: that of `kinds`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exporter.config.kinds import host, kind, port, show

STARTTLS = {  # protocol -> the port where it begins in plaintext
    "smtp": 25,
    "imap": 143,
    "pop3": 110,
    "ftp": 21,
    "postgres": 5432,
    "mysql": 3306,
    "ldap": 389,
    "xmpp": 5222,
}
IP_PROTOCOLS = ("any", "ip4", "ip6", "prefer_ip4", "prefer_ip6")
KEY_TYPES = ("rsa", "ecdsa")

_PROXY = re.compile(r"http://(?:([^/@]*)@)?(?:\[([^\]]+)\]|([^/@:\[\]]+)):([0-9]+)/?")


@dataclass(frozen=True, slots=True)
class ProxyUrl:
    """An HTTP proxy; one without a host means none, and without a user there is no password."""

    host: str = ""
    port: int = 0
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@kind(f"a protocol that leads to TLS (expected {', '.join(STARTTLS)})")
def starttls(value: str) -> str | None:
    """Read the name of a protocol that begins in plaintext."""
    return value if value in STARTTLS else None


@kind(f"an IP protocol (expected {', '.join(IP_PROTOCOLS)})")
def ip_protocol(value: str) -> str | None:
    """Read which of a name's addresses are looked at."""
    return value if value in IP_PROTOCOLS else None


@kind(f"a type of key (expected {' or '.join(KEY_TYPES)})")
def key_type(value: str) -> str | None:
    """Read a type of key."""
    return value if value in KEY_TYPES else None


@kind("a network (expected for example 10.0.0.0/8, 2001:db8::/32 or 192.0.2.10)")
def network(value: str) -> str | None:
    """Read a network, or an address as the network of it alone, in its shortest form."""
    try:
        found = ipaddress.ip_interface(value)
    except ValueError:
        return None
    if "%" in value:
        return None
    if found.ip != found.network.network_address:
        raise ValueError(f"{show(value)} is an address within a network (expected {found.network})")
    return str(found.network)


@kind("a proxy (expected http://HOST:PORT, http://USER:PASSWORD@HOST:PORT or none)", secret=True)
def proxy(value: str) -> ProxyUrl | None:
    """Read the URL of an HTTP proxy, whose user and password may be percent-encoded."""
    if value == "none":
        return ProxyUrl()
    match = _PROXY.fullmatch(value)
    if match is None:
        return None
    user, _, password = (match[1] or "").partition(":")
    try:
        return ProxyUrl(host(match[2] or match[3]), port(match[4]), unquote(user), unquote(password))
    except ValueError:
        return None


def ca_file(value: str, folder: Path) -> Path:
    """Return a file that holds a PEM certificate; a relative name is meant from `folder`."""
    expected = "(expected a file with PEM certificates)"
    path, pem = _read(value, folder, expected)
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise ValueError(f"{show(value)} holds no certificate {expected}")
    return path


def cert_file(value: str, folder: Path) -> Path:
    """Return a file whose certificates can all be read; the first is a client's."""
    expected = "(expected a file with PEM certificates, the client's first)"
    path, pem = _read(value, folder, expected)
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError(f"{show(value)} holds no certificate that can be read {expected}") from None
    return path


def key_file(value: str, folder: Path, certificate: Path) -> Path:
    """Return a file that holds the private key of a certificate, without a passphrase."""
    expected = "(expected a file with a PEM private key, without a passphrase)"
    path, pem = _read(value, folder, expected)
    try:
        key = load_pem_private_key(pem, None)
    except TypeError:
        raise ValueError(f"{show(value)} is encrypted {expected}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"{show(value)} holds no private key that can be read {expected}") from None
    if key.public_key() != x509.load_pem_x509_certificates(certificate.read_bytes())[0].public_key():
        raise ValueError(f"{show(value)} is not the key of {show(certificate.name)} {expected}")
    return path


def _read(value: str, folder: Path, expected: str) -> tuple[Path, bytes]:
    try:
        path = folder / value
        if not path.is_file():
            raise ValueError(f"{show(value)} is not there, or not a file {expected}")
        return path, path.read_bytes()
    except OSError as error:
        raise ValueError(f"{show(value)} cannot be read: {error.strerror} {expected}") from None
