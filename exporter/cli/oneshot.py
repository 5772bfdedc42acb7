"""`check`: look once, tell, and exit with what was found."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence

import click

from exporter.cli import build
from exporter.config import Settings
from exporter.expose import api, text
from exporter.facts import Certificate, Domain
from exporter.judge.names import covers
from exporter.judge.rule import Outcome, Scope
from exporter.judge.verdict import RULES
from exporter.snapshot import Case, Snapshot

FINE, SERVING, RENEWAL, UNKNOWN = 0, 1, 2, 3
BRIEFLY = 0.1  # seconds between two lines of progress


def check(settings: Settings, form: str, wanted: Sequence[str]) -> int:
    """Sweep once and print; returns the exit code. What is wanted are host names, wildcards and ARNs."""
    snapshot, cases, missing = look(settings, wanted, tags=form == "json")
    if form == "json":
        click.echo(json.dumps(api.document(snapshot, cases), indent=2))
    else:
        paint = _colour if sys.stdout.isatty() else text.plain
        click.echo(text.check(snapshot, cases, paint), nl=False)
    for one in missing:
        click.echo(one, err=True)
    code = exit_code(snapshot, cases)
    if missing and code == FINE:
        return UNKNOWN
    return code


def look(
    settings: Settings, wanted: Sequence[str], *, tags: bool
) -> tuple[Snapshot, list[Case], tuple[str, ...]]:
    """Look once at what is wanted; gives its cases, and a sentence for each that the inventory has not."""
    progress = _Progress()
    asked = tuple(Domain(one) for one in wanted if not one.startswith(("arn:", "*.")))
    with build.watch(settings, asked, tags=tags) as (watch, board):
        chosen = (lambda one: _is_wanted(one, wanted)) if wanted else None
        asyncio.run(watch.once(chosen, progress))
    progress.clear()
    cases = [case for case in board.latest.cases if _is_wanted(case.certificate, wanted)]
    missing = [one for one in wanted if not any(_is_wanted(case.certificate, [one]) for case in cases)]
    return board.latest, cases, tuple(map(_unknown, missing))


def _is_wanted(certificate: Certificate, wanted: Sequence[str]) -> bool:
    return not wanted or any(
        certificate.arn == one or (not one.startswith("arn:") and covers(certificate.names, one))
        for one in wanted
    )


def _unknown(one: str) -> str:
    fits = "has this ARN" if one.startswith("arn:") else "covers this name"
    return f"{one}: no certificate of the inventory {fits}"


def exit_code(snapshot: Snapshot, cases: Iterable[Case]) -> int:
    """Say it as monitoring plugins do: the worst known break, else 3 for what is not known, else 0."""
    found = {
        (rule.scopes[snapshot.rules], case.verdict.findings[rule.code].outcome)
        for case in cases
        for rule in RULES
    }
    if (Scope.RENEWAL, Outcome.BREAKS) in found:
        return RENEWAL
    if (Scope.SERVING, Outcome.BREAKS) in found:
        return SERVING
    blind = any(outcome is Outcome.UNKNOWN and scope is not Scope.ADVISORY for scope, outcome in found)
    failed = any(source.success is False for source in snapshot.sources)
    return UNKNOWN if blind or failed else FINE


def _colour(line: str, colour: str) -> str:
    match colour:
        case "bold":
            return click.style(line, bold=True)
        case "dim":
            return click.style(line, dim=True)
        case _:
            return click.style(line, fg=colour)


class _Progress:
    """One line on a terminal that says how far the sweep is; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if self._shown and (now >= self._next or done == total):
            self._next = now + BRIEFLY
            click.echo(f"\r\x1b[K{step}: {done} of {total}", nl=False, err=True)

    def clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
