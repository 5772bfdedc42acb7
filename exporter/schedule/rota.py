"""Every key once per interval, spread evenly over it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import zlib
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, Never, TypeVar

K = TypeVar("K", bound=Hashable)

SOONEST_RETRY = 10.0  # seconds
RETRIES_PER_INTERVAL = 20  # a look that failed for reasons of our own need not wait a whole interval


class Rota(Generic[K]):
    """Calls `look` for each key: at once when the key is new, then at its own moment of each interval.

    The moment is a stable hash of the key, so that looks are spread evenly and restarts keep the spread.
    `look` answers whether the key may rest for a whole interval; if not, it is tried again sooner.
    """

    def __init__(self, interval: float, abreast: int, look: Callable[[K], Awaitable[bool]]) -> None:
        """Take the interval in seconds and how many looks may be under way at once."""
        self._interval = interval
        self._retry = min(interval, max(SOONEST_RETRY, interval / RETRIES_PER_INTERVAL))
        self._look = look
        self._slots = asyncio.Semaphore(abreast)
        self._entries: dict[K, int] = {}  # key -> its live entry in the heap
        self._heap: list[tuple[float, int, K]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()
        self._new: set[K] = set()

    @property
    def pending(self) -> int:
        """How many keys were never looked at so far."""
        return len(self._new)

    def keep(self, keys: Iterable[K]) -> None:
        """Look at exactly these keys from now on."""
        wanted = dict.fromkeys(keys)
        for gone in [key for key in self._entries if key not in wanted]:
            del self._entries[gone]
            self._new.discard(gone)
        for key in wanted:
            if key not in self._entries:
                self._new.add(key)
                self._push(key, 0.0)

    async def once(self, done: Callable[[], None] = lambda: None) -> None:
        """Look at every key that was never looked at; `done` is called after each."""
        async with asyncio.TaskGroup() as group:
            for key in list(self._new):
                await self._slots.acquire()
                group.create_task(self._one(key)).add_done_callback(lambda _: done())

    async def run(self) -> Never:
        """Go on for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                number, key = await self._next()
                if self._entries.get(key) != number:
                    continue
                await self._slots.acquire()
                group.create_task(self._one(key))

    async def _next(self) -> tuple[int, K]:
        loop = asyncio.get_running_loop()
        while not self._heap or self._heap[0][0] > loop.time():
            self._changed.clear()
            wait = self._heap[0][0] - loop.time() if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return heapq.heappop(self._heap)[1:]

    async def _one(self, key: K) -> None:
        try:
            rest = await self._look(key)
        finally:
            self._slots.release()
        self._new.discard(key)
        if key in self._entries:
            now = asyncio.get_running_loop().time()
            self._push(key, self._moment(key, now) if rest else now + self._retry)

    def _moment(self, key: K, now: float) -> float:
        phase = zlib.crc32(repr(key).encode()) / 2**32 * self._interval
        return now + self._interval - (now - phase) % self._interval

    def _push(self, key: K, due: float) -> None:
        number = self._entries[key] = next(self._numbers)
        heapq.heappush(self._heap, (due, number, key))
        self._changed.set()
