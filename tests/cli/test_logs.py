"""Log lines: one per event, in logfmt or JSON, whatever stands in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

# In a process of its own, for logging is set up for a whole process.
SCRIPT = r"""
import logging, warnings
import structlog
from exporter.cli import logs

logs.set_up(*{arguments})
log = structlog.get_logger("acm_exporter.room")
log.debug("too quiet")
log.info("plain", count=2, flag=True, nothing=None, empty="")
log.warning("nasty", text='two words = "quoted" \\ back\nline\r\x1b[2J\x85é\ud800', ünicode="x")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("bug in a look", source="tls")
logging.getLogger("aiohttp.server").error("Error handling %s", "request")
logging.getLogger("botocore.retries").info("not heard")
warnings.warn("serial 0\nis deprecated")
log.error("odd", value=ValueError("a b"))
"""
PAIR = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|[^\s"=]*)(?: |$)')


def from_logfmt(line: str) -> dict[str, str]:
    """Read one line as any logfmt reader does; every character of it must be part of a pair."""
    pairs = PAIR.findall(line)
    assert "".join(match[0] for match in PAIR.finditer(line)) == line, line
    unquoted = {key: value[1:-1] if value.startswith('"') else value for key, value in pairs}
    return {key: re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), v) for key, v in unquoted.items()}


def lines(*arguments: str) -> list[str]:
    """Run the script with a level and a format; gives what it logged."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace("{arguments}", repr(arguments))],
        capture_output=True,
        check=True,
    )
    assert done.stdout == b""
    return done.stderr.decode().removesuffix("\n").split("\n")


def events(rows: list[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Give level, logger and event of each line, whose times are in UTC."""
    assert all(datetime.fromisoformat(one["ts"]).utcoffset() is not None for one in rows)
    return [(one["level"], one["logger"], one["event"]) for one in rows]


@pytest.mark.parametrize(
    ("form", "read"), [("logfmt", from_logfmt), ("json", json.loads)], ids=["logfmt", "json"]
)
def test_every_line_can_be_read_by_a_machine(form: str, read: Callable[[str], dict[str, Any]]) -> None:
    """Our events, other libraries' and Python's warnings come one per line, in the same shape."""
    rows = [read(line) for line in lines("info", form)]
    found = events([*rows[:-2], rows[-1]])
    assert found == [
        ("info", "acm_exporter.room", "plain"),
        ("warning", "acm_exporter.room", "nasty"),
        ("error", "acm_exporter.room", "bug in a look"),
        ("error", "aiohttp.server", "Error handling request"),
        ("error", "acm_exporter.room", "odd"),
    ]
    assert (rows[-2]["level"], rows[-2]["logger"]) == ("warning", "py.warnings")
    assert "serial 0\nis deprecated" in rows[-2]["event"]
    assert rows[2]["exception"].endswith("ZeroDivisionError: division by zero")
    assert rows[2]["source"] == "tls"
    assert {str(rows[0][key]).lower() for key in ("count", "flag")} == {"2", "true"}


def test_control_characters_do_not_reach_a_terminal() -> None:
    """What a hostile server calls itself cannot clear the screen or forge a line."""
    text = from_logfmt(lines("info", "logfmt")[1])["text"]
    assert text == 'two words = "quoted" \\ back\nline??[2J?é?'


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["too quiet", "plain", "nasty", "bug in a look", "Error handling request", "odd"]),
        ("warn", ["nasty", "bug in a look", "Error handling request", "odd"]),
        ("error", ["bug in a look", "Error handling request", "odd"]),
    ],
)
def test_level(level: str, heard: list[str]) -> None:
    """Nothing below the level is written, and other libraries are heard only when they warn."""
    rows = [from_logfmt(line) for line in lines(level, "logfmt")]
    assert [one["event"] for one in rows if one["logger"] != "py.warnings"] == heard
