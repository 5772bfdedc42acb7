"""One account and region of ACM: swept once per interval, described as the budget allows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Never

import structlog

from exporter.facts import Certificate, Seen, Sight, Unseen, Why
from exporter.observe.acm_parse import merge
from exporter.schedule.behind import Behind
from exporter.schedule.plan import InventoryEye
from exporter.schedule.surviving import HOPELESS, survived
from exporter.snapshot import Source
from exporter.snapshot.past import Entry, Stock

log = structlog.get_logger("acm_exporter.schedule")

LANES = 4  # descriptions under way at once; the eye itself keeps the pace
CALM = timedelta(hours=6)  # a certificate that needs no attention is described anew this often
NEVER = datetime.max.replace(tzinfo=UTC)


class Inventory:
    """The certificates of one eye; what was known stays known while the eye fails."""

    def __init__(
        self,
        eye: InventoryEye,
        interval: float,
        clock: Callable[[], datetime],
        changed: Callable[[Sight[object]], None],
        *,
        name: str = "",
        tags: Sequence[str] = (),
        ours: Callable[[str], bool] = lambda _: True,
        due: float | None = None,
        requests: Mapping[tuple[str, str], int] | None = None,
        resources: Sequence[str] = (),
    ) -> None:
        """Take how often to sweep (seconds), whom to tell of each look, and which ARNs are ours.

        `due` is when the first sweep is, on the loop's clock; by default at once. `requests` were counted
        before, by operation and code; `resources` names the services to ask for what uses certificates.
        """
        self.eye = eye
        self.source = Source("acm", eye.account or name, eye.region)
        self.behind = Behind(eye, clock, resources)
        self.why = Why.NOT_YET  # why the certificates that are missing here are missing
        self.due = due
        self._requests = Counter(requests or {})
        self.swept = False  # whether ACM was asked, with whatever success
        self._interval = interval
        self._clock = clock
        self._changed = changed
        self._tags = tags
        self._ours = ours
        self._rows: dict[str, Certificate] = {}
        self._whole: dict[str, Certificate] = {}  # the rows, each with the most that is known of it
        self._described: dict[str, tuple[Sight[Certificate], Certificate, datetime]] = {}
        self._failing: set[str] = set()  # whose latest description failed; the others go first
        self._tagged: dict[str, Mapping[str, str]] = {}
        self._untagged: dict[str, None] = {}  # in the order of their turns
        self._news: dict[str, None] = {}  # ARNs of what changed since it was last asked

    def restore(self, stock: Stock) -> None:
        """Begin with what was known before; what is told of its age stays true."""
        self.source, self.why = stock.source, stock.why
        self.behind = Behind(self.eye, self._clock, self.behind.services, stock)
        same = set(self._tags) <= set(stock.tags)
        for one in stock.entries:
            arn = one.row.arn
            self._rows[arn] = one.row
            if one.described and one.then and one.at:
                self._described[arn] = (one.described, one.then, one.at)
            if isinstance(one.described, Unseen):
                self._failing.add(arn)
            if one.tags is not None:
                self._tagged[arn] = {tag: one.tags[tag] for tag in self._tags if tag in one.tags}
            if isinstance(one.described, Seen) and self._ours(arn) and (one.tags is None or not same):
                self._untagged[arn] = None
            self._keep(one.row)

    @property
    def stock(self) -> Stock:
        """All that is known here, for whoever comes after."""
        entries = []
        for arn, row in self._rows.items():
            described, then, at = self._described.get(arn, (None, None, None))
            entries.append(Entry(row, described, then, at, self._tagged.get(arn)))
        told = self.behind.told, self.behind.source if self.behind.services else None, self.behind.listed_at
        return Stock(self.source, tuple(entries), tuple(self._tags), self.why, *told)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates, each with the most that is known of it."""
        return tuple(self._whole.values())

    def get(self, arn: str) -> Certificate | None:
        """Return one certificate with the most that is known of it."""
        return self._whole.get(arn)

    def news(self) -> tuple[str, ...]:
        """List the certificates that changed since the last call, also those that are gone."""
        news, self._news = tuple(self._news), {}
        return (*news, *self.behind.news())

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """The requests so far by operation and code."""
        return self._requests + Counter(self.eye.requests)

    @property
    def pending(self) -> int:
        """How many certificates of ours were never described so far."""
        return sum(arn not in self._described and self._ours(arn) for arn in self._rows)

    async def run(self, first: float = 1.0) -> Never:
        """Go on for ever; the second sweep comes after this share of an interval, so that many spread out."""
        loop = asyncio.get_running_loop()
        pause = self._interval * first
        due = min(self.due or 0.0, loop.time() + self._interval)
        while True:
            try:
                if due <= loop.time():
                    rest, pause = pause, self._interval
                    due = loop.time() + rest
                    await self.refresh()
                    due = loop.time() + rest  # from its end: descriptions have their time after a slow sweep
                self.due = due
                async with asyncio.timeout_at(due):
                    await self.describe()
            except TimeoutError:
                log.info("descriptions go on after the next sweep", **self._place, left=self.pending)
            except Exception:
                log.exception("bug in an inventory", **self._place)
            await asyncio.sleep(due - loop.time())

    async def refresh(self, done: Callable[[], None] = lambda: None) -> None:
        """Read which certificates there are; `done` is called at the end."""
        began = asyncio.get_running_loop().time()
        sight = await survived(self.eye.sweep())
        duration = asyncio.get_running_loop().time() - began
        before, why_before = self.source, self.why
        account = self.eye.account or before.account
        self.swept = True
        self.source = replace(before, account=account, region=self.eye.region, duration=duration)
        match sight:
            case Seen(value=rows):
                self._take_in({row.arn: row for row in rows})
                self.source = replace(self.source, success=True, last_success=self._clock(), error="")
                self.why = Why.NOT_FOUND
            case Unseen(why=why, detail=detail):
                self.source = replace(self.source, success=False, error=f"{why}: {detail}")
                self.why = why
        if self.why is not why_before:
            self._log()
        self._changed(sight)
        done()

    def _take_in(self, rows: dict[str, Certificate]) -> None:
        """Replace the rows; what is gone is forgotten, what is the same stays the same object."""
        self._described = {arn: one for arn, one in self._described.items() if arn in rows}
        self._tagged = {arn: tags for arn, tags in self._tagged.items() if arn in rows}
        self._failing &= rows.keys()
        self._untagged = {arn: None for arn in self._untagged if arn in rows}
        before, self._rows = self._rows, rows
        self._news |= dict.fromkeys(arn for arn in before if arn not in rows)
        whole, self._whole = self._whole, {}
        for arn, row in rows.items():
            if before.get(arn) == row:
                self._whole[arn] = whole[arn]
            else:
                self._keep(row)

    def stale(self, wanted: Callable[[Certificate], bool] | None = None) -> list[Certificate]:
        """List what needs to be described, the nearest expiry first.

        What was described before comes later, and what failed comes last: one certificate that is denied to
        us must not stand before all others at every sweep. Those of other shards come after our own.
        """
        rows = [r for r in self._rows.values() if (wanted is None or wanted(r)) and self._needs(r)]
        return sorted(rows, key=self._urgency)

    def _urgency(self, row: Certificate) -> tuple[bool, bool, bool, datetime]:
        seen = row.arn in self._described and isinstance(self._described[row.arn][0], Seen)
        return not self._ours(row.arn), row.arn in self._failing, seen, row.not_after or NEVER

    async def describe(
        self, wanted: Callable[[Certificate], bool] | None = None, done: Callable[[], None] = lambda: None
    ) -> None:
        """Describe what needs it; `done` is called after each."""
        queue = iter(self.stale(wanted))
        async with asyncio.TaskGroup() as lanes:
            ends = [lanes.create_task(self._lane(queue, done)) for _ in range(LANES)]
        hopeless = next((end.result() for end in ends if end.result()), None)
        if hopeless and self.source.success:  # else it was told of the sweep
            told = {"why": hopeless.why, "detail": hopeless.detail}
            log.warning("certificates cannot be described", **self._place, **told)
        await self._tag()
        await self.behind.look(self._whole.values())

    async def _tag(self) -> None:
        """Read the tags of what was described since; they matter less, so they come last."""
        for arn in list(self._untagged) if self._tags else ():
            sight = await survived(self.eye.tags(arn))
            del self._untagged[arn]
            self._changed(sight)
            match sight:
                case Seen(value=tags):
                    self._tagged[arn] = {tag: tags[tag] for tag in self._tags if tag in tags}
                    self._keep(self._rows[arn])
                case Unseen(why=why, detail=detail):
                    self._untagged[arn] = None  # after the next sweep again, behind the others
                    if why in HOPELESS:
                        log.warning("tags cannot be read", **self._place, why=why, detail=detail)
                        return

    async def _lane(self, queue: Iterable[Certificate], done: Callable[[], None]) -> Unseen | None:
        """Describe what is next in the queue, and so on; returns what makes the rest hopeless."""
        hopeless = None
        for row in queue:
            sight = await survived(self.eye.describe(row.arn))
            match sight:
                case Seen():
                    self._note(row, sight)
                    self._failing.discard(row.arn)
                    if self._ours(row.arn):
                        self._untagged[row.arn] = None
                case Unseen():
                    self._note_failure(row, sight)
                    self._failing.add(row.arn)
            self._changed(sight)
            done()
            if isinstance(sight, Unseen) and sight.why in HOPELESS:
                hopeless = sight
                for other in queue:  # empties the queue of all lanes
                    self._note_failure(other, sight)
        return hopeless

    def _note_failure(self, row: Certificate, sight: Unseen) -> None:
        """Keep what an earlier description told."""
        if row.arn not in self._described or isinstance(self._described[row.arn][0], Unseen):
            self._note(row, sight)

    def _note(self, row: Certificate, sight: Sight[Certificate]) -> None:
        self._described[row.arn] = (sight, row, self._clock())
        self._keep(row)

    def _needs(self, row: Certificate) -> bool:
        if not (self._ours(row.arn) or _is_bare(row)):
            return False
        if row.arn not in self._described:
            return True
        sight, then, at = self._described[row.arn]
        if isinstance(sight, Unseen) or row != then:
            return True
        whole = self._whole[row.arn]
        calm = not whole.status.startswith("PENDING") and not whole.renewal_status.startswith("PENDING")
        return not calm or abs(self._clock() - at) >= CALM  # a clock may be set back

    def _keep(self, row: Certificate) -> None:
        self._whole[row.arn] = self._join(row)
        self._news[row.arn] = None

    def _join(self, row: Certificate) -> Certificate:
        sight = self._described[row.arn][0] if row.arn in self._described else Unseen(Why.NOT_YET)
        whole = merge(row, sight.value) if isinstance(sight, Seen) else replace(row, details=sight)
        return replace(whole, tags=self._tagged.get(row.arn, {}))

    @property
    def _place(self) -> dict[str, str]:
        """What log lines say of where this is."""
        return {"account": self.source.account, "region": self.source.region}

    def _log(self) -> None:
        """Tell what is new of how ACM fares."""
        if self.source.success:
            log.info("ACM is read", **self._place, certificates=len(self._rows))
        else:
            log.warning("ACM could not be read", **self._place, error=self.source.error)


def _is_bare(row: Certificate) -> bool:
    """Tell whether a row lacks what all shards divide and compare by: ListCertificates gives no serial."""
    return not row.names or (row.serial is None and row.not_before is not None)
