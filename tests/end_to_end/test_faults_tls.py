"""TLS peers of every hostile kind at once, and endpoints that fail together, under a real exporter."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from exporter.demo.tls import Fault, Serve
from tests.end_to_end.faulty import (
    SOON,
    Exporter,
    Rows,
    changes,
    configure,
    exporter,
    scene,
    unreachable,
    world,
)
from tests.observe import tls_peers as peers
from tests.observe.test_tls import FAILURES

MANY = int(os.environ.get("FAULTS_MANY", "300"))  # docs/faults.md tells of 10,000
FAULTS = {
    Fault.REFUSE: "refused",
    Fault.SILENT: "handshake_timeout",
    Fault.PLAIN_HTTP: "not_tls",
    Fault.RESET: "reset",
    Fault.DRIP: "handshake_timeout",
}


async def reload(one: Exporter) -> None:
    """Put the file in force."""
    async with one.session.post(f"{one.url}/-/reload") as answer:
        assert (answer.status, await answer.text()) == (200, "reloaded\n")


async def test_hostile_peers_of_every_kind_at_once(tmp_path: Path) -> None:
    """Each has its reason, none harms another, and what was served keeps its rows; all recover when they do."""
    domains = {how: f"{how.name.lower().replace('_', '-')}.example.com" for how in FAULTS}
    scenes = [scene(domain) for domain in ("healthy.example.com", *domains.values())]
    async with AsyncExitStack() as stack:
        around = await stack.enter_async_context(world(tmp_path, scenes))
        more, expected = "", set()
        for kind, (talk, why, _) in FAILURES.items():
            peer = await stack.enter_async_context(peers.raw_server(talk))
            domain = f"{kind.lower().replace(' ', '-').replace(',', '')}.hostile.test"
            more += f"  - {{name: {domain}, addresses: [127.0.0.1], port: {peer.port}}}\n"
            expected |= {f'+tls_endpoint_failure{{domain="{domain}",reason="{why}"}} 1'}
            expected |= {f'+tls_endpoint_reachable{{domain="{domain}"}} 0'}
        one = await stack.enter_async_context(exporter(around, configure(around)))
        before = await one.ready()
        files, threads = one.size()
        for how, domain in domains.items():
            expected |= unreachable(domain, FAULTS[how])
            await around.endpoints.set(around.addresses[domain], how)
        configure(around, more)
        await reload(one)
        await one.settles(before, expected)
        for domain in domains.values():
            await around.endpoints.set(around.addresses[domain], Serve(around.issued[domain]))
        configure(around)
        await reload(one)
        await one.settles(before, [], within=20)
        assert one.seen(before) <= expected
        after_files, after_threads = one.size()
        assert (after_files <= files + 20, after_threads <= threads + 16) == (True, True)


@pytest.mark.parametrize("how", [Fault.REFUSE, Fault.SILENT], ids=str)
async def test_endpoints_that_fail_together_recover_together(tmp_path: Path, how: Fault) -> None:
    """A load balancer behind all names goes and comes back: the others are seen as before, and nothing piles up."""
    async with world(tmp_path, [scene("healthy.example.com"), scene("*.crowd.example.com")]) as around:
        address = around.addresses["*.crowd.example.com"]
        around.domains = around.domains.replace("  - {name: *", "  # {name: *")
        crowd = [
            f"  - {{name: n{number}.crowd.example.com, addresses: [{address}], port: {around.endpoints.port}}}\n"
            for number in range(MANY)
        ]
        interval = max(2, MANY // 300)
        within = SOON + 3 * interval
        file = configure(around, "".join(crowd), interval=interval)
        async with exporter(around, file) as one:
            await one.ready()
            before = await one.until(lambda rows: reachable(rows) == MANY + 1, within)
            files, threads = one.size()
            memory = one.memory()
            await around.endpoints.set(address, how)
            await one.until(lambda rows: reachable(rows) == 1, within)
            alone = await one.scrape()
            assert [row for row in changes(before, alone) if "crowd" not in row] == []
            most_files, most_threads = one.size()
            await around.endpoints.set(address, Serve(around.issued["*.crowd.example.com"]))
            await one.until(lambda rows: changes(before, rows) == [], within)
            after_files, after_threads = one.size()
            assert (after_files <= files + 50 + MANY // 10, most_files <= MANY + files + 100) == (True, True)
            assert max(most_threads, after_threads) <= threads + 16
            assert one.memory() <= memory + 30 + MANY / 25  # MB; a look that waits holds some 80 kB


def reachable(rows: Rows) -> float:
    """Count the addresses that answer."""
    return sum(value for row, value in rows.items() if row.startswith("tls_endpoint_reachable"))
