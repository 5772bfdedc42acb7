"""What tests of several eyes stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from exporter.demo.dns import DnsServer, Zone

World = Callable[[Zone], Awaitable[DnsServer]]


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give dummy credentials and nothing else of this machine's configuration."""
    ambient = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE")
    for name in (*ambient, "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Start name servers, each with the zone it is given."""
    servers = []

    async def start(zone: Zone) -> DnsServer:
        servers.append(await DnsServer.start(zone))
        return servers[-1]

    yield start
    for server in servers:
        await server.close()
