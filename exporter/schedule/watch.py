"""The whole watch: inventories, rotas and the snapshots that come of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Never

import structlog

from exporter.facts import Answer, Certificate, Domain, Look, Question, Sight
from exporter.judge.rule import Policy
from exporter.judge.sharding import ALONE, Shard
from exporter.judge.validation import questions
from exporter.schedule.estate import Estate
from exporter.schedule.inventory import Inventory, InventoryEye
from exporter.schedule.memory import Memory
from exporter.schedule.rota import Rota
from exporter.schedule.targets import concerning, targets, watched
from exporter.snapshot import Board, Known, News, Snapshot, Source
from exporter.snapshot.ledger import Ledger
from exporter.snapshot.taking import take

log = structlog.get_logger("acm_exporter.schedule")

QUESTIONS_ABREAST = 64
HEARTBEAT = 15.0  # seconds after which a snapshot is renewed though nothing new was seen: ages grow
REST = 4.0  # a snapshot that took a second to make is followed by this many seconds of rest
PATIENCE = 60.0  # seconds that readiness waits for the descriptions of a large inventory
LIST_PATIENCE = 900.0  # seconds that the list of targets waits for an inventory that cannot be read


Progress = Callable[[str, int, int], None]  # step, done, total


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks: ACM by account and region (with the account's configured name), TLS and DNS."""

    acm: Sequence[tuple[str, InventoryEye]]
    tls: Callable[[Domain], Awaitable[tuple[Look, ...]]]
    dns: Callable[[Question], Awaitable[Sight[Answer]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look at and how often; intervals in seconds."""

    domains: tuple[Domain, ...] = ()
    asked: tuple[Domain, ...] = ()  # domains named on the command line
    certificate_names: bool = True
    scheduled: bool = True  # whether `run` looks at endpoints; `once` always does
    tags: tuple[str, ...] = ()
    acm_interval: float = 600.0
    tls_interval: float = 300.0
    dns_interval: float = 3600.0
    abreast: int = 256
    room: int | None = None  # for looks that wait for silent peers too; by default a multiple of the former
    shard: Shard = ALONE  # whose share of all that is looked at


class Watch:
    """Looks by the plan and puts what is known, judged, on the board."""

    def __init__(
        self, eyes: Eyes, plan: Plan, policy: Policy, clock: Callable[[], datetime], board: Board
    ) -> None:
        """Nothing is looked at before `run` or `once`."""
        self._eyes = eyes
        self._plan = plan
        self._policy = policy
        self._clock = clock
        self._board = board
        self._configured_at = clock()
        self._memory = Memory()
        self._ledger = self._new_ledger()
        self._behind = True  # the ledger knows nothing of what is known
        self._inventories = [
            Inventory(
                eye,
                plan.acm_interval,
                clock,
                self._inventory_changed,
                name=name,
                tags=plan.tags,
                ours=plan.shard.has,
            )
            for name, eye in eyes.acm
        ]
        self._estate = Estate(self._inventories, plan.domains)
        self._domains: Rota[Domain] = Rota(plan.tls_interval, plan.abreast, self._look, plan.room)
        self._questions: Rota[Question] = Rota(plan.dns_interval, QUESTIONS_ABREAST, self._ask)
        self._changed = asyncio.Event()
        self._aimed = False  # whether the rotas were pointed at anything
        self._targets: tuple[Domain, ...] = ()
        self._swept = False
        self._listed = False
        self._started: float | None = None

    async def run(self) -> Never:
        """Watch for ever."""
        async with asyncio.TaskGroup() as group:
            for number, inventory in enumerate(self._inventories, 1):
                group.create_task(inventory.run(number / len(self._inventories)))
            group.create_task(self._domains.run())
            group.create_task(self._questions.run())
            await self._publish()

    async def once(
        self,
        wanted: Callable[[Certificate], bool] | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        """Look once at everything, or at what concerns some certificates, and put it on the board."""
        swept = _counter(progress, "accounts and regions", len(self._inventories))
        await asyncio.gather(*(one.refresh(swept) for one in self._inventories))
        described = _counter(
            progress, "certificates", sum(len(one.stale(wanted)) for one in self._inventories)
        )
        await asyncio.gather(*(one.describe(wanted, described) for one in self._inventories))
        self._estate.update()
        self._aim(wanted, looking=True)
        await self._domains.once(_counter(progress, "names", self._domains.pending))
        await self._questions.once(_counter(progress, "records", self._questions.pending))
        self._swept = True
        self._board.latest = take(self._known(), self._policy, self._clock(), self._configured_at)

    def _known(self) -> Known:
        """Gather everything that is known at this moment."""
        memory = self._memory
        return Known(
            certificates=tuple(self._estate.certificates.values()),
            domains=self._plan.domains,
            looks=tuple(look for looks in memory.looks.values() for look in looks),
            answers=dict(memory.answers),
            remembered=dict(memory.remembered),
            sources=self._sources(),
            requests=self._estate.requests(),
            tally=dict(memory.tally),
            swept=self._ready(),
            targets=self._targets,
            listed=self._list_is_whole(),
        )

    def count(self, looks: Sequence[Look]) -> None:
        """Count looks that somebody else asked for, and keep nothing of them."""
        for look in looks:
            self._memory.count("tls", look.sight)

    def _sources(self) -> tuple[Source, ...]:
        return (*self._estate.sources(), self._memory.tls.source, self._memory.dns.source)

    def _ready(self) -> bool:
        """Whether everything was looked at once; sticky.

        It is patient with descriptions only so long, and with the records that keep coming of them.
        """
        if self._swept or self._started is None:
            return self._swept
        late = asyncio.get_running_loop().time() - self._started > PATIENCE
        self._swept = (
            all(one.source.success is not None for one in self._inventories)
            and not self._domains.pending
            and (late or not (self._questions.pending or any(one.pending for one in self._inventories)))
        )
        return self._swept

    def _list_is_whole(self) -> bool:
        """Whether no target is missing for want of an inventory; sticky.

        Whoever follows the list would lose the targets of an inventory that was not read since the start,
        so it waits for all of them; but one that stays broken may not hide the others for ever.
        """
        if self._listed or self._started is None:
            return self._listed
        late = asyncio.get_running_loop().time() - self._started > LIST_PATIENCE
        enough = any if late and self._inventories else all
        self._listed = enough(one.source.last_success is not None for one in self._inventories)
        return self._listed

    def _inventory_changed(self, sight: Sight[object]) -> None:
        self._memory.count("acm", sight)
        self._changed.set()

    def _aim(self, wanted: Callable[[Certificate], bool] | None = None, *, looking: bool) -> None:
        """Point the rotas at all that there is now, or at what concerns some certificates of it."""
        everything = self._estate.certificates.values()
        certificates = [one for one in everything if wanted is None or wanted(one)]
        names = certificates if self._plan.certificate_names else ()
        domains = targets(self._plan.domains, names)
        if wanted is not None:
            chosen = {*self._plan.asked, *concerning(domains, certificates)}
            domains = tuple(one for one in domains if one in chosen)
        self._targets = domains
        domains = watched(domains, everything, self._plan.shard) if looking else ()
        asked = {question: None for one in certificates for question in self._questions_of(one)}
        self._memory.keep(domains, asked, self._clock())
        self._domains.keep(domains)
        self._questions.keep(asked)

    def _follow(self) -> dict[str, Certificate | None]:
        """Take in what the inventories have learned, and look at what that brings."""
        changed = self._estate.update()
        if self._estate.reshaped or not self._aimed:
            self._aim(looking=self._plan.scheduled)
            self._aimed = True
        else:
            for one in filter(None, changed.values()):
                asked = self._questions_of(one)
                self._memory.ask(asked)
                self._questions.add(asked)
        return changed

    def _questions_of(self, one: Certificate) -> tuple[Question, ...]:
        return questions(one) if self._plan.shard.has(one.arn) else ()

    async def _look(self, domain: Domain) -> bool:
        began = asyncio.get_running_loop().time()
        looks = await self._eyes.tls(domain)
        rest = self._memory.see(domain, looks, asyncio.get_running_loop().time() - began)
        self._changed.set()
        return rest

    async def _ask(self, question: Question) -> bool:
        began = asyncio.get_running_loop().time()
        sight = await self._eyes.dns(question)
        rest = self._memory.hear(question, sight, self._clock(), asyncio.get_running_loop().time() - began)
        self._changed.set()
        return rest

    async def _publish(self) -> Never:
        loop = asyncio.get_running_loop()
        self._started = loop.time()
        while True:
            self._changed.clear()
            began = loop.time()
            try:
                self._board.latest = await self._snapshot()
            except Exception:
                log.exception("bug in a snapshot; the last one stays")
            await asyncio.sleep(max(1.0, REST * (loop.time() - began)))
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _snapshot(self) -> Snapshot:
        """Judge what changed since the last snapshot; after a bug in that, everything from the beginning."""
        if self._behind:
            self._ledger = self._new_ledger()
        news = self._news()
        self._behind = True
        snapshot = await asyncio.to_thread(self._ledger.take, news, self._clock())
        self._behind = False
        return snapshot

    def _news(self) -> News:
        sources, requests = self._sources(), self._estate.requests()
        certificates = self._follow()
        looks, answers = self._memory.news()
        if self._behind:
            certificates, looks, answers = (
                dict(self._estate.certificates),
                dict(self._memory.looks),
                dict(self._memory.answers),
            )
        known = self._memory.remembered
        remembered = {question: known[question] for question in answers if question in known}
        return News(
            certificates,
            looks,
            answers,
            remembered,
            sources,
            requests,
            dict(self._memory.tally),
            self._ready(),
            self._targets,
            self._list_is_whole(),
        )

    def _new_ledger(self) -> Ledger:
        return Ledger(self._policy, self._plan.domains, self._configured_at, self._plan.shard)


def _counter(progress: Progress, step: str, total: int) -> Callable[[], None]:
    numbers = itertools.count(1)
    return lambda: progress(step, next(numbers), total)
