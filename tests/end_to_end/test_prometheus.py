"""A real Prometheus scrapes a running exporter, as users have it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.demo.scenes import SCENES
from exporter.expose.families import FAMILIES
from exporter.expose.rows import DELIVERY, KEEPING, WEB_FILE
from tests.servers import free_port, need, running, watching

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `acm-exporter demo` until it is ready; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", f"127.0.0.1:{port}"]
    log = tmp_path_factory.mktemp("exporter") / "log"
    with running(command, f"http://127.0.0.1:{port}/-/ready", log, within=60):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def prometheus(exporter: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Prometheus with the shipped configuration, but for the address and the interval; gives its URL."""
    folder = tmp_path_factory.mktemp("prometheus")
    shipped = (ROOT / "deploy/prometheus.yml").read_text()
    assert "127.0.0.1:9795" in shipped
    with watching(folder, shipped.replace("127.0.0.1:9795", exporter).replace("15s", "1s")) as url:
        _until_scraped(url)
        yield url


def test_prometheus_has_rows_of_every_family(prometheus: str) -> None:
    """Each metric of the table can be queried, but for those of changes to come and of parts that the demo lacks."""
    families = [one for one in FAMILIES if one.subject not in (KEEPING, DELIVERY, WEB_FILE)]
    missing = [one.name for one in families if not query(prometheus, one.name)]
    assert missing == [
        "acm_certificate_serial_changed_timestamp_seconds",
        "tls_endpoint_serial_changed_timestamp_seconds",
        "tls_endpoint_ocsp_status",  # the servers of the demo staple nothing
        "acm_exporter_organization_accounts",  # its accounts are a list
    ]


def test_prometheus_says_which_certificates_will_not_renew(prometheus: str) -> None:
    """The one question the exporter was written for, asked of Prometheus."""
    blocked = query(prometheus, 'acm_certificate_renewal_verdict{verdict="blocked"} == 1')
    expected = sorted(scene.domain for scene in SCENES if scene.verdict == "blocked")
    assert sorted(row["metric"]["domain"] for row in blocked) == expected


def test_conditions_join_with_what_the_certificate_is(prometheus: str) -> None:
    """Identity labels are the same everywhere, so a broken condition can be joined with the info metric."""
    joined = query(
        prometheus,
        'acm_certificate_condition{condition="caa"} == 0 '
        "and on (arn, account, region, domain) acm_certificate_info",
    )
    assert [row["metric"]["domain"] for row in joined] == ["caa.example.com"]


def test_the_scrape_is_openmetrics_and_complete(prometheus: str, exporter: str) -> None:
    """Prometheus takes as many samples as the exporter gives."""
    with urllib.request.urlopen(f"http://{exporter}/metrics") as response:
        given = [line for line in response.read().decode().splitlines() if not line.startswith("#")]
    (row,) = query(prometheus, "scrape_samples_scraped")
    assert abs(int(row["value"][1]) - len(given)) <= 5  # rows of a new reason or operation come and go


def test_it_ends_on_a_signal_with_a_clean_log(tmp_path: Path) -> None:
    """The demo ends by itself when told to, and leaves no file behind."""
    port = free_port()
    command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", f"127.0.0.1:{port}"]
    log = tmp_path / "log"
    with running(command, f"http://127.0.0.1:{port}/-/ready", log, within=60):
        pass
    text = log.read_text()
    assert "event=stopped" in text
    assert "level=error" not in text
    assert "Traceback" not in text
    (folder,) = set(re.findall(r"\S*acm-exporter-demo-[^/]+", text))
    assert not Path(folder).exists()


def test_shipped_configuration_is_what_promtool_accepts() -> None:
    """The scrape configuration can be used as it is."""
    file = ROOT / "deploy/prometheus.yml"
    subprocess.run([need("promtool"), "check", "config", str(file)], check=True, capture_output=True)
    assert yaml.safe_load(file.read_text())["scrape_configs"][0]["job_name"] == "acm-exporter"


def query(url: str, expression: str) -> list[dict[str, Any]]:
    """Ask Prometheus now."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(address) as response:
        rows: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return rows


def _until_scraped(url: str) -> None:
    end = time.monotonic() + 30
    while not query(url, "acm_exporter_snapshot_timestamp_seconds"):
        assert time.monotonic() < end, "Prometheus does not scrape the exporter"
        time.sleep(0.2)
