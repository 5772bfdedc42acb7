"""Sweep after sweep of one watch, for whoever sits before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from exporter.facts import Certificate
from exporter.schedule.progress import Progress
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Case, Snapshot
from exporter.snapshot.comparing import Comparison, Difference, Sweep

MOST = 1000  # differences that are kept

Choose = Callable[[Snapshot], tuple[list[Case], tuple[str, ...]]]  # what is wanted, and what of it is missing


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go round: what is wanted of all, and the rest between the end of a sweep and the next one."""

    wanted: Callable[[Certificate], bool] | None
    choose: Choose
    rest: timedelta
    pause: Callable[[float], Awaitable[None]]  # seconds


async def rounds(
    watch: Watch, board: Board, manner: Manner, progress: Progress = lambda *_: None
) -> AsyncIterator[Sweep]:
    """Sweep for ever, and give each sweep with what it changed; `progress` hears of the first."""
    comparison = Comparison()
    former: tuple[Difference, ...] = ()
    since = None
    number = 0
    while True:
        await watch.once(manner.wanted, progress)
        progress, number = _silent, number + 1
        snapshot = board.latest
        since = since or snapshot.taken_at
        cases, missing = manner.choose(snapshot)
        latest = comparison.take(snapshot, cases)
        next_at = snapshot.taken_at + manner.rest
        yield Sweep(number, since, snapshot, tuple(cases), missing, latest, former, next_at)
        former = (*former, *latest)[-MOST:]
        await manner.pause(manner.rest.total_seconds())


def _silent(_: str, __: int, ___: int) -> None:
    return None
