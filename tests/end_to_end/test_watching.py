"""`check --watch` as people start it, against the world of the demo: what is shown, and how it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from exporter.demo.scenes import SCENES
from exporter.demo.tls import Serve
from exporter.demo.world import World, world

SOON = 60.0  # seconds that anything may take on a busy machine
WAF = next(one for one in SCENES if one.domain == "waf.example.com")
COLUMNS, LINES = 130, 40


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """Run the world."""
    async with world(tmp_path, datetime.now(UTC)) as running:
        yield running


def command(here: World, *more: str) -> list[str]:
    """Watch the certificate that a WAF stands in front of."""
    watch = ("check", "--config.file", str(here.config_file), "--watch", "--interval", "1s", WAF.domain)
    return [sys.executable, "-m", "exporter", *watch, *more]


def environment(here: World, **more: str) -> dict[str, str]:
    """Keep to the world's AWS, and to a terminal that understands escape sequences."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NO_COLOR"))}
    return {**kept, **here.environment, "TERM": "xterm", **more}


async def take_away_the_waf(here: World) -> None:
    """Let ACM's certificate be served."""
    (address,) = here.addresses[WAF.key]
    await here.endpoints.set(address, Serve(here.issued[WAF.key]))


class Terminal:
    """A terminal with a program in its foreground."""

    def __init__(self, process: asyncio.subprocess.Process, end: int) -> None:
        """Take our end."""
        self.process = process
        self.shown = ""
        self._end = end

    async def until(self, words: str) -> str:
        """Read until some words were shown; gives the last screen so far."""
        async with asyncio.timeout(SOON):
            while words not in self.shown:
                self.shown += (await asyncio.to_thread(os.read, self._end, 65536)).decode()
        return self.shown.rpartition("\x1b[H\x1b[2J")[2].replace("\r\n", "\n")

    def press(self, key: bytes) -> None:
        """Type a key."""
        os.write(self._end, key)


@asynccontextmanager
async def terminal(arguments: list[str], env: dict[str, str]) -> AsyncIterator[Terminal]:
    """Run a program in a terminal of its own, so that Ctrl-C is the terminal's."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", "--wait", *arguments), env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(ours)


async def test_on_a_terminal(here: World) -> None:
    """It is painted anew after each sweep, marks what changed, and Ctrl-C ends it with the last sweep's code."""
    async with terminal(command(here), environment(here, NO_COLOR="1")) as one:
        first = await one.until("1 certificate: 1 renews; 1 not served as ACM has it.\r\n")
        assert "accounts and regions: 3 of 3" in one.shown
        await take_away_the_waf(here)
        await one.until("* renews   yes")
        later = await one.until("+ renews   yes")
        later = await one.until("1 certificate: 1 renews.\r\n")
        one.press(b"\x03")
        async with asyncio.timeout(SOON):
            code = await one.process.wait()
    assert code == 0
    assert "\x1b[3" not in one.shown  # no colours
    clock = r"\d\d:\d\d:\d\d"
    assert re.match(
        rf"Watching since {clock}: sweep 1 at {clock}, the next at {clock} \(UTC\). Ctrl-C ends it.\n\n"
        r"  RENEWAL  SERVED .*\n  renews   no .*\n    serial_match breaks: waf\.example\.com:",
        first,
    )
    assert re.search(
        rf"^[*+] {clock}  waf\.example\.com \(.*\)  serial_match: breaks -> holds$", later, re.MULTILINE
    )


async def test_into_a_pipe(here: World) -> None:
    """Only changes, a line each, without escape codes; the beginning goes to standard error."""
    process = await asyncio.create_subprocess_exec(
        *command(here), env=environment(here), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(SOON):
        begun = (await process.stderr.readline()).decode()
        await take_away_the_waf(here)
        lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        process.send_signal(signal.SIGINT)
        rest = await process.communicate()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"{stamp} watching 1 certificate: 1 renews; 1 not served as ACM has it\.\n", begun)
    short = WAF.arn.rpartition("/")[2]
    where = rf"waf\.example\.com:\d+ at {re.escape(here.addresses[WAF.key][0])}"
    for line, says in zip(
        lines,
        (
            rf"waf\.example\.com \({short}\)  serial_match: breaks -> holds",
            rf"{where}  serial: [0-9a-f]+ -> {here.issued[WAF.key].serial:x}",
            rf"{where}  issuer: CN=Edge Shield .* -> CN=Amazon .*",
        ),
        strict=True,
    ):
        assert re.fullmatch(rf"{stamp} {says}\n", line)
    assert (process.returncode, rest) == (0, (b"", b""))


@pytest.mark.parametrize("changes", [{"NO_COLOR": ""}, {"TERM": "dumb"}], ids=["colours", "no escapes"])
async def test_what_a_terminal_understands(here: World, changes: dict[str, str]) -> None:
    """Colours as everywhere, unless NO_COLOR holds something; nothing of it for a terminal that knows no escapes."""
    async with terminal(command(here), environment(here, **changes)) as one:
        await one.until("1 not served as ACM has it.")
        one.press(b"\x03")
        async with asyncio.timeout(SOON):
            assert await one.process.wait() == 1
    assert ("\x1b[32m" in one.shown) is ("NO_COLOR" in changes)
    assert ("\x1b" in one.shown) is ("NO_COLOR" in changes)
