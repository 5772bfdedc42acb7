"""The HTTP server as Prometheus, probes and people meet it: on real sockets."""

from __future__ import annotations

import asyncio
import html
import json
import re
import socket
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp import ClientResponse, ClientSession, DummyCookieJar
from structlog.testing import capture_logs

from exporter.expose import api, page
from exporter.expose import server as serving
from exporter.expose.server import Server, _url
from exporter.snapshot import Board, Case
from tests.evidence import ARN
from tests.expose.asked import Asked
from tests.expose.snapshots import SMALL, case, snapshot

FRESH = snapshot()  # as at the start: nothing is known
ANYWHERE = [("127.0.0.1", 0)]


@pytest.fixture
def board() -> Board:
    """Give the board that the server serves."""
    return Board(SMALL)


@pytest.fixture
async def url(board: Board) -> AsyncIterator[str]:
    """Run the server; gives its URL."""
    server = Server(board, Asked().probing())
    (address,) = await server.start(ANYWHERE)
    rendering = asyncio.create_task(server.keep_rendered())
    yield address
    rendering.cancel()
    with suppress(asyncio.CancelledError):
        await rendering
    await server.close()


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    """Give a client that unpacks nothing and asks for nothing by itself."""
    async with ClientSession(
        auto_decompress=False, skip_auto_headers=["Accept", "Accept-Encoding"], cookie_jar=DummyCookieJar()
    ) as session:
        yield session


async def got(answer: ClientResponse) -> tuple[int, str, str]:
    """Give status, content type and text."""
    return answer.status, answer.headers["Content-Type"], await answer.text()


def ours(metrics: str) -> list[str]:
    """Keep the rows of our own families, which do not change from moment to moment."""
    return [line for line in metrics.splitlines() if re.match(r"(acm|tls)_", line)]


PLAIN = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type", "text"),
    [
        ("GET", "/-/healthy", 200, PLAIN, "healthy\n"),
        ("GET", "/-/ready", 200, PLAIN, "ready\n"),
        ("POST", "/sd", 405, PLAIN, "405: Method Not Allowed"),
        ("POST", "/-/reload", 409, PLAIN, "there is no configuration file to reload\n"),
        ("GET", "/nothing", 404, PLAIN, "404: Not Found"),
        ("GET", "/metrics/", 404, PLAIN, "404: Not Found"),
        ("GET", "/-/reload", 405, PLAIN, "405: Method Not Allowed"),
        ("POST", "/metrics", 405, PLAIN, "405: Method Not Allowed"),
        ("DELETE", "/api/v1/certificates", 405, PLAIN, "405: Method Not Allowed"),
        (
            "GET",
            "/api/v1/changes?limit=none",
            400,
            PLAIN,
            "limit: none is not a number of changes (expected 1 to 999999)\n",
        ),
    ],
)
async def test_each_path(  # noqa: PLR0917 - the columns of the table
    url: str, client: ClientSession, method: str, path: str, status: int, content_type: str, text: str
) -> None:
    """Each path of the contract answers, and everything else is refused."""
    async with client.request(method, url + path) as answer:
        assert await got(answer) == (status, content_type, text)


async def test_the_latest_changes_come_first(url: str, client: ClientSession) -> None:
    """Whoever asks for one gets the latest."""
    for query, expected in (("?limit=1", SMALL.changes[1:]), ("", SMALL.changes[::-1])):
        async with client.get(f"{url}/api/v1/changes{query}") as answer:
            assert await answer.json() == api.changes(expected)


async def test_front_page_links_to_what_there_is(url: str, client: ClientSession) -> None:
    """Whoever opens the address in a browser finds the way, and each link leads somewhere."""
    async with client.get(f"{url}/") as answer:
        status, content_type, text = await got(answer)
    assert (status, content_type) == (200, "text/html; charset=utf-8")
    links = {html.unescape(link) for link in re.findall(r'href="(/[^"]*)"', text)}
    assert links > {
        "/metrics",
        "/api/v1/certificates",
        "/-/healthy",
        "/-/ready",
        f"/certificate?arn={ARN}",
    }
    for link in links:
        async with client.get(url + link) as answer:
            assert answer.status == 200


async def test_certificates_as_json(url: str, client: ClientSession) -> None:
    """The API gives the whole snapshot."""
    async with client.get(f"{url}/api/v1/certificates") as answer:
        status, content_type, text = await got(answer)
    assert (status, content_type) == (200, "application/json; charset=utf-8")
    assert json.loads(text) == json.loads(json.dumps(api.document(SMALL)))


async def test_metrics_in_both_formats(url: str, client: ClientSession) -> None:
    """Prometheus's text for whoever says nothing, OpenMetrics for whoever asks; the rows are the same."""
    async with client.get(f"{url}/metrics") as answer:
        text = await got(answer)
    async with client.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"}) as answer:
        open_metrics = await got(answer)
    assert text[:2] == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert open_metrics[:2] == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert ours(text[2]) == ours(open_metrics[2])
    assert any(ARN in line for line in ours(text[2]))


@pytest.mark.parametrize(
    ("accepts", "zipped"),
    [
        (None, False),
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, identity", False),
        ("identity", False),
        ("xgzip", False),
        ("", False),
    ],
)
async def test_gzip_only_for_whoever_takes_it(
    url: str, client: ClientSession, accepts: str | None, zipped: bool
) -> None:
    """The packed text is whole, and who refuses it by a weight of 0 gets the plain one."""
    headers = {} if accepts is None else {"Accept-Encoding": accepts}
    async with client.get(f"{url}/metrics", headers=headers) as answer:
        body = await answer.read()
        assert answer.headers.get("Content-Encoding") == ("gzip" if zipped else None)
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    text = (inflate.decompress(body) if zipped else body).decode()
    assert not inflate.unused_data  # curl and browsers read a first gzip member only
    assert len([line for line in ours(text) if line.startswith("acm_certificate_renewal_verdict{")]) == 8
    assert "process_cpu_seconds_total" in text


async def test_usual_client_gets_the_end_of_the_text(url: str) -> None:
    """A client that unpacks by itself gets everything, though the parts of the text were packed apart."""
    async with (
        ClientSession() as usual,
        usual.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text"}) as answer,
    ):
        assert answer.headers["Content-Encoding"] == "gzip"
        assert (await answer.text()).endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/api/v1/certificates"])
async def test_head_has_no_body(url: str, client: ClientSession, path: str) -> None:
    """A checker that asks with HEAD gets the status and the size alone."""
    async with client.head(url + path) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""


async def test_status_page_and_the_page_of_one_certificate(url: str, client: ClientSession) -> None:
    """A browser gets both pages with the headers that keep foreign code out, and 404 for an unknown ARN."""
    for path in ("/", f"/certificate?arn={ARN}"):
        async with client.get(url + path) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert {name: answer.headers[name] for name in page.HEADERS} == dict(page.HEADERS)
            assert ARN in await answer.text()
    async with client.get(f"{url}/certificate?arn=nobody") as answer:
        assert await got(answer) == (404, PLAIN, "no certificate of the snapshot has the ARN 'nobody'\n")


async def test_ready_after_the_first_full_sweep(board: Board, client: ClientSession) -> None:
    """Readiness turns with the first whole snapshot, whose metrics are served from then on."""
    board.latest = FRESH
    server = Server(board, Asked().probing())
    (url,) = await server.start(ANYWHERE)
    async with client.get(f"{url}/-/ready") as answer:
        assert await got(answer) == (503, PLAIN, "not ready: the first full sweep is still under way\n")
    async with client.get(f"{url}/-/healthy") as answer:
        assert answer.status == 200
    board.latest = SMALL
    async with client.get(f"{url}/-/ready") as answer:
        assert await got(answer) == (200, PLAIN, "ready\n")
    async with client.get(f"{url}/metrics") as answer:
        assert ARN in await answer.text()
    await server.close()


async def until(client: ClientSession, url: str, word: str) -> str:
    """Ask until the answer has a word; gives the answer."""
    async with asyncio.timeout(30):
        while True:
            async with client.get(url) as answer:
                text = await answer.text()
            if answer.status == 200 and word in text:
                return text


async def test_a_rendering_serves_for_some_seconds(
    url: str, board: Board, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two Prometheus servers cost one rendering, and no scrape is older than the bound."""
    row = 'acm_exporter_looks_total{outcome="ok",source="acm"}'

    async def scraped() -> str:
        async with client.get(f"{url}/metrics") as answer:
            return next(line for line in (await answer.text()).splitlines() if line.startswith(row))

    monkeypatch.setattr(serving, "FRESH", 60.0)
    board.latest = replace(SMALL, tally={("acm", "ok"): 4})
    assert await scraped() == f"{row} 3.0"
    monkeypatch.setattr(serving, "FRESH", 0.0)
    assert await scraped() == f"{row} 4.0"


class Slow(tuple[Case, ...]):
    """Cases that take a while to be read."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Case]:
        """Wait a little longer than a scrape should."""
        threading.Event().wait(2 * serving.QUICK)
        return super().__iter__()


async def test_what_takes_long_is_rendered_ahead(
    url: str, board: Board, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large inventory takes a while to render; scrapes find it done, with a bounded share of a core."""
    monkeypatch.setattr(serving, "REST", 0.1)
    monkeypatch.setattr(serving, "FRESH", 0.0)
    board.latest = replace(SMALL, cases=Slow((case(),)))
    async with client.get(f"{url}/metrics") as answer:
        assert answer.status == 200
    monkeypatch.setattr(serving, "FRESH", 60.0)
    board.latest = replace(SMALL, tally={("acm", "ok"): 4})
    await until(client, f"{url}/metrics", 'acm_exporter_looks_total{outcome="ok",source="acm"} 4.0')


class Broken(tuple[Case, ...]):
    """Cases that nobody can read."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Case]:
        """Fail."""
        raise RuntimeError("a bug")


async def test_a_bug_in_a_rendering_leaves_the_last_one(
    url: str, board: Board, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own mistake shows in the log and in the snapshot's age, not in the absence of everything."""
    monkeypatch.setattr(serving, "FRESH", 0.0)
    board.latest = replace(SMALL, cases=Broken())
    with capture_logs() as logs:
        async with client.get(f"{url}/metrics") as answer:
            assert ARN in await answer.text()
    assert [log["event"] for log in logs] == ["bug in a rendering; the last one stays"]
    board.latest = replace(SMALL, tally={("acm", "ok"): 4})
    await until(client, f"{url}/metrics", 'acm_exporter_looks_total{outcome="ok",source="acm"} 4.0')


async def test_concurrent_scrapes_get_the_same(url: str, client: ClientSession) -> None:
    """Two Prometheus servers and a person at once are no trouble to each other."""

    async def scrape() -> list[str]:
        async with client.get(f"{url}/metrics") as answer:
            return ours(await answer.text())

    first, *others = await asyncio.gather(*(scrape() for _ in range(20)))
    assert len(first) > 50
    assert all(other == first for other in others)


async def test_silent_client_stops_nobody(url: str, client: ClientSession) -> None:
    """Somebody connects and says nothing, or half a request: the next scrape is answered all the same."""
    port = int(url.rpartition(":")[2])
    _, silent = await asyncio.open_connection("127.0.0.1", port)
    _, halting = await asyncio.open_connection("127.0.0.1", port)
    halting.write(b"GET /metrics HTTP/1.1\r\nHost:")
    await halting.drain()
    async with asyncio.timeout(30), client.get(f"{url}/metrics") as answer:
        assert answer.status == 200
    for writer in (silent, halting):
        writer.close()
        await writer.wait_closed()


async def test_two_addresses(board: Board, client: ClientSession) -> None:
    """All addresses given are served, and none after the end."""
    server = Server(board, Asked().probing())
    urls = await server.start([("127.0.0.1", 0), ("127.0.0.2", 0)])
    assert [url.rpartition(":")[0] for url in urls] == ["http://127.0.0.1", "http://127.0.0.2"]
    for url in urls:
        async with client.get(f"{url}/-/healthy") as answer:
            assert answer.status == 200
    await server.close()
    for url in urls:
        with pytest.raises(OSError, match="Cannot connect"):
            await client.get(f"{url}/-/healthy")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        (("127.0.0.1", 9795), "http://127.0.0.1:9795"),
        (("0.0.0.0", 9795), "http://127.0.0.1:9795"),
        (("::", 9795, 0, 0), "http://127.0.0.1:9795"),
        (("::1", 9795, 0, 0), "http://[::1]:9795"),
    ],
)
def test_urls_can_be_opened_on_this_machine(name: tuple[object, ...], url: str) -> None:
    """The log names an address to click on, also where the socket listens on all."""
    assert _url("http", name) == url


async def test_port_taken(board: Board) -> None:
    """A port in use is an OSError that names it, also as the second of two."""
    server = Server(board, Asked().probing())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"\('127\.0\.0\.1', {port}\): .*in use"):
            await server.start([("127.0.0.1", 0), ("127.0.0.1", port)])
    await server.close()
