"""The sockets of the server: how many there are, and how long each may make us wait.

Law of this module: whatever comes from outside costs a bounded amount of memory and time, and a newcomer is
always let in. When there is no room, the oldest connection of the peer that has most makes it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Never

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from exporter.expose import tls
from exporter.expose.follow import Following

log = structlog.get_logger("acm_exporter.expose")

PIECE = 16_384  # bytes read at a time: what is refused is held until a garbage collection
BACKLOG = 512  # connections that the kernel holds until we accept them


@dataclass(frozen=True, slots=True)
class Limits:
    """What is granted to those who ask; seconds, unless said otherwise."""

    connections: int = 512  # at a time, of all peers together
    head: float = 10.0  # until the handshake is done, and again until a request has come
    idle: float = 120.0  # until the next request begins; longer than most scrape intervals
    drain: float = 60.0  # that an answer may wait to be read; Prometheus itself waits no longer
    bye: float = 5.0  # until the other side agrees to end TLS
    line: int = 8190  # bytes of the request line, and of one header
    headers: int = 64
    tick: float = 1.0  # between two looks at the connections

    def handler(self) -> dict[str, Any]:
        """Return what aiohttp sees to."""
        return {
            "keepalive_timeout": self.idle,
            "lingering_time": self.head,  # that a body, which nobody reads, may take
            "max_line_size": self.line,
            "max_field_size": self.line,
            "max_headers": self.headers,
            "logger": _quiet(),
        }


def _quiet() -> logging.Logger:
    """Make a logger for bugs of ours: what clients sent may hold their passwords, and would fill the disk."""
    made = logging.getLogger("acm_exporter.expose.http")
    made.addFilter(_no_fault_of_clients)
    return made


def _no_fault_of_clients(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | ConnectionError)


class Gates:
    """All connections of one server."""

    def __init__(self, limits: Limits, following: Following | None) -> None:
        self.limits = limits
        self.following = following
        self.buffer = memoryview(bytearray(PIECE))
        self._servers: list[asyncio.Server] = []
        self._gates: dict[str, dict[Gate, None]] = {}  # by peer, the oldest first
        self._by_handler: dict[asyncio.Protocol, Gate] = {}
        self._context = None if following is None else tls.Serving.by(lambda: following.latest.context)

    async def listen(self, factory: Callable[[], asyncio.Protocol], host: str | None, port: int) -> None:
        """Listen; OSError where that cannot be."""
        loop = asyncio.get_running_loop()
        make = lambda: Gate(self, factory())  # noqa: E731
        self._servers.append(await loop.create_server(make, host, port, backlog=BACKLOG))

    @property
    def scheme(self) -> str:
        """What connections speak."""
        return "http" if self.context() is None else "https"

    @property
    def addresses(self) -> Sequence[tuple[object, ...]]:
        """Where it listens, as sockets say it."""
        return [one.getsockname() for server in self._servers for one in server.sockets]

    def context(self) -> tls.Serving | None:
        """Return what a new connection speaks TLS by; None where it does not."""
        return None if self.following is None or self.following.latest.context is None else self._context

    def close(self) -> None:
        """Listen no longer."""
        for server in self._servers:
            server.close()

    def cut_off(self) -> None:
        """End all connections at once."""
        for gate in list(self._all()):
            gate.abort()

    def enter(self, gate: Gate) -> None:
        """Take a connection in, and put another one out if there are too many."""
        self._gates.setdefault(gate.peer, {})[gate] = None
        self._by_handler[gate.handler] = gate
        if len(self._by_handler) > self.limits.connections:
            greedy = max(self._gates.values(), key=len)
            oldest = next(iter(greedy))
            log.debug(
                "too many connections; the oldest of a peer is closed", peer=oldest.peer, has=len(greedy)
            )
            oldest.abort()
            self.leave(oldest)

    def leave(self, gate: Gate) -> None:
        """Forget a connection."""
        self._by_handler.pop(gate.handler, None)
        of_peer = self._gates.get(gate.peer, {})
        of_peer.pop(gate, None)
        if not of_peer:
            self._gates.pop(gate.peer, None)

    @contextmanager
    def answering(self, request: web.Request) -> Iterator[None]:
        """Know that a request has come, and is being answered."""
        gate = self._by_handler.get(request.protocol)
        if gate is None:
            yield
            return
        gate.busy, gate.since = True, None
        try:
            yield
        finally:
            gate.busy = False

    async def keep(self) -> Never:
        """Look at the connections, and at the web configuration, for ever."""
        while True:
            await asyncio.sleep(self.limits.tick)
            self.look()

    def look(self) -> None:
        """End what takes too long."""
        if self.following is not None:
            self.following.look()
        now = asyncio.get_running_loop().time()
        for gate in list(self._all()):
            why = gate.overdue(now)
            if why:
                log.debug("a connection is closed", peer=gate.peer, why=why)
                gate.abort()

    def _all(self) -> Iterator[Gate]:
        return (gate for gates in self._gates.values() for gate in gates)


class Gate(asyncio.BufferedProtocol):
    """One connection: stands between its transport and aiohttp's handler, and knows what it waits for."""

    def __init__(self, gates: Gates, handler: asyncio.Protocol) -> None:
        self.handler = handler
        self.peer = ""
        self.busy = False  # a request is being answered
        self.since: float | None = None  # loop time since which a request has been due
        self._gates = gates
        self._loop = asyncio.get_running_loop()
        self._raw: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None  # what the handler writes to, once it may
        self._early: list[bytes] = []
        self._unread_since: float | None = None
        self._securing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in; aiohttp sees it when TLS is established."""
        assert isinstance(transport, asyncio.Transport)
        self._raw = transport
        self.peer = _peer(transport)
        self.since = self._loop.time()
        context = self._gates.context()
        self._gates.enter(self)
        if context is None:
            self._attach(transport)
        else:
            self._securing = self._loop.create_task(self._secure(transport, context))

    async def _secure(self, raw: asyncio.Transport, context: tls.Serving) -> None:
        limits = self._gates.limits
        tls.LAST_WORDS.set(raw.write)
        secured: asyncio.Transport | None = None
        try:
            secured = await self._loop.start_tls(
                raw,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=limits.head,
                ssl_shutdown_timeout=limits.bye,
            )
        except OSError as error:  # ssl.SSLError is one
            log.debug("no TLS with a client", peer=self.peer, error=str(error))
        if secured is None or secured.is_closing():
            self._gates.leave(self)
            raw.abort()
            return
        self.since = self._loop.time()
        self._attach(secured)

    def _attach(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.handler.connection_made(transport)
        for data in self._early:
            self.handler.data_received(data)
        self._early.clear()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's word
        """Lend the buffer that all share, which is read at once."""
        return self._gates.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass it on; the first bytes of a request start its clock."""
        data = bytes(self._gates.buffer[:nbytes])
        if not self.busy and self.since is None:
            self.since = self._loop.time()
        if self._transport is None:
            self._early.append(data)  # asyncio reads before it says that TLS is established
        else:
            self.handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        return self.handler.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._transport is not None:
            self.handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._transport is not None:
            self.handler.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._gates.leave(self)
        if self._transport is not None:
            self.handler.connection_lost(exc)

    def overdue(self, now: float) -> str:
        """Say why this connection has to end; "" if it has not."""
        limits = self._gates.limits
        if self.since is not None and now - self.since > limits.head:
            return "no request came"
        waiting = any(one is not None and one.get_write_buffer_size() for one in (self._raw, self._transport))
        if not waiting:
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since > limits.drain:
            return "its answer is not read"
        return ""

    def abort(self) -> None:
        """End it at once, whatever waits to be sent."""
        if self._raw is not None:
            self._raw.abort()


def _peer(transport: asyncio.Transport) -> str:
    """Return the address of a peer, of IPv6 the network that one machine usually has to itself."""
    name = transport.get_extra_info("peername")
    address = ipaddress.ip_address(str(name[0]).split("%")[0]) if name else None
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        return str(inner or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address or "")
