"""From a broken world to a page that somebody reads: real Prometheus and Alertmanager, shipped rules and routes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter import config
from exporter.cli import build
from exporter.demo.scenes import SCENES
from exporter.demo.stage import Shows
from exporter.demo.tls import Fault, Serve
from exporter.demo.world import World, world
from exporter.expose.server import Server
from tests.servers import free_port, need, running, watching

ROOT = Path(__file__).parents[2]
PACE = "3600"  # an hour is a second; the generator lets nothing become shorter than five
PATIENCE = 60.0  # seconds: a bound for a busy machine, not what it takes
SCENE = {scene.key: scene for scene in SCENES}

# Which healthy certificate each of the five conditions is broken on, and the alert that has to arrive.
FIVE = {
    "reachable": ("private", "AcmNameUnreachable"),
    "name_match": ("ecdsa", "AcmServedNameMismatch"),
    "serial_match": ("staging", "AcmServedCertificateDiffers"),
    "in_use": ("http-token", "AcmRenewalBlocked"),
    "validation_age": ("renewing", "AcmValidationTooOld"),
}


@dataclass
class Inbox:
    """What a webhook was sent: the notifications, and in their order the alerts with the receiver's path."""

    url: str = ""
    notifications: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """Take in one notification."""
        self.notifications.append((request.path, await request.json()))
        return web.Response()

    def alerts(self, status: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give all alerts so far of a status, with the path that they came by."""
        for path, notification in self.notifications:
            yield from ((path, one) for one in notification["alerts"] if one["status"] == status)

    def find(self, condition: str, status: str) -> tuple[str, dict[str, Any]] | None:
        """Find what came of one of the five broken conditions."""
        key, name = FIVE[condition]
        for path, one in self.alerts(status):
            about = (one["labels"]["alertname"], one["labels"].get("arn"), one["labels"].get("condition"))
            if about == (name, SCENE[key].arn, condition):
                return path, one
        return None


@asynccontextmanager
async def inbox() -> AsyncIterator[Inbox]:
    """Receive webhooks on loopback."""
    taken = Inbox()
    application = web.Application(client_max_size=2**24)
    application.router.add_post("/{receiver}", taken.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    taken.url = f"127.0.0.1:{port}"
    try:
        yield taken
    finally:
        await runner.cleanup()


@contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[str]:
    """Run Alertmanager with the shipped routes, but for the receiver and the times; gives its address."""
    text = (ROOT / "deploy/alertmanager.example.yml").read_text()
    for shipped, here in (
        ("127.0.0.1:9099", receiver),
        ("group_wait: 1m ", "group_wait: 1s "),
        ("group_interval: 10m\n", "group_interval: 1s\n"),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    file = folder / "alertmanager.yml"
    file.write_text(text)
    address = f"127.0.0.1:{free_port()}"
    command = [
        need("prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with running(command, f"http://{address}/-/ready", folder / "alertmanager.log"):
        yield address


@contextmanager
def prometheus(folder: Path, exporter: str, alerts_to: str) -> Iterator[str]:
    """Run Prometheus with the shipped configuration and rules, hastened; gives its URL."""
    rules = folder / "rules.yaml"
    command = [sys.executable, "-m", "grafana.source.alerts", "--pace", PACE, "--output", str(rules)]
    subprocess.run(command, check=True, cwd=ROOT)
    text = (ROOT / "deploy/prometheus.yml").read_text()
    text = re.sub(
        r"^# (?=alerting:| )", "", text, flags=re.MULTILINE
    )  # the part for those with an Alertmanager
    for shipped, here in (
        ("127.0.0.1:9795", exporter),
        ("127.0.0.1:9093", alerts_to),
        ("15s", "1s"),
        ("../grafana/alerts/*.yaml", str(rules)),
    ):
        assert shipped in text
        text = text.replace(shipped, here)
    with watching(folder, text) as url:
        yield url


@asynccontextmanager
async def exporter(around: World) -> AsyncIterator[str]:
    """Watch the world under the classic rules, more often than the demo does; gives the address."""
    text = around.config_file.read_text()
    for usual, here in (
        (r"interval: \d+s", "interval: 3s"),
        (r"timeout: \d+s", "timeout: 1s"),
        (r"rules: current", "rules: classic"),
    ):
        text, found = re.subn(usual, here, text)
        assert found
    around.config_file.write_text(text)
    with build.watch(config.load(around.config_file, around.environment)) as (watch, board):
        server = Server(board, build.probing(config.load(around.config_file, around.environment), watch))
        urls = await server.start([("127.0.0.1", 0)])
        tasks = [asyncio.create_task(work) for work in (watch.run(), server.keep_rendered())]
        try:
            await until(lambda: board.latest.ready)
            yield urls[0].removeprefix("http://")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.close()


async def test_each_of_the_five_conditions_is_paged_by_name_and_resolved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the post-mortem asked for: broken live it arrives in words, mended it is taken back."""
    async with (
        world(tmp_path, build.clock()) as around,
        inbox() as received,
        exporter_of(around, monkeypatch) as url,
    ):
        with ExitStack() as servers:
            manager = servers.enter_context(alertmanager(tmp_path, received.url))
            judge = servers.enter_context(prometheus(tmp_path, url, manager))
            # what the demo has broken from the start arrives, so from here on silence means something
            await until(lambda: any(_is_of(one, "refused") for _, one in received.alerts("firing")))
            assert [one for one in FIVE if received.find(one, "firing")] == []

            mend = await break_all(around)
            await until(lambda: all(received.find(one, "firing") for one in FIVE))
            pages = {one: received.find(one, "firing") for one in FIVE}
            assert [one for one in FIVE if received.find(one, "resolved")] == []

            await mend()
            await until(lambda: all(received.find(one, "resolved") for one in FIVE))
            groups = (await asyncio.to_thread(_fetch, f"{judge}/api/v1/rules"))["data"]["groups"]
    assert {(rule["health"], rule.get("lastError")) for rule in groups[0]["rules"]} == {("ok", None)}
    told = {condition: _told(around, *page) for condition, page in pages.items() if page}
    assert told == _expected(around)


async def test_a_thousand_certificates_with_one_cause_are_one_notification(tmp_path: Path) -> None:
    """A CAA record at the top of the domain pages once; that the certificates expire as well is inhibited."""
    async with inbox() as received:
        with alertmanager(tmp_path, received.url) as manager:
            many = [
                {
                    "labels": {
                        "alertname": name,
                        "severity": "critical",
                        "arn": f"arn:{n}",
                        "region": f"r{n % 9}",
                    }
                    | more
                }
                for n in range(1000)
                for name, more in (
                    ("AcmRenewalBlocked", {"condition": "caa"}),
                    ("AcmCertificateExpiring", {}),
                )
            ]
            await asyncio.to_thread(_send, manager, many)
            await until(lambda: bool(received.notifications))
            # a later alert has waited as long when it arrives, so what did not come before it does not come
            late = {"alertname": "AcmConfigNotReloaded", "severity": "warning"}
            await asyncio.to_thread(_send, manager, [{"labels": late}])
            await until(lambda: any(path == "/tickets" for path, _ in received.notifications))
            shown = await asyncio.to_thread(_fetch, f"http://{manager}/api/v2/alerts")
    (_, page), (_, ticket) = received.notifications
    assert (len(page["alerts"]), page["truncatedAlerts"]) == (20, 980)
    assert page["groupLabels"] == {
        "alertname": "AcmRenewalBlocked",
        "condition": "caa",
        "severity": "critical",
    }
    assert ticket["groupLabels"] == {"alertname": "AcmConfigNotReloaded", "severity": "warning"}
    inhibited = {one["labels"]["alertname"] for one in shown if one["status"]["inhibitedBy"]}
    assert inhibited == {"AcmCertificateExpiring"}


@asynccontextmanager
async def exporter_of(around: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Send the AWS clients of this process to the world, and watch it."""
    for name, value in around.environment.items():
        monkeypatch.setenv(name, value)
    async with exporter(around) as url:
        yield url


async def break_all(around: World) -> Callable[[], Any]:
    """Break the five conditions, each on its own certificate; gives what mends them."""
    addresses = {key: around.addresses[key][0] for key, _ in FIVE.values()}
    told = {key: around.acm.certificates[SCENE[key].arn] for key, _ in FIVE.values()}
    before = {key: dict(one) for key, one in told.items()}

    def behaviour(shows: Shows | Fault, key: str) -> Any:
        return around.authorities.behaviour(shows, SCENE[key], around.issued[key])

    await around.endpoints.set(addresses["private"], Fault.REFUSE)
    await around.endpoints.set(addresses["ecdsa"], behaviour(Shows.OTHER_NAME, "ecdsa"))
    await around.endpoints.set(addresses["staging"], behaviour(Shows.FOREIGN, "staging"))
    told["http-token"]["InUseBy"] = []
    told["renewing"]["CreatedAt"] = build.clock() - timedelta(days=900)

    async def mend() -> None:
        for key in ("private", "ecdsa", "staging"):
            await around.endpoints.set(addresses[key], behaviour(Shows.OWN, key))
        for key in ("http-token", "renewing"):
            told[key] |= before[key]

    return mend


def _told(around: World, path: str, alert: dict[str, Any]) -> tuple[str, str, str, str, str]:
    """Give what the person reads, with words for what differs from run to run."""
    annotations = alert["annotations"]

    def plain(text: str) -> str:
        text = text.replace(f":{around.endpoints.port}", ":PORT")
        return re.sub(r"-?\d+\.\d days left", "DAYS days left", text)

    return (
        path,
        alert["labels"]["severity"],
        plain(annotations["summary"]),
        plain(annotations["description"]),
        annotations["runbook_url"].rpartition("/")[2],
    )


def _expected(around: World) -> dict[str, tuple[str, str, str, str, str]]:
    def who(key: str) -> str:
        scene = SCENE[key]
        return f"{scene.domain} ({scene.arn}, account {scene.account}, {scene.region})"

    def serial(shows: Shows, key: str) -> str:
        served = around.authorities.behaviour(shows, SCENE[key], around.issued[key])
        assert isinstance(served, Serve)
        return f"{served.issued.serial:x}"

    other, foreign = serial(Shows.OTHER_NAME, "ecdsa"), serial(Shows.FOREIGN, "staging")
    return {
        "reachable": (
            "/pages",
            "critical",
            "A name of ledger.example.net cannot be reached over HTTPS",
            (
                f"A name of {who('private')} does not complete a TLS handshake at one of its addresses or all.\n"
                f"ledger.example.net:PORT at {around.addresses['private'][0]}: refused.\n"
                "First: look whether the listener runs, then at security groups, network and DNS.\n"
            ),
            "AcmNameUnreachable.md",
        ),
        "name_match": (
            "/pages",
            "critical",
            "Visitors of ec.example.com get a certificate for another name",
            (
                f"A certificate that does not cover the name is served where {who('ecdsa')} should be: "
                "visitors are refused.\n"
                f"ec.example.com:PORT at {around.addresses['ecdsa'][0]} serves serial {other} issued by "
                "CN=Amazon RSA 2048 M02,O=Amazon (DAYS days left).\n"
                "First: attach the right certificate to that listener; mind its default certificate and SNI.\n"
            ),
            "AcmServedNameMismatch.md",
        ),
        "serial_match": (
            "/tickets",
            "warning",
            "Visitors of staging.example.org get another certificate than ACM's",
            (
                f"Another certificate is served where {who('staging')} should be: ACM's renewals do not reach "
                "visitors there.\n"
                f"staging.example.org:PORT at {around.addresses['staging'][0]} serves serial {foreign} issued by "
                "CN=Edge Shield TLS CA 1,O=Edge Shield (DAYS days left).\n"
                "First: deploy an older issue of Amazon's anew. Another issuer means that a WAF or CDN in front "
                "has a certificate of its own: put ACM's there, or renew that one where it is managed.\n"
            ),
            "AcmServedCertificateDiffers.md",
        ),
        "in_use": (
            "/tickets",
            "warning",
            "ACM will not renew cdn.example.com: in_use breaks (DAYS days left)",
            (
                f"{who('http-token')} will not be renewed: DAYS days left.\n"
                "Should be: An AWS service uses the certificate, or it was exported since its last issue.\n"
                "First: attach the certificate to the resource that should use it, or delete it. "
                "acm-exporter check cdn.example.com names the part that breaks.\n"
            ),
            "in_use.md",
        ),
        "validation_age": (
            "/tickets",
            "warning",
            "renewing.example.com was first issued too long ago to be renewed as it is (DAYS days left)",
            (
                f"{who('renewing')} was first issued 900 days ago, longer than renewal.validation_limit allows, so "
                "it has to be validated anew; DAYS days left.\n"
                "First: resend the validation mail and have it approved, or move to DNS validation.\n"
            ),
            "AcmValidationTooOld.md",
        ),
    }


def _is_of(alert: dict[str, Any], key: str) -> bool:
    return bool(alert["labels"].get("arn") == SCENE[key].arn)


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true, and no longer than PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what changes is in three other processes
            await asyncio.sleep(0.1)


def _send(manager: str, alerts: list[dict[str, Any]]) -> None:
    body, headers = json.dumps(alerts).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{manager}/api/v2/alerts", body, headers)
    with urllib.request.urlopen(request):
        pass


def _fetch(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)
