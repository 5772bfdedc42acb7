"""The unit: what systemd itself says of it, and the exporter under the filter that it makes."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from exporter.cli import cli
from tests.deploy.confined import service
from tests.servers import free_port, need, running

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/acm-exporter.service"
MOST_EXPOSED = 15  # tenths, of 100; what is left is the network, which it is for
CONFINED = [sys.executable, "-m", "tests.deploy.confined", str(UNIT)]


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """No directive is unknown and no program of it missing, once it is installed."""
    text = UNIT.read_text()
    program = "/opt/acm-exporter/bin/acm-exporter"
    assert program in text
    (tmp_path / UNIT.name).write_text(
        text.replace(program, str(Path(sys.executable).with_name("acm-exporter")))
    )
    done = subprocess.run(
        [need("systemd-analyze"), "verify", "--man=no", tmp_path / UNIT.name],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, [])


def test_systemd_calls_the_unit_safe() -> None:
    """The exposure that `systemd-analyze security` reckons stays low."""
    done = subprocess.run(
        [
            *(need("systemd-analyze"), "security", "--offline=true", "--no-pager"),
            *(f"--threshold={MOST_EXPOSED}", str(UNIT)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_unit_runs_commands_that_there_are() -> None:
    """Whatever the unit starts, the command line accepts."""
    told = service(UNIT)
    lines = [line.split() for key in ("ExecStartPre", "ExecStart") for line in told[key]]
    for _, *words in lines:
        options = [word for word in words if word.startswith("--")]
        command = cli
        for word in words[: -len(options)]:
            command = command.commands[word]  # type: ignore[assignment]
        command.make_context(command.name, options)
    assert [words[1] for words in lines] == ["config", "run"]
    assert told["ExecReload"] == ["/bin/kill -HUP $MAINPID"]


def test_the_exporter_runs_under_the_filter(tmp_path: Path) -> None:
    """It watches the whole demo world with the system calls and sockets that the unit leaves it."""
    need("systemd-analyze")
    address = f"127.0.0.1:{free_port()}"
    command = [*CONFINED, sys.executable, "-m", "exporter", "demo", f"--web.listen-address={address}"]
    log = tmp_path / "log"
    with (
        running(command, f"http://{address}/-/ready", log, within=60),
        urllib.request.urlopen(f"http://{address}/metrics") as answer,
    ):
        text = answer.read().decode()
    sources = dict(
        re.findall(r'^acm_exporter_source_success\{.*source="(\w+)".*\} (\S+)$', text, re.MULTILINE)
    )
    assert sources == dict.fromkeys(("acm", "dns", "file", "resources", "tls"), "1.0")
    assert "level=error" not in log.read_text()
    assert "event=stopped" in log.read_text()


@pytest.mark.parametrize(
    "forbidden",
    [
        "import socket; socket.socket(socket.AF_PACKET)",
        "import os; os.setpriority(os.PRIO_PROCESS, 0, 1)",
        "import os; os.chroot('/')",
    ],
)
def test_the_filter_refuses(forbidden: str) -> None:
    """What the filter is for is refused, also to root."""
    need("systemd-analyze")
    done = subprocess.run(
        [*CONFINED, sys.executable, "-c", forbidden], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("PermissionError: [Errno 1] Operation not permitted")
