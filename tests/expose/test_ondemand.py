"""/probe as Prometheus and people ask it: over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import ClientSession

from exporter.expose.request import HEADER
from exporter.expose.server import Server
from exporter.facts import Domain, Proxy, Way
from exporter.judge.admission import Errand, Forbidden
from exporter.snapshot import Board
from tests.expose.asked import SECONDS, Asked
from tests.expose.snapshots import case, snapshot

PLAIN = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
WWW = Domain("www.example.com", labels={"team": "web"})
API = Domain("api.example.com", 8443, addresses=("192.0.2.1",), server_name="inner.example.com")
MAIL = Domain("mail.example.com", way=Way("smtp", Proxy("proxy.example.com", 3128)))
ALLOW = ("*.example.net:8443", "192.0.2.0/24:443", "169.254.0.0/16:*", "[::/0]:*")


@pytest.fixture
def board() -> Board:
    """Give the board that the server serves."""
    return Board(snapshot(case(), targets=(WWW, API, MAIL), listed=True))


@pytest.fixture
def asked() -> Asked:
    """Give what the server is handed."""
    return Asked()


@pytest.fixture
async def url(board: Board, asked: Asked) -> AsyncIterator[str]:
    """Run the server; gives its URL."""
    server = Server(board, asked.probing(*ALLOW))
    (address,) = await server.start([("127.0.0.1", 0)])
    yield address
    await server.close()


async def got(url: str, query: str, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Ask; gives status, content type and text."""
    async with ClientSession() as client, client.get(f"{url}/probe?{query}", headers=headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_metrics(url: str, asked: Asked) -> None:
    """Prometheus gets metrics of what was looked at, with the match against the board's inventory."""
    status, content_type, text = await got(url, "target=www.example.com&module=tcp_tls")
    assert (status, content_type) == (200, METRICS)
    lines = text.splitlines()
    assert "probe_success 1.0" in lines
    assert [line.rsplit(" ", 1)[1] for line in lines if line.startswith("tls_endpoint_serial_match{")] == [
        "1.0"
    ]
    assert asked.errands == [Errand(WWW, "www.example.com", SECONDS)]


async def test_debug(url: str) -> None:
    """A person gets the log and then the same metrics."""
    metrics = (await got(url, "target=www.example.com"))[2]
    status, content_type, text = await got(url, "target=www.example.com&debug=true")
    assert (status, content_type) == (200, PLAIN)
    log, _, shown = text.partition("\n\nMetrics that would have been returned:\n")
    assert log.startswith(
        "Logs for the probe:\n   +0.000 s  begin www.example.com:443 (known), for 10 s at most"
    )
    assert shown == metrics


@pytest.mark.parametrize(
    ("query", "errand"),
    [
        ("target=https://www.example.com/", Errand(WWW, "www.example.com", SECONDS)),
        ("target=api.example.com:8443", Errand(API, "api.example.com", SECONDS)),
        (
            "target=api.example.com:8443&hostname=shop.example.com",
            Errand(Domain("shop.example.com", 8443, addresses=("192.0.2.1",)), "api.example.com", SECONDS),
        ),
        (
            "target=mail.example.com",
            Errand(MAIL, "mail.example.com", SECONDS),
        ),
        (
            "target=mail.example.com:443&starttls=imap&hostname=other.example.com",
            Errand(
                Domain("other.example.com", way=Way("imap", Proxy("proxy.example.com", 3128))),
                "mail.example.com",
                SECONDS,
            ),
        ),
        (
            "target=b.example.net:8443&starttls=ftp",
            Errand(Domain("b.example.net", 8443, way=Way("ftp")), "b.example.net", SECONDS, guarded=True),
        ),
        (
            "target=a.b.example.net:8443",
            Errand(Domain("a.b.example.net", 8443), "a.b.example.net", SECONDS, guarded=True),
        ),
        (
            "target=192.0.2.9&hostname=www.example.com",
            Errand(Domain("www.example.com", addresses=("192.0.2.9",)), "192.0.2.9", SECONDS, guarded=True),
        ),
    ],
)
async def test_what_is_looked_at(url: str, asked: Asked, query: str, errand: Errand) -> None:
    """What is known is looked at as it is configured, what is only allowed has its addresses seen to."""
    assert (await got(url, query))[0] == 200
    assert asked.errands == [errand]


@pytest.mark.parametrize(("header", "seconds"), [("120", SECONDS), ("5", 4.5), ("0.5", 0.25)])
async def test_deadline(url: str, asked: Asked, header: str, seconds: float) -> None:
    """It is over before Prometheus gives up, and never later than configured."""
    assert (await got(url, "target=www.example.com", {HEADER: header}))[0] == 200
    assert asked.errands == [Errand(WWW, "www.example.com", seconds)]


UNKNOWN = "is neither a configured domain nor a name of the inventory's certificates"
ALLOWING = "; probe.allow would have to allow it\n"
NEVER = ", which is never probed: it is link-local, multicast, unspecified or for metadata\n"


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        (
            "",
            400,
            "target is missing (expected HOST, HOST:PORT, [ADDRESS]:PORT or https://HOST:PORT/)\n",
        ),
        ("target=www.example.com:0", 400, "target: 0 is not a port (expected 1 to 65535)\n"),
        ("target=inner.example.org", 403, f"inner.example.org:443 {UNKNOWN}{ALLOWING}"),
        ("target=www.example.com:22", 403, f"www.example.com:22 {UNKNOWN} (its known ports: 443){ALLOWING}"),
        ("target=example.net:8443", 403, f"example.net:8443 {UNKNOWN}{ALLOWING}"),
        ("target=a.example.net", 403, f"a.example.net:443 {UNKNOWN}{ALLOWING}"),
        ("target=192.0.2.9:22", 403, f"192.0.2.9:22 {UNKNOWN}{ALLOWING}"),
        ("target=10.0.0.1", 403, f"10.0.0.1:443 {UNKNOWN}{ALLOWING}"),
        ("target=[::ffff:10.0.0.1]:22", 403, f"[::ffff:a00:1]:22 {UNKNOWN}{ALLOWING}"),
        ("target=169.254.169.254:80", 403, f"169.254.169.254{NEVER}"),
        ("target=[fd00:ec2::254]:80", 403, f"fd00:ec2::254{NEVER}"),
        ("target=fe80::1", 403, f"fe80::1{NEVER}"),
    ],
)
async def test_refused(url: str, asked: Asked, query: str, status: int, text: str) -> None:
    """Nobody is looked at who is neither known nor allowed, and whoever asked reads why."""
    assert await got(url, query) == (status, PLAIN, text)
    assert asked.errands == []


async def test_a_name_that_leads_where_nobody_may_be_sent(url: str, asked: Asked) -> None:
    """The addresses count as well as the name."""
    asked.answer = Forbidden("169.254.169.254")
    assert await got(url, "target=a.example.net:8443") == (
        403,
        PLAIN,
        f"a.example.net:8443 has the address 169.254.169.254{NEVER}",
    )


async def test_too_many_at_once(url: str, asked: Asked) -> None:
    """Whoever comes too many is asked to come again."""
    asked.answer = None
    async with ClientSession() as client, client.get(f"{url}/probe?target=www.example.com") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert await answer.text() == "too many probes are under way; ask again in a second\n"


async def test_before_the_inventory_was_read(url: str, board: Board, asked: Asked) -> None:
    """What is configured can be looked at from the start; of all else nobody can say yet that it is not known."""
    board.latest = replace(snapshot(targets=(WWW,)), listed=False)
    assert (await got(url, "target=www.example.com"))[0] == 200
    assert await got(url, "target=shop.example.com") == (
        503,
        PLAIN,
        "shop.example.com:443 is not known, and the inventory has not been read yet\n",
    )
    assert asked.errands == [Errand(WWW, "www.example.com", SECONDS)]


async def test_a_certificate_that_was_renewed_meanwhile(url: str, board: Board) -> None:
    """The match is against what ACM has now, not when the server was started."""
    board.latest = snapshot(case(replace(case().certificate, serial=1)), targets=(WWW,), listed=True)
    text = (await got(url, "target=www.example.com"))[2]
    (row,) = [line for line in text.splitlines() if line.startswith("tls_endpoint_serial_match{")]
    assert row.endswith(" 0.0")
