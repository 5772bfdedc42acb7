"""The whole watch: inventories, rotas and the snapshots that come of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Never

import structlog

from exporter.facts import Certificate, Domain, Look, Question, Sight
from exporter.judge.rule import Policy
from exporter.judge.validation import questions
from exporter.schedule.estate import Estate
from exporter.schedule.filing import Filing
from exporter.schedule.fleet import Fleet
from exporter.schedule.memory import Memory
from exporter.schedule.plan import NOBODY, Aside, Eyes, Plan
from exporter.schedule.progress import Progress, counter
from exporter.schedule.readiness import Readiness
from exporter.schedule.rota import Rota
from exporter.schedule.targets import concerning, listed, targets, watched
from exporter.schedule.telling import Annals
from exporter.snapshot import Board, Known, News, Snapshot, Source
from exporter.snapshot.ledger import Ledger
from exporter.snapshot.past import NOTHING, Past, Process, comparable
from exporter.snapshot.taking import take

log = structlog.get_logger("acm_exporter.schedule")

QUESTIONS_ABREAST = 64
HEARTBEAT = 15.0  # seconds after which a snapshot is renewed though nothing new was seen: ages grow
REST = 4.0  # a snapshot that took a second to make is followed by this many seconds of rest


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
        self._changed = asyncio.Event()
        self._fleet = Fleet(
            eyes, plan, clock, looked=self._inventory_changed, changed=self._changed.set, past=past
        )
        self._estate = Estate(self._fleet, plan.domains)
        self._domains = Rota(plan.tls_interval, plan.abreast, self._look, plan.room, before.looks)
        self._questions = Rota(plan.dns_interval, QUESTIONS_ABREAST, self._ask, turns=before.questions)
        self._files = Filing(plan, eyes.files, self._memory, self._changed, past, clock=clock)
        self._refused = False
        self.shown = asyncio.Event()  # set by each snapshot
        self._aimed = False  # whether the rotas were pointed at anything
        self._targets: tuple[Domain, ...] = ()
        self._readiness = Readiness(
            self._fleet,
            self._domains,
            self._questions,
            self._files,
            swept=past.process.swept,
            listed=past.process.listed and past.stocks.keys() <= self._fleet.ways.keys(),
        )

    async def run(self) -> Never:
        """Watch for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fleet.run())
            group.create_task(self._domains.run())
            group.create_task(self._questions.run())
            group.create_task(self._files.run())
            await self._publish()

    async def once(
        self,
        wanted: Callable[[Certificate], bool] | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        """Look once at everything, or at what concerns some certificates, and put it on the board.

        Said again it looks again, and still knows what was known; certificates are described anew where ACM's
        list tells something new of them, or as often as by `run`.
        """
        for one in (self._domains, self._questions, self._files):
            one.renew()
        await self._fleet.enlist()
        inventories = self._fleet.inventories
        swept = counter(progress, "accounts and regions", len(inventories))
        await asyncio.gather(*(one.refresh(swept) for one in inventories))
        described = counter(progress, "certificates", sum(len(one.stale(wanted)) for one in inventories))
        await asyncio.gather(*(one.describe(wanted, described) for one in inventories))
        self._estate.update()
        self._aim(wanted, looking=True)
        await self._files.once(counter(progress, "files", self._files.pending))
        await self._domains.once(counter(progress, "names", self._domains.pending))
        await self._questions.once(counter(progress, "records", self._questions.pending))
        self._readiness.is_swept = True
        self._board.latest = take(self._known(), self._policy, self._clock(), self._configured_at)

    def past(self) -> Past:
        """Hand over all that is known at this moment."""
        memory, ways = self._memory, self._fleet.ways.items()
        return Past(
            stocks=self._fleet.stocks,
            domains=self._plan.domains,
            looks=dict(memory.looks),
            answers=dict(memory.answers),
            remembered=dict(memory.remembered),
            files=self._files.looks,
            sources=(memory.tls.source, memory.dns.source, *self._files.sources, *self._fleet.sources),
            members=self._fleet.members,
            histories=self.annals.book.histories,
            changed=self.annals.book.counts,
            process=Process(
                requests={way: one.requests for way, one in ways},
                tally=dict(memory.tally),
                recent={"tls": memory.tls.recent, "dns": memory.dns.recent, "file": self._files.recent},
                sweeps={way: one.due for way, one in ways if one.due is not None and one.source.success},
                looks=self._domains.turns,
                questions=self._questions.turns,
                files=self._files.turns,
                swept=self._readiness.is_swept,
                listed=self._readiness.is_listed,
                listings=self._fleet.listings,
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
            requests=self._fleet.requests(),
            tally=dict(memory.tally),
            swept=self._readiness.swept(),
            targets=self._targets,
            listed=self._readiness.listed(),
            files=self._files.latest(),
            roll=self._fleet.roll(),
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
        memory = self._memory
        return (*self._estate.sources(), memory.tls.source, memory.dns.source, *self._files.sources)

    def _inventory_changed(self, sight: Sight[object]) -> None:
        self._memory.count("acm", sight)
        self._changed.set()

    def _aim(self, wanted: Callable[[Certificate], bool] | None = None, *, looking: bool) -> None:
        """Point the rotas at all that there is now, or at what concerns some certificates of it."""
        everything = self._estate.certificates.values()
        certificates = [one for one in everything if wanted is None or wanted(one)]
        names = certificates if self._plan.certificate_names else ()
        domains = targets(self._plan.domains, names, certificates if self._plan.look_behind else ())
        if wanted is not None:
            chosen = {*self._plan.asked, *concerning(domains, certificates)}
            domains = tuple(one for one in domains if one in chosen)
        self._targets = listed(domains, self._plan.domains, names, self._plan.shard)
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
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT):
                    await self._changed.wait()

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
        sources, requests = self._sources(), self._fleet.requests()
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
            self._files.latest(),
            self._fleet.roll(),
        )

    def _new_ledger(self) -> Ledger:
        plan = self._plan
        return Ledger(self._policy, plan.domains, self._configured_at, plan.shard, self.annals.chronicle)
