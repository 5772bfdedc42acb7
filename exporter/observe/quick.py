"""The usual answer for the addresses of a host, had at the lowest cost; dnspython has what is unusual.

Tasks, message objects and a socket for each question are most of what asking by dnspython costs. Here two
datagrams leave from one socket, and one callback of the event loop reads what comes back. c-ares (pycares)
costs as little, but brings a thread, and a cache whose times cannot be set from Python.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from exporter.observe import datagram

Server: TypeAlias = tuple[str, int]  # address and port

_TTL_FLOOR = 5  # seconds: one sweep asks equal questions within moments, whatever a TTL of 0 says
_TTL_CEILING = 300  # and a repaired record is to be seen at the next look, not after a day
REMEMBERED = 20_000  # replies
_PATIENCE = 1.0  # seconds
_REST = 30.0  # seconds for which a dead name server is left alone
_DATAGRAM = 512  # bytes (RFC 1035, section 4.2.1); what is longer is cut, and so unusual
_AT_ONCE = 4  # datagrams read in one turn, so that a flood of them does not keep the others waiting


@dataclass(frozen=True, slots=True)
class Found:
    """The IPv4 addresses of a host, then its IPv6 ones; `exists` is false for NXDOMAIN."""

    exists: bool
    addresses: tuple[str, ...] = ()


@dataclass(slots=True)
class _Health:
    """How a name server does; one that tells nobody anything while somebody waits is dead for a while."""

    heard: int = 0
    dead_until: float = 0.0


def kept_for(ttl: int) -> int:
    """Return for how many seconds an answer is kept that may be kept for `ttl`."""
    return min(max(ttl, _TTL_FLOOR), _TTL_CEILING)


class Quick:
    """Asks the first living name server, equal names once, and keeps each answer for a while."""

    def __init__(self, servers: Callable[[], Sequence[Server]], timeout: float) -> None:
        self._servers = servers
        self._timeout = timeout
        self._health: defaultdict[Server, _Health] = defaultdict(_Health)
        self._kept: OrderedDict[str, tuple[Found, float]] = OrderedDict()
        self._asking: dict[str, _Lookup] = {}

    async def find(self, name: str) -> Found | None:
        """Return the usual answer; None where there is none, and nothing is known thereby."""
        name = name.lower().removesuffix(".")
        if (kept := self._kept.get(name)) and asyncio.get_running_loop().time() < kept[1]:
            return kept[0]
        lookup = self._asking.get(name) or self._ask(name)
        return await lookup.result() if lookup else None

    def _ask(self, name: str) -> _Lookup | None:
        """Begin to ask, unless the name is unusual or no name server lives."""
        now = asyncio.get_running_loop().time()
        queries = datagram.questions(name, os.urandom(4))
        servers = self._servers()
        server = next((one for one in servers if self._health[one].dead_until <= now), None)
        if queries is None or server is None:
            return None
        health = self._health[server]
        heard = health.heard

        def ended(lookup: _Lookup) -> None:
            del self._asking[name]
            health.heard += lookup.heard
            if lookup.failed and health.heard == heard:
                health.dead_until = lookup.loop.time() + _REST
            if lookup.found is not None:
                self._keep(name, lookup.found, lookup.loop.time() + kept_for(lookup.ttl))

        # So short that dnspython, asking next, comes to its last server within the timeout.
        patience = min(_PATIENCE, self._timeout / (len(servers) + 2))
        lookup = self._asking[name] = _Lookup(queries, ended)
        lookup.start(server, patience)
        return lookup

    def _keep(self, name: str, found: Found, until: float) -> None:
        """Keep an answer, instead of the oldest if there are too many."""
        self._kept[name] = found, until
        self._kept.move_to_end(name)
        if len(self._kept) > REMEMBERED:
            self._kept.popitem(last=False)


class _Lookup:
    """Two questions on a socket of their own, and so from a port at random (RFC 5452, section 9.2)."""

    def __init__(self, queries: tuple[bytes, bytes], ended: Callable[[_Lookup], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.heard = 0  # replies
        self.failed = False  # by silence or refusal
        self.found: Found | None = None
        self.ttl = 0
        self._queries = queries
        self._answers: dict[bytes, datagram.Answer] = {}
        self._ended = ended
        self._over = False
        self._waiting: set[asyncio.Future[None]] = set()
        self._sock: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, server: Server, patience: float) -> None:
        """Send both questions."""
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        try:
            self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            self._sock.connect(server)
            for query in self._queries:
                self._sock.send(query)
        except OSError:
            self._end(failed=True)
            return
        self._timer = self.loop.call_later(patience, self._end, True)
        self.loop.add_reader(self._sock.fileno(), self._read, self._sock)

    async def result(self) -> Found | None:
        """Wait for the end; without anybody who waits it comes at once."""
        if not self._over:
            waiter = self.loop.create_future()
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)
                if not self._waiting:
                    self._end()
        return self.found

    def _read(self, sock: socket.socket) -> None:
        """Take what has come, but no more than one's share."""
        try:
            for _ in range(_AT_ONCE):
                received = sock.recv(_DATAGRAM)
                for query in self._queries:
                    if query not in self._answers and datagram.belongs(received, query):
                        self._take(received, query)
                if self._over:
                    return
        except BlockingIOError:
            pass
        except OSError:
            self._end(failed=True)

    def _take(self, received: bytes, query: bytes) -> None:
        """Read one reply; the second one, or an unusual one, is the end."""
        self.heard += 1
        answer = datagram.read(received, query)
        if answer is None:
            self._end()
            return
        self._answers[query] = answer
        if len(self._answers) == 2:
            v4, v6 = (self._answers[one] for one in self._queries)
            self.found = Found(v4.exists, v4.addresses + v6.addresses)
            self.ttl = min(v4.ttl, v6.ttl)
            self._end()

    def _end(self, failed: bool = False) -> None:
        """Leave nothing behind, and wake who waits."""
        if self._over:
            return
        self._over = True
        self.failed = failed
        if self._timer:
            self._timer.cancel()
        if self._sock:
            self.loop.remove_reader(self._sock.fileno())
            self._sock.close()
        self._ended(self)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
