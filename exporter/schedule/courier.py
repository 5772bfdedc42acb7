"""Tells the webhook what changed: in order, each until it was delivered or is a day old."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Never, TypeAlias

import structlog

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.schedule.memory import OK
from exporter.snapshot import Change, Delivery

log = structlog.get_logger("acm_exporter.schedule")

BATCH = 100  # changes in one request
ROOM = 10_000  # changes that wait at most
OLDEST = timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds before the next attempt, doubled each time
REJECTED = "rejected"
OUTCOMES = (OK, REJECTED, Why.HTTP_ERROR, Why.TIMEOUT, Why.UNREACHABLE, Why.TLS_HANDSHAKE_FAILURE, Why.BUG)
PASSING = {401, 403, 404, 407, 408, 425, 429}  # of 4xx: an operator's mistake that will be mended, or "later"

Post: TypeAlias = Callable[[bytes], Awaitable[Sight[int]]]  # gives the HTTP status
Spell: TypeAlias = Callable[[Sequence[Change]], bytes]


class Courier:
    """A queue of changes and the one task that empties it; `post` may be replaced, None is nobody."""

    def __init__(self, spell: Spell, clock: Callable[[], datetime], post: Post | None = None) -> None:
        """Begin with nothing to tell."""
        self.post = post
        self._spell = spell
        self._clock = clock
        self._queue: deque[Change] = deque()
        self._filled = asyncio.Event()
        self._requests: Counter[str] = Counter(dict.fromkeys(map(str, OUTCOMES), 0))
        self._success: bool | None = None
        self._last_success: datetime | None = None
        self._delivered = self._dropped = 0

    @property
    def waiting(self) -> tuple[Change, ...]:
        """What was not delivered yet."""
        return tuple(self._queue)

    @property
    def delivery(self) -> Delivery | None:
        """How it goes; None where nobody is to be told."""
        if self.post is None:
            return None
        return Delivery(
            self._success,
            self._last_success,
            dict(self._requests),
            self._delivered,
            self._dropped,
            len(self._queue),
        )

    def tell(self, changes: Sequence[Change]) -> None:
        """Let these be delivered, unless nobody is to be told."""
        if self.post is None or not changes:
            return
        self._queue += changes
        self._drop(len(self._queue) - ROOM)
        self._filled.set()

    async def run(self) -> Never:
        """Deliver for ever."""
        pause = FIRST_PAUSE
        while True:
            await self._filled.wait()
            if await self._deliver():
                pause = FIRST_PAUSE
                continue
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _deliver(self) -> bool:
        """Tell the first few; False where they are to be told again."""
        aged = self._clock() - OLDEST
        self._drop(next((n for n, one in enumerate(self._queue) if one.at > aged), len(self._queue)))
        batch = tuple(islice(self._queue, BATCH))
        if not batch or self.post is None:
            self._queue.clear()
            self._filled.clear()
            return True
        try:
            sight = await self.post(self._spell(batch))
        except Exception as error:
            log.exception("bug in the webhook")
            sight = Unseen(Why.BUG, f"{type(error).__name__}: {error}")
        match sight:
            case Seen(value=status) if 200 <= status < 300:
                self._note(OK)
                self._delivered += self._remove(batch)
            case Seen(value=status) if 400 <= status < 500 and status not in PASSING:
                self._note(REJECTED, f"it answers {status}, so these changes are not told again")
                self._dropped += self._remove(batch)
            case Seen(value=status):
                self._note(Why.HTTP_ERROR, f"it answers {status}")
                return False
            case Unseen(why=why, detail=detail):
                self._note(why, detail)
                return False
        return True

    def _remove(self, batch: Sequence[Change]) -> int:
        """Take out what was told, of which some may have given way to newer changes meanwhile."""
        told = set(batch)
        removed = 0
        while self._queue and self._queue[0] in told:
            self._queue.popleft()
            removed += 1
        return removed

    def _drop(self, number: int) -> None:
        """Give up the oldest."""
        for _ in range(number):
            self._queue.popleft()
        self._dropped += max(0, number)
        if number > 0:
            log.warning("changes were not told to the webhook", changes=number)

    def _note(self, outcome: str, detail: str = "") -> None:
        """Count a request, and say when it begins to fail or works again."""
        self._requests[str(outcome)] += 1
        success = outcome == OK
        if success:
            self._last_success = self._clock()
            if self._success is False:
                log.info("the webhook works again")
        elif self._success is not False or outcome == REJECTED:
            log.warning("the webhook cannot be told", why=str(outcome), detail=detail)
        self._success = success
