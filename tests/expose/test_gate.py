"""Abuse of the sockets, done with sockets: everything is bounded, and a scrape is answered meanwhile."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.expose.gate import Limits
from tests.expose.entrance import PAIR, Entrance, ask, entrance, exchange, files, trusting

OK = "HTTP/1.1 200 OK"
GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
QUICK = Limits(head=0.3, idle=0.3, drain=0.3, tick=0.05)
PATIENT = 10.0  # seconds on a busy machine, of which a test that passes needs a fraction


@asynccontextmanager
async def connected(
    at: Entrance, source: str = "127.0.0.1", room: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect from an address, with so little room for what comes."""
    plain = socket.socket()
    plain.setblocking(False)
    plain.bind((source, 0))
    if room is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", at.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=2**20 if room is None else 1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until_cut_off(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends the connection."""
    async with asyncio.timeout(PATIENT):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-A: a\r\n", b"\r\n\r\n"],
    ids=["silent", "half a line", "no end of the head", "empty lines"],
)
async def test_who_sends_no_request_is_cut_off(sent: bytes) -> None:
    """Slow loris: a connection without a whole request is held for `head` seconds."""
    async with entrance(limits=QUICK) as at, connected(at) as (reader, writer):
        writer.write(sent)
        assert await ask(at, "/metrics") == OK
        assert await until_cut_off(reader) == b""


async def test_a_byte_now_and_then_gains_nothing() -> None:
    """The clock runs from the first byte of a request, and not from the last."""
    async with entrance(limits=QUICK) as at, connected(at) as (reader, writer):
        loop = asyncio.get_running_loop()
        began = loop.time()
        pieces = 0
        while not reader.at_eof() and loop.time() - began < PATIENT:
            writer.write(b"GET / HTTP/1.1\r\nX: " if pieces == 0 else b"a")
            pieces += 1
            try:
                async with asyncio.timeout(0.05):
                    await reader.read(1)
            except (TimeoutError, ConnectionError):
                if writer.transport.is_closing():
                    break
        assert loop.time() - began < PATIENT


async def test_the_second_request_has_the_same_clock() -> None:
    """Who was served once may not begin a request and rest."""
    async with entrance(limits=QUICK) as at, connected(at) as (reader, writer):
        writer.write(GET)
        await reader.readuntil(b"healthy\n")
        writer.write(b"GET /-/hea")
        assert await until_cut_off(reader) == b""


async def test_a_connection_may_rest_between_requests() -> None:
    """Prometheus keeps its connection from scrape to scrape; after `idle` seconds it goes."""
    async with (
        entrance(limits=Limits(head=0.2, idle=0.8, tick=0.05)) as at,
        connected(at) as (reader, writer),
    ):
        loop = asyncio.get_running_loop()
        writer.write(GET)
        await reader.readuntil(b"healthy\n")
        began = loop.time()
        assert await until_cut_off(reader) == b""
        assert loop.time() - began > 0.5


async def test_a_silent_client_of_tls_is_cut_off(tmp_path: Path) -> None:
    """The handshake has the same bound."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}")
    async with entrance(file, QUICK) as at, connected(at) as (reader, _):
        assert await ask(at, "/metrics", trusting(tmp_path)) == OK
        assert await until_cut_off(reader) == b""


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("last", [b"", GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
async def test_who_does_not_read_is_cut_off(secure: bool, last: bytes, tmp_path: Path) -> None:
    """Answers that nobody reads are held for `drain` seconds, also when the connection is to be closed."""
    file = files(tmp_path, f"tls_server_config:\n{PAIR}") if secure else None
    async with entrance(file, QUICK) as at:
        context = trusting(tmp_path) if secure else None
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", at.port))
        name = "localhost" if secure else None
        _, writer = await asyncio.open_connection(sock=plain, ssl=context, server_hostname=name, limit=1024)
        (gate,) = at.server._gates._by_handler.values()
        writer.write(SCRAPE * 200 + last)
        with capture_logs() as logs:
            async with asyncio.timeout(PATIENT):
                while gate in at.server._gates._by_handler.values():
                    assert await ask(at, "/-/healthy", context) == OK
        writer.transport.abort()
    assert "its answer is not read" in [one.get("why") for one in logs]


HUGE = 1_000_000
REFUSED = "HTTP/1.0 400 Bad Request"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /" + b"a" * HUGE + b" HTTP/1.1\r\n\r\n", REFUSED),
        (b"GET /probe?target=" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", REFUSED),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * HUGE, REFUSED),
        (b"GET / HTTP/1.1\r\n" + b"a" * HUGE, REFUSED),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * HUGE, REFUSED),
        (b"BREW / HTTP/1.1\r\n\r\n", REFUSED),
        (b"\x16\x03\x01\x02\x00\x01", REFUSED),
        (b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", REFUSED),
        (b"GET / HTTP/9.9\r\n\r\n", REFUSED),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", REFUSED),
        (
            b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999\r\n\r\n",
            "HTTP/1.1 405 Method Not Allowed",
        ),
        (b"DELETE /api/v1/certificates HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        (
            b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1000\r\n" + b"a" * 0x1000 + b"\r\n",
            OK,
        ),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n", OK),  # / of ours: it is no proxy
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else value,
)
async def test_what_is_no_proper_request(sent: bytes, answer: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused in a few words, the connection ends, and the log does not grow."""
    async with entrance(limits=QUICK) as at:
        async with asyncio.timeout(PATIENT):
            got = await exchange(at.port, sent)
        assert await ask(at, "/metrics") == OK
    line = got if isinstance(got, str) else got.partition(b"\r\n")[0].decode()
    assert (
        line in (answer, "ConnectionResetError", "BrokenPipeError") if len(sent) >= HUGE else line == answer
    )
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO] == []


async def test_many_requests_at_once_on_a_connection() -> None:
    """Pipelined requests are answered in turn, while others have theirs."""
    async with entrance() as at, connected(at) as (reader, writer):
        writer.write(GET * 3000)
        assert await ask(at, "/metrics") == OK
        async with asyncio.timeout(PATIENT):
            for _ in range(3000):
                await reader.readuntil(b"healthy\n")


async def test_a_newcomer_is_let_in_and_the_greedy_make_room() -> None:
    """With all places taken, it is the oldest connection of the peer that has most that ends."""
    async with entrance(limits=Limits(connections=20)) as at:
        held = [connected(at, "127.0.0.2") for _ in range(30)]
        modest = connected(at, "127.0.0.3")
        quiet_reader, quiet_writer = await modest.__aenter__()
        readers = [(await one.__aenter__())[0] for one in held]
        assert await ask(at, "/metrics") == OK
        async with asyncio.timeout(PATIENT):
            assert [await until_cut_off(one) for one in readers[:11]] == [b""] * 11
        assert [one.at_eof() for one in readers[-15:]] == [False] * 15
        quiet_writer.write(GET)
        assert (await quiet_reader.readuntil(b"healthy\n")).startswith(b"HTTP/1.1 200 OK")
        for one in (*held, modest):
            await one.__aexit__(None, None, None)


async def test_a_flood_of_connections_leaves_nothing_behind() -> None:
    """Connections that come and go, or are reset at once, are forgotten, and scrapes are answered among them."""
    async with entrance(limits=Limits(connections=50)) as at:
        for _ in range(20):
            half_open = [asyncio.open_connection("127.0.0.1", at.port) for _ in range(40)]
            opened = await asyncio.gather(*half_open)
            assert await ask(at, "/metrics") == OK
            for _, writer in opened:
                writer.transport.abort()
        async with asyncio.timeout(PATIENT):
            while len(at.server._gates._by_handler) > 1 or len(at.server._gates._gates) > 1:
                assert await ask(at, "/-/healthy") == OK  # the one that is left may be this one's


async def test_a_flood_of_costly_pages_leaves_scrapes_alone() -> None:
    """Only two pages are made at a time and 32 wait; whoever comes then is told to come again."""
    async with entrance() as at:
        flood = [asyncio.create_task(ask(at, "/api/v1/certificates")) for _ in range(150)]
        scrape = await ask(at, "/metrics")
        answers = set(await asyncio.gather(*flood))
    assert scrape == OK
    assert answers == {OK, "HTTP/1.1 503 Service Unavailable"}
