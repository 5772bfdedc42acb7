"""Posting to a web server on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from exporter.demo.pki import self_signed
from exporter.demo.tls import Endpoints, Serve
from exporter.facts import Seen, Sight, Unseen, Why
from exporter.observe.webhook import Webhook
from tests.servers import free_port


class Hook:
    """A server that notes what it gets and answers by path."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, str, bytes]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer with the status that the path names; cut the connection for 0."""
        headers = (request.headers["Content-Type"], request.headers.get("Authorization", ""))
        self.got.append((request.method, *headers, await request.read()))
        status = int(request.match_info["status"])
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 200, headers={"Location": "/204"})


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """Run the server."""
    one = Hook()
    application = web.Application()
    application.router.add_route("*", "/{status}", one.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("status", [204, 302, 404, 503])
async def test_the_status_is_what_is_seen(status: int) -> None:
    """Whatever it means is the schedule's business; a redirect is not followed."""
    async with hook() as one:
        assert await Webhook(f"{one.url}/{status}").post(b"{}") == Seen(status)
    assert one.got == [("POST", "application/json", "", b"{}")]


async def test_the_header_is_sent() -> None:
    """Whoever listens can tell us from others."""
    async with hook() as one:
        await Webhook(f"{one.url}/200", "Bearer swordfish").post(b"{}")
    assert one.got == [("POST", "application/json", "Bearer swordfish", b"{}")]


async def _untrusted(folder: Path) -> Sight[int]:
    issued = self_signed(["localhost"], datetime.now(UTC))
    endpoints = await Endpoints.start(folder, {"127.0.0.1": Serve(issued)})
    try:
        return await Webhook(f"https://127.0.0.1:{endpoints.port}/swordfish").post(b"{}")
    finally:
        await endpoints.close()


async def test_failures_have_a_reason_and_never_tell_the_address(tmp_path: Path) -> None:
    """The address may hold a secret, which no error of any library may carry into the log."""
    async with hook() as one:
        cut = await Webhook(f"{one.url}/0?swordfish").post(b"{}")
    refused = await Webhook(f"http://127.0.0.1:{free_port()}/swordfish").post(b"{}")
    late = await Webhook(f"{one.url}/swordfish", timeout=0.0).post(b"{}")
    odd = await Webhook("http://a..b/swordfish").post(b"{}")
    assert cut == Unseen(Why.HTTP_ERROR, "no HTTP answer: ServerDisconnectedError")
    assert refused == Unseen(Why.UNREACHABLE, "Connection refused")
    assert late == Unseen(Why.TIMEOUT, "no answer within 0 s")
    assert await _untrusted(tmp_path) == Unseen(
        Why.TLS_HANDSHAKE_FAILURE, "its certificate is not trusted, or TLS failed"
    )
    assert isinstance(odd, Unseen)
    assert odd.why in {Why.UNREACHABLE, Why.HTTP_ERROR}
    assert "swordfish" not in repr((cut, refused, late, odd, Webhook("http://swordfish", "swordfish")))
