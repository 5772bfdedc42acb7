"""When files are looked at, and what was seen of them so far."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Never

from exporter.facts import FileLook, Location, Seen, Unseen, Why
from exporter.schedule.memory import EMPTY, Memory, Pulse
from exporter.schedule.plan import Plan
from exporter.schedule.rota import Rota
from exporter.snapshot import Source
from exporter.snapshot.past import Past

ABREAST = 4
FILE = "file"  # the source


class Filing:
    """Looks at the configured locations; only the event loop's thread touches it."""

    def __init__(
        self,
        plan: Plan,
        look: Callable[[Location], Awaitable[tuple[FileLook, ...]]],
        memory: Memory,
        changed: asyncio.Event,
        past: Past,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        """Begin with what was known before of the locations that stay; looks are counted by the memory."""
        self._look = look
        self._memory = memory
        self._changed = changed
        source = next((one for one in past.sources if one.source == FILE), Source(FILE))
        self._pulse = Pulse(source, past.process.recent.get(FILE, EMPTY))
        self._pulse.keep({one.path for one in plan.files})
        self._rota = Rota(plan.tls_interval, ABREAST, self._one, turns=past.process.files)
        self._rota.keep(plan.files)
        unseen, now = Unseen(Why.NOT_YET), clock()
        self._looks = {
            one.path: tuple(replace(old, arn=one.arn) for old in past.files.get(one.path, ()))
            or (FileLook(one.path, unseen, now, arn=one.arn),)
            for one in plan.files
        }
        self._latest: tuple[FileLook, ...] | None = None

    @property
    def pending(self) -> int:
        """How many locations were never looked at so far."""
        return self._rota.pending

    @property
    def turns(self) -> dict[Location, float]:
        """When each location is due again, on the loop's clock."""
        return self._rota.turns

    @property
    def looks(self) -> Mapping[str, tuple[FileLook, ...]]:
        """The looks by the path of their location, as they are now."""
        return dict(self._looks)

    @property
    def sources(self) -> tuple[Source, ...]:
        """How the reading of files fares; nothing where there are none."""
        return (self._pulse.source,) if self._looks else ()

    @property
    def recent(self) -> Mapping[object, bool]:
        """The latest looks, each with whether it gave something."""
        return self._pulse.recent

    def latest(self) -> tuple[FileLook, ...]:
        """Give each file once, as it is named rather than found; the same tuple until something changed."""
        if self._latest is None:
            found = {look.path: look for looks in self._looks.values() for look in looks}
            named = {path: look for path, looks in self._looks.items() for look in looks if look.path == path}
            self._latest = tuple({**found, **named}.values())
        return self._latest

    def renew(self) -> None:
        """Let every location be looked at again by `once`."""
        self._rota.renew()

    async def run(self) -> Never:
        """Look for ever."""
        await self._rota.run()

    async def once(self, done: Callable[[], None]) -> None:
        """Look at each location that was never looked at."""
        await self._rota.once(done)

    async def _one(self, where: Location) -> bool:
        loop = asyncio.get_running_loop()
        began = loop.time()
        fresh = await self._look(where)
        self._looks[where.path] = carry(self._looks[where.path], fresh, where.path)
        self._latest = None
        blind = [look.sight for look in fresh if isinstance(look.sight, Unseen) and look.sight.why.ours]
        failure = blind[0] if len(blind) == len(fresh) else None
        self._pulse.note(where.path, failure, fresh[-1].at, loop.time() - began)
        for look in fresh:
            self._memory.count(FILE, look.sight)
        self._changed.set()
        return failure is None


def carry(known: tuple[FileLook, ...], fresh: tuple[FileLook, ...], place: str) -> tuple[FileLook, ...]:
    """Carry what was known of a location's files over to the fresh looks at it.

    Where the location itself could not be looked at for reasons of ours, all of its known files keep their
    rows and share the failure; else what is not found any more is forgotten. A file that was found there and
    never held a certificate is no file of it: a key, say.
    """
    first = fresh[0]
    found = [look for look in known if look.path != place]
    ours = isinstance(first.sight, Unseen) and first.sight.why.ours
    if found and len(fresh) == 1 and first.path == place and ours:
        return tuple(_older(replace(first, path=old.path), old) for old in found)
    before = {look.path: look for look in known}
    carried = (_older(look, before.get(look.path)) for look in fresh)
    kept = tuple(look for look in carried if look.path == place or not _is_none(look))
    nothing = Unseen(Why.NO_CERTIFICATE, "no file there holds a certificate")
    return kept or (FileLook(place, nothing, first.at, arn=first.arn),)


def _is_none(look: FileLook) -> bool:
    unseen = isinstance(look.sight, Unseen) and look.sight.why is Why.NO_CERTIFICATE
    return unseen and look.last is None


def _older(look: FileLook, old: FileLook | None) -> FileLook:
    if isinstance(look.sight, Seen) or old is None:
        return look
    return replace(look, last=old.last, last_success=old.last_success)
