"""A real Prometheus finds its targets at one exporter and spreads the probes over two others, as documented."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.demo.scenes import SCENES
from tests.end_to_end.test_prometheus import query
from tests.servers import free_port, need, running, watching

PAGE = (Path(__file__).parents[2] / "docs/service-discovery.md").read_text()
INTERVAL = 3  # seconds between two probes of a target
FAILING = {  # as visitors would find them
    *("untrusted.example.com", "wrongname.example.com", "expired.example.com"),
    *("lb.example.com", "refused.example.com", "silent.example.com", "reset.example.com"),
    *("plain.example.com", "moved.example.com"),
}
NOT_ACMS = {  # names that serve another certificate than ACM's
    *("waf.example.com", "www.example.net", "pinned.example.com", "untrusted.example.com"),
    *("wrongname.example.com", "db.example.net", "dual.example.com"),
}
NEVER_SEEN = {
    *("refused.example.com", "silent.example.com", "reset.example.com", "plain.example.com"),
    "moved.example.com",
}
BEHIND = {"www.apps.example.com"}  # looked at on a load balancer
NOBODY = {  # for wildcards
    *("www.pay.example.com", "www.unused.example.com", "www.new.example.com", "www.devices.example.net"),
}


def block(name: str) -> str:
    """Give the one example of the page that begins with a file's name."""
    (found,) = re.findall(rf"```yaml\n# {name}\b[^\n]*\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@dataclass(frozen=True)
class Fleet:
    """What runs; `targets` are those of /sd."""

    prometheus: str
    targets: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Run the demo, two workers on its world and a Prometheus, all with the documented configuration."""
    folder = tmp_path_factory.mktemp("fleet")
    first, port = f"127.0.0.1:{free_port()}", free_port()
    with ExitStack() as stack:
        command = [sys.executable, "-m", "exporter", "demo", "--web.listen-address", first]
        stack.enter_context(running(command, f"http://{first}/-/ready", folder / "first", within=60))
        file, environment = of_the_demo((folder / "first").read_text())
        ours = folder / "acm-exporter.yaml"
        scheduled = yaml.safe_load(block("acm-exporter.yaml"))["probe"]["scheduled"]
        ours.write_text(
            file.read_text().replace("\nprobe:\n", f"\nprobe:\n  scheduled: {scheduled}\n".lower())
        )
        for number in (0, 1):
            address = f"127.0.0.1{number}:{port}"
            command = _worker(environment, ours, address)
            log = folder / f"worker-{number}"
            stack.enter_context(running(command, f"http://{address}/-/ready", log, within=60))
        url = stack.enter_context(watching(folder, _documented(folder, first, port)))
        with urllib.request.urlopen(f"http://{first}/sd") as answer:
            groups = json.load(answer)
        targets = {target: group["labels"] for group in groups for target in group["targets"]}
        _until(
            lambda: (
                len(query(url, f"count_over_time(up{{job='acm-probe'}}[{9 * INTERVAL}s]) >= 4"))
                >= len(targets)
            )
        )
        yield Fleet(url, targets)


def of_the_demo(greeting: str) -> tuple[Path, Path]:
    """Find the files that the demo names: its configuration, and the environment that leads to its world."""
    found = re.search(r"\. (\S+); \S+ check --config\.file (\S+)\n", greeting)
    assert found is not None, greeting
    return Path(found[2]), Path(found[1])


def _worker(environment: Path, file: Path, address: str) -> list[str]:
    program = f"{sys.executable} -m exporter run --config.file {file} --web.listen-address {address}"
    return ["sh", "-c", f". {environment}; exec {program}"]


def _documented(folder: Path, first: str, port: int) -> str:
    """Give Prometheus's configuration as the page has it, but for addresses and intervals."""
    text = block("prometheus.yml")
    for documented, here in (
        ("acm-exporter-worker-$1:9795", f"127.0.0.1$1:{port}"),
        ("acm-exporter-worker-0:9795", f"127.0.0.10:{port}"),
        ("acm-exporter-worker-1:9795", f"127.0.0.11:{port}"),
        ("acm-exporter:9795", first),
        ("scrape_interval: 1m", f"scrape_interval: {INTERVAL}s"),
        ("scrape_timeout: 15s", f"scrape_timeout: {INTERVAL}s"),
        ("refresh_interval: 1m", "refresh_interval: 1s"),
    ):
        assert documented in text
        text = text.replace(documented, here)
    text = "global: {scrape_interval: 1s}\n" + text
    file = folder / "documented.yml"
    file.write_text(text)
    subprocess.run([need("promtool"), "check", "config", str(file)], check=True, capture_output=True)
    return text


def _until(true: Any) -> None:
    end = time.monotonic() + 90
    while not true():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.2)


def test_every_target_is_probed_once_per_interval_by_one_worker(fleet: Fleet) -> None:
    """Prometheus leaves nobody out, asks nobody twice, and asks always the same worker for the same target."""
    rows = query(fleet.prometheus, f"probe_duration_seconds[{9 * INTERVAL}s]")
    workers: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        workers[row["metric"]["instance"]].add(row["metric"]["worker"])
    assert {target: len(names) for target, names in workers.items()} == dict.fromkeys(fleet.targets, 1)
    assert len(rows) == len(fleet.targets)
    moments = {row["metric"]["instance"]: [moment for moment, _ in row["values"]] for row in rows}
    gaps = {
        round(later - earlier) for every in moments.values() for earlier, later in itertools.pairwise(every)
    }
    assert gaps == {INTERVAL}
    shares = query(fleet.prometheus, "count by (worker) (probe_duration_seconds)")
    assert {row["metric"]["worker"] for row in shares} == {"0", "1"}
    assert min(int(row["value"][1]) for row in shares) >= len(fleet.targets) // 4
    assert sum(int(row["value"][1]) for row in shares) == len(fleet.targets)


def test_the_workers_did_the_work(fleet: Fleet) -> None:
    """Each worker counts what it was asked for, and has rows of endpoints in no answer but those of /probe."""
    looks = query(
        fleet.prometheus, 'sum by (instance) (acm_exporter_looks_total{job="acm-worker", source="tls"}) > 10'
    )
    assert len(looks) == 2
    assert query(fleet.prometheus, '{__name__=~"(tls_endpoint|acm_certificate)_.*", job="acm-worker"}') == []
    assert query(fleet.prometheus, 'up{job="acm-probe"} == 0') == []


def test_probe_success_of_every_name(fleet: Fleet) -> None:
    """What visitors would find, for the whole world."""
    rows = query(fleet.prometheus, "probe_success")
    found = {row["metric"]["instance"].rpartition(":")[0]: float(row["value"][1]) for row in rows}
    names = {name for scene in SCENES for name in scene.looked_at} | BEHIND
    assert found == {name: 0.0 if name in FAILING else 1.0 for name in names}
    assert {labels["__meta_acm_domain"] for labels in fleet.targets.values()} == names | NOBODY
    assert [r["metric"]["team"] for r in query(fleet.prometheus, 'probe_success{team!=""}')] == ["web"] * 2


def test_serial_match_of_every_name(fleet: Fleet) -> None:
    """Which names serve what ACM has, certificate by certificate."""
    rows = query(fleet.prometheus, "min by (domain) (tls_endpoint_serial_match)")
    found = {row["metric"]["domain"]: float(row["value"][1]) for row in rows}
    names = {name for scene in SCENES for name in scene.looked_at} - NEVER_SEEN | BEHIND
    assert found == {name: 0.0 if name in NOT_ACMS else 1.0 for name in names}
    arns = {
        row["metric"]["arn"]
        for row in query(fleet.prometheus, 'tls_endpoint_serial_match{job="acm-probe"} == 1')
    }
    served = {scene.arn for scene in SCENES if scene.looked_at or scene.key == "behind-balancer"} - {
        scene.arn for scene in SCENES if scene.domain in NOT_ACMS | NEVER_SEEN
    }
    assert arns == served


def test_documented_alerts(fleet: Fleet, tmp_path: Path) -> None:
    """The rules of the page are sound, and name whom they should."""
    file = tmp_path / "rules.yml"
    file.write_text(block("rules.yml"))
    subprocess.run([need("promtool"), "check", "rules", str(file)], check=True, capture_output=True)
    found = {
        rule["alert"]: {
            row["metric"]["instance"].rpartition(":")[0] for row in query(fleet.prometheus, rule["expr"])
        }
        for rule in yaml.safe_load(file.read_text())["groups"][0]["rules"]
    }
    assert found == {"AcmProbeFailed": FAILING, "AcmProbedSerialDiffers": NOT_ACMS, "AcmWorkerDown": set()}
