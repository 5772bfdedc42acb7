"""Looks that do not begin with TLS, or show something of their own: over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pytest

from exporter.demo import pki
from exporter.facts import Domain, Look, Proxy, Seen, Timing, Unseen, Way, Why
from exporter.observe.sight import Blind
from exporter.observe.tls import TlsEye
from exporter.observe.trust import Trust
from tests.observe import tls_peers as peers
from tests.observe.test_tls import LEAF, MIDDLE, PATIENT, ROOT, failure, served, success
from tests.observe.tls_peers import DAY, NOW


async def resolve(name: str) -> tuple[str, ...]:
    """Know a name of both protocols and one proxy."""
    only_four = dict.fromkeys(("four.test", "proxy.test", "127.0.0.1"), ("127.0.0.1",))
    known: dict[str, tuple[str, ...]] = {"a.test": ("127.0.0.1", "::1"), **only_four}
    if name not in known:
        raise Blind(Why.NAME_NOT_FOUND, f"{name} does not exist")
    return known[name]


def eye(timeout: float = PATIENT, way: Way | None = None) -> TlsEye:
    """Make an eye that trusts our root."""
    trust = Trust([peers.der(ROOT.certificate)], lambda: NOW)
    return TlsEye(resolve, trust, timeout, lambda: NOW, way)


async def look(port: int, way: Way, seconds: float = PATIENT) -> Look:
    """Look at a.test by some way, without the timing."""
    (seen,) = await eye(seconds).look(Domain("a.test", port, ("127.0.0.1",), way=way))
    return replace(seen, timing=Timing())


def upgrades(issued: pki.Issued, *turns: tuple[bytes, bytes], behind: bytes = b"") -> peers.Talk:
    """Make a conversation that answers lines and then goes over to TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for heard, said in turns:
            assert not heard or heard in await reader.read(1000)
            writer.write(said)
        if behind:
            await peers.until_closed(reader, writer)
            return
        await writer.start_tls(peers.server_context(issued))
        await peers.until_closed(reader, writer)

    return talk


SMTP = (
    (b"", b"220 mx ESMTP\r\n"),
    (b"EHLO [127.0.0.1]", b"250-mx\r\n250 STARTTLS\r\n"),
    (b"STARTTLS", b"220 go\r\n"),
)


async def test_starttls() -> None:
    """What is served behind a conversation is seen like anything else, and the conversation has its time."""
    async with peers.raw_server(upgrades(LEAF, *SMTP)) as peer:
        (seen,) = await eye().look(Domain("a.test", peer.port, ("127.0.0.1",), way=Way("smtp")))
    assert replace(seen, timing=Timing()) == success(peer.port, served(LEAF))
    assert None not in (seen.timing.connect, seen.timing.starttls, seen.timing.handshake)


async def test_injection() -> None:
    """Plaintext behind the go-ahead could be anybody's, so nothing is believed."""
    last = (b"STARTTLS", b"220 go\r\n250 injected\r\n")
    async with peers.raw_server(upgrades(LEAF, *SMTP[:-1], last, behind=b"x")) as peer:
        assert await look(peer.port, Way("smtp")) == failure(
            peer.port, Why.STARTTLS_PROTOCOL_ERROR, "says more before TLS begins: '250 injected'"
        )


@pytest.mark.parametrize(
    ("talk", "why", "detail"),
    [
        (peers.until_closed, Why.STARTTLS_TIMEOUT, "no answer within 0.3 s"),
        (peers.says(b"220 mx\r\n250 mx\r\n", first=True), Why.STARTTLS_REFUSED, "does not offer STARTTLS"),
        (peers.says(b"hello\r\n", first=True), Why.STARTTLS_PROTOCOL_ERROR, "says 'hello' instead of a reply code"),
    ],
    ids=["silent", "without TLS", "another protocol"],
)  # fmt: skip
async def test_no_starttls(talk: peers.Talk, why: Why, detail: str) -> None:
    """Each way to fail before TLS has its reason, and no handshake was begun."""
    async with peers.raw_server(talk) as peer:
        domain = Domain("a.test", peer.port, ("127.0.0.1",), way=Way("smtp"))
        (seen,) = await eye(0.3 if why is Why.STARTTLS_TIMEOUT else PATIENT).look(domain)
    assert replace(seen, timing=Timing()) == failure(peer.port, why, detail)
    assert (seen.timing.starttls is None, seen.timing.handshake) == (False, None)


# --- proxies ---------------------------------------------------------------------------------------------


@dataclass
class Relay:
    """A proxy that listens, and what it was asked."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect as asked; what the server says first stands right behind the answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        (port,) = re.findall(rb"CONNECT 127\.0\.0\.1:([0-9]+) ", head)
        there, back = await asyncio.open_connection("127.0.0.1", int(port))
        first = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                first = await there.read(1000)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n" + first)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def relay() -> AsyncIterator[Relay]:
    """Run a proxy."""
    one = Relay()
    async with peers.raw_server(one.talk) as peer:
        one.port = peer.port
        yield one


async def test_proxy() -> None:
    """The address that was resolved is what the proxy is asked for."""
    async with peers.tls_server(LEAF) as peer, relay() as proxy:
        way = Way(proxy=Proxy("proxy.test", proxy.port, "Basic dTpw"))
        assert await look(peer.port, way) == success(peer.port, served(LEAF))
    place = f"127.0.0.1:{peer.port}"
    assert proxy.heads == [
        f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nProxy-Authorization: Basic dTpw\r\n\r\n".encode()
    ]


async def test_starttls_through_the_proxy_of_all() -> None:
    """A domain's way is filled in with what is for all, and a greeting behind the proxy's answer is heard."""
    async with peers.raw_server(upgrades(LEAF, *SMTP)) as peer, relay() as proxy:
        watch = eye(way=Way(proxy=Proxy("127.0.0.1", proxy.port), ip_protocol="ip4"))
        (seen,) = await watch.look(Domain("a.test", peer.port, way=Way("smtp")))
        assert replace(seen, timing=Timing()) == success(peer.port, served(LEAF))
        direct = Domain("a.test", peer.port, way=Way("smtp", Proxy()))
        (seen,) = await watch.look(direct)
        assert replace(seen, timing=Timing()) == success(peer.port, served(LEAF))
    assert len(proxy.heads) == 1


@pytest.mark.parametrize(
    ("talk", "why", "detail"),
    [
        (peers.says(b"HTTP/1.1 407 No\r\n\r\n"), Why.PROXY_FAILURE, "{proxy} answers 'HTTP/1.1 407 No'"),
        (peers.says(b"HTTP/1.1 504 Late\r\n\r\n"), Why.UNREACHABLE, "{proxy} answers 'HTTP/1.1 504 Late'"),
        (peers.hangs_up, Why.PROXY_FAILURE, "closed the connection before TLS began"),
        (peers.resets, Why.PROXY_FAILURE, "{proxy}: Connection reset by peer"),
        (peers.until_closed, Why.CONNECT_TIMEOUT, "no answer within 0.3 s"),
    ],
    ids=["407", "504", "closes", "resets", "silent"],
)
async def test_proxy_that_does_not_lead_there(talk: peers.Talk, why: Why, detail: str) -> None:
    """Our proxy's refusals are no evidence against an endpoint; that it finds nobody there is."""
    async with peers.raw_server(talk) as peer:
        way = Way(proxy=Proxy("proxy.test", peer.port, "Basic dTpw"))
        seen = await look(9, way, 0.3 if why is Why.CONNECT_TIMEOUT else PATIENT)
        assert seen == failure(9, why, detail.format(proxy=way.proxy))


@pytest.mark.parametrize(
    ("host", "detail"),
    [("127.0.0.1", "proxy 127.0.0.1:9: Connection refused"), ("b.test", "proxy b.test:9: b.test does not exist")],
)  # fmt: skip
async def test_no_proxy(host: str, detail: str) -> None:
    """A proxy that is not there is our matter."""
    assert await look(9, Way(proxy=Proxy(host, 9))) == failure(9, Why.PROXY_FAILURE, detail)


# --- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "protocol", "addresses"),
    [
        ("a.test", "any", ["127.0.0.1", "::1"]),
        ("a.test", "ip4", ["127.0.0.1"]),
        ("a.test", "ip6", ["::1"]),
        ("a.test", "prefer_ip4", ["127.0.0.1"]),
        ("a.test", "prefer_ip6", ["::1"]),
        ("four.test", "prefer_ip6", ["127.0.0.1"]),
        ("four.test", "ip6", [""]),
    ],
)
async def test_ip_protocol(name: str, protocol: str, addresses: list[str]) -> None:
    """A name's addresses are chosen by their protocol."""
    looks = await eye().look(Domain(name, 9, way=Way(ip_protocol=protocol)))
    assert [one.endpoint.address for one in looks] == addresses
    if addresses == [""]:
        assert looks[0].sight == Unseen(Why.NO_ADDRESS, "has no ip6 address")


# --- client certificates ---------------------------------------------------------------------------------


LONG = 5000 * DAY  # servers have the real clock
CLIENTS_ROOT = pki.root("Clients", NOW - LONG, 2 * LONG)
END = NOW + LONG


def client(folder: Path, authority: pki.Authority = CLIENTS_ROOT, end: datetime = END) -> Way:
    """Write a client's files and return the way that names them."""
    issued = authority.issue(["client.test"], NOW - LONG, end - NOW + LONG, usages=pki.CLIENT)
    (folder / "cert.pem").write_bytes(issued.chain_pem)
    (folder / "key.pem").write_bytes(issued.key_pem)
    return Way(client_certificate=(str(folder / "cert.pem"), str(folder / "key.pem")))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
async def test_client_certificate(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """A server that asks for a certificate gets ours, whose end is told."""
    changes = {"tls_version": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES256-GCM-SHA384"}
    expected = served(
        LEAF, wants_client_certificate=True, **(changes if version is ssl.TLSVersion.TLSv1_2 else {})
    )
    async with peers.tls_server(LEAF, version=version, asks=True, client_ca=CLIENTS_ROOT.certificate) as peer:
        seen = await look(peer.port, client(tmp_path))
    assert seen == replace(success(peer.port, expected), client_not_after=END)


async def test_client_certificate_of_a_stranger(tmp_path: Path) -> None:
    """Who shows a certificate wants to be let in: a refusal counts, where TLS 1.2 tells of it in time."""
    stranger = pki.root("Stranger", NOW - LONG, 2 * LONG)
    async with peers.tls_server(
        LEAF, version=ssl.TLSVersion.TLSv1_2, asks=True, client_ca=CLIENTS_ROOT.certificate
    ) as peer:
        seen = await look(peer.port, client(tmp_path, stranger))
    assert seen.sight == Unseen(Why.RESET, "closed the connection during the handshake")


async def test_client_certificate_that_is_renewed(tmp_path: Path) -> None:
    """New files are used from the next look on; while they do not fit, the old certificate is."""
    way = client(tmp_path)
    domain = Domain("a.test", 0, ("127.0.0.1",), way=way)
    watch = eye()

    async def end() -> datetime | None:
        (seen,) = await watch.look(domain)
        assert isinstance(seen.sight, Seen), seen
        return seen.client_not_after

    async with peers.tls_server(
        LEAF, version=ssl.TLSVersion.TLSv1_2, asks=True, client_ca=CLIENTS_ROOT.certificate
    ) as peer:
        domain = replace(domain, port=peer.port)
        assert await end() == END
        key = (tmp_path / "key.pem").read_bytes()
        client(tmp_path, end=END - DAY)
        fresh = (tmp_path / "key.pem").read_bytes()
        (tmp_path / "key.pem").write_bytes(key)
        assert await end() == END
        (tmp_path / "key.pem").write_bytes(fresh)
        assert await end() == END - DAY
        (tmp_path / "cert.pem").unlink()
        assert await end() == END - DAY


async def test_client_certificate_that_is_not_there(tmp_path: Path) -> None:
    """Without the certificate that it wants, nothing is said of the server."""
    way = client(tmp_path)
    (tmp_path / "key.pem").write_text("none")
    seen = await look(9, way)
    assert isinstance(seen.sight, Unseen)
    assert (seen.sight.why, seen.endpoint.address) == (Why.NO_CLIENT_CERTIFICATE, "")
    assert str(tmp_path / "cert.pem") in seen.sight.detail


# --- key types -------------------------------------------------------------------------------------------

RSA = MIDDLE.issue(["a.test"], NOW - DAY, 40 * DAY, key=pki.new_key("rsa"))
BOTH = Way(key_types=("ecdsa", "rsa"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
async def test_both_key_types(version: ssl.TLSVersion) -> None:
    """Both certificates of a server are seen, and the one that ends first speaks for it."""
    old = version is ssl.TLSVersion.TLSv1_2
    changes = {"tls_version": "TLSv1.2"} if old else {}
    ciphers = {
        name: {"cipher": f"ECDHE-{name.upper()}-AES256-GCM-SHA384"} if old else {}
        for name in ("rsa", "ecdsa")
    }
    ecdsa = served(LEAF, key_type="ecdsa", **changes, **ciphers["ecdsa"])
    rsa = served(RSA, key_type="rsa", others=(ecdsa,), **changes, **ciphers["rsa"])
    async with peers.tls_server(LEAF, version=version, also=RSA) as peer:
        assert await look(peer.port, BOTH) == success(peer.port, rsa)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
async def test_one_key_type_missing(version: ssl.TLSVersion) -> None:
    """A server that lacks what it should have is not fine; this one closes where others send an alert."""
    async with peers.tls_server(LEAF, version=version) as peer:
        seen = await look(peer.port, BOTH)
    assert seen == failure(peer.port, Why.RESET, "with RSA alone: closed the connection during the handshake")
