"""Every key once per interval, spread evenly over it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import zlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from typing import Generic, Never, TypeVar

import structlog

K = TypeVar("K", bound=Hashable)
log = structlog.get_logger("acm_exporter.schedule")

SOONEST_RETRY = 10.0  # seconds
RETRIES_PER_INTERVAL = 20  # a look that failed for reasons of our own need not wait a whole interval
PATIENCE = 0.1  # seconds after which a look that waits for a silent peer gives its turn to the next
ROOM = 16  # times as many looks as may be under way abreast may wait for silent peers
TOGETHER = 16  # looks that begin at one moment, where that delays none for longer than …
TICK = 0.25  # seconds: a processor that wakes for one look at a time spends half of its time on waking
AT_A_TURN = 8  # looks that begin between two turns of the event loop
TOO_SOON = 0.01  # of the interval: a moment as near as this was the one that has just been kept


class Rota(Generic[K]):
    """Calls `look` for each key: at once when the key is new, then at its own moment of each interval.

    The moment is a stable hash of the key, so that looks are spread evenly and restarts keep the spread.
    `look` answers whether the key may rest for a whole interval; if not, it is tried again sooner. Looks
    begin a few at a time, with a turn of the event loop in between, so that those under way wait for their
    peers and not for each other; those that wait for long take no turns away from the others.
    """

    def __init__(
        self,
        interval: float,
        abreast: int,
        look: Callable[[K], Awaitable[bool]],
        room: int | None = None,
        turns: Mapping[K, float] | None = None,
    ) -> None:
        """Take the interval in seconds, and how many looks may be under way: in progress, and in all.

        `turns` are those of a rota before this one: when what was looked at is due again.
        """
        self._interval = interval
        self._retry = min(interval, max(SOONEST_RETRY, interval / RETRIES_PER_INTERVAL))
        self._look = look
        self._turns = asyncio.Semaphore(abreast)
        self._room = asyncio.Semaphore(room or abreast * ROOM)
        self._entries: dict[K, int] = {}  # key -> its live entry in the heap
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = itertools.count()
        self._begun = 0
        self._changed = asyncio.Event()
        self._new: set[K] = set()
        self._before = dict(turns or {})
        self._phases: dict[K, float] = {}  # the moment of each key, in seconds after an interval begins

    @property
    def pending(self) -> int:
        """How many keys were never looked at so far."""
        return len(self._new)

    @property
    def turns(self) -> dict[K, float]:
        """When each key that was looked at is due again, on the loop's clock."""
        now = asyncio.get_running_loop().time()  # of those that are being looked at
        waiting = {key: due for due, number, key in self._heap if self._entries.get(key) == number}
        return {key: waiting.get(key, now) for key in self._entries if key not in self._new}

    def keep(self, keys: Iterable[K]) -> None:
        """Look at exactly these keys from now on."""
        wanted = dict.fromkeys(keys)
        gone = [key for key in self._entries if key not in wanted]
        for key in gone:
            del self._entries[key]
            self._phases.pop(key, None)
            self._new.discard(key)
        if gone:
            self._heap = [entry for entry in self._heap if self._entries.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)
        self.add(wanted)
        self._before.clear()  # who comes later is new

    def add(self, keys: Iterable[K]) -> None:
        """Look at these keys too."""
        for key in keys:
            if key in self._entries:
                continue
            due = self._before.pop(key, None)
            if due is None:
                self._new.add(key)
                self._push(key, 0.0)
            else:
                self._push(key, min(due, self._moment(key, asyncio.get_running_loop().time())))

    def renew(self) -> None:
        """Let every key be as one that was never looked at."""
        keys = list(self._entries)
        self._heap.clear()
        self._new.update(keys)
        for key in keys:
            self._push(key, 0.0)

    async def once(self, done: Callable[[], None] = lambda: None) -> None:
        """Look at every key that was never looked at; `done` is called after each."""
        async with asyncio.TaskGroup() as group:
            for key in list(self._new):
                await self._turn()
                group.create_task(self._one(key)).add_done_callback(lambda _: done())

    async def run(self) -> Never:
        """Go on for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._turn()  # first, lest a key leaves between its moment and its turn
                group.create_task(self._one(await self._next()))

    async def _turn(self) -> None:
        """Wait until one more look may begin."""
        self._begun += 1
        if self._begun % AT_A_TURN == 0:
            await asyncio.sleep(0)
        await self._room.acquire()
        await self._turns.acquire()

    async def _next(self) -> K:
        """Wait for the next key that is due and still wanted."""
        loop = asyncio.get_running_loop()
        while True:
            while self._heap and self._heap[0][0] <= loop.time():
                _, number, key = heapq.heappop(self._heap)
                if self._entries.get(key) == number:
                    return key
            self._changed.clear()
            alarm = loop.call_at(self._tick(self._heap[0][0]), self._changed.set) if self._heap else None
            try:
                await self._changed.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()

    def _tick(self, due: float) -> float:
        """Return the moment, from when a look is due, at which it begins together with its neighbours."""
        tick = min(TICK, TOGETHER * self._interval / (len(self._entries) + 1))
        return math.ceil(due / tick) * tick

    async def _one(self, key: K) -> None:
        rest = False
        loop = asyncio.get_running_loop()
        turn = _Turn(self._turns.release)
        patience = loop.call_later(PATIENCE, turn.give_back)
        try:
            rest = await self._look(key)
        except Exception:
            log.exception("bug in a look", key=key)
        finally:  # also when the look was cancelled by somebody else: no key may drop out
            now = loop.time()
            patience.cancel()
            turn.give_back()
            self._room.release()
            self._new.discard(key)
            if key in self._entries:
                self._push(key, self._moment(key, now) if rest else now + self._retry)

    def _moment(self, key: K, now: float) -> float:
        phase = self._phases.get(key)
        if phase is None:
            phase = self._phases[key] = zlib.crc32(repr(key).encode()) / 2**32 * self._interval
        wait = self._interval - (now - phase) % self._interval
        return now + (wait if wait > TOO_SOON * self._interval else wait + self._interval)

    def _push(self, key: K, due: float) -> None:
        number = self._entries[key] = next(self._numbers)
        heapq.heappush(self._heap, (due, number, key))
        self._changed.set()


class _Turn:
    """A turn that is given back once."""

    __slots__ = ("_release",)

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def give_back(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()
