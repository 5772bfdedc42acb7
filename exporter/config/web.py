"""The nouns of the web configuration: how the server speaks TLS, whom it lets in, what it adds.

What they hold that is secret is in no repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class ClientAuth(Enum):
    """What is asked of clients, as Go's crypto/tls has it."""

    NONE = "NoClientCert"
    REQUEST = "RequestClientCert"
    REQUIRE_ANY = "RequireAnyClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server speaks TLS; what was in files is here as it was read."""

    certificate: bytes = field(repr=False)  # PEM, the leaf first
    key: bytes = field(repr=False)  # PEM
    client_auth: ClientAuth = ClientAuth.NONE
    client_ca: bytes | None = field(default=None, repr=False)  # PEM; None: the system's roots
    allowed_sans: tuple[str, ...] | None = None  # None: any
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()  # Go's names; none: a default of our own
    prefer_server_cipher_suites: bool = True
    curves: tuple[str, ...] = ()  # Go's names; none: OpenSSL's


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: `burst` requests at once, and one more every `interval` seconds."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Everything that the web configuration decides."""

    tls: Tls | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # their bcrypt hashes
    rate_limit: RateLimit | None = None
    files: tuple[Path, ...] = ()  # that were read
