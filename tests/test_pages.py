"""The pages of docs/ that say what the code, the example and the alerts say too."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.config.model import Settings
from exporter.facts import Why
from tests.config.test_load import keys

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_generated_tables_are_fresh() -> None:
    """Whoever changes the example, an alert or its place in the index and forgets `make docs` is told."""
    command = [sys.executable, str(ROOT / "deploy/docs-tables"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_key_of_the_configuration_has_its_row() -> None:
    """Nobody has to read code, or the example, to learn of a key."""
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| [^|]* \| .+ \|$", (DOCS / "configuration.md").read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted({*keys(Settings), "domains.name"})


NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (DOCS / "security.md").read_text())


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)), ids=lambda one: Path(one).stem)
def test_the_threat_model_names_tests_that_there_are(file: str, name: str) -> None:
    """A claim whose test was renamed or dropped would be a promise that nobody holds."""
    assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_reasons_in_the_pages_are_reasons() -> None:
    """A word that is looked up in troubleshooting is one that the exporter says."""
    rows = re.findall(r"^\| ([^|]*) \|", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    said = {word for row in rows for word in re.findall(r"`([a-z]+_[a-z_]+)`", row)}
    conditions = {"reachable", "serial_match", "name_match", "state_file"}
    assert {word for word in said if word not in conditions} <= {why.value for why in Why}
