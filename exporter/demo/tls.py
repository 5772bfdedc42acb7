"""TLS endpoints on loopback that behave as told, one address each, all on the same port.

The handshake runs over memory buffers, so that what an address does is chosen for each new connection and
everything that is open can be closed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from cryptography import x509

from exporter.demo.pki import Issued, pem

ATTEMPTS = 50  # at finding a port that is free at every address
DRIP_SECONDS = 0.2
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
NOT_TLS = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ENDLESS_RECORD = b"\x16\x03\x03\x40\x00"  # the head of a handshake record of 16,384 bytes


@dataclass(frozen=True, slots=True)
class Serve:
    """Complete the handshake with this certificate; with `client_ca`, ask for a certificate in return.

    With `also`, have a second certificate of another type of key. With `starttls`, speak that protocol
    first, as far as it leads to TLS.
    """

    issued: Issued
    client_ca: x509.Certificate | None = None
    also: Issued | None = None
    starttls: str = ""


GREETINGS = {"smtp": b"220 mail.example.com ESMTP\r\n"}
ANSWERS = {  # what a protocol's client says, and what it hears; the last one is the go-ahead
    "smtp": ((b"EHLO ", b"250-mail.example.com\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 go ahead\r\n")),
    "postgres": ((b"\0\0\0\x08\x04\xd2\x16\x2f", b"S"),),
}


class Fault(StrEnum):
    """What an address does instead of serving a certificate."""

    REFUSE = "refuse"  # nothing listens
    SILENT = "silent"  # accepts the connection and says nothing
    PLAIN_HTTP = "plain_http"  # answers in HTTP
    RESET = "reset"  # ends the connection when the client speaks
    DRIP = "drip"  # sends a handshake that takes an hour


Behaviour = Serve | Fault


class Endpoints:
    """Listeners on several addresses and one port, whose behaviours may be changed while they run."""

    def __init__(self, folder: Path, sockets: Mapping[str, socket.socket]) -> None:
        """Take bound sockets; `start` is the way in."""
        self.port: int = next(iter(sockets.values())).getsockname()[1]
        self._folder = folder
        self._idle = dict(sockets)  # bound and not listening: the kernel refuses, and the port stays ours
        self._servers: dict[str, asyncio.Server] = {}
        self._behave: dict[str, Behave] = {}
        self._open: set[asyncio.Transport] = set()

    @classmethod
    async def start(cls, folder: Path, behaviours: Mapping[str, Behaviour]) -> Endpoints:
        """Bind every address to one free port and let each behave as told; `folder` gets the keys."""
        endpoints = cls(folder, _bind_all(list(behaviours)))
        for address, behaviour in behaviours.items():
            await endpoints.set(address, behaviour)
        return endpoints

    async def set(self, address: str, behaviour: Behaviour) -> None:
        """Change what the address does from the next connection on."""
        if behaviour is Fault.REFUSE:
            if address in self._servers:
                self._servers.pop(address).close()
                self._idle[address] = _bind(address, self.port)
            return
        self._behave[address] = self._how(behaviour)
        if address not in self._servers:
            self._servers[address] = await asyncio.get_running_loop().create_server(
                lambda: _Connection(self._open, self._behave[address]), sock=self._idle.pop(address)
            )

    async def close(self) -> None:
        """Close every listener and every connection."""
        for server in self._servers.values():
            server.close()
        for transport in list(self._open):
            transport.abort()
        for server in self._servers.values():
            await server.wait_closed()
        for idle in self._idle.values():
            idle.close()
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next turn of the loop

    def _how(self, behaviour: Behaviour) -> Behave:
        match behaviour:
            case Serve(starttls=""):
                return partial(_handshake, self._context(behaviour))
            case Serve():
                return partial(_talk, behaviour.starttls, self._context(behaviour))
            case Fault.PLAIN_HTTP:
                return _plain_http
            case Fault.RESET:
                return _reset
            case Fault.DRIP:
                return _drip
            case Fault.SILENT | Fault.REFUSE:
                return _silent

    def _context(self, serve: Serve) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for issued in filter(None, (serve.issued, serve.also)):
            file = self._folder / f"{issued.serial:x}.pem"
            file.write_bytes(issued.chain_pem + issued.key_pem)
            context.load_cert_chain(file)
        if serve.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=pem(serve.client_ca).decode())
        return context


Hear = Callable[[bytes], None]
Behave = Callable[[asyncio.Transport], Hear]  # at a new connection: what to do with what the client says


class _Connection(asyncio.Protocol):
    """One connection, counted among the open ones while it lasts."""

    def __init__(self, open_: set[asyncio.Transport], behave: Behave) -> None:
        self._open = open_
        self._behave = behave

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)
        self._hear = self._behave(transport)

    def data_received(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._hear(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._open.discard(self._transport)


def _handshake(context: ssl.SSLContext, transport: asyncio.Transport) -> Hear:
    """Complete the handshake, then answer whatever is asked with one small page."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(heard, said, server_side=True)

    def hear(data: bytes) -> None:
        heard.write(data)
        done = True
        try:
            session.do_handshake()
            session.read()
            session.write(PAGE)
        except ssl.SSLWantReadError:
            done = False
        except ssl.SSLError:
            pass  # the client's mistake or farewell; an alert, if any, waits in the buffer
        transport.write(said.read())
        if done:
            transport.close()

    return hear


def _talk(protocol: str, context: ssl.SSLContext, transport: asyncio.Transport) -> Hear:
    """Lead a client by its protocol to the handshake; whoever says something else is not answered."""
    transport.write(GREETINGS.get(protocol, b""))
    answers = iter(ANSWERS[protocol])
    hear_tls: Hear | None = None
    expected, answer = next(answers)

    def hear(data: bytes) -> None:
        nonlocal hear_tls, expected, answer
        if hear_tls is not None:
            hear_tls(data)
        elif data.startswith(expected):
            transport.write(answer)
            expected, answer = next(answers, (b"", b""))
            if not answer:
                hear_tls = _handshake(context, transport)

    return hear


def _silent(_: asyncio.Transport) -> Hear:
    return lambda _: None


def _plain_http(transport: asyncio.Transport) -> Hear:
    def hear(_: bytes) -> None:
        transport.write(NOT_TLS)
        transport.close()

    return hear


def _reset(transport: asyncio.Transport) -> Hear:
    linger_no_longer = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_no_longer)
    return lambda _: transport.abort()


def _drip(transport: asyncio.Transport) -> Hear:
    drops = iter(ENDLESS_RECORD)
    loop = asyncio.get_running_loop()

    def drip() -> None:
        if not transport.is_closing():
            transport.write(bytes([next(drops, 0)]))
            loop.call_later(DRIP_SECONDS, drip)

    loop.call_soon(drip)
    return lambda _: None


def _bind_all(addresses: list[str]) -> dict[str, socket.socket]:
    """Bind all addresses to one port that the kernel gave for the first."""
    for _ in range(ATTEMPTS):
        sockets: dict[str, socket.socket] = {}
        port = 0
        try:
            for address in addresses:
                sockets[address] = _bind(address, port)
                port = sockets[address].getsockname()[1]
        except OSError:
            for one in sockets.values():
                one.close()
        else:
            return sockets
    raise OSError(f"no port is free at all of {', '.join(addresses)}")


def _bind(address: str, port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
