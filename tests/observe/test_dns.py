"""The resolver against real name servers on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import dns.message
import dns.name
import dns.resolver
import pytest
from dns.rdataclass import IN
from dns.rdatatype import RdataType
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.demo.dns import DnsServer
from exporter.facts import Why
from exporter.observe.dns import Resolver, _Cache, _server
from exporter.observe.sight import Blind

Records = Mapping[str, Sequence[str]]
World = Callable[..., Awaitable[DnsServer]]


def resolver(*servers: DnsServer, timeout: float = 5) -> Resolver:
    """Build a resolver that asks these servers in this order."""
    return Resolver([server.address for server in servers], timeout, None)


async def blind(look: Awaitable[object]) -> tuple[Why, str]:
    """Return why a look gave nothing."""
    with pytest.raises(Blind) as caught:
        await look
    return caught.value.why, caught.value.detail


# --- addresses -----------------------------------------------------------------------------------------

V4, V6 = ["192.0.2.2", "192.0.2.1"], ["2001:db8::1"]


@pytest.mark.parametrize(
    ("records", "found"),
    [
        pytest.param({"A": V4, "AAAA": V6}, ("192.0.2.1", "192.0.2.2", "2001:db8::1"), id="both"),
        pytest.param({"A": V4}, ("192.0.2.1", "192.0.2.2"), id="A"),
        pytest.param({"AAAA": V6}, ("2001:db8::1",), id="AAAA"),
        pytest.param({"A": V4, "FAIL AAAA": "servfail"}, ("192.0.2.1", "192.0.2.2"), id="AAAA-fails"),
        pytest.param(
            {"A": V4, "AAAA": V6, "FAIL": "truncate"},
            ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
            id="truncated",
        ),
        pytest.param({"CNAME": ["Edge.example.net."]}, ("192.0.2.9",), id="alias"),
    ],
)
async def test_addresses(world: World, records: Records, found: tuple[str, ...]) -> None:
    """All addresses come in a fixed order, IPv4 first, and a resolver that fails at AAAA alone does no harm."""
    server = await world({"www.example.com": records, "edge.example.net": {"A": ["192.0.2.9"]}})

    assert await resolver(server).addresses("www.Example.com.") == found


async def test_silence_about_ipv6(world: World) -> None:
    """A resolver that drops AAAA questions costs half of the deadline, so that time is left to connect."""
    server = await world({"www.example.com": {"A": V4, "FAIL AAAA": "silent"}})

    async with asyncio.timeout(2.5):
        assert await resolver(server, timeout=3).addresses("www.example.com") == ("192.0.2.1", "192.0.2.2")


AT = "127.0.0.1@PORT"


@pytest.mark.parametrize(
    ("records", "why", "detail"),
    [
        pytest.param(None, Why.NAME_NOT_FOUND, "www.example.com does not exist", id="nxdomain"),
        pytest.param(
            {"CNAME": ["gone.invalid."]}, Why.NAME_NOT_FOUND, "www.example.com does not exist", id="dangling"
        ),
        pytest.param(
            {"TXT": ['"x"']},
            Why.NO_ADDRESS,
            "www.example.com has neither an A nor an AAAA record",
            id="no data",
        ),
        pytest.param(
            {"FAIL": "servfail"},
            Why.RESOLVER_FAILURE,
            f"A www.example.com: {AT} says SERVFAIL",
            id="servfail",
        ),
        pytest.param(
            {"FAIL": "refused"}, Why.RESOLVER_FAILURE, f"A www.example.com: {AT} says REFUSED", id="refused"
        ),
        pytest.param(
            {"FAIL": "silent"}, Why.RESOLVER_TIMEOUT, "A www.example.com: no answer within 0.5 s", id="silent"
        ),
        pytest.param(
            {"FAIL": "bogus", "A": V4}, Why.DNSSEC_BOGUS, f"A www.example.com: {AT} says SERVFAIL", id="bogus"
        ),
        pytest.param(
            {"FAIL AAAA": "refused"},
            Why.RESOLVER_FAILURE,
            f"AAAA www.example.com: {AT} says REFUSED",
            id="AAAA unknown",
        ),
        pytest.param(
            {"FAIL A": "refused", "AAAA": V6},
            Why.RESOLVER_FAILURE,
            f"A www.example.com: {AT} says REFUSED",
            id="A unknown",
        ),
    ],
)
async def test_no_addresses(world: World, records: Records | None, why: Why, detail: str) -> None:
    """A name without addresses is told from a resolver that does not say."""
    server = await world({} if records is None else {"www.example.com": records})

    got = await blind(resolver(server, timeout=0.5).addresses("www.example.com"))

    assert got == (why, detail.replace("PORT", server.address.rpartition(":")[2]))


@pytest.mark.parametrize(
    "name", ["", ".", "a..example.com", f"{'a' * 64}.example.com", ".".join(["a" * 60] * 5), "\\400.com"]
)
async def test_bad_names(name: str) -> None:
    """What cannot be asked for is said to be a bad name, without asking."""
    why, _ = await blind(Resolver(["127.0.0.1"], 1, None).addresses(name))

    assert why == Why.BAD_NAME


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_is_its_own(address: str) -> None:
    """An address in place of a name needs no resolver."""
    assert await Resolver(["127.0.0.1"], 1, None).addresses(address) == (address,)


# --- asking --------------------------------------------------------------------------------------------


async def test_equal_questions_are_asked_once(world: World) -> None:
    """Looks at the same name at the same time cost one question, later ones none, however the name is written."""
    server = await world({"example.com": {"MX": ["10 mx.example.com."]}})
    asked = resolver(server)

    await asyncio.gather(*(asked.ask(name, RdataType.MX) for name in ["example.com", "EXAMPLE.com."] * 25))
    await asked.ask("example.com", RdataType.MX)
    for _ in range(2):
        assert not (await asked.ask("no.example.com", RdataType.MX)).exists
        assert (await asked.ask("example.com", RdataType.CAA)).records == ()

    assert server.questions == {
        ("example.com", "MX"): 1,
        ("no.example.com", "MX"): 1,
        ("example.com", "CAA"): 1,
    }


async def test_one_cancelled_waiter(world: World) -> None:
    """Who gives up a question does not take the answer from the others."""
    server = await world({"example.com": {"MX": ["10 mx.example.com."]}})
    asked = resolver(server)
    first, second = (asyncio.create_task(asked.ask("example.com", RdataType.MX)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()

    assert [record.to_text() for record in (await second).records] == ["10 mx.example.com."]
    assert first.cancelled()
    assert server.questions == {("example.com", "MX"): 1}


async def test_failures_are_not_remembered(world: World) -> None:
    """A resolver that works again is seen to work at the next look."""
    zone: dict[str, Records] = {"example.com": {"FAIL": "refused"}}
    asked = resolver(await world(zone))
    assert (await blind(asked.addresses("example.com")))[0] == Why.RESOLVER_FAILURE
    zone["example.com"] = {"A": ["192.0.2.1"]}

    assert await asked.addresses("example.com") == ("192.0.2.1",)


@pytest.mark.parametrize("failure", ["servfail", "refused", "silent"])
async def test_the_next_server_answers(world: World, failure: str) -> None:
    """One name server of two that fails costs patience, not the answer."""
    bad = await world({"example.com": {"FAIL": failure}})
    good = await world({"example.com": {"A": ["192.0.2.1"]}})

    assert await resolver(bad, good, timeout=3).addresses("example.com") == ("192.0.2.1",)


async def test_dangling_alias_does_not_hide_its_cname(world: World) -> None:
    """NXDOMAIN at the end of an alias denies what was asked for there, not the alias (RFC 6604)."""
    server = await world({"www.example.com": {"CNAME": ["gone.invalid."]}})
    asked = resolver(server)
    for _ in range(2):
        assert not (await asked.ask("www.example.com", RdataType.A)).exists

    reply = await asked.ask("www.example.com", RdataType.CNAME)

    assert [record.to_text() for record in reply.records] == ["gone.invalid."]
    assert server.questions["www.example.com", "A"] == 1


@pytest.mark.parametrize(("ttl", "kept"), [(0, 5), (4, 5), (60, 60), (86400, 300)])
def test_how_long_answers_are_kept(ttl: int, kept: int) -> None:
    """A TTL counts within bounds, so that one sweep asks once and a repair is soon seen."""
    name = dns.name.from_text("example.com")
    message = dns.message.from_text(
        f"id 1\nopcode QUERY\nrcode NOERROR\nflags QR\n;QUESTION\nexample.com. IN A\n;ANSWER\nexample.com. {ttl} IN A 192.0.2.1\n"
    )
    assert isinstance(message, dns.message.QueryMessage)
    answer = dns.resolver.Answer(name, RdataType.A, IN, message)
    received = answer.expiration - ttl

    _Cache().put((name, RdataType.A, IN), answer)

    assert answer.expiration - received == pytest.approx(kept)


class Hiccup(dict[str, Sequence[str]]):
    """Records that cannot be had the first time."""

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """Fail once."""
        return self.pop("once") if key == "FAIL" and "once" in self else super().get(key, default)


async def test_a_passing_failure_is_not_bogus(world: World) -> None:
    """An answer to the unchecked question alone does not accuse DNSSEC."""
    server = await world({"example.com": Hiccup(once="servfail", A=["192.0.2.1"])})

    reply = await resolver(server).ask("example.com", RdataType.A)

    assert [record.to_text() for record in reply.records] == ["192.0.2.1"]


# --- what the system says ------------------------------------------------------------------------------


async def test_hosts_file(tmp_path: Path) -> None:
    """Without configured name servers the hosts file comes first and is read anew when it changes."""
    hosts = tmp_path / "hosts"
    hosts.write_bytes(
        b"# who is where\n::1 localhost\n127.0.0.1 localhost Web.local. web # ours\n\n"
        b"127.0.0.2 web\n127.0.0.2 web\nnowhere web\n192.0.2.1\n\xff\n"
    )
    system = Resolver([], 1, hosts, tmp_path / "resolv.conf")

    assert [await system.addresses(name) for name in ("localhost", "WEB.local", "web")] == [
        ("127.0.0.1", "::1"),
        ("127.0.0.1",),
        ("127.0.0.1", "127.0.0.2"),
    ]
    hosts.write_text("127.0.0.3 web\n")
    assert await system.addresses("web") == ("127.0.0.3",)
    assert (await blind(system.addresses("localhost")))[0] == Why.RESOLVER_FAILURE


async def test_configured_servers_go_before_hosts(world: World, tmp_path: Path) -> None:
    """Who names the servers wants their answer, not the local file's."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 www.example.com\n")
    server = await world({"www.example.com": {"A": ["192.0.2.1"]}})

    assert await Resolver([server.address], 5, hosts).addresses("www.example.com") == ("192.0.2.1",)


@pytest.mark.parametrize(
    "text", [None, "search example.com\nnameserver\nnameserver no.address\noptions timeout:x\n"]
)
async def test_no_name_server(tmp_path: Path, text: str | None) -> None:
    """A system without name servers is our failure, said in a sentence."""
    conf = tmp_path / "resolv.conf"
    if text is not None:
        conf.write_text(text)

    got = await blind(Resolver([], 5, None, conf).ask("example.com", RdataType.MX))

    assert got == (Why.RESOLVER_FAILURE, f"MX example.com: {conf} names no name server")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root listens at port 53, where the system's resolver is")
async def test_name_server_appears(tmp_path: Path) -> None:
    """A machine that gets its network later is noticed."""
    conf = tmp_path / "resolv.conf"
    system = Resolver([], 5, None, conf)
    await blind(system.addresses("example.com"))
    server = await DnsServer.start({"example.com": {"A": ["192.0.2.1"]}}, "127.0.0.153", 53)
    conf.write_text("search example.com\nnameserver 127.0.0.153\n")

    found = await system.addresses("example.com")
    await server.close()

    assert found == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.1", "Do53:192.0.2.1@53"),
        ("127.0.0.1:5353", "Do53:127.0.0.1@5353"),
        ("2001:db8::1", "Do53:2001:db8::1@53"),
        ("[2001:db8::1]", "Do53:2001:db8::1@53"),
        ("[2001:db8::1]:5353", "Do53:2001:db8::1@5353"),
    ],
)
def test_name_servers(text: str, server: str) -> None:
    """A name server is written as in URLs, with or without a port."""
    assert str(_server(text)) == server


# --- hostile servers -----------------------------------------------------------------------------------


class Hostile(asyncio.DatagramProtocol):
    """Replies with what it is told, after the question's identifier or the whole question where asked to."""

    def __init__(self, reply: Callable[[bytes], bytes]) -> None:
        self.reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Reply at once."""
        self.transport.sendto(self.reply(data), addr)  # type: ignore[attr-defined]


def _reply_to(junk: bytes, shape: str, rcode: int, cut: bool) -> Callable[[bytes], bytes]:
    """Garbage alone, behind a right header, behind a right question, or as the data of a right record."""

    def reply(query: bytes) -> bytes:
        head = query[:2] + bytes([0x81 | cut << 1, 0x80 | rcode])
        record = b"\xc0\x0c" + query[-4:] + b"\0\0\0\0" + len(junk).to_bytes(2) + junk
        return {
            "garbage": junk,
            "header": head + junk,
            "question": head + b"\0\1\0\1\0\0\0\0" + query[12:] + junk,
            "record": head + b"\0\1\0\1\0\0\0\0" + query[12:] + record,
        }[shape]

    return reply


async def _ask_hostile(reply: Callable[[bytes], bytes], rdtype: RdataType) -> str:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = reply((await reader.read(512))[2:])
        writer.write(len(answer).to_bytes(2) + answer)
        writer.close()
        await writer.wait_closed()

    loop = asyncio.get_running_loop()
    tcp = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = tcp.sockets[0].getsockname()
    udp, _ = await loop.create_datagram_endpoint(lambda: Hostile(reply), local_addr=address)
    try:
        async with asyncio.timeout(10):
            await Resolver([f"127.0.0.1:{address[1]}"], 0.1, None).ask("www.example.com", rdtype)
    except Blind as blind:
        return blind.why
    finally:
        udp.close()
        tcp.close()
        await asyncio.sleep(0)
    return "answered"


@settings(max_examples=80, deadline=None)
@given(
    junk=st.binary(max_size=200),
    shape=st.sampled_from(["garbage", "header", "question", "record"]),
    rcode=st.integers(0, 15),
    cut=st.booleans(),
    rdtype=st.sampled_from([RdataType.A, RdataType.CNAME, RdataType.CAA, RdataType.MX]),
)
def test_any_bytes(junk: bytes, shape: str, rcode: int, cut: bool, rdtype: RdataType) -> None:
    """Whatever a name server sends, the question ends in time, as an answer or a failure of the resolver's."""
    outcome = asyncio.run(_ask_hostile(_reply_to(junk, shape, rcode, cut), rdtype))

    assert outcome in {
        "answered",
        Why.RESOLVER_FAILURE,
        Why.RESOLVER_TIMEOUT,
        Why.DNSSEC_BOGUS,
    }
