"""Who is let in: one middleware before every handler, as the web configuration says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

from exporter.config.web import RateLimit
from exporter.expose.follow import Following
from exporter.expose.passwords import Passwords, credentials

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEALTH = ("/-/healthy", "/-/ready")
COSTLY = ("/", "/certificate", "/api/v1/certificates")  # made anew for each request
ABREAST = 2  # costly ones that are made at a time
MOST_WAITING = 32  # costly ones that wait their turn
SOON = {"Retry-After": "1"}  # seconds


class Guard:
    """Judges requests."""

    def __init__(self, following: Following | None, clock: Callable[[], float]) -> None:
        """Take what is followed, None for no web configuration, and a clock in seconds from anywhere."""
        self._following = following
        self._passwords = Passwords()
        self._bucket = Bucket(clock)
        self._turns = asyncio.Semaphore(ABREAST)
        self._waiting = 0

    def close(self) -> None:
        """Let go of the thread."""
        self._passwords.close()

    async def admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Have the request answered, or say why not."""
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        if _path(request) not in COSTLY:
            return await handler(request)
        if self._waiting >= MOST_WAITING:
            return _says(503, "too many pages are asked for; ask again in a second", SOON)
        self._waiting += 1
        try:
            async with self._turns:
                if request.transport is None or request.transport.is_closing():
                    return _says(503, "nobody waits any more")
                return await handler(request)
        finally:
            self._waiting -= 1

    async def dress(self, _: web.Request, response: web.StreamResponse) -> None:
        """Set the configured headers; they stand above our own."""
        response.headers["Server"] = "acm-exporter"
        if self._following is not None:
            response.headers.update(self._following.latest.settings.headers)

    async def _refusal(self, request: web.Request) -> web.Response | None:
        if self._following is None:
            return None
        latest = self._following.latest
        if latest.open_health and _path(request) in HEALTH:
            return None
        settings = latest.settings
        if not self._bucket.takes(settings.rate_limit):
            return _says(429, "Too Many Requests")
        transport = request.transport
        if latest.asks_requests and (transport is None or transport.get_extra_info("peercert") is None):
            return _says(403, "a client certificate is needed")
        if not settings.users:
            return None
        given = credentials(request.headers.get("Authorization", ""))
        if given is not None:
            right = await self._passwords.right(settings.users, *given, request.remote or "")
            if right is None:
                return _says(503, "too many passwords wait to be checked; ask again in a second", SOON)
            if right:
                return None
        return _says(401, "Unauthorized", {"WWW-Authenticate": "Basic"})


class Bucket:
    """A token bucket that is full at first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limit: RateLimit | None = None
        self._tokens = 0.0
        self._at = 0.0

    def takes(self, limit: RateLimit | None) -> bool:
        """Take a token, if there is one; without a limit there always is."""
        if limit is None:
            return True
        now = self._clock()
        if limit != self._limit:
            self._limit, self._tokens = limit, float(limit.burst)
        else:
            self._tokens = min(limit.burst, self._tokens + (now - self._at) / limit.interval)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _path(request: web.Request) -> str:
    """Return the path of what will answer; "" where nothing would."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _says(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers=headers)
