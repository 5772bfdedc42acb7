"""The configuration in force, and how the next one takes over what is known."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Never

import structlog

from exporter.cli import build
from exporter.cli.beside import Beside
from exporter.cli.origin import Origin
from exporter.config import ConfigError, Settings
from exporter.expose.follow import Following
from exporter.expose.server import Server
from exporter.judge.sharding import ALONE, Shard
from exporter.schedule.watch import Watch
from exporter.snapshot import Board
from exporter.snapshot.past import NOTHING, Past

log = structlog.get_logger("acm_exporter")

GLANCE = 3.0  # seconds between two glances at the files
SHOWN = 30.0  # seconds that a reload waits for a snapshot that shows it
RESTORED = 10.0  # seconds that a start waits for one of what the state file told
TOLD = 20  # complaints that are logged


class Succession:
    """Runs one watch after the other, all of them on one board."""

    def __init__(
        self,
        settings: Settings,
        origin: Origin | None,
        *,
        shard: Shard = ALONE,
        clock: Callable[[], datetime] = build.clock,
        past: Past = NOTHING,
        beside: Beside | None = None,
        web_file: Following | None = None,
    ) -> None:
        """Build the first watch; without an origin there is nothing to reload."""
        self._beside = beside or Beside(clock)
        self._origin = origin
        self._shard = shard
        self._clock = clock
        self._lock = asyncio.Lock()
        self._parts = build.parts(settings, shard=shard, clock=clock)
        self.board: Board = build.blank(self._parts, shard, clock)
        self._watch = self._watch_by(self._parts, past)
        probing = build.probing(settings, self._watch, clock=clock, roots=self._parts.roots)
        self.server = Server(self.board, probing, self._posted, web_file)
        self._running: asyncio.Task[Never] | None = None
        self._complaints: Sequence[str] = ()

    @property
    def watch(self) -> Watch:
        """The watch that looks now."""
        return self._watch

    def past(self) -> Past:
        """Tell all that is known at this moment."""
        return self._watch.past()

    async def begin(self) -> None:
        """Begin to watch, and put what was known before on the board, so that the first scrape has it."""
        self._running = asyncio.create_task(self._watch.run())
        await self._show(self._watch.shown, RESTORED)

    async def run(self) -> None:
        """Watch until a watch ends, which is a bug of it."""
        try:
            while True:
                task = self._running = self._running or asyncio.create_task(self._watch.run())
                await asyncio.wait({task})
                if task is self._running:
                    await task
        finally:
            if self._running is not None:
                self._running.cancel()

    def close(self) -> None:
        """Let go of everything."""
        if self._running is not None:
            self._running.cancel()
        self._parts.close()

    async def follow(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Never:
        """Reload when the files change."""
        while True:
            await pause(GLANCE)
            if self._origin is None:
                continue
            async with self._lock:
                if await asyncio.to_thread(self._origin.changed):
                    await self._reload(self._origin, "change")

    async def reload(self, by: str) -> Sequence[str] | None:
        """Put the file's configuration in force; gives what is wrong, None where there is no file.

        A configuration with mistakes changes nothing. Reloads that overlap come one after the other.
        """
        if self._origin is None:
            log.info("there is no configuration file to reload", by=by)
            return None
        async with self._lock:
            return await self._reload(self._origin, by)

    async def _posted(self) -> Sequence[str] | None:
        return await self.reload("request")

    async def _reload(self, origin: Origin, by: str) -> Sequence[str]:
        try:
            settings = await asyncio.to_thread(origin.load)
            parts = await asyncio.to_thread(build.parts, settings, shard=self._shard, clock=self._clock)
            await self._succeed(settings, parts)
        except ConfigError as error:
            complaints: Sequence[str] = error.complaints
        except OSError as error:
            origin.refuse()
            complaints = (f"{error.filename}: {error.strerror}",)
        except Exception as error:
            log.exception("bug in a reload")
            complaints = (f"bug in a reload: {type(error).__name__}: {error}",)
        else:
            self._complaints = ()
            log.info("configuration reloaded", by=by, domains=len(settings.domains))
            return ()
        await self._show(self._watch.refuse())
        if complaints != self._complaints:
            self._tell(by, complaints)
        self._complaints = complaints
        return complaints

    def _tell(self, by: str, complaints: Sequence[str]) -> None:
        for one in complaints[:TOLD]:
            log.error("configuration refused", complaint=one)
        log.error("the configuration before stays in force", by=by, complaints=len(complaints))

    async def _succeed(self, settings: Settings, parts: build.Parts) -> None:
        """Let another watch take over at one moment, and show what it knows."""
        try:
            past = self._watch.past()
            before = self._parts
            if (parts.nameservers, parts.roots) != (before.nameservers, before.roots):
                # The same look may give something else, so none waits for its turn.
                past = replace(past, process=replace(past.process, looks={}, questions={}))
            watch = self._watch_by(parts, past)
            probing = build.probing(settings, watch, clock=self._clock, roots=parts.roots)
        except BaseException:
            parts.close()
            raise
        former = self._running
        self._parts, self._watch = parts, watch
        self._running = asyncio.create_task(watch.run())
        self.server.prober.means = probing
        if former is not None:
            former.cancel()
            await asyncio.wait({former})
        before.close()
        await self._beside.follow(settings, watch)
        await self._show(watch.shown)
        gc.collect()  # what the former watch was made of holds sockets, and would stay for hours

    async def _show(self, shown: asyncio.Event, patience: float = SHOWN) -> None:
        """Wait for a snapshot, and let the next scrape have it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await shown.wait()
        self.server.renew()

    def _watch_by(self, parts: build.Parts, past: Past) -> Watch:
        aside = self._beside.aside
        return Watch(parts.eyes, parts.plan, parts.policy, self._clock, self.board, past=past, aside=aside)
