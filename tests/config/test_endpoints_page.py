"""The examples of docs/endpoints.md can be used as they stand."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from exporter import config
from exporter.config import ways
from exporter.demo import pki
from exporter.expose.families import FAMILIES
from exporter.facts import Why

PAGE = (Path(__file__).parents[2] / "docs/endpoints.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
EXAMPLES = [block for block in BLOCKS if not block.startswith("# rules.yml")]


@pytest.mark.parametrize("text", EXAMPLES)
def test_example(text: str, tmp_path: Path) -> None:
    """Each is a configuration, and sets what it shows."""
    client = pki.self_signed(["client.test"], datetime(2026, 1, 1, tzinfo=UTC))
    (tmp_path / "client.pem").write_bytes(client.chain_pem)
    (tmp_path / "client.key").write_bytes(client.key_pem)
    (tmp_path / "config.yaml").write_text(text)
    settings = config.load(tmp_path / "config.yaml", {"PROXY_PASSWORD": "swordfish"})
    assert len(settings.domains) == len(yaml.safe_load(text).get("domains", ()))


def test_every_protocol() -> None:
    """The table has each protocol with its port."""
    assert dict(re.findall(r"^\| `([a-z0-9]+)` \| ([0-9]+) \|", PAGE, re.MULTILINE)) == {
        protocol: str(port) for protocol, port in ways.STARTTLS.items()
    }


def test_names() -> None:
    """Reasons and metrics are called what they are."""
    reasons = set(re.findall(r"`((?:starttls|proxy)_[a-z_]+)`", PAGE))
    assert reasons == {why.value for why in Why if why.value.startswith(("starttls_", "proxy_"))}
    metrics = set(re.findall(r"`(tls_[a-z_]+[a-z])[`{]", PAGE))
    assert metrics <= {one.name for one in FAMILIES}
