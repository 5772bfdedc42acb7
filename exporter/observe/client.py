"""Client certificates: read from their files, and read anew when those change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from exporter.facts import Why
from exporter.observe.contexts import PrivateKey
from exporter.observe.sight import Blind

log = structlog.get_logger("acm_exporter.observe")

_Stamp: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """A certificate with its chain and key; two are the same only if they are one object."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    @property
    def not_after(self) -> datetime:
        """When the certificate ends."""
        return self.chain[0].not_valid_after_utc


class Clients:
    """Reads client certificates; while new files cannot be used, what was read before stays in use."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Client] = {}
        self._stamps: dict[tuple[str, str], _Stamp] = {}

    def read(self, certificate_file: str, key_file: str) -> Client:
        """Return what the files hold now, or held last; raises Blind where they never could be used."""
        files = (certificate_file, key_file)
        try:
            stamp = tuple(map(_stamp, files))
            if files not in self._known or stamp != self._stamps.get(files):
                self._stamps[files] = stamp  # tried once, and again when a file changes
                self._known[files] = load(*files)
        except (OSError, ValueError) as error:
            if files not in self._known:
                raise Blind(
                    Why.NO_CLIENT_CERTIFICATE, f"client certificate {certificate_file}: {error}"
                ) from None
            log.warning("client certificate not read anew", file=certificate_file, error=str(error))
        return self._known[files]


def load(certificate_file: str, key_file: str) -> Client:
    """Read PEM files; raises OSError, and ValueError where they are not a certificate and its key."""
    chain = x509.load_pem_x509_certificates(Path(certificate_file).read_bytes())
    try:
        key = load_pem_private_key(Path(key_file).read_bytes(), None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, PrivateKey) or key.public_key() != chain[0].public_key():
        raise ValueError(f"{key_file} is not the key of {certificate_file}")
    return Client(tuple(chain), key)


def _stamp(file: str) -> tuple[int, int, int]:
    stat = Path(file).stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
