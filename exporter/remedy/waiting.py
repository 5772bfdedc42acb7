"""Waiting for something that others do: looks again and again until an end, and never for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

SOONEST = timedelta(seconds=5)  # between two looks at first …
SELDOM = timedelta(seconds=60)  # … and later, as what takes hours need not be seen within seconds
SHARE = 10  # looks follow each other after this part of the time that passed


class End(StrEnum):
    """How it came out."""

    DONE = "done"
    FAILED = "failed"  # what was waited for will not happen
    LAPSED = "lapsed"  # its own time is over
    LATE = "late"  # our patience was over first: not known yet
    BLIND = "blind"  # it can no longer be looked at


@dataclass(frozen=True, slots=True)
class State:
    """What one look found; `end` is None while there is more to wait for."""

    says: str
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait: the clock and the pause of the house, and how long at most."""

    clock: Callable[[], datetime]
    pause: Callable[[float], Awaitable[None]]  # seconds
    longest: timedelta


async def until(
    look: Callable[[], Awaitable[State]], lapses: datetime, patience: Patience, tell: Callable[[str], None]
) -> State:
    """Look until there is an end, or `lapses` or our patience is over; `tell` hears each new finding."""
    began = patience.clock()
    stop = min(lapses, began + patience.longest)
    said = ""
    while True:
        state = await look()
        if state.end is not None:
            return state
        if state.says != said:
            tell(state.says)
            said = state.says
        now = patience.clock()
        if now >= stop:
            return State(state.says, End.LAPSED if stop == lapses else End.LATE)
        rest = min(max(SOONEST, (now - began) / SHARE), SELDOM, stop - now)
        await patience.pause(rest.total_seconds())
