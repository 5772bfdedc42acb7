"""The program as users start it: processes, signals, sockets and terminals."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import pytest

from exporter.demo import pki
from exporter.demo.tls import Endpoints, Serve
from tests.cli.test_logs import from_logfmt

PROGRAM = [sys.executable, "-m", "exporter"]
SOON = 30.0  # seconds that anything may take on a busy machine
AWS = {  # dummies, and nothing of this machine
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_REGION": "us-east-1",
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Keep botocore away from this machine's AWS files and from any metadata service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder), "NO_PROXY": "*"}
    return kept | nowhere | more


class Running:
    """A process with its log, which is read as it comes."""

    def __init__(
        self, arguments: list[str], env: Mapping[str, str], read: Callable[[str], dict[str, Any]]
    ) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read = read
        self.log: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """Read the log until an event; each line of it must be readable."""
        for line in _err(self.process):
            self.log.append(self._read(line.removesuffix("\n")))
            if self.log[-1]["event"] == event:
                return self.log[-1]
        raise AssertionError(f"the log ended without {event!r}: {self.log}")

    def end(self, number: int) -> tuple[int, float]:
        """Send a signal; gives the exit code and the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(SOON)
        took = time.monotonic() - began
        self.log += [self._read(line.removesuffix("\n")) for line in _err(self.process)]
        return code, took


def _err(process: subprocess.Popen[str]) -> TextIO:
    assert process.stderr is not None
    return process.stderr  # type: ignore[return-value]


@contextmanager
def running(
    arguments: list[str], env: Mapping[str, str], read: Callable[[str], dict[str, Any]] = json.loads
) -> Iterator[Running]:
    """Run the program, and end it whatever happens."""
    one = Running(arguments, env, read)
    watchdog = threading.Timer(60, one.process.kill)
    watchdog.start()
    try:
        yield one
    finally:
        watchdog.cancel()
        one.process.kill()
        one.process.communicate()


def get(url: str) -> str:
    """Fetch a page."""
    with urllib.request.urlopen(url, timeout=SOON) as answer:
        return str(answer.read().decode())


def get_until(url: str, word: str) -> str:
    """Fetch a page until it holds a word."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        text = get(url)
        if word in text:
            return text
        threading.Event().wait(0.1)
    raise AssertionError(f"{word} is not in {text}")


# --- a call to AWS hangs --------------------------------------------------------------------------------


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """Give a server that lets people connect and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON)
        yield server


def url_of(server: socket.socket) -> str:
    """Give the URL of a server's socket."""
    return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_signals_while_a_call_to_aws_hangs(hanging: socket.socket, tmp_path: Path) -> None:
    """SIGHUP harms nobody, and SIGTERM ends it within two seconds, cleanly, though AWS never answers."""
    env = environment(tmp_path, AWS_ENDPOINT_URL=url_of(hanging), **AWS)
    with running(["run", "--web.listen-address", "127.0.0.1:0", "--log.format", "json"], env) as daemon:
        url = daemon.until("listening")["urls"]
        call, _ = hanging.accept()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.until("there is no configuration file to reload")
        assert get(f"{url}/-/healthy") == "healthy\n"
        code, took = daemon.end(signal.SIGTERM)
        call.close()
    assert (code, daemon.log[-1]["event"]) == (0, "stopped")
    assert [one["event"] for one in daemon.log if one["level"] == "error"] == []
    assert took < 5  # 2 on a quiet machine; botocore alone would wait for a minute


def test_interrupted_check_ends_while_a_call_to_aws_hangs(hanging: socket.socket, tmp_path: Path) -> None:
    """Ctrl-C ends `check` at once, with the shell's code for it."""
    env = environment(tmp_path, AWS_ENDPOINT_URL=url_of(hanging), **AWS)
    process = subprocess.Popen(
        [*PROGRAM, "check"], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        call, _ = hanging.accept()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SOON)
        call.close()
    finally:
        process.kill()
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


# --- no credentials -------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """Serve TLS on loopback; gives a configuration that looks at it and, besides, at AWS."""
    issued = pki.self_signed(["a.example.com"], datetime.now(UTC))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    endpoints = asyncio.run_coroutine_threadsafe(
        Endpoints.start(tmp_path, {"127.0.0.1": Serve(issued)}), loop
    ).result(SOON)
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(f"domains: [{{name: a.example.com, addresses: [127.0.0.1], port: {endpoints.port}}}]\n")
    yield file
    asyncio.run_coroutine_threadsafe(endpoints.close(), loop).result(SOON)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SOON)
    loop.close()


def test_daemon_without_credentials(served: Path, tmp_path: Path) -> None:
    """It runs, says what to do, shows the source as failed, becomes ready, and looks at the domains all the same."""
    arguments = ["run", "--web.listen-address", "127.0.0.1:0", "--config.file", str(served)]
    with running(arguments, environment(tmp_path, AWS_REGION="us-east-1"), from_logfmt) as daemon:
        url = daemon.until("listening")["urls"]
        told = daemon.until("ACM could not be read")
        text = get_until(f"{url}/metrics", "tls_endpoint_reachable{")
        assert get_until(f"{url}/-/ready", "ready") == "ready\n"
        code, _ = daemon.end(signal.SIGINT)
    assert (told["level"], told["region"]) == ("warning", "us-east-1")
    assert told["error"].startswith("no_credentials: ")
    assert "give AWS credentials" in told["error"]
    assert 'acm_exporter_source_success{account="",region="us-east-1",source="acm"} 0.0' in text
    assert re.search(r'^tls_endpoint_reachable\{domain="a.example.com",.*\} 1.0$', text, re.MULTILINE)
    assert (code, daemon.log[-1]["event"]) == (0, "stopped")


def test_check_without_credentials(served: Path, tmp_path: Path) -> None:
    """What can be seen is told also while AWS cannot be read, and the exit code says unknown."""
    done = subprocess.run(
        [*PROGRAM, "check", "--config.file", str(served)],
        env=environment(tmp_path, AWS_REGION="us-east-1"),
        capture_output=True,
        text=True,
        timeout=SOON,
        check=False,
    )
    assert done.returncode == 3
    assert re.search(
        r"^  a\.example\.com:\d+ at 127\.0\.0\.1 +198\.0 days +not trusted: ", done.stdout, re.MULTILINE
    )
    assert "acm us-east-1: no_credentials: " in done.stdout


# --- sockets and files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (
            "127.0.0.1:{taken}",
            r"error while attempting to bind on address \('127.0.0.1', \d+\): .*address already in use",
        ),
        ("a..b:0", r".*label empty.*"),
    ],
    ids=["port in use", "no host name"],
)
def test_cannot_listen(tmp_path: Path, host: str, says: str) -> None:
    """One clear line that names the address, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = host.format(taken=server.getsockname()[1])
        with running(["run", "--web.listen-address", address], environment(tmp_path), from_logfmt) as daemon:
            line = daemon.until("cannot listen")
            assert daemon.process.wait(SOON) == 1
            assert _err(daemon.process).read() == ""
    assert [one["event"] for one in daemon.log] == ["starting", "cannot listen"]
    assert (line["level"], line["addresses"]) == ("error", address)
    assert re.fullmatch(says, line["error"])


@pytest.mark.parametrize(("command", "code"), [("metrics", 1), ("check", 3)])
def test_reader_has_gone_away(tmp_path: Path, command: str, code: int) -> None:
    """`… | head` ends quietly, and of `check` it is no finding."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, command],
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=SOON,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (code, b"")


def test_own_failure_of_check_is_unknown(tmp_path: Path) -> None:
    """A full disk is told in full, and is not taken for a certificate that is served wrongly."""
    file = tmp_path / "acm-exporter.yaml"
    file.write_text("aws: {accounts: []}\n")  # no thread of AWS's, which would shorten the end
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "check", "--config.file", str(file)],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SOON,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr.endswith("OSError: [Errno 28] No space left on device\n")


# --- check against the demo -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the demo; gives the shell line that its greeting tells people to type, up to the command."""
    folder = tmp_path_factory.mktemp("demo")
    with running(
        ["demo", "--web.listen-address", "127.0.0.1:0", "--log.format", "json"], environment(folder)
    ) as one:
        assert one.process.stdout is not None
        greeting = ""
        for line in one.process.stdout:
            greeting += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"on a terminal +(\. \S+; )\S+ check (--config\.file \S+)\n", greeting)
        assert found is not None, greeting
        program = " ".join(PROGRAM)
        yield f"{found[1]}exec {program} check {found[2]}"
        code, _ = one.end(signal.SIGTERM)
        assert (code, one.log[-1]["event"]) == (0, "stopped")


def start(line: str, folder: Path, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Run a line of shell."""
    return subprocess.Popen(
        ["sh", "-c", line], env=environment(folder), stdout=subprocess.PIPE, stderr=stderr, text=True
    )


def test_check_by_name(demo: str, tmp_path: Path) -> None:
    """Only what was asked for is told: a name that is served wrongly, and one that no certificate covers."""
    asked = {
        "waf.example.com": (1, "1 certificate: 1 renews; 1 not served as ACM has it.\n", ""),
        "shop.example.com nobody.example.org": (
            3,
            "1 certificate: 1 renews.\n",
            "nobody.example.org: no certificate of the inventory covers this name\n",
        ),
    }
    processes = {names: start(f"{demo} {names}", tmp_path) for names in asked}
    found = {}
    for names, process in processes.items():
        out, err = process.communicate(timeout=60)
        found[names] = (process.returncode, out.rpartition("\n\n")[2], err)
    assert found == asked


def test_check_of_everything_as_json(demo: str, tmp_path: Path) -> None:
    """The whole world as one document on standard output, and the worst of it as exit code."""
    process = start(f"{demo} --format json", tmp_path)
    out, err = process.communicate(timeout=60)
    found = json.loads(out)
    assert (process.returncode, err) == (2, "")
    assert len(found["certificates"]) == 45
    assert found["certificates"][0]["verdict"] == "blocked"
    tags = {one["domain"]: one["tags"] for one in found["certificates"]}
    assert tags["shop.example.com"] != {}


def test_progress_on_a_terminal(demo: str, tmp_path: Path) -> None:
    """A person sees how far the sweep is, on one line that is wiped at the end; the table is not touched."""
    ours, theirs = pty.openpty()
    process = start(f"{demo} '*.pay.example.com'", tmp_path, stderr=theirs)
    os.close(theirs)
    shown = read_terminal(ours)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out.rpartition("\n\n")[2]) == (0, "1 certificate: 1 renews.\n")
    assert "\x1b" not in out
    steps = [line for line in shown.split("\r\x1b[K") if line]
    assert {line.partition(":")[0] for line in steps} == {
        *("accounts and regions", "certificates", "names", "records"),
    }
    assert "accounts and regions: 3 of 3" in steps
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def read_terminal(end: int) -> str:
    """Read what a program writes to its terminal until it closes it."""
    shown = b""
    with selectors.DefaultSelector() as selector:
        selector.register(end, selectors.EVENT_READ)
        while selector.select(SOON):
            try:
                more = os.read(end, 4096)
            except OSError:  # Linux: the other end is closed
                more = b""
            if not more:
                break
            shown += more
    os.close(end)
    return shown.decode()
