"""One TLS handshake with one address, and every way in which it can fail.

OpenSSL works on memory; the connection is ours. So a peer that floods us is met in steps between which the
others have their turn, and is cut off after MOST_BYTES.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from OpenSSL import SSL, crypto

from exporter.facts import Why
from exporter.observe.sight import Blind
from exporter.observe.wire import READ, Wire, stamped

MOST_BYTES = 256 * 1024  # OpenSSL itself ends at about 100 KB of certificates
MOST_ADDRESSES = 65_536  # whose family is remembered
_FIRST, _SECOND = (0x15, 0x16), (b"\x03", b"")  # an answer begins with an alert or handshake record
_LIB: Any = getattr(SSL, "_lib", None)  # for two calls that pyOpenSSL makes room for and does not offer
_FFI: Any = getattr(SSL, "_ffi", None)
_ASKED = b"SSLv3/TLS read server certificate request"  # OpenSSL's name of the state, in TLS 1.3 as well
_CIPHERS = b"ALL:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
# One key share in the first flight. ML-KEM is left out: its share is most of the ClientHello and of its
# cost, and a server that prefers it would ask for a second ClientHello.
_LEAN_GROUPS = b"*X25519:P-256:?X448:P-384:P-521:?ffdhe2048:?ffdhe3072"

_ERRNO = {
    errno.ECONNREFUSED: Why.REFUSED,
    errno.EHOSTUNREACH: Why.UNREACHABLE,
    errno.EHOSTDOWN: Why.UNREACHABLE,
    errno.ENETUNREACH: Why.NO_ROUTE,
    errno.ENETDOWN: Why.NO_ROUTE,
    errno.EADDRNOTAVAIL: Why.NO_ROUTE,
    errno.EAFNOSUPPORT: Why.NO_ROUTE,
    errno.EINVAL: Why.NO_ROUTE,  # a link-local address without its interface
    errno.EACCES: Why.NO_ROUTE,  # a packet filter of this machine
    errno.EPERM: Why.NO_ROUTE,
    errno.ETIMEDOUT: Why.CONNECT_TIMEOUT,
    errno.ECONNRESET: Why.RESET,
    errno.ECONNABORTED: Why.RESET,
    errno.EPIPE: Why.RESET,
}
# The ends of OpenSSL's reasons, whose beginnings ("sslv3", "tlsv1", "ssl/tls") changed over its releases.
_REASON = {
    "unrecognized name": Why.TLS_UNRECOGNIZED_NAME,
    "alert protocol version": Why.TLS_PROTOCOL_VERSION,
    "unsupported protocol": Why.TLS_PROTOCOL_VERSION,
    "wrong ssl version": Why.TLS_PROTOCOL_VERSION,
    "alert handshake failure": Why.TLS_HANDSHAKE_FAILURE,
    "asn1 lib": Why.BAD_CERTIFICATE,
    "x509 lib": Why.BAD_CERTIFICATE,
    "certificate length mismatch": Why.BAD_CERTIFICATE,
    "unknown certificate type": Why.BAD_CERTIFICATE,
    "unable to find public key parameters": Why.BAD_CERTIFICATE,
}


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one handshake showed."""

    chain: tuple[bytes, ...]  # DER as presented, the leaf first
    tls_version: str
    cipher: str
    wants_client_certificate: bool


@dataclass(slots=True)
class Course:
    """How far a look came, kept also when it fails or is cut off; the seconds are the peer's, not ours."""

    wire: Wire | None = None
    shaking: bool = False

    @property
    def connect(self) -> float | None:
        """Seconds that connecting took, None where it was not tried."""
        return self.wire.connected if self.wire else None

    @property
    def handshake(self) -> float | None:
        """Seconds for which the server kept the handshake waiting, None where it was not begun."""
        return self.wire.waited if self.wire and self.shaking else None

    @property
    def late(self) -> Why:
        """The reason to give when the deadline passed at this point."""
        return Why.HANDSHAKE_TIMEOUT if self.shaking else Why.CONNECT_TIMEOUT


class Handshaker:
    """Makes handshakes with two shared contexts, which know no roots and verify nothing."""

    def __init__(self) -> None:
        self._full = _context()
        self._lean = _context()
        _offer_one_key_share(self._lean)
        with suppress(OSError):  # only dearer without
            weakref.finalize(self, stamped(socket.socket(type=socket.SOCK_DGRAM)).close)

    async def shake(self, address: str, port: int, server_name: bytes | None, course: Course) -> Handshake:
        """Connect and shake hands; raises Blind, and leaves no socket behind whatever happens."""
        try:
            return await _attempt(self._lean, address, port, server_name, course)
        except Blind as blind:
            if blind.why is not Why.TLS_HANDSHAKE_FAILURE:
                raise
        # Perhaps it takes none but the groups that were left out.
        return await _attempt(self._full, address, port, server_name, course)


def _context() -> SSL.Context:
    """Make a context that sees as many servers as OpenSSL can: what is weak is for others to say."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    _mark_requests(context)
    return context


def _mark_requests(context: SSL.Context) -> None:
    """Mark connections whose server asks for a client certificate, with or without a list of CAs.

    OpenSSL's own call for this is not offered by pyOpenSSL; the public way, a call at each change of state,
    costs a twentieth of a handshake and serves where the other is missing.
    """
    set_callback = getattr(_LIB, "SSL_CTX_set_cert_cb", None)
    if set_callback is not None:
        set_callback(context._context, _MARK, _FFI.NULL)  # noqa: SLF001
    else:
        context.set_info_callback(_mark_state)


def _mark_state(connection: SSL.Connection, where: int, _: int) -> None:
    if where == SSL.SSL_CB_CONNECT_LOOP and connection.get_state_string() == _ASKED:
        connection.set_app_data(True)


def _mark(ssl: object, _: object) -> int:
    """Mark the connection and go on without a certificate."""
    SSL.Connection._reverse_mapping[ssl].set_app_data(True)  # noqa: SLF001
    return 1


_MARK = _FFI and _FFI.callback("int(*)(SSL *, void *)", _mark)  # kept, as OpenSSL keeps only its address


def _offer_one_key_share(context: SSL.Context) -> None:
    """Save about a sixth of a handshake's CPU; where the call is missing, OpenSSL's own groups stay.

    pyOpenSSL's public set_tmp_ecdh allows a single group. With P-256 alone, a server that has a P-384 and an
    RSA certificate would show us the RSA one under TLS 1.2, which is not the one that visitors get.
    """
    set_groups = getattr(_LIB, "SSL_CTX_set1_curves_list", None)
    if set_groups is not None:
        set_groups(context._context, _LEAN_GROUPS)  # noqa: SLF001


async def _attempt(
    context: SSL.Context, address: str, port: int, server_name: bytes | None, course: Course
) -> Handshake:
    """Connect and shake hands once."""
    course.wire, course.shaking = None, False
    try:
        course.wire = wire = Wire(_family(address))
        try:
            await wire.connect(address, port)
            course.shaking = True
            return await _Talk(context, wire, server_name).shake()
        finally:
            wire.close()
    except SSL.Error as error:
        raise _why(error) from error
    except OSError as error:
        why = _ERRNO.get(error.errno or 0, Why.BUG)
        if why is Why.CONNECT_TIMEOUT:
            why = course.late
        raise Blind(why, os.strerror(error.errno) if error.errno else str(error)) from error


@lru_cache(MOST_ADDRESSES)
def _family(address: str) -> socket.AddressFamily:
    """Tell IPv4 from IPv6; raises Blind for what is neither, which the system would take for a name."""
    try:
        return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    except ValueError:
        raise Blind(Why.BAD_NAME, f"{address!r} is not an IP address") from None


class _Talk:
    """Carries bytes between OpenSSL and a connection until the handshake is done."""

    __slots__ = ("_received", "_tls", "_wire")

    def __init__(self, context: SSL.Context, wire: Wire, server_name: bytes | None) -> None:
        self._wire = wire
        self._received = 0
        self._tls = SSL.Connection(context)
        self._tls.set_connect_state()
        if server_name is not None:
            self._tls.set_tlsext_host_name(server_name)

    async def shake(self) -> Handshake:
        try:
            await self._wire.converse(self._advance, self._hear)
        except (SSL.Error, ConnectionError, Blind):
            # One that misses a client certificate ends the handshake after it has shown its own.
            if not (self._tls.get_app_data() and self._tls.get_peer_cert_chain()):
                raise
        return _result(self._tls)

    def _advance(self) -> bool:
        """Let OpenSSL work on what it has, and send what it wants sent; True when the handshake is done."""
        try:
            self._tls.do_handshake()
            done = True
        except SSL.WantReadError:
            done = False
        with suppress(SSL.WantReadError):  # nothing to send
            self._wire.send(self._tls.bio_read(READ))
        return done

    def _hear(self, data: bytes) -> bool:
        """Take the next bytes of a server that keeps to TLS and to a sensible length; else raise Blind."""
        if not data:
            raise Blind(Why.RESET, "closed the connection during the handshake")
        if not self._received and (data[0] not in _FIRST or data[1:2] not in _SECOND):
            line = data[:80].splitlines()[0].decode("ascii", "backslashreplace")
            raise Blind(Why.NOT_TLS, f"answers {line!r}")
        self._received += len(data)
        if self._received > MOST_BYTES:
            raise Blind(Why.TLS_PROTOCOL_ERROR, f"more than {MOST_BYTES} bytes in one handshake")
        self._tls.bio_write(data)
        return self._advance()


def _result(tls: SSL.Connection) -> Handshake:
    """Take everything from a connection that will be needed once it is gone."""
    chain = tuple(
        crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in tls.get_peer_cert_chain() or ()
    )
    if not chain:
        raise Blind(Why.NO_CERTIFICATE, "the handshake went without a certificate")
    return Handshake(
        chain, tls.get_protocol_version_name(), tls.get_cipher_name() or "", bool(tls.get_app_data())
    )


def _why(error: SSL.Error) -> Blind:
    """Translate OpenSSL's queue of errors, of which the last is the widest."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [reason for _, _, reason in queue]
    text = "; ".join(reasons) or str(error)
    for reason in reasons:
        for end, why in _REASON.items():
            if reason.lower().endswith(end):
                return Blind(why, text)
    if any(" alert " in reason or reason.startswith("tlsv1") for reason in reasons):
        return Blind(Why.TLS_ALERT, text)
    return Blind(Why.TLS_PROTOCOL_ERROR, text)
