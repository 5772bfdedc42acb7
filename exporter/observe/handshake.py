"""One TLS handshake with one address, and every way in which it can fail.

OpenSSL works on memory; the connection is ours. So a peer that floods us is met in steps between which the
others have their turn, and is cut off after MOST_BYTES.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from OpenSSL import SSL, crypto

from exporter.facts import Why
from exporter.observe.contexts import Context, Notes, full_context, offer_one_key_share
from exporter.observe.reasons import ERRNO, why_of
from exporter.observe.sight import Blind
from exporter.observe.wire import READ, Wire, stamped

MOST_BYTES = 256 * 1024  # OpenSSL itself ends at about 100 KB of certificates
MOST_ADDRESSES = 65_536  # whose family is remembered
_FIRST, _SECOND = (0x15, 0x16), (b"\x03", b"")  # an answer begins with an alert or handshake record


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one handshake showed."""

    chain: tuple[bytes, ...]  # DER as presented, the leaf first
    tls_version: str
    cipher: str
    group: str
    wants_client_certificate: bool
    staple: bytes | None = None  # OCSP response; b"" where none came, None where it was not asked for


class Step(Enum):
    """What a look is at, with the reason to give when the deadline passes there."""

    PROXY = Why.PROXY_FAILURE  # connecting to it
    CONNECT = Why.CONNECT_TIMEOUT  # to the endpoint, perhaps by the proxy's hands
    STARTTLS = Why.STARTTLS_TIMEOUT
    HANDSHAKE = Why.HANDSHAKE_TIMEOUT


@dataclass(frozen=True, slots=True)
class Before:
    """What comes between the TCP connection, which is the first step, and TLS."""

    first: Step
    talk: Callable[[Wire, Course], Awaitable[None]]


@dataclass(slots=True)
class Course:
    """How far a look came, kept also when it fails or is cut off; the seconds are the peer's, not ours."""

    wire: Wire | None = None
    step: Step = Step.CONNECT
    before: Before | None = None
    tunnelling: float = 0.0  # how long the proxy took to connect
    talking: float | None = None  # how long the conversation before TLS took

    @property
    def connect(self) -> float | None:
        """Seconds that connecting took, None where it was not tried."""
        if self.wire is None:
            return None
        waiting = self.wire.waited if self.step is Step.CONNECT else 0.0
        return self.wire.connected + self.tunnelling + waiting

    @property
    def starttls(self) -> float | None:
        """Seconds for which the server kept what comes before TLS waiting, None where there was nothing."""
        return self.wire.waited if self.wire and self.step is Step.STARTTLS else self.talking

    @property
    def handshake(self) -> float | None:
        """Seconds for which the server kept the handshake waiting, None where it was not begun."""
        return self.wire.waited if self.wire and self.step is Step.HANDSHAKE else None


class Handshaker:
    """Makes handshakes with two shared contexts, which know no roots and verify nothing."""

    def __init__(self, equip: Callable[[Context], None] = lambda _: None) -> None:
        """Let `equip` change what all handshakes of this one have in common."""
        self._full = full_context()
        self._lean = full_context()
        offer_one_key_share(self._lean)
        for context in (self._full, self._lean):
            equip(context)
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


async def _attempt(
    context: Context, address: str, port: int, server_name: bytes | None, course: Course
) -> Handshake:
    """Connect and shake hands once."""
    before = course.before
    course.wire, course.step = None, Step.CONNECT if before is None else before.first
    try:
        course.wire = wire = Wire(_family(address))
        try:
            await wire.connect(address, port)
            if before is not None:
                await before.talk(wire, course)
            course.step = Step.HANDSHAKE
            return await _Talk(context, wire, server_name).shake()
        finally:
            wire.close()
    except SSL.Error as error:
        raise why_of(error) from error
    except OSError as error:
        why = ERRNO.get(error.errno or 0, Why.BUG)
        if why is Why.CONNECT_TIMEOUT:
            why = course.step.value
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

    __slots__ = ("_offers", "_received", "_tls", "_wire")

    def __init__(self, context: Context, wire: Wire, server_name: bytes | None) -> None:
        self._wire = wire
        self._offers = context.offers
        self._received = 0
        self._tls = SSL.Connection(context)
        self._tls.set_connect_state()
        if server_name is not None:
            self._tls.set_tlsext_host_name(server_name)
        if context.staples:
            self._tls.request_ocsp()

    async def shake(self) -> Handshake:
        try:
            await self._wire.converse(self._advance, self._hear)
        except (SSL.Error, ConnectionError, Blind):
            # One that misses a client certificate ends the handshake after it has shown its own.
            notes = self._tls.get_app_data()
            if self._offers or notes is None or not (notes.wants and self._tls.get_peer_cert_chain()):
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
    notes: Notes | None = tls.get_app_data()
    return Handshake(
        chain,
        tls.get_protocol_version_name(),
        tls.get_cipher_name() or "",
        _group(tls),
        notes is not None and notes.wants,
        None if notes is None else notes.staple,
    )


def _group(tls: SSL.Connection) -> str:
    """Name the group of the key exchange, "" for RSA's or where OpenSSL cannot tell."""
    try:
        return sys.intern(tls.get_group_name() or "")
    except NotImplementedError:
        return ""
