"""What docs/resources.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter import config
from exporter.config.services import RESOURCES
from exporter.judge.resources import TYPES

PAGE = (Path(__file__).parents[2] / "docs/resources.md").read_text()


@pytest.mark.parametrize("text", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
def test_example(text: str, tmp_path: Path) -> None:
    """Each is a configuration."""
    (tmp_path / "config.yaml").write_text(text)
    assert config.load(tmp_path / "config.yaml", {}).aws.resources == RESOURCES


def test_every_kind_and_every_service() -> None:
    """The tables have each of them."""
    kinds, services = (
        re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for part in PAGE.split("## With DNS names")
    )
    assert set(re.findall(r"`(\w+)`", " ".join(kinds))) == set(TYPES)
    assert re.findall(r"`(\w+)`", " ".join(services)) == list(RESOURCES)
