"""Processes that are measured: started, counted from outside by /proc, and ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TICKS = os.sysconf("SC_CLK_TCK")
MEGABYTE = 1e6


class MissingError(Exception):
    """Something that a benchmark needs is not there."""


class FailedError(Exception):
    """A server did not do what it was started for."""


def program(name: str) -> str:
    """Find a program, also where only root looks."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise MissingError(
            f"{name} is not installed (`make bench` names its package, and installs it as root)"
        )
    return found


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Process:
    """A running program and what /proc says of it."""

    name: str
    popen: subprocess.Popen[str]
    log: Path

    def cpu(self) -> float:
        """Seconds of user and system time of all its threads so far."""
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Megabytes resident now."""
        return self._kilobytes("VmRSS") * 1024 / MEGABYTE

    def peak(self) -> float:
        """Megabytes resident at most, since the start or `forget_peak`."""
        return self._kilobytes("VmHWM") * 1024 / MEGABYTE

    def threads(self) -> int:
        """How many threads it has now."""
        return self._kilobytes("Threads")

    def forget_peak(self) -> None:
        """Let the peak count from now on."""
        Path(f"/proc/{self.popen.pid}/clear_refs").write_text("5")

    def _kilobytes(self, key: str) -> int:
        for line in Path(f"/proc/{self.popen.pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
        raise FailedError(f"{self.name} has ended:\n{self.tail()}")

    def say(self, line: str) -> str:
        """Give it a line on standard input and return the line that it answers."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()
        return self.hear()

    def hear(self) -> str:
        """Return its next line of standard output."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise FailedError(f"{self.name} has ended:\n{self.tail()}")
        return line.strip()

    def until(self, ready: Callable[[], bool], within: float, what: str, pause: float = 0.05) -> None:
        """Wait until `ready` says so."""
        end = time.monotonic() + within
        while not ready():
            if self.popen.poll() is not None:
                raise FailedError(f"{self.name} ended with {self.popen.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                raise FailedError(f"{self.name}: {what} did not come within {within:g} s:\n{self.tail()}")
            time.sleep(pause)

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-2000:]


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    folder: Path,
    *,
    core: int | str | None = None,
    environment: Mapping[str, str] | None = None,
    talks: bool = False,
) -> Iterator[Process]:
    """Run a program, perhaps on one core (or a list of them); `talks` makes its standard streams pipes."""
    pinned = [program("taskset"), "-c", str(core), *command] if core is not None else list(command)
    pipe = subprocess.PIPE if talks else subprocess.DEVNULL
    log = folder / f"{name}.log"
    with log.open("w") as errors:
        output: int | IO[str] = pipe if talks else errors
        popen = subprocess.Popen(
            pinned,
            stdin=pipe,
            stdout=output,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
            cwd=Path(__file__).parents[1],
        )
    with popen:
        try:
            yield Process(name, popen, log)
        finally:
            _end(popen)


def _end(popen: subprocess.Popen[str]) -> None:
    """End it, by force where it does not go."""
    if popen.poll() is None:
        popen.send_signal(signal.SIGTERM)
    try:
        popen.wait(10)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait(10)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What others did on a core since this was made; they take caches and turns from what is measured."""

    core: int
    process: Process
    began: float
    others: float

    @classmethod
    def of(cls, core: int, process: Process) -> Neighbours:
        """Begin to count."""
        return cls(core, process, time.monotonic(), _busy(core) - process.cpu())

    def share(self) -> float:
        """Return what share of the core they took."""
        return (_busy(self.core) - self.process.cpu() - self.others) / (time.monotonic() - self.began)


def _busy(core: int) -> float:
    """Seconds of a core so far; interrupts, which carry everybody's packets, are left out."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            user, nice, system, _, _, _, _, steal, *_ = map(int, numbers)
            return (user + nice + system + steal) / TICKS
    return 0.0


def answers(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, port)) == 0
