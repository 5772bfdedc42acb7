"""The quick way to addresses, against real name servers on loopback and a clock that the tests set forward."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import cast

import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.rdatatype import RdataType

from exporter.demo.dns import DnsServer, Zone
from exporter.facts import Why
from exporter.observe.dns import Resolver
from exporter.observe.quick import REMEMBERED, Found, Quick, Server
from exporter.observe.sight import Blind

NAME = "www.example.com"
V4, V6 = ["192.0.2.2", "192.0.2.1"], ["2001:db8::1"]
FOUND = Found(True, ("192.0.2.1",))

Say = Callable[[bytes], Iterable[bytes]]
Start = Callable[[Zone], Awaitable[DnsServer]]
Listen = Callable[[Say], Awaitable["Peer"]]


class Clock:
    """The loop's clock, which can be set forward."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ahead = 0.0
        real = loop.time
        loop.time = lambda: real() + self.ahead  # type: ignore[method-assign]


class Peer(asyncio.DatagramProtocol):
    """A name server that sends the datagrams it is told to send."""

    def __init__(self, say: Say) -> None:
        self.heard: list[tuple[Server, bytes]] = []  # from where, what
        self.closed = asyncio.Event()
        self._news = asyncio.Event()
        self._say = say

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.DatagramTransport", transport)
        self.server: Server = transport.get_extra_info("sockname")[:2]

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits for the end."""
        self.closed.set()

    def datagram_received(self, data: bytes, addr: Server) -> None:
        """Reply at once."""
        self.heard.append((addr, data))
        self._news.set()
        for datagram in self._say(data):
            self.transport.sendto(datagram, addr)

    async def asked(self, count: int) -> None:
        """Wait for so many questions in all."""
        while len(self.heard) < count:
            self._news.clear()
            await self._news.wait()


@pytest.fixture
async def clock() -> Clock:
    """Return the clock of the test's loop."""
    return Clock(asyncio.get_running_loop())


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start name servers that say what they are told to."""
    peers = []

    async def start(say: Say) -> Peer:
        _, peer = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Peer(say), local_addr=("127.0.0.1", 0)
        )
        peers.append(peer)
        return peer

    yield start
    for peer in peers:
        peer.transport.close()
        await peer.closed.wait()


def at(server: DnsServer) -> Server:
    """Return where a server listens."""
    host, _, port = server.address.rpartition(":")
    return host.strip("[]"), int(port)


def quick(*servers: Server, timeout: float = 5) -> Quick:
    """Make a quick way to these servers in this order."""
    return Quick(lambda: servers, timeout)


def right(query: bytes, ttl: int = 60, ttl6: int = 60) -> bytes:
    """Reply with one IPv4 address and no IPv6 one."""
    message = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    name = message.question[0].name
    if message.question[0].rdtype == RdataType.A:
        message.answer.append(dns.rrset.from_text(name, ttl, "IN", "A", "192.0.2.1"))
    else:
        text = f"ns.example.com. host.example.com. 1 2 3 4 {ttl6}"
        message.authority.append(dns.rrset.from_text("example.com.", 86400, "IN", "SOA", text))
    return message.to_wire()


def silent(_: bytes) -> Iterable[bytes]:
    """Say nothing."""
    return ()


# --- what is found -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "found"),
    [
        pytest.param(
            {"A": V4, "AAAA": V6}, Found(True, ("192.0.2.1", "192.0.2.2", "2001:db8::1")), id="both"
        ),
        pytest.param({"A": V4}, Found(True, ("192.0.2.1", "192.0.2.2")), id="A"),
        pytest.param({"AAAA": V6}, Found(True, ("2001:db8::1",)), id="AAAA"),
        pytest.param({"CNAME": ["Edge.example.net."]}, Found(True, ("192.0.2.9",)), id="alias"),
        pytest.param({"CNAME": ["a.example.net."]}, Found(True, ("192.0.2.9",)), id="alias of an alias"),
        pytest.param({"TXT": ['"x"']}, Found(True), id="no data"),
        pytest.param({"CNAME": ["text.example.net."]}, Found(True), id="no data behind an alias"),
        pytest.param(None, Found(False), id="NXDOMAIN"),
        pytest.param({"CNAME": ["gone.invalid."]}, Found(False), id="NXDOMAIN behind an alias"),
        pytest.param({"FAIL": "servfail"}, None, id="SERVFAIL"),
        pytest.param({"FAIL": "refused"}, None, id="REFUSED"),
        pytest.param({"FAIL": "truncate", "A": V4}, None, id="truncated"),
        pytest.param({"A": V4, "FAIL AAAA": "servfail"}, None, id="SERVFAIL at AAAA"),
        pytest.param({"AAAA": V6, "FAIL A": "servfail"}, None, id="SERVFAIL at A"),
        pytest.param({"A": [f"192.0.2.{last}" for last in range(40)]}, None, id="more than a datagram"),
    ],
)
async def test_what_is_found(
    world: Start, records: Mapping[str, Sequence[str]] | None, found: Found | None
) -> None:
    """The usual answers are found, and kept, with one question of each type; the others are not."""
    zone: dict[str, Mapping[str, Sequence[str]]] = {
        "edge.example.net": {"A": ["192.0.2.9"]},
        "a.example.net": {"CNAME": ["edge.example.net."]},
        "text.example.net": {"TXT": ['"x"']},
    }
    server = await world(zone if records is None else {**zone, NAME: records})
    way = quick(at(server))

    assert await way.find("www.Example.com.") == found
    assert server.questions == {(NAME, "A"): 1, (NAME, "AAAA"): 1}
    assert await way.find(NAME) == found
    assert server.questions[NAME, "A"] == (2 if found is None else 1)


async def test_over_ipv6() -> None:
    """A name server may have an IPv6 address."""
    server = await DnsServer.start({NAME: {"A": ["192.0.2.1"]}}, "::1")

    assert await quick(at(server)).find(NAME) == FOUND
    await server.close()


@pytest.mark.parametrize(
    "name", ["", ".", "a..example.com", "*.example.com", "\\119ww.example.com", "é.example.com"]
)
async def test_unusual_names(listen: Listen, name: str) -> None:
    """A name that has to be thought about is not asked for."""
    peer = await listen(silent)

    assert await quick(peer.server).find(name) is None
    assert peer.heard == []


async def test_no_name_server() -> None:
    """Without name servers there is no quick way."""
    assert await quick().find(NAME) is None


async def test_the_whole_resolver_asks_once(world: Start) -> None:
    """The resolver has the usual answers from two questions, and from none for a while afterwards."""
    server = await world({NAME: {"A": V4}, "text.example.com": {"TXT": ['"x"']}})
    resolver = Resolver([server.address], 5, None)
    for name in (NAME, "WWW.example.com."):
        assert await resolver.addresses(name) == ("192.0.2.1", "192.0.2.2")
    for name, why in (("no.example.com", Why.NAME_NOT_FOUND), ("text.example.com", Why.NO_ADDRESS)) * 2:
        with pytest.raises(Blind) as caught:
            await resolver.addresses(name)
        assert caught.value.why == why

    asked = (NAME, "no.example.com", "text.example.com")
    assert server.questions == {(name, rdtype): 1 for name in asked for rdtype in ("A", "AAAA")}


async def test_many_at_once(world: Start) -> None:
    """Hundreds of names at the same time cost two questions each."""
    names = {f"www{number}.example.com": f"192.0.2.{number % 256}" for number in range(500)}
    server = await world({name: {"A": [address]} for name, address in names.items()})
    way = quick(at(server))

    assert await asyncio.gather(*map(way.find, names)) == [Found(True, (one,)) for one in names.values()]
    assert set(server.questions.values()) == {1}
    assert len(server.questions) == 1000


# --- what is not trusted -------------------------------------------------------------------------------


def _forged(query: bytes) -> Iterable[bytes]:
    """Precede the right reply by others, and follow it by another."""
    reply = right(query)
    other = bytes([query[0] ^ 1]) + reply[1:]
    yield from (b"", b"x", query[:11], other, reply[:2] + reply[2:].replace(b"\3www", b"\3wwx"))
    yield from (other.replace(bytes([192, 0, 2, 1]), bytes([6, 6, 6, 6])) for _ in range(20))
    yield reply
    yield reply.replace(bytes([192, 0, 2, 1]), bytes([6, 6, 6, 6]))


async def test_forgeries(listen: Listen) -> None:
    """A datagram with another identifier or question is not a reply, and the first reply counts."""
    peer = await listen(_forged)

    assert await quick(peer.server).find(NAME) == FOUND


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda query: [query], id="echo"),
        pytest.param(lambda query: [right(query) + b"x"], id="trailing"),
        pytest.param(lambda query: [right(query)[:-1]], id="cut"),
        pytest.param(
            lambda query: [right(query)[:4] + b"\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\xff"], id="forward"
        ),
        pytest.param(lambda query: [query[:2] + b"\x81\x85" + bytes(8)], id="bare refusal"),
    ],
)
async def test_unusual_replies(listen: Listen, clock: Clock, say: Say) -> None:
    """A reply that has to be thought about ends the quick way for that name, at once and not for others."""
    peer = await listen(say)
    way = quick(peer.server)

    async with asyncio.timeout(0.5):
        assert [await way.find(name) for name in (NAME, "example.com")] == [None, None]
    assert len(peer.heard) == 4


async def test_what_cannot_be_guessed(listen: Listen) -> None:
    """Each name has its own port and each question its own identifier (RFC 5452, section 9.2)."""
    peer = await listen(lambda query: [right(query)])
    way = quick(peer.server)
    for number in range(32):
        await way.find(f"www{number}.example.com")

    ports = [port for (_, port), _ in peer.heard]
    assert ports[::2] == ports[1::2]
    assert len(set(ports)) > 16
    assert len({query[:2] for _, query in peer.heard}) > 48


# --- silence and refusal -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deadline", "servers", "patience"), [(5, 1, 1.0), (1.5, 1, 0.5), (5, 2, 1.0), (2, 2, 0.5), (5, 8, 0.5)]
)
async def test_patience(listen: Listen, clock: Clock, deadline: float, servers: int, patience: float) -> None:
    """Silence is waited for a second at most, and leaves time to ask all of the name servers."""
    peer = await listen(silent)
    way = quick(*[peer.server] * servers, timeout=deadline)
    looking = asyncio.create_task(way.find(NAME))
    await asyncio.sleep(0)

    clock.ahead += patience - 0.2
    assert not (await asyncio.wait({looking}, timeout=0))[0]
    clock.ahead += 0.2
    assert await looking is None


async def _in_vain(way: Quick, name: str, peer: Peer, clock: Clock) -> None:
    """Look for what a name server does not tell, though it is asked."""
    asked = len(peer.heard) + 2
    looking = asyncio.create_task(way.find(name))
    await peer.asked(asked)
    clock.ahead += 1
    assert await looking is None


async def test_a_dead_name_server_rests(listen: Listen, clock: Clock) -> None:
    """Who waited for a name server in vain spares the others, for half a minute."""
    peer = await listen(silent)
    way = quick(peer.server)
    await _in_vain(way, NAME, peer, clock)
    assert await way.find("a.example.com") is None
    clock.ahead += 29
    assert await way.find("b.example.com") is None
    assert len(peer.heard) == 2

    clock.ahead += 1
    await _in_vain(way, "c.example.com", peer, clock)
    assert len(peer.heard) == 4


async def test_the_next_name_server(listen: Listen, clock: Clock) -> None:
    """While the first name server is dead the second one is asked, and afterwards the first again."""
    alive = asyncio.Event()
    first = await listen(lambda query: [right(query)] if alive.is_set() else ())
    second = await listen(lambda query: [right(query)])
    way = quick(first.server, second.server)
    await _in_vain(way, "a.example.com", first, clock)
    assert await way.find("b.example.com") == FOUND
    assert (len(first.heard), len(second.heard)) == (2, 2)

    alive.set()
    clock.ahead += 30
    assert await way.find("c.example.com") == FOUND
    assert (len(first.heard), len(second.heard)) == (4, 2)


async def test_silence_about_one_name(listen: Listen, clock: Clock) -> None:
    """A name server that is silent about one name, as about a zone whose own servers are dead, is not dead itself."""
    peer = await listen(lambda query: () if b"\4dead" in query else [right(query)])
    way = quick(peer.server)
    looking = asyncio.create_task(way.find("dead.example.com"))
    await asyncio.sleep(0)
    assert await way.find("a.example.com") == FOUND
    clock.ahead += 1
    assert await looking is None

    assert await way.find("b.example.com") == FOUND


async def test_silence_about_ipv6(listen: Listen, clock: Clock) -> None:
    """A name server that drops AAAA questions is not dead, but such a name is not for the quick way."""
    peer = await listen(lambda query: [right(query)] if query[-3] == RdataType.A else ())
    way = quick(peer.server)
    for _ in range(2):
        await _in_vain(way, NAME, peer, clock)


async def test_closed_port(listen: Listen) -> None:
    """Refusal is not waited for, and the next name server is asked from then on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        closed = sock.getsockname()
    peer = await listen(lambda query: [right(query)])
    way = quick(closed, peer.server)

    async with asyncio.timeout(0.5):
        assert [await way.find(name) for name in (NAME, "example.com")] == [None, FOUND]


@pytest.mark.parametrize(
    ("fail", "rdtype"), [("FAIL", "A"), ("FAIL A", "A"), ("FAIL AAAA", "AAAA")], ids=["both", "A", "AAAA"]
)
async def test_the_deadline_counts_from_the_first_question(world: Start, fail: str, rdtype: str) -> None:
    """The quick way takes nothing on top of the time that one name has, whatever is silent."""
    resolver = Resolver([(await world({NAME: {fail: "silent"}})).address], 0.6, None)
    start = asyncio.get_running_loop().time()
    with pytest.raises(Blind) as caught:
        await resolver.addresses(NAME)

    assert (caught.value.why, caught.value.detail) == (
        Why.RESOLVER_TIMEOUT,
        f"{rdtype} {NAME}: no answer within 0.6 s",
    )
    assert 0.6 <= asyncio.get_running_loop().time() - start < 0.75


# --- what is kept --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "ttl6", "kept"),
    [(0, 60, 5), (4, 60, 5), (60, 61, 60), (61, 60, 60), (300, 2, 5), (86400, 86400, 300)],
)
async def test_how_long_answers_are_kept(
    listen: Listen, clock: Clock, ttl: int, ttl6: int, kept: int
) -> None:
    """The shortest TTL counts, that of a denial as well, within bounds."""
    peer = await listen(lambda query: [right(query, ttl, ttl6)])
    way = quick(peer.server)
    await way.find(NAME)

    clock.ahead += kept - 0.5
    assert await way.find(NAME) == FOUND
    assert len(peer.heard) == 2
    clock.ahead += 0.5
    assert await way.find(NAME) == FOUND
    assert len(peer.heard) == 4


async def test_how_many_answers_are_kept(listen: Listen) -> None:
    """The memory is bounded, and the oldest answers leave it."""
    peer = await listen(lambda query: [right(query)])
    way = quick(peer.server)
    await way.find("first.example.com")
    for number in range(REMEMBERED - 1):
        way._keep(f"www{number}.example.com", FOUND, 1e9)
    await way.find("first.example.com")
    assert len(peer.heard) == 2
    await way.find("last.example.com")
    assert len(way._kept) == REMEMBERED

    await way.find("first.example.com")
    assert len(peer.heard) == 6


async def test_equal_names_at_once(listen: Listen) -> None:
    """Those who ask for the same name at the same time share one answer."""
    peer = await listen(lambda query: [right(query)])
    way = quick(peer.server)

    found = await asyncio.gather(*(way.find(name) for name in [NAME, "WWW.example.COM."] * 25))
    assert found == [FOUND] * 50
    assert len(peer.heard) == 2


async def test_who_gives_up(listen: Listen) -> None:
    """One who gives up does not take the answer from the others; when all do, nothing is left behind."""
    peer = await listen(lambda query: [right(query)])
    way = quick(peer.server)
    first, second = (asyncio.create_task(way.find(NAME)) for _ in range(2))
    third = asyncio.create_task(way.find("example.com"))
    await asyncio.sleep(0)
    first.cancel()
    third.cancel()

    assert await second == FOUND
    assert first.cancelled()
    assert third.cancelled()
    assert way._asking == {}
    assert await way.find("example.com") == FOUND
