"""Looks that somebody asks for: each target once at a time, and only so many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from exporter.facts import Domain, Look, Way
from exporter.judge.addresses import never
from exporter.judge.admission import Errand, Forbidden, Probed
from exporter.schedule.memory import carry

MOST = 64  # errands under way

Resolve: TypeAlias = Callable[[str], Awaitable[tuple[str, ...]]]
Eye: TypeAlias = Callable[[Domain, float, Resolve], Awaitable[tuple[Look, ...]]]


class OnDemand:
    """Runs errands."""

    def __init__(
        self, look: Eye, resolve: Resolve, count: Callable[[Sequence[Look]], None], most: int = MOST
    ) -> None:
        """Take what looks and what resolves (which may raise what `look` understands), and who counts."""
        self._look = look
        self._resolve = resolve
        self._count = count
        self._most = most
        self._running: dict[tuple[str, str, int, Way | None], asyncio.Task[Probed | Forbidden]] = {}

    async def run(self, errand: Errand) -> Probed | Forbidden | None:
        """Run an errand, or wait for the one that is under way for the same; None if there are too many."""
        key = (errand.host, errand.domain.name, errand.domain.port, errand.domain.way)
        task = self._running.get(key)
        if task is None:
            if len(self._running) >= self._most:
                return None
            task = self._running[key] = asyncio.create_task(self._go(errand))
            task.add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(task)  # whoever asked may go away, others wait for it too

    async def _go(self, errand: Errand) -> Probed | Forbidden:
        closed: list[str] = []

        async def resolve(name: str) -> tuple[str, ...]:
            addresses = await self._resolve(name if name in errand.domain.hosts else errand.host)
            closed.extend(one for one in addresses if never(one))
            return () if closed else addresses  # what is not resolved is not connected to

        loop = asyncio.get_running_loop()
        began = loop.time()
        looks = await self._look(errand.domain, errand.timeout, resolve)
        if closed:
            return Forbidden(closed[0])
        self._count(looks)
        return Probed(carry((), looks), loop.time() - began)
