"""Endpoints of the demo behave as told, and can be told otherwise."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from exporter.demo.pki import Authority, Issued, pem, root
from exporter.demo.tls import NOT_TLS, PAGE, Behaviour, Endpoints, Fault, Serve

ONE, TWO = "127.1.1.1", "127.1.1.2"
PATIENCE = 10  # seconds, generous
START = datetime.now(UTC) - timedelta(days=10)
NAME = "a.example.com"


@pytest.fixture(scope="module")
def top() -> Authority:
    """Be the root that visitors trust."""
    return root("Test Root", START)


@pytest.fixture(scope="module")
def authority(top: Authority) -> Authority:
    """Be the intermediate that issues."""
    return top.intermediate("Test CA", START)


@pytest.fixture(scope="module")
def leaf(authority: Authority) -> Issued:
    """Be the certificate that most tests serve."""
    return authority.issue([NAME], START)


@asynccontextmanager
async def running(folder: Path, behaviours: Mapping[str, Behaviour]) -> AsyncIterator[Endpoints]:
    """Run endpoints and close them in the end."""
    endpoints = await Endpoints.start(folder, behaviours)
    try:
        yield endpoints
    finally:
        await endpoints.close()


async def said(address: str, port: int, context: ssl.SSLContext | None, hello: bytes = b"hello") -> bytes:
    """Connect, speak, and return all that the peer says until it hangs up."""
    name = NAME if context else None
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=name)
        try:
            writer.write(hello)
            return await reader.read()
        finally:
            writer.transport.abort()


async def shown(address: str, port: int) -> int:
    """Tell the serial number that a server shows to somebody who trusts nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(address, port, ssl=context)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


def trusting(top: Authority) -> ssl.SSLContext:
    """Make a client as visitors have it."""
    return ssl.create_default_context(cadata=pem(top.certificate).decode())


async def test_serve(tmp_path: Path, top: Authority, leaf: Issued) -> None:
    """A visitor who trusts the root gets a chain that leads to it, and then a page."""
    async with running(tmp_path, {ONE: Serve(leaf)}) as endpoints:
        assert await said(ONE, endpoints.port, trusting(top)) == PAGE


async def test_client_certificate(tmp_path: Path, top: Authority, authority: Authority, leaf: Issued) -> None:
    """A server that wants a client certificate turns away who has none and answers who has one."""
    visitor = authority.issue(["visitor.example.com"], START, usages=())
    (tmp_path / "visitor.pem").write_bytes(visitor.chain_pem + visitor.key_pem)
    stranger, friend = trusting(top), trusting(top)
    friend.load_cert_chain(tmp_path / "visitor.pem")
    async with running(tmp_path, {ONE: Serve(leaf, client_ca=top.certificate)}) as endpoints:
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
            await said(ONE, endpoints.port, stranger)
        assert await said(ONE, endpoints.port, friend) == PAGE


async def test_one_port(tmp_path: Path, authority: Authority, leaf: Issued) -> None:
    """Two addresses share one port and show different certificates."""
    other = authority.issue(["b.example.com"], START)
    async with running(tmp_path, {ONE: Serve(leaf), TWO: Serve(other)}) as endpoints:
        assert [await shown(at, endpoints.port) for at in (ONE, TWO)] == [leaf.serial, other.serial]


@pytest.mark.parametrize(
    ("fault", "failure"), [(Fault.REFUSE, ConnectionRefusedError), (Fault.RESET, ConnectionResetError)]
)
async def test_ended(tmp_path: Path, fault: Fault, failure: type[OSError]) -> None:
    """An address that refuses or resets does so on the level of TCP."""
    async with running(tmp_path, {ONE: fault}) as endpoints:
        with pytest.raises(failure):
            await said(ONE, endpoints.port, None)


async def test_plain_http(tmp_path: Path) -> None:
    """An address that speaks HTTP answers a TLS client in HTTP."""
    async with running(tmp_path, {ONE: Fault.PLAIN_HTTP}) as endpoints:
        assert await said(ONE, endpoints.port, None) == NOT_TLS


async def test_drip(tmp_path: Path) -> None:
    """A dripping address begins a long handshake record, byte by byte."""
    async with running(tmp_path, {ONE: Fault.DRIP}) as endpoints, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(ONE, endpoints.port)
        drops = [await reader.read(100) for _ in range(3)]
        writer.transport.abort()
    assert drops == [b"\x16", b"\x03", b"\x03"]


async def test_silent_until_closed(tmp_path: Path) -> None:
    """A silent address takes what it is told and says nothing; closing the endpoints ends the connection."""
    async with running(tmp_path, {ONE: Fault.SILENT}) as endpoints, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(ONE, endpoints.port)
        writer.write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        await endpoints.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(ONE, endpoints.port)
        with suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        writer.transport.abort()


async def test_changes(tmp_path: Path, authority: Authority, leaf: Issued) -> None:
    """A change counts from the next connection on, also from and to refusing, always on the same port."""
    renewed = authority.issue([NAME], START)
    async with running(tmp_path, {ONE: Serve(leaf)}) as endpoints:
        port = endpoints.port
        assert await shown(ONE, port) == leaf.serial
        await endpoints.set(ONE, Serve(renewed))
        assert await shown(ONE, port) == renewed.serial
        await endpoints.set(ONE, Fault.REFUSE)
        with pytest.raises(ConnectionRefusedError):
            await shown(ONE, port)
        await endpoints.set(ONE, Fault.PLAIN_HTTP)
        with pytest.raises(ssl.SSLError, match="WRONG_VERSION_NUMBER"):
            await shown(ONE, port)
        await endpoints.set(ONE, Serve(leaf))
        assert await shown(ONE, port) == leaf.serial
