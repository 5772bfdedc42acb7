"""The inventories of all accounts and regions, of which those of an organization come and go."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from exporter.facts import Member, Sight
from exporter.schedule.inventory import Inventory
from exporter.schedule.plan import Eyes, InventoryEye, Plan
from exporter.schedule.roster import Roster
from exporter.snapshot import Roll, Source
from exporter.snapshot.past import NOTHING, Door, Past, Stock

RETRY = 180.0  # seconds after a listing that failed

Key = tuple[str, bool]  # of a member: its id, and whether the exporter's own credentials are of it


class Fleet:
    """One inventory for each way; a way that goes takes with it what is known of it."""

    def __init__(
        self,
        eyes: Eyes,
        plan: Plan,
        clock: Callable[[], datetime],
        *,
        looked: Callable[[Sight[object]], None],
        changed: Callable[[], None],
        past: Past,
    ) -> None:
        """Take whom to tell of each look and of each listing, and what was known before."""
        self._plan = plan
        self._clock = clock
        self._looked = looked
        self._changed = changed
        self._group: asyncio.TaskGroup | None = None  # while it runs
        self._ways: dict[Door, Inventory] = {}
        self._tasks: dict[Door, asyncio.Task[None]] = {}
        self._members: dict[Key, tuple[Door, ...]] = {}
        self._left: list[Inventory] = []
        for way, eye in eyes.acm:
            self._add(way, eye, past)
        self._membership = eyes.membership
        self._roster = None if eyes.membership is None else Roster(eyes.membership, clock, past)
        self._settle(past)

    @property
    def inventories(self) -> Sequence[Inventory]:
        """The inventories that there are now."""
        return tuple(self._ways.values())

    @property
    def ways(self) -> Mapping[Door, Inventory]:
        """The same, by how they are reached."""
        return self._ways

    @property
    def members(self) -> tuple[Member, ...] | None:
        """The chosen accounts of the organization; None where there is none or it was never listed."""
        return None if self._roster is None else self._roster.members

    @property
    def asked(self) -> bool:
        """Whether it is known, with whatever success, which accounts there are."""
        return self._roster is None or self._roster.asked

    @property
    def complete(self) -> bool:
        """Whether the organization was ever listed, where there is one."""
        return self._roster is None or self._roster.source.last_success is not None

    @property
    def sources(self) -> tuple[Source, ...]:
        """How the organization fared, where there is one."""
        return () if self._roster is None else (self._roster.source,)

    @property
    def listings(self) -> Mapping[tuple[str, str], int]:
        """The requests to the organization by operation and code."""
        return {} if self._roster is None else self._roster.requests

    @property
    def stocks(self) -> Mapping[Door, Stock]:
        """All that is known of certificates, for whoever comes after."""
        return {way: one.stock for way, one in self._ways.items()}

    def left(self) -> tuple[Inventory, ...]:
        """Hand over the inventories that went since the last call."""
        left, self._left = tuple(self._left), []
        return left

    def roll(self) -> Roll:
        """Tell the accounts' names."""
        names = {one.eye.account: way.name for way, one in self._ways.items() if way.name}
        names |= {one.id: one.name for one in self.members or () if one.name}
        names.pop("", None)  # not known yet whose
        return Roll(names, None if self.members is None else len(self.members))

    def requests(self) -> dict[tuple[str, str, str, str], int]:
        """Count the requests to AWS by account, region, operation and code."""
        counts: Counter[tuple[str, str, str, str]] = Counter()
        for one in self._ways.values():
            for (operation, code), number in one.requests.items():
                counts[one.source.account, one.source.region, operation, code] += number
        if self._roster is not None:
            for (operation, code), number in self._roster.requests.items():
                counts[(*self._roster.place, operation, code)] += number
        return dict(counts)

    async def run(self) -> None:
        """Go on for ever, where there is an account or an organization."""
        async with asyncio.TaskGroup() as self._group:
            self._start(tuple(self._ways))
            if self._roster is not None and self._membership is not None:
                while True:
                    await self.enlist()
                    interval = self._membership.interval
                    failed = not self._roster.source.success
                    await asyncio.sleep(min(interval, RETRY) if failed else interval)

    async def enlist(self) -> None:
        """Ask the organization, where there is one, which accounts it has."""
        if self._roster is not None:
            await self._roster.refresh()
            self._settle()
            self._changed()

    def _settle(self, past: Past = NOTHING) -> None:
        """Have inventories of just the accounts that are known."""
        if self._membership is None or self.members is None:
            return
        wanted = {(one.id, one.own): one for one in self.members}
        for key in [key for key in self._members if key not in wanted]:
            for way in self._members.pop(key):
                self._drop(way)
        came: list[Door] = []
        for key, member in wanted.items():
            if key not in self._members:
                eyes = [(way, eye) for way, eye in self._membership.enter(member) if way not in self._ways]
                for way, eye in eyes:
                    self._add(way, eye, past)
                self._members[key] = tuple(way for way, _ in eyes)
                came += self._members[key]
        self._start(came)

    def _add(self, way: Door, eye: InventoryEye, past: Past) -> None:
        inventory = self._ways[way] = Inventory(
            eye,
            self._plan.acm_interval,
            self._clock,
            self._looked,
            name=way.name,
            tags=self._plan.tags,
            ours=self._plan.shard.has,
            due=past.process.sweeps.get(way),
            requests=past.process.requests.get(way),
            resources=self._plan.resources,
        )
        if way in past.stocks:
            inventory.restore(past.stocks[way])

    def _drop(self, way: Door) -> None:
        self._left.append(self._ways.pop(way))
        if task := self._tasks.pop(way, None):
            task.cancel()

    def _start(self, ways: Sequence[Door]) -> None:
        """Let these inventories run, their sweeps spread over the interval from the second on."""
        if self._group is None:
            return
        for number, way in enumerate(ways, 1):
            self._tasks[way] = self._group.create_task(self._ways[way].run(number / len(ways)))
