"""A DNS server on loopback that answers from a mapping and fails on request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

# name -> type -> values as in a zone file; "FAIL" (every type) or "FAIL AAAA" (one) makes a name misbehave:
#   servfail, refused   that response code
#   silent              no reply at all
#   truncate            complete over TCP only
#   bogus               SERVFAIL with the extended error "DNSSEC bogus", unless checking is switched off
#   garbage             bytes that are no message
#   cut                 the first half of the reply
#   stranger            the reply to a question about another name
Zone: TypeAlias = Mapping[str, Mapping[str, Sequence[str]]]

TTL = 1  # seconds, so that a scene that is changed is soon seen
SOA = f"ns.invalid. hostmaster.invalid. 1 3600 600 86400 {TTL}"
_LINKS = 20
_BUFFER = 4 << 20  # bytes: hundreds of questions may arrive before the event loop reads the first
_PORT_ATTEMPTS = 20


class DnsServer:
    """Answers authoritatively for every name there is, over UDP and TCP on one port."""

    def __init__(self, zone: Zone) -> None:
        self.questions: Counter[tuple[str, str]] = Counter()  # how often each (name, type) was asked
        self._zone = zone
        self._tcp: asyncio.Server | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._datagrams = _Datagrams(self)
        self._connections: set[asyncio.StreamWriter] = set()

    @classmethod
    async def start(cls, zone: Zone, host: str = "127.0.0.1", port: int = 0) -> DnsServer:
        """Listen; port 0 picks one that is free for both protocols. The zone may change at any time."""
        server = cls(zone)
        for attempt in range(_PORT_ATTEMPTS):
            try:
                await server._listen(host, port)
            except OSError:  # the other protocol's port is taken
                await server.close()
                if port or attempt == _PORT_ATTEMPTS - 1:
                    raise
            else:
                break
        return server

    @property
    def address(self) -> str:
        """The address and port to be configured as a name server."""
        assert self._udp is not None
        host, port = self._udp.get_extra_info("sockname")[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._tcp is not None:
            self._tcp.close()
            for writer in tuple(self._connections):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            await self._tcp.wait_closed()
        if self._udp is not None:
            self._udp.close()
            await self._datagrams.closed.wait()

    def reply(self, wire: bytes, datagram: bool) -> bytes | None:
        """Answer one message as it came; None is silence."""
        try:
            query = dns.message.from_wire(wire)
            question = query.question[0]
        except (dns.exception.DNSException, IndexError):
            return None
        name = question.name.to_text(omit_final_dot=True).lower()
        rrtype = dns.rdatatype.to_text(question.rdtype)
        self.questions[name, rrtype] += 1

        records = self._zone.get(name, {})
        response = dns.message.make_response(query, recursion_available=True)
        match records.get(f"FAIL {rrtype}", records.get("FAIL")):
            case "silent":
                return None
            case "garbage" | "cut" | "stranger" as how:
                self._fill(response, name, rrtype)
                return _lie(how, query, _to_wire(response, datagram))
            case "servfail":
                response.set_rcode(dns.rcode.SERVFAIL)
            case "refused":
                response.set_rcode(dns.rcode.REFUSED)
            case "bogus" if not query.flags & dns.flags.CD:
                response.set_rcode(dns.rcode.SERVFAIL)
                if query.edns >= 0:
                    response.use_edns(options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS)])
            case "truncate" if datagram:
                response.flags |= dns.flags.TC
            case _:
                self._fill(response, name, rrtype)
        return _to_wire(response, datagram)

    def _fill(self, response: dns.message.Message, name: str, rrtype: str) -> None:
        """Answer from the zone, following its CNAMEs as a resolver would."""
        for _ in range(_LINKS):
            records = self._zone.get(name, {})
            if values := records.get(rrtype):
                response.answer.append(_rrset(name, rrtype, values))
                return
            if not (target := records.get("CNAME")):
                break
            response.answer.append(_rrset(name, "CNAME", target))
            name = target[0].rstrip(".").lower()
        if name not in self._zone and not any(known.endswith(f".{name}") for known in self._zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(_rrset("", "SOA", [SOA]))

    async def _listen(self, host: str, port: int) -> None:
        self._tcp = await asyncio.start_server(self._serve, host, port)
        chosen = self._tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self._datagrams, local_addr=(host, chosen))
        self._udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                answer = self.reply(await reader.readexactly(length), datagram=False)
                if answer is not None:
                    writer.write(len(answer).to_bytes(2) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has heard enough
        finally:
            self._connections.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram to the server."""

    def __init__(self, server: DnsServer) -> None:
        self.closed = asyncio.Event()
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell who waits for the end."""
        self.closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer at once, or never."""
        answer = self._server.reply(data, datagram=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _rrset(name: str, rrtype: str, values: Sequence[str]) -> dns.rrset.RRset:
    owner = dns.name.from_text(name)
    return dns.rrset.from_text_list(
        owner, TTL, dns.rdataclass.IN, rrtype, values, origin=dns.name.root, relativize=False
    )


def _lie(how: str, query: dns.message.Message, truth: bytes) -> bytes:
    """Say something else than what was asked for."""
    if how == "garbage":
        return b"\xff" * len(truth)
    if how == "cut":
        return truth[: len(truth) // 2]
    other = dns.message.make_query("stranger.invalid", query.question[0].rdtype, id=query.id)
    return dns.message.make_response(other, recursion_available=True).to_wire()


def _to_wire(response: dns.message.Message, datagram: bool) -> bytes:
    """Truncate what does not fit a datagram (RFC 1035, section 4.2.1; RFC 6891)."""
    wire = response.to_wire(max_size=65535)
    if datagram and len(wire) > max(512, response.request_payload):
        response.answer, response.authority = [], []
        response.flags |= dns.flags.TC
        wire = response.to_wire()
    return wire
