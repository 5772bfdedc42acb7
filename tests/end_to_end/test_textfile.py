"""`check --format prometheus` and node_exporter: the file is written by one process and read by the other."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.demo.world import world
from tests.cli.test_processes import get
from tests.end_to_end.test_demo import remarks
from tests.servers import free_port, need, running

SOON = 60.0  # seconds that anything may take on a busy machine


async def test_node_exporter_exposes_a_sweep(tmp_path: Path) -> None:
    """Every row of the file is on node_exporter's page, under its own help, and the collector has no error."""
    node_exporter = need("prometheus-node-exporter")
    folder = tmp_path / "textfile"
    folder.mkdir()
    file = folder / "acm.prom"
    async with world(tmp_path, datetime.now(UTC)) as here:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        check = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "check", "--config.file", str(here.config_file)),
            *("--format", "prometheus", "--output", str(file)),
            env={**kept, **here.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(SOON):
            said = await check.communicate()
    assert (check.returncode, said) == (2, (b"", b""))
    text = file.read_text()
    assert remarks(text) == [
        "acm_certificate_days_to_expiry",
        "acm_certificate_validation_age_days",
        "certificate_file_days_to_expiry",
        "tls_endpoint_chain_certificate_days_to_expiry",
        "tls_endpoint_days_to_expiry",
    ]
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(node_exporter, f"--web.listen-address={address}", "--collector.disable-defaults"),
        *("--collector.textfile", f"--collector.textfile.directory={folder}"),
    ]
    with running(command, f"http://{address}/metrics", tmp_path / "node_exporter.log"):
        page = get(f"http://{address}/metrics")
    assert "node_textfile_scrape_error 0" in page.splitlines()
    assert _rows(page) == _rows(text)
    assert len(_rows(text)) > 1000
    assert set(re.findall(r"^# (?:HELP|TYPE) (?:acm|tls)_.*$", text, re.MULTILINE)) <= set(page.splitlines())


def _rows(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read our rows as Prometheus does, whatever the order of their labels."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for one in samples
        if one.name.startswith(("acm_", "tls_"))
    }
