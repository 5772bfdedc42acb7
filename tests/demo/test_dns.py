"""The demo's DNS server, asked by dnspython's own client over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import pytest

from exporter.demo.dns import DnsServer, Zone

ZONE: Zone = {
    "www.example.com": {"CNAME": ["Edge.example.net."]},
    "edge.example.net": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "example.com": {"CAA": ['0 issue "amazon.com"'], "MX": ["10 mx.example.com."]},
    "gone.example.com": {"CNAME": ["nowhere.invalid."]},
    "deep.empty.example.com": {"TXT": ['"x"']},
    "big.example.com": {"TXT": [f'"{number:0100}"' for number in range(20)]},
    "fails.example.com": {"FAIL": "servfail"},
    "refuses.example.com": {"FAIL": "refused"},
    "half.example.com": {"A": ["192.0.2.2"], "FAIL AAAA": "servfail"},
    "silent.example.com": {"FAIL": "silent"},
    "short.example.com": {"A": ["192.0.2.3"], "FAIL": "truncate"},
    "bogus.example.com": {"A": ["192.0.2.4"], "FAIL": "bogus"},
}


@pytest.fixture
async def server() -> AsyncIterator[DnsServer]:
    """Run a server with the zone above."""
    running = await DnsServer.start(ZONE)
    yield running
    await running.close()


async def ask(
    server: DnsServer, name: str, rdtype: str, flags: dns.flags.Flag = dns.flags.RD
) -> tuple[dns.message.Message, bool]:
    """Ask over UDP, then over TCP if the reply is cut; also say whether it was."""
    host, _, port = server.address.rpartition(":")
    query = dns.message.make_query(name, rdtype, flags=flags, use_edns=0, payload=512)
    return await dns.asyncquery.udp_with_fallback(query, host, timeout=5, port=int(port))


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "answer"),
    [
        ("EDGE.example.net", "A", "NOERROR", ["EDGE.example.net. 1 IN A 192.0.2.1"]),
        ("example.com", "MX", "NOERROR", ["example.com. 1 IN MX 10 mx.example.com."]),
        ("example.com", "CAA", "NOERROR", ['example.com. 1 IN CAA 0 issue "amazon.com"']),
        ("example.com", "A", "NOERROR", []),
        ("empty.example.com", "A", "NOERROR", []),
        ("no.example.com", "A", "NXDOMAIN", []),
        ("www.example.com", "CNAME", "NOERROR", ["www.example.com. 1 IN CNAME Edge.example.net."]),
        (
            "www.example.com",
            "AAAA",
            "NOERROR",
            ["www.example.com. 1 IN CNAME Edge.example.net.", "Edge.example.net. 1 IN AAAA 2001:db8::1"],
        ),
        ("gone.example.com", "CNAME", "NOERROR", ["gone.example.com. 1 IN CNAME nowhere.invalid."]),
        ("gone.example.com", "A", "NXDOMAIN", ["gone.example.com. 1 IN CNAME nowhere.invalid."]),
        ("fails.example.com", "A", "SERVFAIL", []),
        ("refuses.example.com", "A", "REFUSED", []),
        ("half.example.com", "A", "NOERROR", ["half.example.com. 1 IN A 192.0.2.2"]),
        ("half.example.com", "AAAA", "SERVFAIL", []),
        ("bogus.example.com", "A", "SERVFAIL", []),
    ],
)
async def test_answers(server: DnsServer, name: str, rdtype: str, rcode: str, answer: list[str]) -> None:
    """Every reply is what an authoritative server would say of the zone, or the failure that was asked for."""
    message, cut = await ask(server, name, rdtype)

    lines = [line for rrset in message.answer for line in rrset.to_text().splitlines()]
    assert (dns.rcode.to_text(message.rcode()), lines, cut) == (rcode, answer, False)
    negative = not any(rrset.rdtype == dns.rdatatype.from_text(rdtype) for rrset in message.answer)
    soa = [rrset.to_text() for rrset in message.authority]
    expected = [". 1 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 1"]
    assert soa == (expected if negative and rcode in {"NOERROR", "NXDOMAIN"} else [])


@pytest.mark.parametrize(
    ("name", "rdtype", "records"), [("short.example.com", "A", 1), ("big.example.com", "TXT", 20)]
)
async def test_truncation(server: DnsServer, name: str, rdtype: str, records: int) -> None:
    """A reply that is cut over UDP, on request or for its size, is whole over TCP."""
    message, cut = await ask(server, name, rdtype)

    assert (cut, [len(rrset) for rrset in message.answer]) == (True, [records])


async def test_bogus_until_checking_is_disabled(server: DnsServer) -> None:
    """A broken signature shows as a validating resolver shows it: extended error 6, or the data if unchecked."""
    checked, _ = await ask(server, "bogus.example.com", "A")
    unchecked, _ = await ask(server, "bogus.example.com", "A", dns.flags.RD | dns.flags.CD)

    assert [option.code for option in checked.extended_errors()] == [dns.edns.EDECode.DNSSEC_BOGUS]
    assert [rrset.to_text() for rrset in unchecked.answer] == ["bogus.example.com. 1 IN A 192.0.2.4"]


async def test_silence_and_garbage_leave_it_running(server: DnsServer) -> None:
    """What deserves no reply gets none, and the next question is answered; all questions are counted."""
    host, _, port = server.address.rpartition(":")
    silent = dns.message.make_query("silent.example.com", "A")
    with pytest.raises(dns.exception.Timeout):
        await dns.asyncquery.udp(silent, host, timeout=0.1, port=int(port))
    assert server.reply(b"garbage", datagram=True) is None
    await ask(server, "edge.example.net", "A")

    assert server.questions == {("silent.example.com", "A"): 1, ("edge.example.net", "A"): 1}


async def test_zone_is_live() -> None:
    """A scene that edits the zone is seen by the next question."""
    zone: dict[str, dict[str, list[str]]] = {"example.com": {"A": ["192.0.2.1"]}}
    server = await DnsServer.start(zone)
    zone["example.com"]["A"] = ["192.0.2.9"]
    message, _ = await ask(server, "example.com", "A")
    await server.close()

    assert [rrset.to_text() for rrset in message.answer] == ["example.com. 1 IN A 192.0.2.9"]


async def test_given_port() -> None:
    """The port can be chosen, and a taken one is an error rather than another port."""
    first = await DnsServer.start({})
    with pytest.raises(OSError, match="address already in use"):
        await DnsServer.start({}, port=int(first.address.rpartition(":")[2]))
    await first.close()
