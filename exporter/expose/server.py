"""The HTTP server: it serves what is rendered already; only /probe has something looked at."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Never, TypeAlias

import structlog
from aiohttp import web

from exporter.expose import api, deflate, exposition, page
from exporter.expose.discovery import Discovery, missing
from exporter.expose.follow import Following
from exporter.expose.gate import Gates, Limits
from exporter.expose.guard import Guard, Handler
from exporter.expose.ondemand import Prober, Probing
from exporter.expose.press import Press
from exporter.expose.request import parse_limit
from exporter.snapshot import Board, Snapshot

log = structlog.get_logger("acm_exporter.expose")

GLANCE = 0.2  # seconds between two looks at the board
FRESH = 3.0  # seconds that a rendering may be old at a scrape while there is a newer snapshot
QUICK = 0.1  # seconds; a scrape waits for a rendering that takes no longer
DRAIN = 0.6  # seconds that requests have at the end, and as long again once they are told
REST = 20.0  # one that takes a second is made ahead of scrapes, and followed by this many seconds of rest
LIMITS = Limits()

Reload: TypeAlias = Callable[[], Awaitable[Sequence[str] | None]]
"""Loads the configuration anew: gives complaints, () where it is in force, None where there is no file."""


async def _nothing_to_reload() -> None:
    return None


class Server:
    """Serves one board on any number of addresses."""

    def __init__(
        self,
        board: Board,
        probing: Probing,
        reload: Reload = _nothing_to_reload,
        web_file: Following | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        """Nothing listens before `start`."""
        self.stopping = False
        self._board = board
        self._reload_by = reload
        self._discovery = Discovery(board)
        self._press = Press()
        self._rendered = self._press.render(board.latest)
        self._rendered_at = 0.0  # loop time
        self._took = 0.0  # seconds, for the last rendering
        self._rendering: asyncio.Task[None] | None = None
        self._gates = Gates(limits, web_file)
        self._guard = Guard(web_file, lambda: asyncio.get_running_loop().time())
        self._keeping: asyncio.Task[Never] | None = None
        application = web.Application(middlewares=[self._meet])
        application.on_response_prepare.append(self._guard.dress)
        application.router.add_get("/", self._index)
        application.router.add_get("/certificate", self._certificate)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/api/v1/certificates", self._certificates)
        application.router.add_get("/api/v1/changes", self._changes)
        application.router.add_get("/sd", self._targets)
        self.prober = Prober(board, self._discovery, probing)
        application.router.add_get("/probe", self.prober.answer)
        application.router.add_get("/-/healthy", self._healthy)
        application.router.add_get("/-/ready", self._ready)
        application.router.add_post("/-/reload", self._reload)
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=DRAIN, **limits.handler()
        )

    async def start(self, addresses: Sequence[tuple[str | None, int]]) -> list[str]:
        """Listen on all addresses and return their URLs; OSError where one is taken."""
        await self._runner.setup()
        self._rendered_at = asyncio.get_running_loop().time()
        assert self._runner.server is not None
        for host, port in addresses:
            await self._gates.listen(self._runner.server, host, port)
        self._keeping = asyncio.create_task(self._gates.keep())
        return list(dict.fromkeys(_url(self._gates.scheme, name) for name in self._gates.addresses))

    async def close(self) -> None:
        """Stop listening, end the open connections."""
        self._gates.close()
        if self._keeping is not None:
            self._keeping.cancel()
        await self._runner.cleanup()
        self._gates.cut_off()
        self._guard.close()

    @web.middleware
    async def _meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._gates.answering(request):
            return await self._guard.admit(request, handler)

    def renew(self) -> None:
        """Let the next scrape have the latest snapshot."""
        self._rendered_at = -math.inf

    async def keep_rendered(self) -> Never:
        """Render new snapshots before anybody asks, where that takes long, within a bound of CPU."""
        while True:
            await asyncio.sleep(max(GLANCE, REST * self._took))
            if self._took > QUICK:
                await self._render()

    async def _render(self) -> None:
        """Render the latest snapshot, away from the event loop; whoever asks meanwhile waits for the same."""
        if self._rendering is None and self._board.latest is not self._rendered.snapshot:
            self._rendering = asyncio.create_task(self._press_on(self._board.latest))
        if self._rendering is not None:
            await asyncio.shield(self._rendering)

    async def _press_on(self, snapshot: Snapshot) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            self._rendered = await asyncio.to_thread(self._press.render, snapshot)
            self._rendered_at = loop.time()
            self._took = self._rendered_at - began
        except Exception:
            log.exception("bug in a rendering; the last one stays")
        finally:
            self._rendering = None

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        if asyncio.get_running_loop().time() - self._rendered_at > FRESH:
            await self._render()
        zipped = _takes_gzip(request.headers.get("Accept-Encoding", ""))
        parts, content_type = exposition.scrape(self._rendered, request.headers.get("Accept", ""))
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if zipped:
            body = deflate.stream(deflate.join(parts))
            return web.Response(body=body, headers=headers | {"Content-Encoding": "gzip"})
        response = web.StreamResponse(headers=headers)
        response.content_length = sum(one.size for one in parts)
        await response.prepare(request)
        for piece in chain.from_iterable(one.pieces() for one in parts) if request.method == "GET" else ():
            await response.write(piece)
        return response

    async def _certificates(self, _: web.Request) -> web.Response:
        text = await asyncio.to_thread(lambda: json.dumps(api.document(self._board.latest)))
        return web.Response(text=text, content_type="application/json")

    async def _changes(self, request: web.Request) -> web.Response:
        try:
            limit = parse_limit(request.query)
        except ValueError as error:
            return web.Response(text=f"{error}\n", status=400)
        latest = self._board.latest.changes[::-1][:limit]
        text = await asyncio.to_thread(lambda: json.dumps(api.changes(latest)))
        return web.Response(text=text, content_type="application/json")

    async def _targets(self, request: web.Request) -> web.Response:
        why = missing(self._board.latest)
        if why:  # Prometheus keeps the list that it has
            return web.Response(text=f"not ready: {why}\n", status=503)
        listing = await self._discovery.listing()
        zipped = _takes_gzip(request.headers.get("Accept-Encoding", ""))
        headers = {"Content-Type": "application/json", "Vary": "Accept-Encoding"}
        return web.Response(
            body=listing.gzipped if zipped else listing.plain,
            headers=headers | ({"Content-Encoding": "gzip"} if zipped else {}),
        )

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.stopping:
            return web.Response(text="not ready: stopping\n", status=503)
        if self._board.latest.ready and not self._rendered.snapshot.ready:
            await self._render()
        if self._rendered.snapshot.ready:
            return web.Response(text="ready\n")
        return web.Response(text="not ready: the first full sweep is still under way\n", status=503)

    async def _reload(self, _: web.Request) -> web.Response:
        """Answer as Prometheus does: 200, or 500 with what is wrong."""
        match await self._reload_by():
            case None:
                return web.Response(text="there is no configuration file to reload\n", status=409)
            case ():
                return web.Response(text="reloaded\n")
            case complaints:
                return web.Response(text="".join(f"{one}\n" for one in complaints), status=500)

    async def _index(self, request: web.Request) -> web.Response:
        return _page(await asyncio.to_thread(page.index, self._board.latest, dict(request.query)))

    async def _certificate(self, request: web.Request) -> web.Response:
        arn = request.query.get("arn", "")
        found = await asyncio.to_thread(page.certificate, self._board.latest, arn)
        if found is None:
            return web.Response(text=f"no certificate of the snapshot has the ARN {arn!r}\n", status=404)
        return _page(found)


def _page(html: str) -> web.Response:
    answer = web.Response(text=html, content_type="text/html", headers=page.HEADERS)
    answer.enable_compression()
    return answer


def _takes_gzip(accept_encoding: str) -> bool:
    """Read Accept-Encoding (RFC 9110, section 12.5.3): `gzip`, unless its weight is 0."""
    weights = {
        coding.strip().lower(): weight.strip().lower()
        for coding, _, weight in (part.partition(";") for part in accept_encoding.split(","))
    }
    return re.fullmatch(r"q=0(\.0*)?", weights.get("gzip", "q=0")) is None


def _url(scheme: str, name: tuple[object, ...]) -> str:
    host, port = str(name[0]), name[1]
    host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(host, host)  # noqa: S104 - a comparison
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
