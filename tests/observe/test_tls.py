"""What the TLS eye reports of real servers, healthy, old, odd and hostile."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from exporter.demo import pki
from exporter.facts import Domain, Endpoint, Look, Seen, Served, Timing, Unseen, Why
from exporter.observe import contexts
from exporter.observe.sight import Blind
from exporter.observe.tls import MOST_ADDRESSES, TlsEye
from exporter.observe.trust import Trust
from tests.observe import tls_peers as peers
from tests.observe.tls_peers import DAY, NOW

ROOT = pki.root("Root", NOW - 100 * DAY)
MIDDLE = ROOT.intermediate("Middle", NOW - 90 * DAY)
LEAF = MIDDLE.issue(["a.test"], NOW - DAY, 50 * DAY)
PATIENT = 20.0  # seconds; never waited for


async def nobody(name: str) -> tuple[str, ...]:
    """Resolve nothing, for looks that have their addresses."""
    raise AssertionError(name)


def eye(timeout: float = PATIENT, resolve: Callable[[str], object] = nobody) -> TlsEye:
    """Make an eye that trusts our root; the clock stands still."""
    trust = Trust([peers.der(ROOT.certificate)], lambda: NOW)
    return TlsEye(resolve, trust, timeout, lambda: NOW)  # type: ignore[arg-type]


def served(issued: pki.Issued, **changes: object) -> Served:
    """Say what a server of this leaf and its chain shows in TLS 1.3, but for the changes."""
    leaf = issued.certificate
    plain = Served(
        serial=issued.serial,
        names=("a.test",),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        issuer="CN=Middle,O=Example",
        subject="CN=a.test,O=Example",
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        tls_version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        trusted=True,
        trust_error="",
        chain_not_after=leaf.not_valid_after_utc,
        chain_length=2,
        group="x25519",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


async def look(port: int, seconds: float = PATIENT, address: str = "127.0.0.1") -> Look:
    """Look at one address of a.test, without the timing."""
    (seen,) = await eye(seconds).look(Domain("a.test", port, (address,)))
    return replace(seen, timing=Timing())


def success(port: int, value: Served, address: str = "127.0.0.1", name: str = "a.test") -> Look:
    """Say how a look ends that saw something."""
    return Look(Endpoint(name, port, address), Seen(value), NOW, last=value, last_success=NOW)


def descriptors() -> int:
    """Count this process's open files, without those that other tests left behind to be collected."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def has_ipv6() -> bool:
    """Say whether this machine has ::1."""
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def failure(port: int, why: Why, detail: str = "", address: str = "127.0.0.1", name: str = "a.test") -> Look:
    """Say how a look ends that saw nothing."""
    return Look(Endpoint(name, port, address), Unseen(why, detail), NOW)


OTHER = pki.root("Other", NOW - DAY)
FACTS: dict[str, tuple[pki.Issued, dict[str, object]]] = {
    "healthy": (LEAF, {}),
    "expired": (
        MIDDLE.issue(["a.test"], NOW - 9 * DAY, 5 * DAY),
        {"trusted": False, "trust_error": "certificate has expired (depth 0)"},
    ),
    "self-signed": (
        pki.self_signed(["a.test"], NOW, DAY),
        {"issuer": "CN=a.test,O=Example", "chain_length": 1, "trusted": False, "trust_error": "self-signed certificate (depth 0)"},
    ),
    "untrusted": (
        OTHER.issue(["a.test"], NOW, DAY),
        {"issuer": "CN=Other,O=Example", "chain_length": 1, "trusted": False, "trust_error": "unable to get local issuer certificate (depth 0)"},
    ),
    "another name": (
        MIDDLE.issue(["b.test", "192.0.2.1"], NOW, DAY),
        {"names": ("b.test", "192.0.2.1"), "subject": "CN=b.test,O=Example"},
    ),
    "no names": (MIDDLE.issue([], NOW, DAY, common_name="a.test"), {"names": ()}),
    "RSA": (MIDDLE.issue(["a.test"], NOW, DAY, key=pki.new_key("rsa")), {}),
    "150 intermediates": (
        replace(LEAF, chain=LEAF.chain * 150), {"chain_length": 151},
    ),
    "4000 names": (
        MIDDLE.issue([f"n{number}.test" for number in range(4000)], NOW, DAY),
        {"names": tuple(f"n{number}.test" for number in range(1000)), "subject": "CN=n0.test,O=Example"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("issued", "changes"), FACTS.values(), ids=FACTS)
async def test_served(issued: pki.Issued, changes: dict[str, object]) -> None:
    """A handshake tells the whole of what is served, also when nobody should accept it."""
    async with peers.tls_server(issued) as peer:
        assert await look(peer.port) == success(peer.port, served(issued, **changes))


async def test_timing() -> None:
    """The seconds of each phase are told, and of a phase that was not reached nothing."""

    async def resolve(_: str) -> tuple[str, ...]:
        return ("127.0.0.1", "127.0.0.2")

    async with peers.tls_server(LEAF) as peer:
        fine, refused = await eye(resolve=resolve).look(Domain("a.test", peer.port))
        (pinned,) = await eye().look(Domain("a.test", peer.port, ("127.0.0.1",)))
    assert fine.timing.resolve is not None
    assert refused.timing == Timing(fine.timing.resolve, refused.timing.connect)
    assert pinned.timing.resolve is None
    for seconds in (fine.timing.resolve, fine.timing.connect, fine.timing.handshake, refused.timing.connect):
        assert seconds is not None
        assert 0 <= seconds < PATIENT


async def test_a_busy_loop_makes_no_server_look_slow() -> None:
    """The times are the peer's: what lies in the kernel while we are busy has arrived already."""
    busy, begun, loop = 0.3, threading.Event(), asyncio.get_running_loop()

    def be_busy() -> None:
        begun.set()
        threading.Event().wait(busy)

    def greeted(*_: object) -> None:
        loop.call_soon_threadsafe(be_busy)
        assert begun.wait(PATIENT)  # the server's answer arrives while we are busy

    with peers.threaded_server(LEAF, greeted) as port:
        (seen,) = await eye().look(Domain("a.test", port, ("127.0.0.1",)))
    assert isinstance(seen.sight, Seen)
    assert seen.timing.connect is not None
    assert seen.timing.handshake is not None
    assert seen.timing.connect + seen.timing.handshake < busy


@pytest.mark.parametrize(
    ("domain", "asked"),
    [
        (Domain("a.test", addresses=("127.0.0.1",)), "a.test"),
        (Domain("a.test.", addresses=("127.0.0.1",)), "a.test"),
        (Domain("xn--bcher-kva.test", addresses=("127.0.0.1",)), "xn--bcher-kva.test"),
        (Domain("under_score.test", addresses=("127.0.0.1",)), "under_score.test"),
        (Domain("a.test", addresses=("127.0.0.1",), server_name="other.test"), "other.test"),
        (Domain("127.0.0.1"), None),
        (Domain("127.0.0.1", server_name="other.test"), "other.test"),
        (Domain("a.test", addresses=("127.0.0.1",), server_name="127.0.0.1"), None),
    ],
    ids=str,
)
async def test_server_name(domain: Domain, asked: str | None) -> None:
    """A server is asked for the name, or the one configured instead, and never for an IP address."""
    async with peers.tls_server(LEAF) as peer:
        (seen,) = await eye().look(replace(domain, port=peer.port))
    assert replace(seen, timing=Timing()) == success(peer.port, served(LEAF), name=domain.name)
    assert peer.server_names == [asked]


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_ipv6() -> None:
    """IPv6 is looked at like IPv4."""
    async with peers.tls_server(LEAF, "::1") as peer:
        assert await look(peer.port, address="::1") == success(peer.port, served(LEAF), "::1")


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
async def test_old_server(tmp_path: Path, version: str) -> None:
    """A server of the nineties is reported, not refused: TLS 1.0, RSA-1024, SHA-1."""
    async with peers.old_server(tmp_path, version) as (peer, leaf):
        expected = Served(
            serial=7,
            names=("old.test",),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            issuer="CN=old.test",
            subject="CN=old.test",
            fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
            tls_version={"tls1": "TLSv1", "tls1_1": "TLSv1.1"}[version],
            cipher="ECDHE-RSA-AES256-SHA",
            trusted=None,
            trust_error="",
            chain_not_after=leaf.not_valid_after_utc,
            chain_length=1,
            group="x25519",
        )
        no_roots = TlsEye(nobody, Trust([], lambda: NOW), PATIENT, lambda: NOW)
        (seen,) = await no_roots.look(Domain("a.test", peer.port, ("127.0.0.1",)))
        assert replace(seen, timing=Timing()) == success(peer.port, expected)


@pytest.mark.parametrize("client_ca", [None, ROOT.certificate], ids=["any CA", "one CA"])
@pytest.mark.parametrize(
    ("version", "changes"),
    [
        (ssl.TLSVersion.TLSv1_2, {"tls_version": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES256-GCM-SHA384"}),
        (ssl.TLSVersion.TLSv1_3, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("private", [True, False], ids=["as it is", "without what pyOpenSSL keeps to itself"])
async def test_client_certificate_wanted(
    version: ssl.TLSVersion,
    changes: dict[str, object],
    client_ca: x509.Certificate | None,
    private: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that lets in only who has a certificate still shows its own, however we come to know it."""
    if not private:
        monkeypatch.setattr(contexts, "_LIB", None)
    async with peers.tls_server(LEAF, version=version, asks=True, client_ca=client_ca) as peer:
        expected = served(LEAF, wants_client_certificate=True, **changes)
        assert await look(peer.port) == success(peer.port, expected)


async def test_an_address_that_is_refused_is_not_connected_to() -> None:
    """Nothing arrives where a name must not lead, and its other addresses are seen as ever."""
    arrived = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(writer.get_extra_info("sockname")[0])
        writer.close()

    async def resolve(_: str) -> tuple[str, ...]:
        return "127.0.0.1", "127.0.0.2"

    def refusal(domain: Domain, address: str) -> str:
        return f"{address} is closed to {domain.name}" if address == "127.0.0.2" else ""

    async with peers.tls_server(LEAF) as peer:
        inner = await asyncio.start_server(note, "127.0.0.2", peer.port)
        trust = Trust([peers.der(ROOT.certificate)], lambda: NOW)
        guarded = TlsEye(resolve, trust, PATIENT, lambda: NOW, refusal=refusal)
        seen = await guarded.look(Domain("a.test", peer.port))
        assert [replace(one, timing=Timing()) for one in seen] == [
            success(peer.port, served(LEAF)),
            failure(peer.port, Why.FORBIDDEN_ADDRESS, "127.0.0.2 is closed to a.test", "127.0.0.2"),
        ]
        inner.close()
        assert arrived == []


async def test_other_curve() -> None:
    """A server that takes none but a curve without a key share in our first flight is seen."""
    async with peers.tls_server(LEAF, curve="secp384r1") as peer:
        assert await look(peer.port) == success(peer.port, served(LEAF, group="secp384r1"))


async def test_key_shares() -> None:
    """The ClientHello is a small one; a server that dislikes it is offered everything before it is called bad."""
    hellos = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hellos.append(await reader.read(65_536))
        writer.write(peers.alert(40))

    async with peers.raw_server(talk) as peer:
        expected = failure(peer.port, Why.TLS_HANDSHAKE_FAILURE, "tls alert handshake failure")
        assert await look(peer.port) == expected
    small, large = hellos
    assert len(small) < 600
    assert len(large) > 1200


FAILURES: dict[str, tuple[peers.Talk, Why, str]] = {
    "HTTP": (
        peers.says(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"),
        Why.NOT_TLS, "answers 'HTTP/1.1 400 Bad Request'",
    ),
    "SMTP": (peers.says(b"220 mx.test ESMTP\r\n", first=True), Why.NOT_TLS, "answers '220 mx.test ESMTP'"),
    "noise": (peers.says(b"\xff\0\xff"), Why.NOT_TLS, "answers '\\\\xff\\x00\\\\xff'"),
    "closes": (peers.hangs_up, Why.RESET, "closed the connection during the handshake"),
    "resets": (peers.resets, Why.RESET, "Connection reset by peer"),
    "unrecognized name": (peers.says(peers.alert(112)), Why.TLS_UNRECOGNIZED_NAME, "tlsv1 unrecognized name"),
    "protocol version": (peers.says(peers.alert(70)), Why.TLS_PROTOCOL_VERSION, "tlsv1 alert protocol version"),
    "SSL 3": (
        peers.says(peers.record(0x16, b"\2\0\0\x26\3\0" + bytes(33) + b"\0\x2f\0")),
        Why.TLS_PROTOCOL_VERSION, "unsupported protocol",
    ),
    "internal error": (peers.says(peers.alert(80)), Why.TLS_ALERT, "tlsv1 alert internal error"),
    "bad message": (peers.says(peers.record(0x16, b"\x63" * 99)), Why.TLS_PROTOCOL_ERROR, "unexpected message"),
    "no certificate": (peers.says(peers.plain_certificate()), Why.TLS_PROTOCOL_ERROR, "length mismatch"),
    "not a certificate": (peers.says(peers.plain_certificate(b"junk")), Why.BAD_CERTIFICATE, "too long; bad object header; nested asn1 error; ASN1 lib"),
    "flood": (peers.floods, Why.TLS_PROTOCOL_ERROR, "more than 262144 bytes in one handshake"),
}  # fmt: skip


@pytest.mark.parametrize(("talk", "why", "detail"), FAILURES.values(), ids=FAILURES)
async def test_failure(talk: peers.Talk, why: Why, detail: str) -> None:
    """Each way to fail has its reason from the closed set, and its words."""
    async with peers.raw_server(talk) as peer:
        assert await look(peer.port) == failure(peer.port, why, detail)


@pytest.mark.parametrize(
    "issued",
    [
        replace(LEAF, chain=LEAF.chain * 400),
        MIDDLE.issue([f"n{number}.example.test" for number in range(10_000)], NOW, DAY),
    ],
    ids=["400 certificates", "10,000 names"],
)
async def test_too_large(issued: pki.Issued) -> None:
    """A chain past OpenSSL's 100 KB is refused before it is read."""
    async with peers.tls_server(issued) as peer:
        assert await look(peer.port) == failure(peer.port, Why.TLS_PROTOCOL_ERROR, "excessive message size")


@pytest.mark.parametrize("talk", [peers.until_closed, peers.drips], ids=["silent", "dripping"])
async def test_handshake_timeout(talk: peers.Talk) -> None:
    """A peer that never comes to an end costs the deadline and no more, however busy it looks."""
    start = asyncio.get_running_loop().time()
    async with peers.raw_server(talk) as peer:
        seen = await look(peer.port, seconds=0.6)
        assert asyncio.get_running_loop().time() - start < PATIENT
        assert seen == failure(peer.port, Why.HANDSHAKE_TIMEOUT, "no answer within 0.6 s")


async def test_connect_timeout() -> None:
    """An address that drops packets, here for its full queue, costs the deadline and no more."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        expected = failure(port, Why.CONNECT_TIMEOUT, "no answer within 0.3 s")
        assert await look(port, seconds=0.3) == expected


@pytest.mark.parametrize(
    ("address", "why", "detail"),
    [
        ("127.0.0.9", Why.REFUSED, "Connection refused"),
        ("255.255.255.255", Why.NO_ROUTE, "Network is unreachable"),
        ("fe80::1", Why.NO_ROUTE, "Invalid argument"),
        ("a.test", Why.BAD_NAME, "'a.test' is not an IP address"),
    ],
)
async def test_no_connection(address: str, why: Why, detail: str) -> None:
    """An address that cannot be connected to says whose fault that is."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert await look(port, address=address) == failure(port, why, detail, address)


async def test_descriptors_exhausted() -> None:
    """Running out of descriptors is our own fault, and harms nothing but the look."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        seen = await look(443)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert seen == failure(443, Why.BUG, "Too many open files")


async def test_every_address() -> None:
    """One bad address of several shows beside the good ones, in the resolver's order, each address once."""

    async def resolve(name: str) -> tuple[str, ...]:
        assert name == "a.test"
        return ("127.0.0.3", "127.0.0.2", "127.0.0.1", "127.0.0.2")

    async with (
        peers.tls_server(LEAF, "127.0.0.2") as good,
        peers.raw_server(peers.until_closed, "127.0.0.1", good.port),
    ):
        looks = await eye(0.6, resolve).look(Domain("a.test", good.port))
    assert tuple(replace(one, timing=Timing()) for one in looks) == (
        failure(good.port, Why.REFUSED, "Connection refused", "127.0.0.3"),
        success(good.port, served(LEAF), "127.0.0.2"),
        failure(good.port, Why.HANDSHAKE_TIMEOUT, "no answer within 0.6 s", "127.0.0.1"),
    )


async def test_many_addresses() -> None:
    """A name with hundreds of addresses costs a bounded number of connections."""

    async def resolve(_: str) -> tuple[str, ...]:
        return tuple(f"127.1.0.{number}" for number in range(200))

    with socket.create_server(("127.0.0.1", 0)) as taken:
        looks = await eye(resolve=resolve).look(Domain("a.test", taken.getsockname()[1]))
    assert [one.endpoint.address for one in looks] == [
        f"127.1.0.{number}" for number in range(MOST_ADDRESSES)
    ]


async def not_found(_: str) -> tuple[str, ...]:
    """Answer NXDOMAIN."""
    raise Blind(Why.NAME_NOT_FOUND, "NXDOMAIN")


async def empty(_: str) -> tuple[str, ...]:
    """Answer without any address."""
    return ()


async def silent(_: str) -> tuple[str, ...]:
    """Never answer."""
    await asyncio.Event().wait()
    return ()


async def broken(_: str) -> tuple[str, ...]:
    """Fail as nobody foresaw."""
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("resolve", "why", "detail"),
    [
        (not_found, Why.NAME_NOT_FOUND, "NXDOMAIN"),
        (empty, Why.NO_ADDRESS, ""),
        (silent, Why.RESOLVER_TIMEOUT, "no answer within 0.2 s"),
        (broken, Why.BUG, "ZeroDivisionError: oh"),
    ],
)
async def test_unresolved(resolve: Callable[[str], object], why: Why, detail: str) -> None:
    """A name without an address is one look without an address."""
    (seen,) = await eye(0.2, resolve).look(Domain("a.test"))
    assert replace(seen, timing=Timing()) == failure(443, why, detail, "")
    assert seen.timing.resolve is not None


async def test_resolving_counts() -> None:
    """The deadline is one for all: what the resolver used is gone for the handshake."""

    async def resolve(_: str) -> tuple[str, ...]:
        await asyncio.sleep(0.4)
        return ("127.0.0.1",)

    async with peers.raw_server(peers.until_closed) as peer:
        (seen,) = await eye(0.6, resolve).look(Domain("a.test", peer.port))
    assert seen.sight == Unseen(Why.HANDSHAKE_TIMEOUT, "no answer within 0.6 s")
    assert seen.timing.handshake is not None
    assert seen.timing.handshake < 0.4


@pytest.mark.parametrize(
    "name",
    ["x..y", ".a.test", "a" * 64 + ".test", "a." * 127 + "test", "a b.test", "bücher.test", "a\0.test", ""],
)
async def test_bad_name(name: str) -> None:
    """A name that neither DNS nor TLS can ask for is not asked for."""
    (seen,) = await eye().look(Domain(name))
    assert seen == failure(443, Why.BAD_NAME, f"{name!r} is not a host name", "", name)


async def test_cancelled() -> None:
    """A look that is cancelled ends at once, and its socket is closed."""
    met = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        await peers.until_closed(reader, writer)

    before = descriptors()
    async with peers.raw_server(talk) as peer:
        looking = asyncio.create_task(look(peer.port))
        await met.wait()
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
    assert descriptors() == before


@contextlib.asynccontextmanager
async def several() -> AsyncIterator[list[int]]:
    """Serve well, plain text, an alert and nothing at all."""
    talks = [peers.says(b"hello\n"), peers.says(peers.alert(80)), peers.hangs_up, peers.until_closed]
    async with contextlib.AsyncExitStack() as stack:
        ports = [(await stack.enter_async_context(peers.tls_server(LEAF))).port]
        ports += [(await stack.enter_async_context(peers.raw_server(talk))).port for talk in talks]
        yield ports


async def test_no_leak() -> None:
    """Hundreds of looks, however they end, leave no descriptor behind."""
    watch = eye(0.3)
    before = descriptors()
    async with several() as ports:
        for _ in range(6):
            rounds = (watch.look(Domain("a.test", port, ("127.0.0.1",))) for port in ports * 10)
            assert len(await asyncio.gather(*rounds)) == 50
    assert descriptors() == before
