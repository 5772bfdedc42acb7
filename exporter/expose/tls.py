"""TLS for our own server: the web configuration -> an OpenSSL context, and asyncio's way to use it.

pyOpenSSL and not the standard library, which can neither ask for a certificate without verifying it
(RequireAnyClientCert), nor take several curves, nor look at a client's names before the handshake ends.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL, crypto

from exporter.config.pair import private_key
from exporter.config.web import ClientAuth, Tls
from exporter.config.webkinds import CIPHERS, CURVES

_LIB: Any = getattr(SSL, "_lib", None)  # for a call that pyOpenSSL makes room for and does not offer
_VERSIONS = {
    "TLS10": SSL.TLS1_VERSION,
    "TLS11": SSL.TLS1_1_VERSION,
    "TLS12": SSL.TLS1_2_VERSION,
    "TLS13": SSL.TLS1_3_VERSION,
}
_OLD = ("TLS10", "TLS11")
_DEFAULT = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"  # of TLS 1.2, with forward secrecy as in Go
_OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION
_ASKING = {
    ClientAuth.NONE: SSL.VERIFY_NONE,
    ClientAuth.REQUEST: SSL.VERIFY_PEER,
    ClientAuth.VERIFY_IF_GIVEN: SSL.VERIFY_PEER,
    ClientAuth.REQUIRE_ANY: SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
    ClientAuth.REQUIRE_AND_VERIFY: SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}
_ANY_WILL_DO = (ClientAuth.REQUEST, ClientAuth.REQUIRE_ANY)
RECORD = 16_384  # bytes, RFC 8446, section 5.1
LAST_WORDS: ContextVar[Callable[[bytes], None] | None] = ContextVar("LAST_WORDS", default=None)


class TlsError(Exception):
    """OpenSSL does not take what the file gives it."""


def context(tls: Tls, *, lenient: bool = False) -> SSL.Context:
    """Make the context that serves as `tls` says, or raise TlsError.

    If `lenient`, a client may come without a certificate, and is to be judged by its requests.
    """
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    try:
        _fill(made, tls)
        _ask(made, tls, lenient=lenient)
    except (SSL.Error, crypto.Error, ValueError, TypeError) as error:
        reasons = ", ".join(_reasons(error)) or str(error)
        raise TlsError(f"{reasons} (expected a certificate and settings that OpenSSL takes)") from None
    return made


def _reasons(error: Exception) -> list[str]:
    found = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return [entry[2] for entry in found if entry[2]]


def _fill(made: SSL.Context, tls: Tls) -> None:
    leaf, *chain = x509.load_pem_x509_certificates(tls.certificate)
    named = [CIPHERS[one] for one in tls.cipher_suites]
    ciphers = ":".join(filter(None, named)) if named else _DEFAULT
    level = 0 if tls.min_version in _OLD else 1  # 1: SHA-1 and RSA keys below 1024 bits are not good enough
    lowest = tls.min_version if ciphers else max(tls.min_version, "TLS13")  # TLS 1.2 would have no cipher
    made.set_cipher_list(f"{ciphers or _DEFAULT}:@SECLEVEL={level}".encode())
    made.set_min_proto_version(_VERSIONS[lowest])
    made.set_max_proto_version(_VERSIONS[tls.max_version])
    made.set_options(_OPTIONS | (SSL.OP_CIPHER_SERVER_PREFERENCE if tls.prefer_server_cipher_suites else 0))
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # a resumed session would not see to the client again
    made.set_mode(SSL.MODE_RELEASE_BUFFERS)
    if tls.curves:
        groups = ":".join(dict.fromkeys(CURVES[one] for one in tls.curves))
        if _LIB.SSL_CTX_set1_curves_list(made._context, groups.encode()) != 1:  # noqa: SLF001 - see _LIB
            raise ValueError(f"this OpenSSL does not know all the curves {groups}")
    made.use_certificate(leaf)
    for one in chain:
        made.add_extra_chain_cert(one)
    made.use_privatekey(load_pem_private_key(private_key(tls.key), None))  # type: ignore[arg-type]
    made.check_privatekey()


def _ask(made: SSL.Context, tls: Tls, *, lenient: bool) -> None:
    """Have clients asked for certificates, and see to those that come."""
    if tls.client_ca is None:
        made.set_default_verify_paths()
    store = made.get_cert_store()
    assert store is not None
    for authority in _certificates(tls.client_ca or b""):
        store.add_cert(crypto.X509.from_cryptography(authority))
    any_will_do = tls.client_auth in _ANY_WILL_DO
    sans = None if tls.allowed_sans is None else frozenset(tls.allowed_sans)

    def see_to(_: object, certificate: crypto.X509, __: int, depth: int, ok: int) -> bool:
        if not (ok or any_will_do):
            return False
        return depth > 0 or sans is None or not sans.isdisjoint(_sans(certificate))

    asking = _ASKING[tls.client_auth]
    made.set_verify(asking & ~SSL.VERIFY_FAIL_IF_NO_PEER_CERT if lenient else asking, see_to)


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """Read what certificates there are; none at all verify nobody, as in Go."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def _sans(certificate: crypto.X509) -> set[str]:
    """Return the subject alternative names that the toolkit compares: DNS, e-mail, IP and URI."""
    try:
        extension = certificate.to_cryptography().extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return set()
    kinds = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
    return {str(one.value) for one in extension.value if isinstance(one, kinds)}


class Serving(ssl.SSLContext):
    """What asyncio takes for a context: it has each new connection served by the latest one.

    So a certificate, an authority and all else changes without a restart, also for clients without SNI.
    """

    latest: Callable[[], SSL.Context | None]

    @classmethod
    def by(cls, latest: Callable[[], SSL.Context | None]) -> Serving:
        """Serve by what `latest` returns at each new connection."""
        made = cls(ssl.PROTOCOL_TLS_SERVER)
        made.latest = latest
        return made

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *_: Any, **__: Any) -> Any:
        """Begin a connection, on the two buffers that asyncio fills and empties."""
        latest = self.latest()
        assert latest is not None
        return Session(SSL.Connection(latest), incoming, outgoing)


class Session:
    """One connection of pyOpenSSL in the clothes of an ssl.SSLObject, as far as asyncio looks."""

    def __init__(self, connection: SSL.Connection, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing
        self._last_words = LAST_WORDS.get()
        connection.set_accept_state()

    def do_handshake(self) -> None:
        """Go on with the handshake; a client that is refused is told so before asyncio cuts it off."""
        try:
            self._do(self._connection.do_handshake)
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError:
            if self._last_words is not None:
                self._last_words(self._outgoing.read())
            raise

    def read(self, size: int = 1024, buffer: Any = None) -> Any:
        """Return the bytes that came, or put them into the buffer and return their number."""
        try:
            if buffer is not None:
                return self._do(lambda: self._connection.recv_into(buffer, size))
            return self._do(lambda: self._connection.recv(size))
        except ssl.SSLZeroReturnError:
            return b"" if buffer is None else 0

    def write(self, data: Any) -> int:
        """Encrypt all of it, record by record: asyncio would copy what is left after each."""
        left = memoryview(data)
        while left:
            left = left[self._do(partial(self._connection.send, left[:RECORD])) :]
        return len(data)

    def unwrap(self) -> None:
        """Say goodbye, and wait for the other's."""
        if not self._do(self._connection.shutdown):
            raise ssl.SSLWantReadError

    def getpeercert(self) -> bytes | None:
        """Return the client's certificate as DER, or None."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        return None if certificate is None else certificate.public_bytes(Encoding.DER)

    def cipher(self) -> tuple[str | None, str | None, int | None]:
        """Return the cipher's name, version and bits."""
        one = self._connection
        return one.get_cipher_name(), one.get_cipher_version(), one.get_cipher_bits()

    def compression(self) -> None:
        """Return None: there is none."""

    def _do(self, work: Callable[[], Any]) -> Any:
        """Carry bytes in and out around a call, and say its failures as `ssl` does."""
        while self._incoming.pending:
            self._connection.bio_write(self._incoming.read(65536))
        try:
            return work()
        except SSL.WantReadError:
            raise ssl.SSLWantReadError from None
        except SSL.ZeroReturnError:
            raise ssl.SSLZeroReturnError from None
        except SSL.Error as error:
            raise ssl.SSLError(1, ", ".join(_reasons(error)) or "the connection was closed") from None
        finally:
            with suppress(SSL.WantReadError):
                while True:
                    self._outgoing.write(self._connection.bio_read(65536))
