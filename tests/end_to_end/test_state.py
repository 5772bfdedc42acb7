"""An exporter that is killed during an outage of AWS and DNS comes back as if it had never been away."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession

from exporter.demo.acm import AcmStandIn
from exporter.demo.dns import DnsServer
from exporter.demo.world import World, world
from tests.servers import free_port

WITHIN = 90.0  # seconds that anything may take on a busy machine
OURS = re.compile(
    r"^((?:acm_certificate|tls_endpoint|acm_exporter_source)_\w+(?:\{.*\})?) (\S+)$", re.MULTILINE
)
AGEING = re.compile(  # and what a few looks that need no DNS turn to and fro during an outage
    r"\w+_(?:days_to_expiry|validation_age_days|duration_seconds|last_success_timestamp_seconds)"
    r'|acm_exporter_source_success\{.*source="(?:dns|tls)"\}'
)
JUDGED = re.compile(  # what tells of the latest look, and what an outage makes unknown
    r"acm_certificate_(?:reachable|name_match|serial_match|condition\w*|renewal_verdict)|tls_endpoint_failure|tls_endpoint_probe_duration|acm_exporter"
)
FIRST_SEEN = re.compile(r"\w+_(?:first_seen|serial_changed)_timestamp_seconds")
SUCCESS = "_last_success_timestamp_seconds"
MOMENT = 0.5  # seconds from gathering what is known to having it written


class Exporter:
    """A real process, which may be killed and started again."""

    def __init__(self, config: Path, environment: Mapping[str, str], session: ClientSession) -> None:
        self._environment = environment
        self.url = f"http://127.0.0.1:{free_port()}"
        self._config = config
        self._session = session
        self._process: Process | None = None

    async def start(self) -> None:
        """Run it until it answers."""
        listen = self.url.removeprefix("http://")
        environment = {**os.environ, **self._environment}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "run", "--config.file", str(self._config)),
            *("--web.listen-address", listen, "--log.level", "error"),
            env=environment,
        )
        await self.until("/-/healthy", lambda text: text == "healthy\n")

    async def end(self, number: int) -> int:
        """Send a signal; gives the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), WITHIN)

    async def rows(self) -> dict[str, float]:
        """Scrape; gives the value of each row of ours."""
        return {row: float(value) for row, value in OURS.findall(await self.get("/metrics"))}

    async def get(self, path: str) -> str:
        """Fetch a page; "" where nobody answers."""
        try:
            async with self._session.get(self.url + path) as answer:
                return await answer.text()
        except OSError:
            return ""

    async def until(self, path: str, fits: Callable[[str], bool]) -> str:
        """Fetch a page until it fits."""
        end = time.monotonic() + WITHIN
        while not fits(text := await self.get(path)):
            assert time.monotonic() < end, text
            await asyncio.sleep(0.2)
        return text

    async def written_after(self, moment: float) -> float:
        """Wait until the state file was written after a moment; gives when."""
        row = re.compile(r"^acm_exporter_state_last_write_timestamp_seconds (\S+)$", re.MULTILINE)
        text = await self.until("/metrics", lambda text: any(float(at) > moment for at in row.findall(text)))
        return float(row.findall(text)[0])


@asynccontextmanager
async def exporters(around: World, folder: Path) -> AsyncIterator[tuple[Exporter, Exporter]]:
    """Run two exporters on one world, of which the second has a state file."""
    plain, kept = folder / "plain.yaml", folder / "kept.yaml"
    text = around.config_file.read_text()
    text = re.sub(
        r"^ +resources: .*\n", "", text, flags=re.MULTILINE
    )  # one call each: they take long to be alike
    plain.write_text(text)
    kept.write_text(f"{text}\nstate_file: state.db\n")
    async with ClientSession() as session:
        environment = around.environment
        both = Exporter(plain, environment, session), Exporter(kept, environment, session)
        try:
            for one in both:
                await one.start()
            yield both
        finally:
            for one in both:
                await one.end(signal.SIGKILL)


def steady(rows: dict[str, float]) -> dict[str, float]:
    """Leave out what differs from moment to moment."""
    return {row: value for row, value in rows.items() if not (AGEING.match(row) or FIRST_SEEN.match(row))}


async def alike(one: Exporter, other: Exporter) -> dict[str, float]:
    """Wait until both expose the same, of which some looks may still be under way; gives the other's rows."""
    end = time.monotonic() + WITHIN
    while True:
        rows = [await one.rows(), await other.rows()]
        if steady(rows[0]) == steady(rows[1]) and rows[0].keys() == rows[1].keys():
            return rows[1]
        if time.monotonic() > end:
            assert steady(rows[0]) == steady(rows[1])
        await asyncio.sleep(0.5)


async def kept(steadfast: Exporter, killed: Exporter) -> dict[str, float]:
    """Wait until both expose the same and the state file holds it, also when ACM was last read; gives the rows."""
    while True:
        written = await killed.written_after(time.time())
        rows = await alike(steadfast, killed)
        if max(value for row, value in rows.items() if of_acm(row)) < written - MOMENT:
            return rows


def of_acm(row: str) -> bool:
    """Tell whether a row says when ACM was last read."""
    return row.startswith(f"acm_exporter_source{SUCCESS}") and 'source="acm"' in row


def of_sources(rows: dict[str, float], success: float) -> bool:
    """Tell whether AWS and DNS both work, or both fail."""
    of = [
        value
        for row, value in rows.items()
        if re.match(r'acm_exporter_source_success.*source="(acm|dns)"', row)
    ]
    return len(of) == 4 and set(of) == {success}


def port_of(address: str) -> int:
    """Give the port at the end of an address."""
    return int(address.rpartition(":")[2])


async def test_killed_and_restarted_during_an_outage(tmp_path: Path) -> None:
    """Row by row it exposes what one exposes that was never away; then all is fresh, and changes are told."""
    async with (
        world(tmp_path, datetime.now(UTC)) as around,
        exporters(around, tmp_path) as (steadfast, killed),
    ):
        for one in (steadfast, killed):
            await one.until("/-/ready", lambda text: text == "ready\n")
        before = await kept(steadfast, killed)

        # The outage begins, and the process dies.
        await around.acm.close()
        await around.dns.close()
        down = time.time()
        assert await killed.end(signal.SIGKILL) == -signal.SIGKILL
        await killed.start()
        for one in (steadfast, killed):
            await one.until("/metrics", lambda text: of_sources(_rows(text), 0.0))
        during = await alike(steadfast, killed)
        facts = {row: value for row, value in before.items() if not JUDGED.match(row)}
        assert {row for row in facts if row not in during} == set()
        same = steady(facts)
        assert {row for row in same if during[row] != same[row]} == set()
        firsts = {row: v for row, v in before.items() if FIRST_SEEN.match(row)}
        assert {row: v for row, v in firsts.items() if during[row] != v} == {}
        assert len(firsts) > 20
        aged = [
            row
            for row in before
            if SUCCESS in row and not row.startswith("acm_exporter") and during[row] == before[row]
        ]
        assert aged  # endpoints whose names could not be resolved since
        for row, value in before.items():
            if of_acm(row):
                assert value <= during[row] <= down, (row, value, during[row], down)

        # Meanwhile a certificate is renewed; then the outage ends.
        arn = next(iter(around.acm.certificates))
        serial = around.acm.certificates[arn]["Serial"]
        around.acm.certificates[arn] |= {"Serial": "0a:0b:0c"}
        acm = await AcmStandIn.start(
            around.acm.certificates, port=port_of(around.acm.url), accounts=around.acm.accounts
        )
        dns = await DnsServer.start(around.zone, port=port_of(around.dns.address))
        try:
            text = await killed.until("/api/v1/changes", lambda text: "a0b0c" in text)
            (change,) = (one for one in json.loads(text)["changes"] if one["what"] == "serial")
            assert (change["arn"], change["was"]) == (arn, serial.replace(":", "").lstrip("0"))
            await killed.until("/metrics", lambda text: of_sources(_rows(text), 1.0))
            after = await alike(steadfast, killed)
            late = [row for row in aged if after[row] <= before[row]]
            assert late == []
            assert await killed.end(signal.SIGTERM) == 0
        finally:
            await acm.close()
            await dns.close()


def _rows(text: str) -> dict[str, float]:
    return {row: float(value) for row, value in OURS.findall(text)}
