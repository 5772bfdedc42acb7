"""How a running exporter ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest

from tests.cli.test_processes import AWS, SOON, Running, environment, running, url_of

# Runs the daemon with a store that takes its time: it tells what it is given, and waits for a line.
STORING = """
import asyncio, sys
from pathlib import Path
from typing import Self
from exporter import config
from exporter.cli import daemon, logs

def keep(past):
    print("keeping", *sorted(place[0] for place in past.looks), flush=True)
    sys.stdin.readline()

logs.set_up("info", "json")
daemon.STORING = 60.0
settings = config.load(Path(sys.argv[1]), {})
sys.exit(asyncio.run(daemon.serve(settings, [("127.0.0.1", 0)], keep=keep)))
"""


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Give a server that lets people connect and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        server.settimeout(SOON)
        yield server


def configured(folder: Path, silent: socket.socket, *, scheduled: bool = True, accounts: str = "[]") -> Path:
    """Write a configuration that looks at the silent server, every second."""
    file = folder / "acm-exporter.yaml"
    domain = f"{{name: a.example.com, addresses: [127.0.0.1], port: {silent.getsockname()[1]}}}"
    probe = f"{{interval: 2s, timeout: 1900ms, scheduled: {str(scheduled).lower()}}}"
    file.write_text(f"aws: {{accounts: {accounts}}}\ndomains: [{domain}]\nprobe: {probe}\n")
    return file


def asked(url: str) -> tuple[int, str]:
    """Ask; gives status and text, whatever the status is."""
    try:
        with urllib.request.urlopen(url, timeout=SOON) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Storing(Running):
    """The daemon with a store that takes its time."""

    def __init__(self, file: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STORING, str(file)],
            env=environment(file.parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._read = json.loads
        self.log = []

    def __enter__(self) -> Self:
        self.url = self.until("listening")["urls"]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> str:
        """Send SIGTERM; gives what the store tells."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()


def test_not_ready_at_once_then_stored_then_gone(tmp_path: Path, silent: socket.socket) -> None:
    """While it stops it says so and still answers, begins no look, stores what is known, and ends cleanly."""
    with Storing(configured(tmp_path, silent)) as one:
        silent.accept()[0].close()
        _until(lambda: asked(f"{one.url}/-/ready") == (200, "ready\n"))
        assert one.stop() == "keeping a.example.com"
        silent.setblocking(False)
        while True:
            try:
                silent.accept()[0].close()
            except BlockingIOError:
                break
        silent.settimeout(2.5)  # longer than an interval
        with pytest.raises(TimeoutError):
            silent.accept()
        assert asked(f"{one.url}/-/ready") == (503, "not ready: stopping\n")
        assert asked(f"{one.url}/metrics")[0] == 200
        out, err = one.process.communicate("\n", timeout=SOON)
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert (one.process.returncode, out, events) == (0, "", ["stopping", "stopped"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, silent: socket.socket, number: int) -> None:
    """Whoever does not want to wait for a store that hangs need not look for SIGKILL."""
    with Storing(configured(tmp_path, silent)) as one:
        one.stop()
        one.process.send_signal(number)
        assert one.process.wait(SOON) == -number


def test_running_requests_are_answered(tmp_path: Path, silent: socket.socket) -> None:
    """A probe that is under way when the signal comes is finished and answered."""
    file = configured(tmp_path, silent, scheduled=False)
    arguments = ["run", "--config.file", str(file), "--web.listen-address", "127.0.0.1:0"]
    with (
        running([*arguments, "--log.format", "json"], environment(tmp_path)) as daemon,
        ThreadPoolExecutor(1) as pool,
    ):
        url = daemon.until("listening")["urls"]
        port = silent.getsockname()[1]
        probe = pool.submit(asked, f"{url}/probe?target=a.example.com:{port}")
        looked, _ = silent.accept()
        daemon.process.send_signal(signal.SIGTERM)
        daemon.until("stopping")
        looked.close()
        status, text = probe.result(SOON)
        assert daemon.process.wait(SOON) == 0
    assert (status, "probe_success 0.0" in text) == (200, True)


def test_nothing_holds_up_the_end(tmp_path: Path, silent: socket.socket) -> None:
    """Neither AWS nor a peer nor a client that hangs, be it in a request, in a probe or between requests."""
    file = configured(tmp_path, silent, accounts="[{regions: [us-east-1, eu-west-1]}]")
    env = environment(tmp_path, AWS_ENDPOINT_URL=url_of(silent), **AWS)
    arguments = ["run", "--config.file", str(file), "--web.listen-address", "127.0.0.1:0"]
    with running([*arguments, "--log.format", "json"], env) as daemon:
        url = daemon.until("listening")["urls"]
        calls = [silent.accept()[0] for _ in range(3)]  # two of AWS, one look
        host, _, port = url.removeprefix("http://").partition(":")
        clients = [socket.create_connection((host, int(port)), timeout=SOON) for _ in range(3)]
        clients[0].sendall(b"GET /metrics HTTP/1.1\r\nHost:")
        clients[1].sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert clients[1].recv(4096).startswith(b"HTTP/1.1 200")
        clients[2].sendall(
            f"GET /probe?target=a.example.com:{silent.getsockname()[1]} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        calls.append(silent.accept()[0])
        code, took = daemon.end(signal.SIGTERM)
        for one in (*calls, *clients):
            one.close()
    assert (code, daemon.log[-1]["event"]) == (0, "stopped")
    assert [line for line in daemon.log if line["level"] == "error"] == []
    assert took < 5  # 2 on a quiet machine


def test_a_signal_during_a_reload(tmp_path: Path, silent: socket.socket) -> None:
    """A reload that is under way neither holds up the end nor is it told as a mistake."""
    file = configured(tmp_path, silent)
    arguments = ["run", "--config.file", str(file), "--web.listen-address", "127.0.0.1:0"]
    with running([*arguments, "--log.format", "json"], environment(tmp_path)) as daemon:
        daemon.until("listening")
        for _ in range(5):
            daemon.process.send_signal(signal.SIGHUP)
        code, _ = daemon.end(signal.SIGTERM)
    assert (code, daemon.log[-1]["event"]) == (0, "stopped")
    assert [line for line in daemon.log if line["level"] in ("warning", "error")] == []


def _until(fits: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not fits():
        assert time.monotonic() < end
        threading.Event().wait(0.1)
