"""`health`: what a container's health check is told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import click
import pytest
import pytest_asyncio

from exporter.cli import pulse
from exporter.demo.http import Page, TokenServer
from tests.expose.entrance import HASH, PAIR, entrance, files
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


TLS = f"tls_server_config:\n{PAIR}"
ASKS = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="plain"),
        pytest.param(TLS, id="TLS"),
        pytest.param(TLS + ASKS, id="TLS 1.3 with client certificates"),
        pytest.param(f"{TLS}{ASKS}  max_version: TLS12\n", id="TLS 1.2 with client certificates"),
        pytest.param(f"{TLS}  min_version: TLS10\n  max_version: TLS10\n", id="TLS 1.0"),
        pytest.param(f"basic_auth_users:\n  alice: {HASH}\n", id="a password"),
        pytest.param(f"{TLS}basic_auth_users:\n  alice: {HASH}\n", id="TLS and a password"),
    ],
)
async def test_whoever_is_kept_out_knows_that_somebody_is_there(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the web configuration asks for, the image's health check needs to be told nothing of it."""
    async with entrance(files(tmp_path, text)) as at:
        assert await asyncio.to_thread(pulse.ask, f"http://127.0.0.1:{at.port}/-/healthy") == 0
    assert capsys.readouterr().err == ""


async def test_being_kept_out_tells_nothing_of_other_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether an exporter is ready has to be read."""
    async with entrance(files(tmp_path, TLS + ASKS)) as at:
        url = f"https://127.0.0.1:{at.port}/-/ready"
        assert await asyncio.to_thread(pulse.ask, url) == 1
    assert "ALERT" in capsys.readouterr().err.upper()


async def test_a_certificate_of_another_machine_is_verified(tmp_path: Path) -> None:
    """Only of this machine it is known who answers."""
    assert pulse._context("https://localhost:9795/").verify_mode is ssl.CERT_NONE
    assert pulse._context("https://[::1]:9795/").verify_mode is ssl.CERT_NONE
    assert pulse._context("https://exporter.example.com:9795/").verify_mode is ssl.CERT_REQUIRED


def test_a_process_that_hangs_is_not_well(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that is open and says nothing is no answer, and costs less time than the health check has."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/-/healthy"
        assert pulse.ask(url) == 1
    assert capsys.readouterr().err == f"{url}: timed out (expected an answer)\n"
