"""The HTTP eye: whether a name leads to the content that ACM's HTTP validation wants to find there.

https://docs.aws.amazon.com/acm/latest/userguide/http-validation.html
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.facts import Question, Seen, Sight, Token, Unseen, Why
from exporter.observe.dns import Resolver
from exporter.observe.sight import Blind, sight

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType  # of aiohttp's own

_REDIRECTS = 10
_BODY_LIMIT = 64 * 1024  # bytes; a token has some dozens
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "acm-exporter"}
_CONNECT_REASONS = {
    errno.ECONNREFUSED: Why.REFUSED,
    errno.ECONNRESET: Why.RESET,
    errno.EHOSTUNREACH: Why.UNREACHABLE,
    errno.ETIMEDOUT: Why.CONNECT_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class _Page:
    """What stands at the end of a URL's redirects; `body` has at most one byte more than the limit."""

    where: str  # in words, with the redirect
    status: int
    body: bytes


class TokenFetcher:
    """Compares RedirectFrom with RedirectTo, both fetched at the same time within `timeout` seconds."""

    def __init__(
        self, resolver: Resolver, timeout: float, refusal: Callable[[str], str] = lambda _: ""
    ) -> None:
        """Take the means, the patience, and what says why an address must not be connected to, or ""."""
        self._resolver = resolver
        self._timeout = timeout
        self._refusal = refusal

    async def fetch(self, question: Question) -> Token:
        """Say whether the contents are the same; Blind when ACM's own side or ours fails.

        Certificates are verified for RedirectTo alone, the reference: certificate authorities do not ask for
        a good certificate where a validation redirects to HTTPS, and the comparison tells a forger anyway.
        """
        _check(question.name)
        _check(question.extra)
        reference, found = await asyncio.gather(
            self._get(question.extra, verified=True), self._get(question.name, verified=False)
        )
        wanted = _content(reference)
        match found:
            case Unseen(why=why, detail=detail) if why.ours:
                raise Blind(why, detail)
            case Unseen(detail=detail):
                return Token(matches=False, met=detail)
            case Seen(value=page) if page.status != 200:
                return Token(matches=False, met=f"{page.where} answers {page.status}")
            case Seen(value=page) if len(page.body) > _BODY_LIMIT:
                return Token(matches=False, met=f"{page.where} answers with more than {_BODY_LIMIT} bytes")
            case Seen(value=page) if page.body.strip() != wanted:
                return Token(matches=False, met=f"{page.where} answers with other content")
            case Seen():
                return Token(matches=True)

    async def _get(self, url: str, *, verified: bool) -> Sight[_Page]:
        names, door = _Names(self._resolver), _Door(self._refusal)
        seen = await sight(lambda: _page(url, names, door, verified), self._timeout, Why.CONNECT_TIMEOUT)
        match seen:
            case Unseen() if door.refused:
                return Unseen(Why.FORBIDDEN_ADDRESS, f"{url}: {door.refused}")
            case Unseen(why=Why.CONNECT_TIMEOUT, detail=detail) if names.asking:
                return Unseen(Why.RESOLVER_TIMEOUT, f"{names.asking}: {detail}")
            case Unseen(why=why, detail=detail):
                return Unseen(why, f"{url}: {detail}")
            case Seen():
                return seen


class _Names(AbstractResolver):
    """Lets aiohttp ask our resolver; `asking` is the name whose addresses are not there yet."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.asking = ""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp takes what we have
    ) -> list[ResolveResult]:
        """Resolve for both families; a Blind passes through aiohttp untouched."""
        self.asking = host
        addresses = await self._resolver.addresses(host)
        self.asking = ""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Keep nothing open."""


class _Door:
    """Makes sockets to where one may go: a redirect may name an address, which no resolver sees."""

    def __init__(self, refusal: Callable[[str], str]) -> None:
        self._refusal = refusal
        self.refused = ""  # why it was not gone where it led to

    def __call__(self, place: AddrInfoType) -> socket.socket:
        """Make a socket; OSError where it would lead to an address that is refused."""
        family, kind, protocol, _, (address, *_) = place
        refused = self._refusal(str(address))
        if refused:
            self.refused = refused
            raise OSError(errno.EACCES, refused)
        return socket.socket(family, kind, protocol)


async def _page(url: str, names: _Names, door: _Door, verified: bool) -> _Page:
    """Get a page; the one place where aiohttp's errors become reasons."""
    connector = aiohttp.TCPConnector(
        resolver=names, use_dns_cache=False, force_close=True, socket_factory=door
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=_HEADERS,
        timeout=aiohttp.ClientTimeout(),
    )
    try:
        async with session, session.get(url, ssl=verified, max_redirects=_REDIRECTS + 1) as response:
            where = f"{url} leads to {response.url}, which" if response.history else url
            return _Page(where, response.status, await _body(response.content))
    except aiohttp.TooManyRedirects:
        raise Blind(Why.HTTP_ERROR, f"more than {_REDIRECTS} redirects") from None
    except aiohttp.RedirectClientError as error:
        raise Blind(Why.HTTP_ERROR, f"redirects to {error}, which is no web address") from None
    except aiohttp.InvalidURL:
        raise Blind(Why.MALFORMED, "not a web address") from None
    except aiohttp.ClientSSLError as error:
        raise Blind(Why.TLS_HANDSHAKE_FAILURE, str(error)) from None
    except aiohttp.ClientOSError as error:
        number = error.errno or 0
        text = os.strerror(number) if number else str(error)
        raise Blind(_CONNECT_REASONS.get(number, Why.NO_ROUTE), text) from None
    except aiohttp.ClientConnectionError:
        raise Blind(Why.RESET, "the connection was closed without an answer") from None
    except aiohttp.ClientError as error:
        raise Blind(Why.HTTP_ERROR, f"not the HTTP that we speak: {type(error).__name__}") from None


async def _body(stream: aiohttp.StreamReader) -> bytes:
    body = b""
    while chunk := await stream.read(_BODY_LIMIT + 1 - len(body)):
        body += chunk
    return body


def _content(reference: Sight[_Page]) -> bytes:
    """Return ACM's token without the space around it; whatever is wrong here is no fault of the name."""
    match reference:
        case Unseen(why=why, detail=detail):
            raise Blind(why if why.ours else Why.AWS_UNREACHABLE, detail)
        case Seen(value=page) if page.status != 200:
            raise Blind(Why.AWS_ERROR, f"{page.where} answers {page.status}")
        case Seen(value=page) if not page.body.strip() or len(page.body) > _BODY_LIMIT:
            raise Blind(Why.AWS_ERROR, f"{page.where} answers with {len(page.body)} bytes instead of a token")
        case Seen(value=page):
            return page.body.strip()


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc:
        raise Blind(Why.MALFORMED, "not an http or https URL, or one with user information")
