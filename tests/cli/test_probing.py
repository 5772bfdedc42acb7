"""/probe with everything that is behind it: DNS, sockets, TLS and the guard before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession

from exporter import config
from exporter.cli import build
from exporter.demo import pki
from exporter.demo.dns import DnsServer
from exporter.demo.tls import Endpoints, Fault, Serve
from exporter.expose.request import HEADER
from exporter.expose.server import Server
from exporter.snapshot import Board

CONFIGURATION = """\
aws: {{accounts: []}}
domains: [{{name: here.example.com, port: {port}, labels: {{team: web}}}}]
probe:
  scheduled: false
  ca_file: roots.pem
  allow: ["*.example.net:*", "127.0.0.1:{port}"]
dns: {{nameservers: ["{nameserver}"]}}
"""
ZONE = {
    "here.example.com": {"A": ["127.0.0.1"]},
    "there.example.net": {"A": ["127.0.0.1"]},
    "metadata.example.net": {"CNAME": ["elsewhere.example.org."]},
    "elsewhere.example.org": {"A": ["127.0.0.1", "169.254.169.254"]},
    "metadata6.example.net": {"AAAA": ["fd00:ec2::254"]},
    "mapped.example.net": {"AAAA": ["::ffff:169.254.169.254"]},
}


@dataclass(frozen=True)
class Exporter:
    """What runs."""

    url: str
    port: int
    endpoints: Endpoints
    board: Board

    async def ask(self, query: str, headers: dict[str, str] | None = None) -> tuple[int, list[str]]:
        """Ask /probe; gives status and lines."""
        async with (
            ClientSession() as client,
            client.get(f"{self.url}/probe?{query}", headers=headers) as answer,
        ):
            return answer.status, (await answer.text()).splitlines()


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    """Run an exporter that knows one name, with a name server and an endpoint of its own."""
    issued = pki.self_signed(["here.example.com", "there.example.net"], datetime.now(UTC))
    (tmp_path / "roots.pem").write_bytes(pki.pem(issued.certificate))
    endpoints = await Endpoints.start(tmp_path, {"127.0.0.1": Serve(issued)})
    dns = await DnsServer.start(ZONE)
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(CONFIGURATION.format(port=endpoints.port, nameserver=dns.address))
    settings = config.load(file, {})
    with build.watch(settings) as (watch, board):
        server = Server(board, build.probing(settings, watch))
        (url,) = await server.start([("127.0.0.1", 0)])
        watching = asyncio.create_task(watch.run())
        await _until_listed(url)
        yield Exporter(url, endpoints.port, endpoints, board)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await server.close()
    await dns.close()
    await endpoints.close()


async def _until_listed(url: str) -> None:
    async with asyncio.timeout(30), ClientSession() as client:
        while True:
            async with client.get(f"{url}/sd") as answer:
                if answer.status == 200:
                    return


@pytest.mark.parametrize(
    "target",
    ["here.example.com:{port}", "there.example.net:{port}", "127.0.0.1:{port}&hostname=there.example.net"],
    ids=["known", "an allowed name", "an allowed address as somebody"],
)
async def test_success(exporter: Exporter, target: str) -> None:
    """A look from the name to the trusted chain, though the schedule looks at nothing."""
    status, lines = await exporter.ask(f"target={target.format(port=exporter.port)}")
    assert status == 200
    assert {"probe_success 1.0", "probe_ip_protocol 4.0"} <= set(lines)
    assert any(line.startswith('tls_endpoint_reachable{address="127.0.0.1",') for line in lines)
    assert (exporter.board.latest.spots, exporter.board.latest.ready) == ((), True)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("metadata", "169.254.169.254"),
        ("metadata6", "fd00:ec2::254"),
        ("mapped", "::ffff:169.254.169.254"),
    ],
)
async def test_no_way_to_the_metadata_service(exporter: Exporter, name: str, address: str) -> None:
    """An allowed name whose owner points it, by whatever alias, to where nobody may be sent."""
    status, (text,) = await exporter.ask(f"target={name}.example.net:80")
    assert status == 403
    assert text == (
        f"{name}.example.net:80 has the address {address}, which is never probed:"
        " it is link-local, multicast, unspecified or for metadata"
    )


async def test_the_deadline_is_that_of_whoever_asks(exporter: Exporter) -> None:
    """A server that says nothing is given up before Prometheus gives up the scrape."""
    await exporter.endpoints.set("127.0.0.1", Fault.SILENT)
    query = f"target=here.example.com:{exporter.port}&debug=true"
    status, lines = await exporter.ask(query, {HEADER: "0.7"})
    assert status == 200
    assert any(
        line.endswith("127.0.0.1: handshake: handshake_timeout: no answer within 0.35 s") for line in lines
    )
    assert "probe_success 0.0" in lines
