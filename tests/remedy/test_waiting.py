"""Waiting ends, looks seldom, and tells what is new."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from exporter.remedy.waiting import End, Patience, State, until
from tests.evidence import NOON

HOUR = timedelta(hours=1)


class Time:
    """A clock that moves when somebody pauses, and remembers for how long."""

    def __init__(self) -> None:
        """Begin at noon."""
        self.now = NOON
        self.pauses: list[float] = []

    def clock(self) -> datetime:
        """Tell the time."""
        return self.now

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)


async def wait(
    states: Iterator[State], lapses: timedelta, longest: timedelta
) -> tuple[State, list[str], list[float]]:
    """Wait for states that come one by one; gives the end, what was told and the pauses."""
    time, told = Time(), list[str]()

    async def look() -> State:
        return next(states)

    end = await until(look, NOON + lapses, Patience(time.clock, time.pause, longest), told.append)
    return end, told, time.pauses


def for_ever(says: str) -> Iterator[State]:
    """Find the same again and again."""
    while True:
        yield State(says)


async def test_it_ends_when_it_is_done() -> None:
    """What changed is told once, and the end is the caller's to tell."""
    states = iter([State("0 of 2"), State("0 of 2"), State("1 of 2"), State("2 of 2", End.DONE)])
    assert await wait(states, HOUR, HOUR) == (
        State("2 of 2", End.DONE),
        ["0 of 2", "1 of 2"],
        [5.0, 5.0, 5.0],
    )


@pytest.mark.parametrize(
    ("lapses", "longest", "end"),
    [(HOUR, 2 * HOUR, End.LAPSED), (2 * HOUR, HOUR, End.LATE), (HOUR, HOUR, End.LAPSED)],
)
async def test_it_ends_when_time_is_over(lapses: timedelta, longest: timedelta, end: End) -> None:
    """Its own end is told apart from that of our patience, and neither is overrun."""
    state, _, pauses = await wait(for_ever("0 of 2"), lapses, longest)
    assert state == State("0 of 2", end)
    assert sum(pauses) == pytest.approx(3600.0)


async def test_it_looks_ever_more_seldom() -> None:
    """72 hours cost ACM's quota few calls: every 5 seconds at first, every minute after ten."""
    _, _, pauses = await wait(for_ever("0 of 2"), 72 * HOUR, 72 * HOUR)
    assert (min(pauses[:-1]), max(pauses)) == (5.0, 60.0)
    assert pauses == [*sorted(pauses[:-1]), pauses[-1]]
    assert len(pauses) < 4400
