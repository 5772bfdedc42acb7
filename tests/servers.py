"""Real servers that tests talk to: found, started on loopback, ended by their process id."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def need(program: str) -> str:
    """Return a program's path; where it is missing the test is skipped, but fails in CI."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        message = f"{program} is not installed (make servers names the package)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], ready: str, log: Path, within: float = 30.0) -> Iterator[None]:
    """Run a server until its URL `ready` answers 200, and end it afterwards."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            answering(process, ready, log, within)
            yield
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def watching(folder: Path, configuration: str) -> Iterator[str]:
    """Run Prometheus with a configuration, all its files in a folder; gives its URL."""
    file = folder / "prometheus.yml"
    file.write_text(configuration)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        need("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--log.level=warn",
    ]
    with running(command, f"{url}/-/ready", folder / "prometheus.log"):
        yield url


def answering(process: subprocess.Popen[bytes], url: str, log: Path, within: float) -> None:
    """Wait until a process's URL answers 200; the test fails with its log if it ends, or does not in time."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"it ended with {process.returncode}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer within {within:g} s:\n{log.read_text()}")
