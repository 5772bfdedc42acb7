"""A real Prometheus scrapes over TLS with a client certificate and a password, and goes on after a rotation."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.demo import pki
from tests.servers import free_port, watching

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/web-configuration.md").read_text()
WITHIN = 30.0  # seconds
BORN = datetime.now(UTC) - timedelta(hours=1)
USAGES = (ExtendedKeyUsageOID.CLIENT_AUTH,)


def example(begins: str) -> str:
    """Take an example from the documentation, by its first line."""
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(begins))
    return str(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with certificates and the documented web configuration, which names them."""
    made = tmp_path_factory.mktemp("web")
    authority = pki.root("Example Root", BORN)
    rotate(made, authority)
    put(made, "prometheus", authority.issue(["prometheus.example.com"], BORN, usages=USAGES))
    (made / "ca.crt").write_bytes(pki.pem(authority.certificate))
    (made / "web.yml").write_text(example("tls_server_config:"))
    (made / "password").write_text("correct horse battery staple")
    return made


def put(folder: Path, name: str, issued: pki.Issued) -> None:
    """Write a certificate and its key, as cert-manager names them."""
    (folder / f"{name}.crt").write_bytes(issued.chain_pem)
    (folder / f"{name}.key").write_bytes(issued.key_pem)


def rotate(folder: Path, authority: pki.Authority) -> int:
    """Give the server a new certificate; returns its serial."""
    issued = authority.issue(["127.0.0.1", "acm-exporter.example.com"], BORN)
    put(folder, "tls", issued)
    return issued.serial


@pytest.fixture(scope="module")
def exporter(folder: Path) -> Iterator[str]:
    """Run `acm-exporter demo` behind it, with health for everybody; gives its address."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "exporter", "demo"),
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.config.file={folder / 'web.yml'}",
        "--web.health-without-auth",
    ]
    with (
        (folder / "exporter.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            until(lambda: answer(f"https://127.0.0.1:{port}/-/ready", folder) == 200, folder / "exporter.log")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="module")
def prometheus(exporter: str, folder: Path) -> Iterator[str]:
    """Run Prometheus with the documented scrape configuration, but for addresses and intervals; gives its URL."""
    jobs = yaml.safe_load(example("scrape_configs:"))
    for job in jobs["scrape_configs"]:
        job["scrape_interval"] = job["scrape_timeout"] = "1s"
        job["static_configs"] = [{"targets": [exporter]}]
    with watching(folder, yaml.safe_dump(jobs)) as url:
        yield url


def answer(url: str, folder: Path) -> int:
    """Ask without a certificate and a password; gives the status, 0 for none."""
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    try:
        with urllib.request.urlopen(url, timeout=5, context=context) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def until(what: Callable[[], bool], log: Path) -> None:
    """Wait until it is so."""
    end = time.monotonic() + WITHIN
    while not what():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def target(prometheus: str) -> dict[str, Any]:
    """Say how Prometheus fares with its one target."""
    with urllib.request.urlopen(f"{prometheus}/api/v1/targets") as got:
        found = json.load(got)["data"]["activeTargets"]
    return dict(found[0]) if found else {"health": "", "lastError": ""}  # not yet


def test_prometheus_scrapes_and_goes_on_after_a_rotation(
    prometheus: str, exporter: str, folder: Path
) -> None:
    """With the documented files it is up; a new certificate under a new authority is taken up by both."""
    log = folder / "exporter.log"
    until(lambda: target(prometheus)["health"] == "up", log)
    assert (
        answer(f"https://{exporter}/-/healthy", folder),
        answer(f"https://{exporter}/metrics", folder),
    ) == (200, 403)
    authority = pki.root("Another Root", BORN)
    put(folder, "prometheus", authority.issue(["prometheus.example.com"], BORN, usages=USAGES))
    (folder / "ca.crt").write_bytes(pki.pem(authority.certificate))
    serial = rotate(folder, authority)
    until(lambda: served(exporter) == serial, log)
    moment = datetime.now(UTC)
    until(lambda: scraped_since(prometheus, moment), log)
    assert target(prometheus)["lastError"] == ""


def test_a_pair_that_does_not_match_is_seen_in_prometheus(prometheus: str, folder: Path) -> None:
    """A rotation that came half through shows before the certificate in use ends."""
    whole, log = (folder / "tls.crt").read_bytes(), folder / "exporter.log"
    until(lambda: loaded(prometheus) == ["1"], log)
    (folder / "tls.crt").write_bytes(pki.self_signed(["127.0.0.1"], BORN).chain_pem)
    until(lambda: loaded(prometheus) == ["0"], log)
    (folder / "tls.crt").write_bytes(whole)
    until(lambda: loaded(prometheus) == ["1"], log)


def loaded(prometheus: str) -> list[str]:
    """Tell what Prometheus knows of the web configuration."""
    wanted = urllib.parse.urlencode({"query": "acm_exporter_web_config_last_reload_successful"})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{wanted}") as got:
        return [one["value"][1] for one in json.load(got)["data"]["result"]]


def served(exporter: str) -> int:
    """Tell the serial that the exporter shows."""
    host, _, port = exporter.partition(":")
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate((host, int(port))).encode()
    ).serial_number


def scraped_since(prometheus: str, moment: datetime) -> bool:
    """Say whether a scrape went well after a moment."""
    one = target(prometheus)
    last = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", one["lastScrape"]))
    return bool(one["health"] == "up" and last > moment)


def test_a_password_that_is_wrong_is_seen_in_prometheus(prometheus: str, folder: Path) -> None:
    """Prometheus tells its people why there are no data."""
    right = (folder / "password").read_text()
    (folder / "password").write_text("mistyped battery")
    until(lambda: "401 Unauthorized" in target(prometheus)["lastError"], folder / "exporter.log")
    (folder / "password").write_text(right)
    until(lambda: target(prometheus)["health"] == "up", folder / "exporter.log")
    assert "battery" not in (folder / "exporter.log").read_text()
