"""The exporter as users run it, but in a hurry, and with a clock and a rule that a test may spoil.

`python -m tests.end_to_end.hasty FILE FOLDER ADDRESS`; in FOLDER, `clock` holds the seconds by which its clock is
wrong, and `raises` the domain of the certificate for which one rule raises.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from exporter.cli import build, daemon, logs
from exporter.cli.origin import Origin
from exporter.expose import server
from exporter.facts import Evidence
from exporter.judge import renewal, verdict
from exporter.judge.rule import Finding, Policy
from exporter.observe.aws import Clients
from exporter.snapshot import ledger

FILE, FOLDER, ADDRESS = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


def clock() -> datetime:
    """Tell a time that is as wrong as the test wants it."""
    return build.clock() + timedelta(seconds=float(_read("clock") or 0))


def check(evidence: Evidence, policy: Policy, now: datetime) -> Finding:
    """Check as usual, but for the certificate with which something is wrong."""
    if evidence.certificate.domain == _read("raises"):
        raise ZeroDivisionError("a bug")
    return renewal.in_use.check(evidence, policy, now)


def greet(urls: list[str]) -> None:
    """Tell where it listens."""
    sys.stdout.write(" ".join(urls) + "\n")
    sys.stdout.flush()


def _read(name: str) -> str:
    try:
        return (FOLDER / name).read_text()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    server.FRESH = 0.0
    ledger.REVIEW = timedelta(seconds=1)
    setattr(build, "Clients", partial(Clients, timeout=1.0))  # noqa: B010 - it is not build's own
    spoiled = replace(renewal.in_use, check=check)
    verdict.RULES = tuple(spoiled if one is renewal.in_use else one for one in verdict.RULES)
    logs.set_up("info", "logfmt")
    build.raise_limits()
    origin = Origin(FILE, {})
    settings = origin.load()
    serving = daemon.serve(settings, [(ADDRESS, 0)], greet, origin=origin, clock=clock)
    sys.exit(asyncio.run(serving))
