"""`health`: what a container's health check is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import click
import pytest
import pytest_asyncio

from exporter.cli import pulse
from exporter.demo.http import Page, TokenServer
from tests.servers import free_port


@pytest_asyncio.fixture
async def url() -> AsyncIterator[str]:
    """Run a server whose one page is well and whose other is not; gives its URL."""
    server = await TokenServer.start({"/well": Page("ready"), "/ill": Page("not yet", 503)})
    yield server.url
    await server.close()


async def test_an_exporter_that_answers_is_well(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer counts, and nothing is said."""
    assert await asyncio.to_thread(pulse.ask, f"{url}/well") == 0
    assert capsys.readouterr() == ("", "")


async def test_no_proxy_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy is for calls to AWS: it would not know this machine."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert await asyncio.to_thread(pulse.ask, f"{url}/well") == 0


async def test_an_exporter_that_is_not_ready(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Any other status than 200 is named."""
    assert await asyncio.to_thread(pulse.ask, f"{url}/ill") == 1
    assert capsys.readouterr() == ("", f"{url}/ill: 503 Service Unavailable (expected 200)\n")


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that has gone is unhealthy, and so is a URL that cannot be one."""
    url = f"http://127.0.0.1:{free_port()}/-/healthy"
    assert pulse.ask(url) == 1
    assert pulse.ask("http://[::1") == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{url}: [Errno 111] Connection refused (expected an answer)",
        "http://[::1: Invalid IPv6 URL (expected an answer)",
    ]


def test_other_schemes_are_refused() -> None:
    """A file that can be read is no exporter that is well."""
    with pytest.raises(click.BadParameter, match="expected http://… or https://…"):
        pulse.ask("file:///etc/hostname")
