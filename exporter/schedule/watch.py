"""The whole watch: inventories, rotas and the snapshots that come of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Never

import structlog

from exporter.facts import Certificate, Domain, Look, Question, Sight
from exporter.judge.rule import Policy
from exporter.judge.validation import questions
from exporter.schedule.estate import Estate
from exporter.schedule.inventory import Inventory
from exporter.schedule.memory import Memory
from exporter.schedule.plan import NOBODY, Aside, Eyes, Plan
from exporter.schedule.readiness import Readiness
from exporter.schedule.rota import Rota
from exporter.schedule.targets import concerning, targets, watched
from exporter.schedule.telling import Annals
from exporter.snapshot import Board, Known, News, Snapshot, Source
from exporter.snapshot.ledger import Ledger
from exporter.snapshot.past import NOTHING, Past, Process, comparable
from exporter.snapshot.taking import take

log = structlog.get_logger("acm_exporter.schedule")

QUESTIONS_ABREAST = 64
HEARTBEAT = 15.0  # seconds after which a snapshot is renewed though nothing new was seen: ages grow
REST = 4.0  # a snapshot that took a second to make is followed by this many seconds of rest

Progress = Callable[[str, int, int], None]  # step, done, total


class Watch:
    """Looks by the plan and puts what is known, judged, on the board."""

    def __init__(
        self,
        eyes: Eyes,
        plan: Plan,
        policy: Policy,
        clock: Callable[[], datetime],
        board: Board,
        *,
        past: Past = NOTHING,
        aside: Aside = NOBODY,
    ) -> None:
        """Nothing is looked at before `run` or `once`; of the past counts what is still asked for."""
        self._eyes = eyes
        self._plan = plan
        self._policy = policy
        self._clock = clock
        self._board = board
        self._configured_at = clock()
        past = comparable(past, plan.domains)
        before = past.process
        self._memory = Memory(past)
        self.annals = Annals(past, aside)
        self._ledger = self._new_ledger()
        self._behind = True  # the ledger knows nothing of what is known
        self._ways = {
            way: Inventory(
                eye,
                plan.acm_interval,
                clock,
                self._inventory_changed,
                name=way.name,
                tags=plan.tags,
                ours=plan.shard.has,
                due=before.sweeps.get(way),
                requests=before.requests.get(way),
            )
            for way, eye in eyes.acm
        }
        self._inventories = tuple(self._ways.values())
        for way, inventory in self._ways.items():
            if way in past.stocks:
                inventory.restore(past.stocks[way])
        self._estate = Estate(self._inventories, plan.domains)
        self._domains = Rota(plan.tls_interval, plan.abreast, self._look, plan.room, before.looks)
        self._questions = Rota(plan.dns_interval, QUESTIONS_ABREAST, self._ask, turns=before.questions)
        self._changed = asyncio.Event()
        self._refused = False
        self.shown = asyncio.Event()  # set by each snapshot
        self._aimed = False  # whether the rotas were pointed at anything
        self._targets: tuple[Domain, ...] = ()
        self._readiness = Readiness(
            self._inventories,
            self._domains,
            self._questions,
            swept=past.process.swept,
            listed=past.process.listed and past.stocks.keys() <= self._ways.keys(),
        )

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
        self._readiness.is_swept = True
        self._board.latest = take(self._known(), self._policy, self._clock(), self._configured_at)

    def past(self) -> Past:
        """Hand over all that is known at this moment."""
        memory, ways = self._memory, self._ways.items()
        return Past(
            stocks={way: one.stock for way, one in ways},
            domains=self._plan.domains,
            looks=dict(memory.looks),
            answers=dict(memory.answers),
            remembered=dict(memory.remembered),
            sources=(memory.tls.source, memory.dns.source),
            histories=self.annals.book.histories,
            changed=self.annals.book.counts,
            process=Process(
                requests={way: one.requests for way, one in ways},
                tally=dict(memory.tally),
                recent={"tls": memory.tls.recent, "dns": memory.dns.recent},
                sweeps={way: one.due for way, one in ways if one.due is not None and one.source.success},
                looks=self._domains.turns,
                questions=self._questions.turns,
                swept=self._readiness.is_swept,
                listed=self._readiness.is_listed,
            ),
        )

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
            swept=self._readiness.swept(),
            targets=self._targets,
            listed=self._readiness.listed(),
        )

    def refuse(self) -> asyncio.Event:
        """Tell from now on that a later configuration was refused; gives what the next snapshot sets."""
        self._refused = True
        self._changed.set()
        self.shown.clear()
        return self.shown

    def count(self, looks: Sequence[Look]) -> None:
        """Count looks that somebody else asked for, and keep nothing of them."""
        for look in looks:
            self._memory.count("tls", look.sight)

    def _sources(self) -> tuple[Source, ...]:
        return (*self._estate.sources(), self._memory.tls.source, self._memory.dns.source)

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
        self._readiness.start()
        while True:
            self._changed.clear()
            began = loop.time()
            try:
                self._board.latest = await self._snapshot()
                self.shown.set()
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
        self.annals.open()
        if self._behind:
            self._ledger = self._new_ledger()
        news = self._news()
        self._behind = True
        snapshot = await asyncio.to_thread(self._ledger.take, news, self._clock())
        self._behind = False
        self.annals.close()
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
            self._readiness.swept(),
            self._targets,
            self._readiness.listed(),
            self._refused,
            self.annals.aside.keeping(),
            self.annals.aside.delivery(),
            self.annals.aside.web_file(),
        )

    def _new_ledger(self) -> Ledger:
        plan = self._plan
        return Ledger(self._policy, plan.domains, self._configured_at, plan.shard, self.annals.chronicle)


def _counter(progress: Progress, step: str, total: int) -> Callable[[], None]:
    numbers = itertools.count(1)
    return lambda: progress(step, next(numbers), total)
