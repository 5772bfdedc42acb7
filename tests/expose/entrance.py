"""The server behind a web configuration, on real sockets, with certificates made for the test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.cli import build
from exporter.demo import pki
from exporter.expose.follow import Following
from exporter.expose.gate import Limits
from exporter.expose.server import Server
from exporter.snapshot import Board
from tests.expose.asked import Asked
from tests.expose.snapshots import SMALL

BORN = datetime.now(UTC) - timedelta(hours=1)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
ROOT = pki.root("Example Root", BORN)
STRANGER = pki.root("Other Root", BORN)
ONE = ROOT.issue(["127.0.0.1", "localhost"], BORN)
TWO = ROOT.issue(["127.0.0.1", "localhost"], BORN)
GOOD = ROOT.issue(["prometheus.example.com"], BORN, usages=CLIENT)
UNKNOWN = STRANGER.issue(["prometheus.example.com"], BORN, usages=CLIENT)
PAIR = "  cert_file: server.pem\n  key_file: server.key\n"
LIMITS = Limits()
SECRET = "correct horse"
HASH = "$2b$04$Vh/L.QGZVY1.seBF2LVtaOMMgr0o44.R7lvMYXBCRavozC/8TFsgC"  # of SECRET


def put(folder: Path, name: str, issued: pki.Issued) -> None:
    """Write a certificate and its key."""
    (folder / f"{name}.pem").write_bytes(issued.chain_pem)
    (folder / f"{name}.key").write_bytes(issued.key_pem)


def files(folder: Path, text: str) -> Path:
    """Write a web configuration beside everything that it may name."""
    put(folder, "server", ONE)
    put(folder, "client", GOOD)
    put(folder, "unknown", UNKNOWN)
    (folder / "ca.pem").write_bytes(pki.pem(ROOT.certificate))
    file = folder / "web.yml"
    file.write_text(text)
    return file


@dataclass(frozen=True)
class Entrance:
    """A server that runs, and its parts."""

    url: str
    following: Following | None
    server: Server

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0


@asynccontextmanager
async def entrance(
    file: Path | None = None, limits: Limits = LIMITS, *, open_health: bool = False
) -> AsyncIterator[Entrance]:
    """Run a server."""
    following = None if file is None else build.following(file, open_health=open_health)
    server = Server(Board(SMALL), Asked().probing(), web_file=following, limits=limits)
    (url,) = await server.start([("127.0.0.1", 0)])
    yield Entrance(url, following, server)
    await server.close()


def trusting(folder: Path, client: str | None = None) -> ssl.SSLContext:
    """Make a client's context, with the certificate of this name if there is one."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if client is not None:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    return context


async def ask(
    at: Entrance, path: str = "/-/healthy", context: ssl.SSLContext | None = None, *headers: str
) -> str:
    """Send one request; gives the status line, or what went wrong with TLS or the connection."""
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", "")
    answer = await exchange(at.port, "\r\n".join(lines).encode(), context)
    return answer if isinstance(answer, str) else answer.partition(b"\r\n")[0].decode()


async def exchange(port: int, sent: bytes, context: ssl.SSLContext | None = None) -> bytes | str:
    """Send and read to the end; gives the bytes, or what went wrong with TLS or the connection."""
    writer: asyncio.StreamWriter | None = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(sent)
        return await reader.read()
    except ssl.SSLError as error:
        return error.reason or "EOF"
    except ConnectionError as error:
        return type(error).__name__
    finally:
        if writer is not None:
            writer.transport.abort()
