"""What is installed beside us: licences, and known vulnerabilities by the real pip-audit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from tests.servers import free_port

ROOT = Path(__file__).parents[2]


def test_licences_are_allowed_and_listed() -> None:
    """`make docs` would change nothing, and refuses what is not on its list."""
    command = [sys.executable, str(ROOT / "deploy/licences")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (ROOT / "docs/licences.md").read_text() == done.stdout


def test_a_licence_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    """hypothesis, which only tests use, has one that is not on the list."""
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy/licences", tmp_path / "deploy")
    (tmp_path / "requirements.lock").write_text("hypothesis==0 \\\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "MPL-2.0 (expected one of Apache-2.0, " in done.stderr
    assert "(expected 0, as in requirements.lock)" in done.stderr


class Osv(BaseHTTPRequestHandler):
    """The API of osv.dev with the vulnerabilities that a test says."""

    known: ClassVar[dict[str, list[Any]]] = {}

    def do_POST(self) -> None:
        """Answer a query for one package."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": self.known.get(asked["package"]["name"], [])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def osv() -> Iterator[str]:
    """Run a vulnerability service on loopback; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def audit(url: str) -> tuple[int, str, str]:
    """Run the audit with one service."""
    command = [sys.executable, str(ROOT / "deploy/audit"), "--vulnerability-service", "osv", "--osv-url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_an_audit_without_findings(osv: str) -> None:
    """Every package of the two lock files is looked up."""
    locks = [ROOT / name for name in ("requirements.lock", "requirements-build.lock")]
    pins = {line for one in locks for line in one.read_text().splitlines() if "==" in line and line[0] != "#"}
    assert audit(osv) == (0, f"{len(pins)} packages audited, 0 vulnerabilities\n", "")


def test_a_finding_fails(osv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with the version that mends it."""
    pinned = (ROOT / "requirements.lock").read_text().partition("\nurllib3==")[2].split()[0]
    events = [{"introduced": "0"}, {"fixed": "99.0"}]
    affected = [
        {
            "package": {"ecosystem": "PyPI", "name": "urllib3"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
    ]
    vulnerability = {
        "id": "PYSEC-2026-1",
        "published": "2026-11-01T00:00:00Z",
        "summary": "x",
        "affected": affected,
    }
    monkeypatch.setattr(Osv, "known", {"urllib3": [vulnerability]})
    code, _, said = audit(osv)
    assert (code, said) == (1, f"urllib3 {pinned}: PYSEC-2026-1 (mended in 99.0)\n")


def test_a_service_that_cannot_be_reached_is_no_audit() -> None:
    """It is told apart from a finding, and never taken for none."""
    code, out, said = audit(f"http://127.0.0.1:{free_port()}/v1/query")
    assert (code, out) == (3, "")
    assert said.splitlines()[-1] == "NOT AUDITED: no vulnerability service could be asked"
