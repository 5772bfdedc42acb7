"""The pace of calls that leaves AWS's quota to others."""

from __future__ import annotations

import asyncio

BURST = 5  # calls that may follow each other at once: a sweep of 2,500 certificates


class Pace:
    """Even slots on the loop's clock, of which a few unused ones may be taken at once."""

    def __init__(self, interval: float) -> None:
        """Take the seconds between two slots."""
        self._interval = interval
        self._next = 0.0

    async def slot(self) -> None:
        """Wait for the next slot."""
        now = asyncio.get_running_loop().time()
        start = max(self._next, now - (BURST - 1) * self._interval)
        self._next = start + self._interval
        await asyncio.sleep(start - now)
