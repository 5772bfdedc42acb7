"""`check`: look once, tell, and exit with what was found."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TextIO

import click

from exporter.cli import build, output
from exporter.config import Settings
from exporter.expose import api, plugin, text, textfile
from exporter.facts import Certificate, Domain
from exporter.judge.grading import Grade, grade, worst
from exporter.judge.names import covers
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Case, Snapshot

BRIEFLY = 0.1  # seconds between two lines of progress
TAGGED = ("json", "prometheus")  # the formats that tell tags, which cost a call per certificate


def check(settings: Settings, form: str, wanted: Sequence[str], file: Path | None = None) -> Grade:
    """Sweep once, and print or write the outcome in one of the formats; returns the exit code.

    What is wanted are host names, wildcards and ARNs. Raises ClickException where the file cannot be written.
    """
    snapshot, cases, missing = look(settings, wanted, tags=form in TAGGED)
    code = grade_of(snapshot, cases, missing)
    match form:
        case "json":
            words = json.dumps(api.document(snapshot, cases), indent=2) + "\n"
        case "prometheus":
            words = textfile.write(snapshot, cases)
        case "nagios":
            words = plugin.write(snapshot, cases, code, missing)
        case _:
            words = text.check(snapshot, cases, text.plain if file else painter())
    if file is None:
        click.echo(words, nl=False)
    else:
        output.write(file, words)
    if form != "nagios":
        for one in missing:
            click.echo(one, err=True)
    return code


def look(
    settings: Settings, wanted: Sequence[str], *, tags: bool
) -> tuple[Snapshot, list[Case], tuple[str, ...]]:
    """Look once at what is wanted; gives its cases, and a sentence for each that the inventory has not."""
    progress = Progress()
    with watching(settings, wanted, tags=tags) as (watch, board):
        asyncio.run(watch.once(chooser(wanted), progress))
    progress.clear()
    return board.latest, *choose(board.latest, wanted)


def watching(
    settings: Settings, wanted: Sequence[str], *, tags: bool
) -> AbstractContextManager[tuple[Watch, Board]]:
    """Build a watch that looks at the names that are wanted too."""
    asked = tuple(Domain(one) for one in wanted if not one.startswith(("arn:", "*.")))
    return build.watch(settings, asked, tags=tags)


def chooser(wanted: Sequence[str]) -> Callable[[Certificate], bool] | None:
    """Make what tells which certificates are wanted; None for all of them."""
    return (lambda one: _is_wanted(one, wanted)) if wanted else None


def choose(snapshot: Snapshot, wanted: Sequence[str]) -> tuple[list[Case], tuple[str, ...]]:
    """Pick the cases that are wanted, and make a sentence for each that the inventory has not."""
    cases = [case for case in snapshot.cases if _is_wanted(case.certificate, wanted)]
    missing = [one for one in wanted if not any(_is_wanted(case.certificate, [one]) for case in cases)]
    return cases, tuple(map(_unknown, missing))


def _is_wanted(certificate: Certificate, wanted: Sequence[str]) -> bool:
    return not wanted or any(
        certificate.arn == one or (not one.startswith("arn:") and covers(certificate.names, one))
        for one in wanted
    )


def _unknown(one: str) -> str:
    fits = "has this ARN" if one.startswith("arn:") else "covers this name"
    return f"{one}: no certificate of the inventory {fits}"


def grade_of(snapshot: Snapshot, cases: Iterable[Case], missing: Sequence[str] = ()) -> Grade:
    """Grade some certificates together; a source that failed or a certificate that is missing: UNKNOWN."""
    grades = [grade(case.verdict, snapshot.rules) for case in cases]
    blind = missing or any(source.success is False for source in snapshot.sources)
    return worst([*grades, Grade.UNKNOWN if blind else Grade.OK])


def painter() -> text.Paint:
    """Choose how to paint: not where nobody looks, nor where NO_COLOR is set (https://no-color.org)."""
    return _colour if is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") else text.plain


def is_terminal(stream: TextIO) -> bool:
    """Tell whether escape sequences are understood there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _colour(line: str, colour: str) -> str:
    match colour:
        case "bold":
            return click.style(line, bold=True)
        case "dim":
            return click.style(line, dim=True)
        case _:
            return click.style(line, fg=colour)


class Progress:
    """One line on a terminal that says how far the sweep is; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._shown = is_terminal(sys.stderr)
        self._next = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show one step."""
        now = time.monotonic()
        if self._shown and (now >= self._next or done == total):
            self._next = now + BRIEFLY
            click.echo(f"\r\x1b[K{step}: {done} of {total}", nl=False, err=True)

    def clear(self) -> None:
        """Wipe the line."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
