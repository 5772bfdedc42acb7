"""Peers on loopback, well-behaved and hostile, and certificates that no decent authority issues."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from exporter.demo import pki

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def der(certificate: x509.Certificate) -> bytes:
    """Return one certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def chain(issued: pki.Issued) -> tuple[bytes, ...]:
    """Return what a server presents, as DER."""
    return tuple(der(one) for one in (issued.certificate, *issued.chain))


def tlv(tag: int, *parts: bytes) -> bytes:
    """Encode one DER element."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x82]) + len(content).to_bytes(2) + content


def odd_leaf(
    alternative_names: bytes | None = None,
    *,
    subject: Sequence[x509.NameAttribute[str]] = (),
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
    extra: x509.ExtensionType | None = None,
) -> bytes:
    """Make a self-signed leaf of serial 1 whose SubjectAltName holds any bytes."""
    key = pki.new_key()
    name = x509.Name(subject)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, end)
    if alternative_names is not None:
        names = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, alternative_names)
        builder = builder.add_extension(names, critical=False)
    if extra is not None:
        builder = builder.add_extension(extra, critical=False)
    return der(builder.sign(key, hashes.SHA256()))


def with_serial(certificate: bytes, serial: int) -> bytes:
    """Change the serial 1 of a certificate to another number of one byte, which breaks its signature."""
    return certificate.replace(
        b"\x02\x01\x02\x02\x01\x01", b"\x02\x01\x02\x02\x01" + serial.to_bytes(1, signed=True), 1
    )


COMMON_NAME = x509.NameAttribute(NameOID.COMMON_NAME, "odd.test")


@dataclass
class Peer:
    """A server that listens, and what it was asked for."""

    port: int
    server_names: list[str | None] = field(default_factory=list)


@contextlib.asynccontextmanager
async def tls_server(
    issued: pki.Issued,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    asks: bool = False,
    client_ca: x509.Certificate | None = None,
    curve: str = "",
    also: pki.Issued | None = None,
) -> AsyncIterator[Peer]:
    """Serve TLS with the standard library; `asks` wants a client certificate and refuses who has none."""
    peer = Peer(0)
    context = server_context(issued, also)
    context.maximum_version = version
    context.sni_callback = lambda _, name, __: peer.server_names.append(name)
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
    if client_ca is not None:
        context.load_verify_locations(cadata=der(client_ca))
    if curve:
        context.set_ecdh_curve(curve)
    async with _listening(until_closed, host, port, context) as peer.port:
        yield peer


def server_context(*issued: pki.Issued | None) -> ssl.SSLContext:
    """Make a server's context of one certificate, or of one for each type of key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for one in filter(None, issued):
        with tempfile.NamedTemporaryFile() as file:
            file.write(one.key_pem + one.chain_pem)
            file.flush()
            context.load_cert_chain(file.name)
    return context


@contextlib.contextmanager
def threaded_server(issued: pki.Issued, greeted: Callable[..., None]) -> Iterator[int]:
    """Serve one handshake from a thread, which calls `greeted` when it has read the ClientHello."""
    context = server_context(issued)
    context.sni_callback = greeted
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


async def until_closed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing and wait until the other side goes."""
    while await reader.read(65_536):
        pass


@contextlib.asynccontextmanager
async def raw_server(talk: Talk, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Peer]:
    """Serve plain TCP with a conversation of the test's choice."""
    async with _listening(talk, host, port) as bound:
        yield Peer(bound)


@contextlib.asynccontextmanager
async def _listening(
    talk: Talk, host: str, port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Listen until the test is done, and wait for what is left of the conversations."""
    talks: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*filter(None, talks))


def says(*answers: bytes, first: bool = False) -> Talk:
    """Make a conversation: answer the ClientHello, or speak `first`, and close when the client has gone."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not first:
            await reader.read(65_536)
        for answer in answers:
            writer.write(answer)
            await writer.drain()
        await until_closed(reader, writer)

    return talk


async def hangs_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Read the ClientHello and close."""
    await reader.read(65_536)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the ClientHello and reset the connection."""
    await reader.read(65_536)
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a record as long as they get, and go on with a byte per 50 ms."""
    await reader.read(65_536)
    writer.write(b"\x16\x03\x03\x40\x00")
    while not writer.is_closing():
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send HelloRequests without end, which a client has to ignore (RFC 5246, section 7.4.1.1)."""
    await reader.read(65_536)
    while not writer.is_closing():
        writer.write(record(0x16, b"\0" * 0x4000))
        await writer.drain()


def record(kind: int, content: bytes) -> bytes:
    """Wrap bytes in a TLS record."""
    return bytes([kind, 3, 3]) + len(content).to_bytes(2) + content


def alert(code: int) -> bytes:
    """Make a fatal alert (RFC 8446, section 6)."""
    return record(0x15, bytes([2, code]))


def plain_certificate(*certificates: bytes) -> bytes:
    """Answer a ClientHello as TLS 1.2 does: ServerHello without any extension, then any certificates."""
    hello = b"\x03\x03" + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0"
    entries = b"".join(len(one).to_bytes(3) + one for one in certificates)
    message = len(entries).to_bytes(3) + entries
    return record(
        0x16, b"\x02" + len(hello).to_bytes(3) + hello + b"\x0b" + len(message).to_bytes(3) + message
    )


@contextlib.asynccontextmanager
async def old_server(folder: Path, version: str) -> AsyncIterator[tuple[Peer, x509.Certificate]]:
    """Serve an old protocol ("tls1", "tls1_1") with a self-signed SHA-1 leaf of an RSA-1024 key."""
    key, leaf = folder / "key.pem", folder / "leaf.pem"
    await _openssl("req", "-x509", "-newkey", "rsa:1024", "-sha1", "-nodes", "-subj", "/CN=old.test", "-set_serial", "7",
                   "-addext", "subjectAltName=DNS:old.test", "-keyout", str(key), "-out", str(leaf))  # fmt: skip
    server = await asyncio.create_subprocess_exec(
        "openssl", "s_server", "-accept", "127.0.0.1:0", f"-{version}", "-cipher", "ALL:@SECLEVEL=0", "-key", str(key),
        "-cert", str(leaf), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        while not (line := await server.stdout.readline()).startswith(b"ACCEPT"):
            assert line, "openssl s_server ended"
        certificate = x509.load_pem_x509_certificate(leaf.read_bytes())
        yield Peer(int(line.rsplit(b":", 1)[1])), certificate
    finally:
        server.kill()
        await server.communicate()


async def _openssl(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("openssl", *arguments, stderr=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
