"""A small world whose parts can be made to fail, a real exporter that watches it, and what its metrics tell."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession

from exporter.cli import build
from exporter.demo.acm import AcmStandIn
from exporter.demo.dns import DnsServer
from exporter.demo.pki import Issued
from exporter.demo.stage import Records, Scene, describe, records
from exporter.demo.tls import Endpoints, Serve
from exporter.demo.world import Authorities
from tests.cli.test_processes import AWS, environment

ROOT = Path(__file__).parents[2]
INTERVAL = 2  # seconds, of everything
SOON = 40.0  # seconds that anything may take on a busy machine
PAUSE = 0.2  # seconds between two scrapes
OFTEN = re.compile(  # what tells of moments, and so differs from scrape to scrape
    r"(process|python)_|acm_exporter_\w+_total|.*(_seconds[ {]|_days_to_expiry|_age_days)"
)
MOMENTS = re.compile(
    r"(acm_certificate|tls_endpoint)_.*(not_before|not_after|created|issued|window_start)_timestamp"
)
SAID = re.compile(  # labels that tell no more than the others in this world
    r'(arn|account|port|address)="[^"]*",?|region="[^"]*",(?=domain)'
    r'|(?<=,)(issuer|subject|fingerprint_sha256|tls_version|cipher)="[^"]*",?'
)

Rows = Mapping[str, float]


@dataclass
class World:
    """What stands outside; everything may be changed while the exporter runs."""

    folder: Path
    scenes: tuple[Scene, ...]
    acm: AcmStandIn
    dns: DnsServer
    zone: Records
    endpoints: Endpoints
    addresses: Mapping[str, str]  # by domain
    issued: Mapping[str, Issued]  # by domain
    domains: str  # as configured

    def heal(self, scene: Scene) -> None:
        """Put a scene's records back as they were."""
        self.zone.update(records(scene, [self.addresses[scene.domain]]))


@dataclass
class Exporter:
    """What runs, and every scrape of it."""

    process: asyncio.subprocess.Process
    url: str
    session: ClientSession
    scrapes: list[Rows] = field(default_factory=list)

    async def scrape(self) -> Rows:
        """Give the rows, with the identity labels that tell no more than the domain left out."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            text = await answer.text()
        rows = {}
        for line in text.splitlines():
            if not line.startswith("#"):
                row, _, value = line.rpartition(" ")
                rows[SAID.sub("", row).replace(",}", "}")] = float(value)
        self.scrapes.append(rows)
        return rows

    async def until(self, fits: Callable[[Rows], bool], within: float = SOON) -> Rows:
        """Scrape until something is so."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        while not fits(rows := await self.scrape()):
            assert loop.time() < end, "\n".join(changes(self.scrapes[0], rows))
            await asyncio.sleep(PAUSE)
        return rows

    async def ready(self) -> Rows:
        """Wait until everything was seen."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SOON
        while True:
            async with self.session.get(f"{self.url}/-/ready") as answer:
                if answer.status == 200:
                    break
            assert loop.time() < end
            await asyncio.sleep(PAUSE)
        self.scrapes.clear()
        return await self.scrape()

    async def settles(self, before: Rows, expected: Iterable[str], within: float = SOON) -> Rows:
        """Scrape until just this has changed."""
        expected = sorted(expected)
        return await self.until(lambda rows: changes(before, rows) == expected, within)

    def seen(self, before: Rows) -> set[str]:
        """Tell all changes that were to be seen at any time, however briefly."""
        return {row for rows in self.scrapes for row in changes(before, rows)}

    @staticmethod
    def looks(rows: Rows) -> float:
        """Count the looks at addresses so far, whatever came of them."""
        return sum(n for row, n in rows.items() if row.startswith("acm_exporter_looks") and '"tls"' in row)

    def size(self) -> tuple[int, int]:
        """Count open files and threads."""
        proc = Path(f"/proc/{self.process.pid}")
        return len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))

    def memory(self) -> float:
        """Tell the megabytes that are resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def changes(before: Rows, after: Rows) -> list[str]:
    """Tell which rows went (-) and came (+), but for those that tell of moments."""
    gone = (f"-{row} {value:g}" for row, value in before.items() if after.get(row) != value)
    come = (f"+{row} {value:g}" for row, value in after.items() if before.get(row) != value)
    return sorted(one for one in (*gone, *come) if not OFTEN.match(one[1:]) or MOMENTS.match(one[1:]))


def unknown(domain: str, condition: str, reason: str, scope: str = "renewal") -> set[str]:
    """Tell how a condition that held becomes unknown."""
    labels = f'domain="{domain}",condition="{condition}",scope="{scope}"'
    changed = {f"-acm_certificate_condition{{{labels}}} 1"}
    changed.add(f'+acm_certificate_condition_unknown{{{labels},reason="{reason}"}} 1')
    return changed


def broken(domain: str, condition: str, scope: str = "renewal") -> set[str]:
    """Tell how a condition that held breaks."""
    row = f'acm_certificate_condition{{domain="{domain}",condition="{condition}",scope="{scope}"}}'
    return {f"-{row} 1", f"+{row} 0"}


def verdict(domain: str, word: str) -> set[str]:
    """Tell how the verdict of what renewed becomes another."""
    row = f'acm_certificate_renewal_verdict{{domain="{domain}",verdict='
    return {f'-{row}"renews"}} 1', f'+{row}"renews"}} 0', f'-{row}"{word}"}} 0', f'+{row}"{word}"}} 1'}


def unseen(domain: str, reason: str) -> set[str]:
    """Tell how an address that answered cannot be looked at, for a reason of ours."""
    return {
        f'+tls_endpoint_failure{{domain="{domain}",reason="{reason}"}} 1',
        f'-acm_certificate_reachable{{domain="{domain}"}} 1',
        *unknown(domain, "reachable", reason, "serving"),
    }


def unreachable(domain: str, reason: str) -> set[str]:
    """Tell how an address that answered fails, for a reason of its own."""
    rows = (
        f'{family}{{domain="{domain}"}}' for family in ("acm_certificate_reachable", "tls_endpoint_reachable")
    )
    return {
        f'+tls_endpoint_failure{{domain="{domain}",reason="{reason}"}} 1',
        *(change for row in rows for change in (f"-{row} 1", f"+{row} 0")),
        *broken(domain, "reachable", "serving"),
    }


def source(name: str, region: str = "") -> set[str]:
    """Tell how a source that worked fails."""
    row = f'acm_exporter_source_success{{region="{region}",source="{name}"}}'
    return {f"-{row} 1", f"+{row} 0"}


def scene(domain: str, region: str = "us-east-1") -> Scene:
    """Make a certificate that renews and is served."""
    return Scene(domain, domain, domain, region=region)


@asynccontextmanager
async def world(
    folder: Path, scenes: Sequence[Scene], host: str = "127.0.0.1", prefix: str = "127.1.0."
) -> AsyncIterator[World]:
    """Run ACM, DNS and one address for each certificate."""
    now = build.clock()
    authorities = Authorities(now)
    issued = {one.domain: authorities.issue(one) for one in scenes}
    addresses = {one.domain: f"{prefix}{number}" for number, one in enumerate(scenes, 1)}
    zone: Records = {}
    for one in scenes:
        zone |= records(one, [addresses[one.domain]])
    async with AsyncExitStack() as running:
        acm = await AcmStandIn.start({s.arn: describe(s, issued[s.domain], now, "") for s in scenes}, host)
        running.push_async_callback(acm.close)
        dns = await DnsServer.start(zone, host)
        running.push_async_callback(dns.close)
        shown = {addresses[domain]: Serve(one) for domain, one in issued.items()}
        endpoints = await Endpoints.start(folder, shown)
        running.push_async_callback(endpoints.close)
        (folder / "roots.pem").write_bytes(authorities.roots_pem)
        domains = "".join(f"  - {{name: {one.domain}, port: {endpoints.port}}}\n" for one in scenes)
        yield World(folder, tuple(scenes), acm, dns, zone, endpoints, addresses, issued, domains)


def configure(around: World, more: str = "", interval: int = INTERVAL) -> Path:
    """Write a configuration for a world; `more` are domains, `interval` is that of the looks at them."""
    regions = ", ".join(dict.fromkeys(one.region for one in around.scenes))
    file = around.folder / "acm-exporter.yaml"
    file.write_text(
        f"aws:\n  interval: {INTERVAL}s\n  accounts: [{{regions: [{regions}]}}]\n  requests_per_second: 50\n"
        f"probe: {{interval: {interval}s, timeout: {interval // 2}s, ca_file: roots.pem, certificate_names: false}}\n"
        f"dns: {{interval: {INTERVAL}s, timeout: 1s, nameservers: ['{around.dns.address}']}}\n"
        f"domains:\n{around.domains}{more}"
    )
    return file


@asynccontextmanager
async def exporter(
    around: World, file: Path, address: str = "127.0.0.1", wrapped: Sequence[str] = ()
) -> AsyncIterator[Exporter]:
    """Run the exporter, perhaps by another program, and end it; its log is empty of errors and bugs."""
    env = environment(around.folder, AWS_ENDPOINT_URL=around.acm.url, **AWS)
    log = around.folder / "log"
    command = [
        *wrapped,
        sys.executable,
        "-m",
        "tests.end_to_end.hasty",
        str(file),
        str(around.folder),
        address,
    ]
    with log.open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=errors
        )
    try:
        async with ClientSession() as session:
            assert process.stdout is not None
            url = (await process.stdout.readline()).decode().strip()
            assert url, log.read_text()
            yield Exporter(process, url, session)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), SOON) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = [
        line for line in log.read_text().splitlines() if re.search(r"level=(error|critical)|Traceback", line)
    ]
    assert told == []
