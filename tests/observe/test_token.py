"""The HTTP eye against small web servers on loopback."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from exporter.demo.dns import DnsServer, Zone
from exporter.demo.pki import self_signed
from exporter.facts import Ask, Question, Token, Why
from exporter.observe.dns import Resolver
from exporter.observe.sight import Blind
from exporter.observe.token import TokenFetcher

TOKEN = b"c0ffee-token"
ZONE: Zone = {
    "www.example.com": {"A": ["127.0.0.2"]},
    "validation.test": {"A": ["127.0.0.3"]},
    "mute.test": {"FAIL": "silent"},
    "broken.test": {"FAIL": "refused"},
    "far.test": {"A": ["255.255.255.255"]},
}


class Site:
    """One web server for the domain and for ACM, and a name server that knows both."""

    def __init__(self, port: int, tls_port: int, dns: DnsServer) -> None:
        self.port = port
        self.tls_port = tls_port
        self.dns = dns

    async def fetch(
        self,
        start: str,
        to: str = "http://validation.test:{port}/token",
        patience: float = 5,
        refused: tuple[str, ...] = (),
    ) -> Token:
        """Compare two addresses, written with the servers' ports left open."""

        def refusal(address: str) -> str:
            return f"{address} is closed" if address in refused else ""

        fetcher = TokenFetcher(Resolver([self.dns.address], patience, None), patience, refusal)
        return await fetcher.fetch(Question(Ask.TOKEN, self.url(start), self.url(to)))

    def url(self, text: str) -> str:
        """Fill in the ports; a path alone belongs to the domain."""
        url = f"http://www.example.com:{{port}}{text}" if text.startswith("/") else text
        return url.format(port=self.port, tls_port=self.tls_port)


PAGES = {
    "/token": (200, TOKEN),
    "/spaced": (200, TOKEN + b"\r\n"),
    "/empty": (200, b""),
    "/other": (200, b"<html>"),
    "/large": (200, b" " * 70_000 + TOKEN),
    "/forbidden": (403, TOKEN),
}
REDIRECTS = {
    "/away": "http://validation.test:{port}/token",
    "/astray": "http://validation.test:{port}/other",
    "/to/ftp": "ftp://validation.test/",
    "/to/mute": "http://mute.test/",
    "/to/gone": "http://gone.test/",
    "/to/literal": "http://127.0.0.4:{port}/token",
    "/hops/1": "/token",
    **{f"/hops/{count}": f"/hops/{count - 1}" for count in range(2, 12)},
}


async def _answer(request: web.Request) -> web.StreamResponse:
    """Answer by path, for the domain as for ACM; an unknown one cuts the connection."""
    if request.path in REDIRECTS:
        raise web.HTTPFound(REDIRECTS[request.path].format(port=request.url.port))
    if request.path not in PAGES:
        assert request.transport is not None
        request.transport.abort()
    status, body = PAGES.get(request.path, (500, b""))
    return web.Response(status=status, body=body)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve on 127.0.0.2 and 127.0.0.3, with and without TLS."""
    issued = self_signed(["validation.test"], datetime.now(UTC) - timedelta(days=1))
    (tmp_path / "pem").write_bytes(issued.chain_pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.router.add_get("/{path:.*}", _answer)
    await runner.setup()
    sockets = [socket.create_server(("0.0.0.0", 0)) for _ in range(2)]
    await web.SockSite(runner, sockets[0]).start()
    await web.SockSite(runner, sockets[1], ssl_context=context).start()
    dns = await DnsServer.start(ZONE)
    yield Site(sockets[0].getsockname()[1], sockets[1].getsockname()[1], dns)
    await runner.cleanup()
    await dns.close()


HERE = "http://www.example.com:{port}"


@pytest.mark.parametrize(
    ("start", "token"),
    [
        pytest.param("/token", Token(matches=True), id="served"),
        pytest.param("/spaced", Token(matches=True), id="with a line end"),
        pytest.param("/away", Token(matches=True), id="redirected"),
        pytest.param("/hops/10", Token(matches=True), id="ten redirects"),
        pytest.param(
            "https://www.example.com:{tls_port}/token", Token(matches=True), id="over TLS of any certificate"
        ),
        pytest.param(
            "/hops/11",
            Token(matches=False, met=f"{HERE}/hops/11: more than 10 redirects"),
            id="eleven redirects",
        ),
        pytest.param("/forbidden", Token(matches=False, met=f"{HERE}/forbidden answers 403"), id="WAF"),
        pytest.param(
            "/other", Token(matches=False, met=f"{HERE}/other answers with other content"), id="other"
        ),
        pytest.param(
            "/empty", Token(matches=False, met=f"{HERE}/empty answers with other content"), id="empty"
        ),
        pytest.param(
            "/large", Token(matches=False, met=f"{HERE}/large answers with more than 65536 bytes"), id="large"
        ),
        pytest.param(
            "/astray",
            Token(
                matches=False,
                met=f"{HERE}/astray leads to http://validation.test:{{port}}/other, which answers with other content",
            ),
            id="redirected elsewhere",
        ),
        pytest.param(
            "/to/ftp",
            Token(
                matches=False,
                met=f"{HERE}/to/ftp: redirects to ftp://validation.test/, which is no web address",
            ),
            id="redirected out of the web",
        ),
        pytest.param(
            "/to/gone",
            Token(matches=False, met=f"{HERE}/to/gone: gone.test does not exist"),
            id="redirected to nowhere",
        ),
        pytest.param(
            "/cut",
            Token(matches=False, met=f"{HERE}/cut: the connection was closed without an answer"),
            id="cut off",
        ),
        pytest.param(
            "http://nowhere.test/x",
            Token(matches=False, met="http://nowhere.test/x: nowhere.test does not exist"),
            id="no such name",
        ),
        pytest.param(
            "http://www.example.com:{tls_port}/token",
            Token(
                matches=False,
                met="http://www.example.com:{tls_port}/token: the connection was closed without an answer",
            ),
            id="no plain HTTP there",
        ),
    ],
)
async def test_what_is_met(site: Site, start: str, token: Token) -> None:
    """The same content matches however it is reached; anything else is told in words."""
    got = await site.fetch(start)

    assert got == Token(token.matches, site.url(token.met))


async def test_refused(site: Site) -> None:
    """A name whose server is down does not lead to the token."""
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]

    got = await site.fetch(f"http://www.example.com:{port}/token")

    met = f"http://www.example.com:{port}/token: Connection refused"
    assert got == Token(matches=False, met=met)


async def test_silent(site: Site) -> None:
    """A name whose server never answers does not lead to the token, and costs one deadline."""
    with socket.create_server(("127.0.0.2", 0)) as silent:
        url = f"http://www.example.com:{silent.getsockname()[1]}/token"
        got = await site.fetch(url, patience=0.5)

    assert got == Token(matches=False, met=f"{url}: no answer within 0.5 s")


@pytest.mark.parametrize(
    ("start", "to", "why"),
    [
        pytest.param("/token", "http://validation.test:{port}/forbidden", Why.AWS_ERROR, id="ACM forbids"),
        pytest.param("/empty", "http://validation.test:{port}/empty", Why.AWS_ERROR, id="ACM has no token"),
        pytest.param("/large", "http://validation.test:{port}/large", Why.AWS_ERROR, id="ACM has too much"),
        pytest.param("/token", "http://validation.test:{port}/cut", Why.AWS_UNREACHABLE, id="ACM cuts"),
        pytest.param("/token", "http://gone.test/token", Why.AWS_UNREACHABLE, id="ACM is not found"),
        pytest.param(
            "/token",
            "https://validation.test:{tls_port}/token",
            Why.AWS_UNREACHABLE,
            id="not ACM's certificate",
        ),
        pytest.param(
            "/token", "http://broken.test/token", Why.RESOLVER_FAILURE, id="our resolver fails for ACM"
        ),
        pytest.param(
            "http://broken.test/",
            "http://validation.test:{port}/token",
            Why.RESOLVER_FAILURE,
            id="our resolver fails",
        ),
        pytest.param(
            "/to/mute",
            "http://validation.test:{port}/token",
            Why.RESOLVER_TIMEOUT,
            id="our resolver is silent",
        ),
        pytest.param(
            "http://far.test/", "http://validation.test:{port}/token", Why.NO_ROUTE, id="no way there"
        ),
        pytest.param(
            "ftp://www.example.com/", "http://validation.test:{port}/token", Why.MALFORMED, id="ftp"
        ),
        pytest.param(
            "www.example.com/token", "http://validation.test:{port}/token", Why.MALFORMED, id="no scheme"
        ),
        pytest.param("/token", "http://user:pw@validation.test:{port}/token", Why.MALFORMED, id="user"),
        pytest.param("/token", "http://validation.test:99999/", Why.MALFORMED, id="port"),
        pytest.param("/token", "", Why.MALFORMED, id="nothing"),
    ],
)
async def test_blind(site: Site, start: str, to: str, why: Why) -> None:
    """What fails on ACM's side or on ours says nothing about the name."""
    with pytest.raises(Blind) as caught:
        await site.fetch(start, to, patience=1)

    assert caught.value.why == why
    assert why.ours


@pytest.mark.parametrize(
    ("start", "refused"),
    [
        pytest.param("/token", "127.0.0.2", id="what the name leads to"),
        pytest.param("/away", "127.0.0.3", id="what a redirect's name leads to"),
        pytest.param("/to/literal", "127.0.0.4", id="an address that a redirect names"),
        pytest.param("http://127.0.0.4:{port}/token", "127.0.0.4", id="an address without a name"),
    ],
)
async def test_forbidden(site: Site, start: str, refused: str) -> None:
    """No address that must not be gone to is asked, though a page leads there, and that breaks nothing."""
    to = "http://127.0.0.5:{port}/token"
    assert await site.fetch(start, to) == Token(matches=True)
    with pytest.raises(Blind) as caught:
        await site.fetch(start, to, refused=(refused,))
    detail = f"{site.url(start)}: {refused} is closed"
    assert (caught.value.why, caught.value.detail) == (Why.FORBIDDEN_ADDRESS, detail)
