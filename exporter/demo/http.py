"""A web server on loopback for the tokens of HTTP validation."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Page:
    """What stands at a path: a text, or a redirect where `location` is given."""

    body: str = ""
    status: int = 200
    location: str = ""


class TokenServer:
    """Serves the pages of a mapping that may change at any time; every other path is 404."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self.pages = pages
        self.url = ""
        self._runner: web.AppRunner | None = None

    @classmethod
    async def start(cls, pages: dict[str, Page], host: str = "127.0.0.1", port: int = 0) -> TokenServer:
        """Listen; port 0 picks a free one."""
        server = cls(pages)
        app = web.Application()
        app.router.add_get("/{path:.*}", server._answer)
        server._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await server._runner.setup()
        await web.TCPSite(server._runner, host, port).start()
        server.url = "http://{}:{}".format(*server._runner.addresses[0][:2])
        return server

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        page = self.pages.get(request.path, Page("not found", 404))
        headers = {"Location": page.location} if page.location else None
        return web.Response(text=page.body, status=page.status, headers=headers)
