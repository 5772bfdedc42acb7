"""The whole house against the demo world: every scene's verdict, and /metrics as Prometheus would read it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from exporter import config
from exporter.cli import build
from exporter.demo.world import World, expectations, world
from exporter.expose import deflate, exposition
from exporter.expose.families import FAMILIES
from exporter.expose.press import Press
from exporter.expose.rows import DELIVERY, KEEPING, WEB_FILE
from exporter.judge.rule import Outcome
from exporter.snapshot import Snapshot
from tests.servers import need

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # of the world and of the exporter
GOLDEN = Path(__file__).parent / "golden" / "metrics.prom"

# What differs from run to run, and what stands for it in the golden text.
VOLATILE = (
    (r'port="\d+"', 'port="PORT"'),
    (r'path="[^"]*/tls/', 'path="FOLDER/tls/'),
    (r'fingerprint_sha256="[0-9a-f]{64}"', 'fingerprint_sha256="FINGERPRINT"'),
    (r'position="([1-9])",serial="[0-9a-f]+"', r'position="\1",serial="SERIAL"'),
    (r'python_version="[^"]*"', 'python_version="PYTHON"'),
    (r"(_duration_seconds\{.*\}) \S+$", r"\1 SECONDS"),
    (r"(_(?:requests|looks)_total\{.*\}) (?!0\.0$)\S+$", r"\1 SOME"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[World, Snapshot]]:
    """Run the world, look at everything once, and keep both."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as environment:
        async with world(folder, NOW) as around:
            for name, value in around.environment.items():
                environment.setenv(name, value)
            settings = config.load(around.config_file, around.environment)
            with build.watch(settings, clock=lambda: NOW) as (watch, board):
                await watch.once()
            yield around, board.latest


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_scene_is_judged_as_it_says(seen: tuple[World, Snapshot]) -> None:
    """The demo's greeting promises a verdict and the broken conditions of each certificate: they are found."""
    around, snapshot = seen
    promised = {
        one.arn: (one.verdict, set(one.breaks)) for one in expectations(around.scenes, snapshot.taken_at)
    }
    found = {
        case.certificate.arn: (
            case.verdict.word.value,
            {c for c, finding in case.verdict.findings.items() if finding.outcome is Outcome.BREAKS},
        )
        for case in snapshot.cases
    }
    assert found == promised


async def test_no_rule_and_no_look_met_a_bug(seen: tuple[World, Snapshot]) -> None:
    """A bug is a reason of its own, and the demo world meets none."""
    _, snapshot = seen
    assert {key: n for key, n in snapshot.tally.items() if key[1] == "bug" and n} == {}


async def test_metrics_are_as_the_golden_text_has_them(seen: tuple[World, Snapshot]) -> None:
    """Names, labels and values of all families stay what dashboards and rules were written for."""
    _, snapshot = seen
    text = normal(_exposed(snapshot))
    if not GOLDEN.exists():  # to renew it, delete the file and run this test
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
        pytest.fail(f"{GOLDEN.name} was missing and is written anew: read it and commit it")
    assert text == GOLDEN.read_text()


async def test_every_family_has_rows_in_the_demo(seen: tuple[World, Snapshot]) -> None:
    """The demo shows a row of every metric, but for those of changes, which one look cannot see, and of parts it lacks."""
    _, snapshot = seen
    text = _exposed(snapshot)
    families = [one for one in FAMILIES if one.subject not in (KEEPING, DELIVERY, WEB_FILE)]
    bare = [one.name for one in families if not re.search(rf"^{one.name}(\{{| )", text, re.MULTILINE)]
    assert bare == [
        "acm_certificate_first_seen_timestamp_seconds",
        "acm_certificate_serial_changed_timestamp_seconds",
        "tls_endpoint_first_seen_timestamp_seconds",
        "tls_endpoint_serial_changed_timestamp_seconds",
        "tls_endpoint_ocsp_status",
        "acm_exporter_organization_accounts",
        "acm_exporter_changes_total",
    ]


async def test_promtool_reads_the_metrics(seen: tuple[World, Snapshot]) -> None:
    """Prometheus's own linter has one remark only: days are no base unit (the timestamps stand beside them)."""
    _, snapshot = seen
    assert remarks(_exposed(snapshot)) == [
        "acm_certificate_days_to_expiry",
        "acm_certificate_validation_age_days",
        "certificate_file_days_to_expiry",
        "tls_endpoint_chain_certificate_days_to_expiry",
        "tls_endpoint_days_to_expiry",
    ]


def remarks(text: str) -> list[str]:
    """Let promtool read metrics; gives the names of those of which it remarks that days are no base unit."""
    done = subprocess.run(
        [need("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    return [
        line.removesuffix(' use base unit "seconds" instead of "days"')
        for line in (done.stdout + done.stderr).splitlines()
    ]


def _exposed(snapshot: Snapshot) -> str:
    parts, _ = exposition.scrape(Press().render(snapshot), "")
    return deflate.join(parts).plain.decode()


def normal(text: str) -> str:
    """Keep our own families, sorted within each, and put a word for what differs from run to run."""
    families = re.split(r"(?=^# HELP )", text, flags=re.MULTILINE)
    ours = [one for one in families if re.match(r"# HELP (acm|tls|certificate)_", one)]
    out = []
    for one in ours:
        lines = one.splitlines()
        for pattern, word in VOLATILE:
            lines = [line if line.startswith("#") else re.sub(pattern, word, line) for line in lines]
        head = [line for line in lines if line.startswith("#")]
        out += [*head, *sorted(line for line in lines if not line.startswith("#"))]
    return "\n".join(out) + "\n"
