"""Asking DNS: names, NXDOMAIN and no data are answers; SERVFAIL, refusal and silence are Blind.

Addresses are asked for in the quick way first; dnspython answers everything else, and has the last word. The
only module that knows dnspython's exceptions. Names are asked as absolute names, without a search list.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

import dns.asyncresolver
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdata
import dns.resolver
from dns.rdatatype import RdataType

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.observe.quick import Found, Quick, kept_for
from exporter.observe.sight import Blind, sight

T = TypeVar("T")
Servers: TypeAlias = tuple[dns.nameserver.Do53Nameserver, ...]

SHARED = 2_000  # answers kept, at 3 kB each: those that many questions climb to, as to a zone's CAA
_PATIENCE = 2.0  # seconds for one try; also the pace at which lost datagrams are sent again
_EDNS_PAYLOAD = 1232  # what passes every path unfragmented (DNS flag day 2020)
_BOGUS = range(dns.edns.EDECode.DNSSEC_BOGUS, dns.edns.EDECode.NSEC_MISSING + 1)  # RFC 8914, 4.7 to 4.13


@dataclass(frozen=True, slots=True)
class Reply:
    """The records of one type at the end of a name's aliases; `exists` is false for NXDOMAIN."""

    exists: bool
    records: tuple[dns.rdata.Rdata, ...] = ()


class Resolver:
    """A caching stub resolver that asks equal questions once, each within `timeout` seconds over all tries.

    `nameservers` are addresses with or without a port; none of them means those of the system, with the hosts
    file before them. Both files are read anew when they change.
    """

    def __init__(
        self,
        nameservers: Sequence[str],
        timeout: float,
        hosts_file: Path | None,
        resolv_conf: Path = Path("/etc/resolv.conf"),
    ) -> None:
        self._timeout = timeout
        self._servers = tuple(_server(text) for text in nameservers)
        self._hosts = _Watched(None if nameservers else hosts_file, _parse_hosts)
        self._resolv_conf = _Watched(None if nameservers else resolv_conf, _parse_resolv_conf)
        self._cache = _Cache(SHARED)
        self._client = _client(self._servers, timeout, self._cache)
        self._quick = Quick(lambda: [(one.address, one.port) for one in self._name_servers()], timeout)
        self._asking: dict[tuple[dns.name.Name, RdataType], asyncio.Task[Sight[Reply]]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 addresses of a host, then its IPv6 ones, each sorted as text.

        Many resolvers fail at AAAA alone: a host with IPv4 addresses does not suffer from it, nor wait for
        such a resolver longer than half of the deadline.
        """
        if _is_address(name):
            return (name,)
        if known := self._hosts.read().get(name.lower().rstrip(".")):
            return known
        start = asyncio.get_running_loop().time()
        found = await self._quick.find(name) or await self._find(name, start)
        if not found.exists:
            raise Blind(Why.NAME_NOT_FOUND, f"{name} does not exist")
        if not found.addresses:
            raise Blind(Why.NO_ADDRESS, f"{name} has neither an A nor an AAAA record")
        return found.addresses

    async def _find(self, name: str, start: float) -> Found:
        """Find a host's addresses by every means, in what is left of its time."""
        absolute = _absolute(name)
        six, four = self._asked(absolute, RdataType.AAAA), self._asked(absolute, RdataType.A)
        v4 = _reply(await self._seen(four, start + self._timeout), name, RdataType.A)
        if not v4.exists:  # NXDOMAIN denies every type (RFC 8020)
            return Found(exists=False)
        if v4.records:
            seen = await self._seen(six, start + self._timeout / 2)
            return Found(True, _texts(v4) + (_texts(seen.value) if isinstance(seen, Seen) else ()))
        v6 = _reply(await self._seen(six, start + self._timeout), name, RdataType.AAAA)
        return Found(True, _texts(v6))

    async def ask(self, name: str, rdtype: RdataType) -> Reply:
        """Ask for the records of one type at a name; Blind with a reason of the resolver's or BAD_NAME."""
        task = self._asked(_absolute(name), rdtype)
        await asyncio.wait({task})
        return _reply(task.result(), name, rdtype)

    def _asked(self, name: dns.name.Name, rdtype: RdataType) -> asyncio.Task[Sight[Reply]]:
        """Return the question's task, which all who ask share and which outlives each of them."""
        key = (name, rdtype)
        if (task := self._asking.get(key)) is None:
            question = sight(lambda: self._answer(name, rdtype), self._timeout, Why.RESOLVER_TIMEOUT)
            task = self._asking[key] = asyncio.create_task(question)
            task.add_done_callback(lambda _: self._asking.pop(key))
        return task

    async def _seen(self, task: asyncio.Task[Sight[Reply]], until: float) -> Sight[Reply]:
        """Wait for a question that others may have asked, and that may have more time than we have."""
        await asyncio.wait({task}, timeout=until - asyncio.get_running_loop().time())
        if task.done():
            return task.result()
        return Unseen(Why.RESOLVER_TIMEOUT, f"no answer within {self._timeout:g} s")

    def _name_servers(self) -> Servers:
        return self._servers or self._resolv_conf.read()

    async def _answer(self, name: dns.name.Name, rdtype: RdataType) -> Reply:
        """Ask; after SERVFAIL find out whether the resolver fails or DNSSEC does."""
        servers = self._name_servers()
        if not servers:
            raise Blind(Why.RESOLVER_FAILURE, f"{self._resolv_conf.path} names no name server")
        if self._client.nameservers is not servers:
            self._client = _client(servers, self._timeout, self._cache)
        client = self._client
        try:
            return await _resolve(client, name, rdtype)
        except dns.resolver.NoNameservers as error:
            failure = _Failure.of(error)
        if dns.rcode.SERVFAIL not in failure.rcodes or not await self._is_bogus(servers, name, rdtype):
            raise Blind(Why.RESOLVER_FAILURE, failure.text)
        try:
            return await _resolve(client, name, rdtype)  # the failure may have been a passing one
        except dns.resolver.NoNameservers as error:
            raise Blind(Why.DNSSEC_BOGUS, _Failure.of(error).text) from None

    async def _is_bogus(self, servers: Servers, name: dns.name.Name, rdtype: RdataType) -> bool:
        """Ask with checking disabled: an answer, or an extended error that says so, tells of DNSSEC."""
        client = _client(servers, self._timeout, None)
        client.flags = dns.flags.RD | dns.flags.CD
        client.use_edns(0, 0, _EDNS_PAYLOAD)
        try:
            await _resolve(client, name, rdtype)
        except dns.resolver.NoNameservers as error:
            return any(code in _BOGUS for code in _Failure.of(error).extended)
        return True


class _Cache(dns.resolver.LRUCache):
    """dnspython's cache with bounds for the time to live, and without its mistake about dangling aliases."""

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        """Keep an answer; one NXDOMAIN at the end of aliases denies the asked type only (RFC 6604)."""
        ttl = value.chaining_result.minimum_ttl
        value.expiration += kept_for(ttl) - ttl
        name, _, rdclass = key
        if value.chaining_result.cnames:
            key = (name, value.response.question[0].rdtype, rdclass)
        super().put(key, value)


class _Watched(Generic[T]):
    """What a file says, read anew when the file changes; a missing one is empty."""

    def __init__(self, path: Path | None, parse: Callable[[str], T]) -> None:
        self.path = path
        self._parse = parse
        self._stamp: tuple[int, int, int] | None = None
        self._value = parse("")

    def read(self) -> T:
        """Return what the file says now."""
        if self.path is None:
            return self._value
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._value = self._parse(self.path.read_text("utf-8", "replace"))
                self._stamp = stamp
        except OSError:
            self._value, self._stamp = self._parse(""), None
        return self._value


@dataclass(frozen=True, slots=True)
class _Failure:
    """What every name server said when none of them answered."""

    rcodes: frozenset[int]
    extended: frozenset[int]  # codes of RFC 8914
    text: str

    @classmethod
    def of(cls, error: dns.resolver.NoNameservers) -> _Failure:
        """Read dnspython's trace: (server, over TCP, port, what it said, message)."""
        trace = error.kwargs["errors"]
        messages = [message for *_, message in trace if message is not None]
        return cls(
            frozenset(message.rcode() for message in messages),
            frozenset(option.code for message in messages for option in message.extended_errors()),
            "; ".join(f"{server.removeprefix('Do53:')} says {said}" for server, _, _, said, _ in trace),
        )


async def _resolve(client: dns.asyncresolver.Resolver, name: dns.name.Name, rdtype: RdataType) -> Reply:
    """Ask every name server in turn; NoNameservers is left to the caller."""
    try:
        answer = await client.resolve(name, rdtype, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return Reply(exists=False)
    except dns.resolver.NoNameservers:
        raise
    except dns.exception.Timeout:
        raise TimeoutError from None
    except dns.exception.DNSException as error:
        raise Blind(Why.RESOLVER_FAILURE, str(error)) from None
    return Reply(answer.response.rcode() != dns.rcode.NXDOMAIN, tuple(answer))


def _client(servers: Servers, timeout: float, cache: _Cache | None) -> dns.asyncresolver.Resolver:
    client = dns.asyncresolver.Resolver(configure=False)
    client.nameservers = servers
    client.timeout = min(_PATIENCE, timeout / (len(servers) + 1))
    client.lifetime = timeout
    client.cache = cache
    return client


def _reply(seen: Sight[Reply], name: str, rdtype: RdataType) -> Reply:
    if isinstance(seen, Unseen):
        raise Blind(seen.why, f"{rdtype.name} {name}: {seen.detail}")
    return seen.value


def _texts(reply: Reply) -> tuple[str, ...]:
    return tuple(sorted(record.to_text() for record in reply.records))


def _absolute(name: str) -> dns.name.Name:
    try:
        absolute = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise Blind(Why.BAD_NAME, f"{name!r}: {error}") from None
    if absolute == dns.name.root:
        raise Blind(Why.BAD_NAME, "an empty name")
    return absolute


def _is_address(text: str) -> bool:
    if ":" not in text and not text[-1:].isdigit():
        return False  # over ten times as fast as asking ipaddress, and so for nearly every name
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _server(text: str) -> dns.nameserver.Do53Nameserver:
    """Read 192.0.2.1, 192.0.2.1:5353, 2001:db8::1 or [2001:db8::1]:5353; ValueError otherwise."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    ipaddress.ip_address(host)
    return dns.nameserver.Do53Nameserver(host, int(port.removeprefix(":") or 53))


def _parse_resolv_conf(text: str) -> Servers:
    """Take the name servers; the other options of resolv.conf(5) are about searching and timing."""
    words = [line.split() for line in text.splitlines()]
    named = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    return tuple(dns.nameserver.Do53Nameserver(address) for address in named if _is_address(address))


def _parse_hosts(text: str) -> Mapping[str, tuple[str, ...]]:
    """Read hosts(5): an address and its names on each line."""
    hosts: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if _is_address(address):
            for name in names:
                hosts.setdefault(name.lower().rstrip("."), []).append(address)
    return {
        name: tuple(sorted(dict.fromkeys(found), key=lambda one: (":" in one, one)))
        for name, found in hosts.items()
    }
