"""Three hundred accounts in four regions, with real calls: found, watched, and followed as they come and go."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.demo.acm import AcmStandIn, Fault
from exporter.demo.organization import Account
from tests.cli.test_processes import AWS, PROGRAM, environment, get
from tests.demo.test_acm import issued
from tests.servers import answering, free_port

HUB = "111122223333"  # the management account, whose credentials the exporter runs with
ACCOUNTS = [HUB, *(str(n) for n in range(200_000_000_001, 200_000_000_300))]
REGIONS = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1"]
NEW, LEFT, SUSPENDED, DENIED = "300000000001", ACCOUNTS[100], ACCOUNTS[200], ACCOUNTS[250]
MOST_THREADS = 64 + 16  # that call AWS, and the rest of the process
MOST_MEMORY = 300  # MB
LINE = {"ts", "level", "logger", "event"}  # what every line of the log has
WITHIN = 120.0  # seconds, on a busy machine
CONFIG = """
aws:
  interval: 60s
  requests_per_second: 40
  organization: {{role_name: reader, external_id: agreed, interval: 2s, regions: [{regions}]}}
probe: {{certificate_names: false}}
state_file: state.db
"""


def certificates(account: str, number: int) -> dict[str, dict[str, Any]]:
    """Describe one imported certificate, which needs no records, in each region of an account."""
    made = [issued(number, where=region, account=account, Type="IMPORTED") for region in REGIONS]
    return {one["CertificateArn"]: one for one in made}


@contextmanager
def serving(acm: AcmStandIn) -> Iterator[str]:
    """Serve in a thread of its own; gives the URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(acm.listen(), loop).result(WITHIN)
        yield acm.url
    finally:
        asyncio.run_coroutine_threadsafe(acm.close(), loop).result(WITHIN)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WITHIN)
        loop.close()


def rows(page: str, name: str) -> dict[str, float]:
    """Read the rows of one family by their labels."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def accounts_of(page: str, name: str) -> Counter[str]:
    """Count the rows of one family by account."""
    return Counter(re.findall(rf'^{name}{{.*account="(\d+)"', page, re.MULTILINE))


def organization() -> AcmStandIn:
    """Make an organization with a certificate in each account and region; one account lets nobody in."""
    found: dict[str, dict[str, Any]] = {}
    for number, account in enumerate(ACCOUNTS, 1):
        found |= certificates(account, number)
    acm = AcmStandIn(found)
    acm.trusting = lambda role: f":{DENIED}:" not in role
    acm.external_ids = {f"arn:aws:iam::{one}:role/reader": "agreed" for one in (*ACCOUNTS, NEW)}
    acm.organization.listers = [HUB]
    acm.organization.accounts = [Account(one, f"team {one[-3:]}") for one in ACCOUNTS]
    return acm


class Exporter:
    """A running exporter: its page, and what it takes."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.pid = process.pid
        self.url = url
        self.log = log
        self.threads = 0  # the most that were seen

    def until(self, fits: Callable[[str], bool]) -> str:
        """Fetch the metrics until they are so."""
        end = time.monotonic() + WITHIN
        while not fits(page := get(f"{self.url}/metrics")):
            self.threads = max(self.threads, self._status("Threads"))
            assert time.monotonic() < end, self.log.read_text()[-5000:]
            threading.Event().wait(0.2)
        return page

    @property
    def peak(self) -> float:
        """The most memory that it took, in MB."""
        return self._status("VmHWM") / 1024

    def _status(self, key: str) -> int:
        (value,) = re.findall(rf"^{key}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text(), re.MULTILINE)
        return int(value)

    def events(self, event: str) -> list[dict[str, Any]]:
        """Read some lines of the log."""
        lines = map(json.loads, self.log.read_text().splitlines())
        wanted = [line for line in lines if line["event"] == event]
        return [{key: value for key, value in one.items() if key not in LINE} for one in wanted]


@contextmanager
def exporting(folder: Path, file: Path, aws: str) -> Iterator[Exporter]:
    """Run an exporter, its log in a file."""
    address, log = f"127.0.0.1:{free_port()}", folder / "log"
    options = ["--config.file", str(file), "--web.listen-address", address, "--log.format", "json"]
    env = environment(folder, AWS_ENDPOINT_URL=aws, **AWS)
    with (
        log.open("wb") as errors,
        subprocess.Popen([*PROGRAM, "run", *options], env=env, stderr=errors) as process,
    ):
        try:
            answering(process, f"http://{address}/-/healthy", log, WITHIN)
            yield Exporter(process, f"http://{address}", log)
        finally:
            process.terminate()
            process.wait(WITHIN)


def test_three_hundred_accounts(tmp_path: Path) -> None:
    """All gauges come, in bounds of threads and memory, by one AssumeRole for each account."""
    acm = organization()
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(CONFIG.format(regions=", ".join(REGIONS)))
    with serving(acm) as url:
        began = time.monotonic()
        with exporting(tmp_path, file, url) as exporter:
            exporter.until(lambda page: len(accounts_of(page, "acm_certificate_days_to_expiry")) > 0)
            first = time.monotonic() - began
            wanted = {one: len(REGIONS) for one in ACCOUNTS if one != DENIED}
            page = exporter.until(lambda page: accounts_of(page, "acm_certificate_in_use_by") == wanted)
            everything = time.monotonic() - began
            measured = (
                f"{first:.0f} s, {everything:.0f} s, {exporter.threads} threads, {exporter.peak:.0f} MB"
            )
            (tmp_path / "measured").write_text(measured)  # for docs/accounts.md
            assert exporter.threads <= MOST_THREADS, measured
            assert exporter.peak <= MOST_MEMORY, measured
            assumed = sum(n for (_, _, operation), n in acm.requests.items() if operation == "AssumeRole")
            assert assumed < len(ACCOUNTS) + 5 * len(REGIONS)  # the one that is denied is tried again
            assert rows(page, "acm_exporter_organization_accounts") == {"": len(ACCOUNTS)}
            assert rows(page, "acm_account_info")[f'account="{ACCOUNTS[1]}",name="team 001"'] == 1
            success = rows(page, "acm_exporter_source_success")
            failed = {labels for labels, value in success.items() if value == 0}
            assert failed == {f'account="{DENIED}",region="{one}",source="acm"' for one in REGIONS}
            assert success[f'account="{HUB}",region="",source="organization"'] == 1

            before = {one.id: one for one in acm.organization.accounts}
            before[SUSPENDED].state = "SUSPENDED"
            before[ACCOUNTS[1]].name = "renamed"
            acm.certificates.update(certificates(NEW, 301))
            new = Account(NEW, "new")  # in the other's place, lest a listing under way misses somebody
            acm.organization.accounts = [new if key == LEFT else one for key, one in before.items()]
            wanted = {one: n for one, n in wanted.items() if one not in (LEFT, SUSPENDED)}
            wanted |= {NEW: len(REGIONS)}
            renamed = f'acm_account_info{{account="{ACCOUNTS[1]}",name="renamed"}} 1.0'
            page = exporter.until(
                lambda page: renamed in page and accounts_of(page, "acm_certificate_in_use_by") == wanted
            )
            assert rows(page, "acm_exporter_organization_accounts") == {"": len(ACCOUNTS) - 1}
            assert f'account="{LEFT}"' not in page
            assert f'account="{SUSPENDED}"' not in page
            told = exporter.events("accounts changed")[1:]
            assert {word for one in told for word in one["came"].split()} == {NEW}
            assert {word for one in told for word in one["left"].split()} == {LEFT, SUSPENDED}

            acm.faults = [Fault("AccessDeniedException", "ListAccounts")]
            unlisted = f'acm_exporter_source_success{{account="{HUB}",region="",source="organization"}} 0.0'
            page = exporter.until(lambda page: unlisted in page)
            assert accounts_of(page, "acm_certificate_in_use_by") == wanted
            told = exporter.events("ACM could not be read")
            assert [one["account"] for one in told] == [DENIED] * len(REGIONS)  # once, not at each sweep
