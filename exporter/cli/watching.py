"""`check --watch`: look again and again, and tell what changes, until Ctrl-C."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Sequence
from datetime import timedelta

import click

from exporter.cli import oneshot
from exporter.config import Settings
from exporter.expose import watching
from exporter.judge.grading import Grade
from exporter.schedule.rounds import Manner, rounds
from exporter.snapshot.comparing import Sweep

WIPE = "\x1b[H\x1b[2J"


def watch(settings: Settings, wanted: Sequence[str], rest: timedelta) -> Grade:
    """Watch what is wanted until Ctrl-C; returns what `check` exits with after the last whole sweep.

    Raises KeyboardInterrupt where there was none.
    """
    show = _paint if oneshot.is_terminal(sys.stdout) else _append
    manner = Manner(
        oneshot.chooser(wanted), lambda snapshot: oneshot.choose(snapshot, wanted), rest, asyncio.sleep
    )
    grades: list[Grade] = []

    async def follow() -> None:
        progress = oneshot.Progress()
        async for sweep in rounds(looking, board, manner, progress):
            if sweep.number == 1:
                progress.clear()
            grades[:] = [oneshot.grade_of(sweep.snapshot, sweep.cases, sweep.missing)]
            show(sweep)

    try:
        with oneshot.watching(settings, wanted, tags=False) as (looking, board):
            asyncio.run(follow())
    except KeyboardInterrupt:
        if not grades:
            raise
        if show is _paint:
            click.echo()  # what the shell says next stands below ^C
    return grades[0]


def _paint(sweep: Sweep) -> None:
    columns, lines = shutil.get_terminal_size()
    click.echo(WIPE + watching.screen(sweep, columns, lines, oneshot.painter()), nl=False)


def _append(sweep: Sweep) -> None:
    """Add the changes to what stands there; what is no change goes to standard error."""
    if sweep.number == 1:
        click.echo(watching.begun(sweep), nl=False, err=True)
    click.echo(watching.changes(sweep), nl=False)
