"""The parts beside a watch, which outlive reloads: the state file and the webhook."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Never

from exporter.config import Settings
from exporter.expose import api
from exporter.expose.follow import Following
from exporter.observe.webhook import Webhook
from exporter.schedule.courier import Courier, Post
from exporter.schedule.plan import Aside
from exporter.schedule.watch import Watch
from exporter.snapshot.past import NOTHING, Past
from exporter.store.keeper import INTERVAL, Keeper

FIRST = 5.0  # seconds before the first writing: an exporter that dies again and again learns something too
LAST = 5.0  # seconds for the last writing of a file that a reload leaves


class Beside:
    """Keeps what a watch knows, and tells what changed, by the settings in force."""

    def __init__(self, clock: Callable[[], datetime], web_file: Following | None = None) -> None:
        """Keep and tell nothing before `begin`."""
        self._clock = clock
        self._keeper: Keeper | None = None
        self._courier = Courier(api.told, clock)
        self.aside = Aside(
            self._courier.tell,
            lambda: self._keeper.keeping if self._keeper else None,
            lambda: self._courier.delivery,
            lambda: web_file.state if web_file else None,
        )

    async def begin(self, settings: Settings) -> Past:
        """Follow the first settings; gives what the state file holds."""
        self._courier.post = _post(settings)
        self._keeper = self._keeper_of(settings.state_file)
        past = NOTHING if self._keeper is None else await self._keeper.open()
        self._courier.tell(past.undelivered)
        return past

    async def follow(self, settings: Settings, watch: Watch) -> None:
        """Follow other settings; another state file adds the histories that it holds, and is written over."""
        self._courier.post = _post(settings)
        former = self._keeper
        if (former and former.path) == settings.state_file:
            return
        self._keeper = self._keeper_of(settings.state_file)
        if self._keeper is not None:
            watch.annals.recall(await self._keeper.open())
        if former is not None:
            with contextlib.suppress(TimeoutError):  # a disk that hangs holds up no reload
                async with asyncio.timeout(LAST):
                    await asyncio.to_thread(former.finish, self._known(watch.past()))

    async def run(self, watch: Callable[[], Watch]) -> Never:
        """Keep and tell, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._courier.run())
            pause = FIRST
            while True:
                await asyncio.sleep(pause)
                pause = INTERVAL
                if self._keeper is not None:
                    late = await self._keeper.save(self._known(watch().past()))
                    if late is not NOTHING:
                        watch().annals.recall(late)
                        self._courier.tell(late.undelivered)

    def finish(self, past: Past) -> None:
        """Write what is known once more; takes as long as the disk does."""
        if self._keeper is not None:
            self._keeper.finish(self._known(past))

    def _known(self, past: Past) -> Past:
        return replace(past, undelivered=self._courier.waiting)

    def _keeper_of(self, path: Path | None) -> Keeper | None:
        return None if path is None else Keeper(path, self._clock)


def _post(settings: Settings) -> Post | None:
    webhook = settings.events.webhook
    if webhook is None:
        return None
    return Webhook(webhook.url, webhook.authorization, webhook.timeout.total_seconds()).post
