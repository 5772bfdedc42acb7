"""One account and region of ACM: swept once per interval, described as the budget allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Never, Protocol

import structlog

from exporter.facts import Certificate, Seen, Sight, Unseen, Why
from exporter.observe.acm_parse import merge
from exporter.snapshot import Source

log = structlog.get_logger("acm_exporter.schedule")

LANES = 4  # descriptions under way at once; the eye itself keeps the pace
CALM = timedelta(hours=6)  # a certificate that needs no attention is described anew this often
NEVER = datetime.max.replace(tzinfo=UTC)
HOPELESS = {Why.DENIED, Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN}  # the next description would fail likewise


class InventoryEye(Protocol):
    """What the schedule needs of observe.acm.AcmEye."""

    @property
    def account(self) -> str:
        """The account's id, "" until it is known."""

    @property
    def region(self) -> str:
        """The region's name."""

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """HTTP requests so far by operation and code."""

    async def sweep(self) -> Sight[tuple[Certificate, ...]]:
        """Read all certificates, without their details."""

    async def describe(self, arn: str) -> Sight[Certificate]:
        """Read one certificate with its details."""

    async def tags(self, arn: str) -> Sight[Mapping[str, str]]:
        """Read one certificate's tags."""


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
    ) -> None:
        """Take how often to sweep (seconds), and whom to tell of each look."""
        self.eye = eye
        self.source = Source("acm", eye.account or name, eye.region)
        self.why = Why.NOT_YET  # why the certificates that are missing here are missing
        self._name = name
        self._interval = interval
        self._clock = clock
        self._changed = changed
        self._tags = tags
        self._rows: dict[str, Certificate] = {}
        self._described: dict[str, tuple[Sight[Certificate], Certificate, datetime]] = {}
        self._tagged: dict[str, Mapping[str, str]] = {}
        self._untagged: set[str] = set()

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates, each with the most that is known of it."""
        return tuple(self._whole(row) for row in self._rows.values())

    @property
    def pending(self) -> int:
        """How many certificates were never described so far."""
        return sum(arn not in self._described for arn in self._rows)

    async def run(self) -> Never:
        """Go on for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await self.refresh()
            try:
                async with asyncio.timeout_at(due):
                    await self.describe()
            except TimeoutError:
                log.info("descriptions go on after the next sweep", region=self.eye.region, left=self.pending)
            await asyncio.sleep(due - loop.time())

    async def refresh(self, done: Callable[[], None] = lambda: None) -> None:
        """Read which certificates there are; `done` is called at the end."""
        began = asyncio.get_running_loop().time()
        sight = await self.eye.sweep()
        duration = asyncio.get_running_loop().time() - began
        before = self.source
        self.source = replace(before, account=self.eye.account or self._name, duration=duration)
        match sight:
            case Seen(value=rows):
                self._rows = {row.arn: row for row in rows}
                self._described = {arn: d for arn, d in self._described.items() if arn in self._rows}
                self._untagged &= self._rows.keys()
                self._tagged = {arn: tags for arn, tags in self._tagged.items() if arn in self._rows}
                self.source = replace(self.source, success=True, last_success=self._clock(), error="")
                self.why = Why.NOT_FOUND
            case Unseen(why=why, detail=detail):
                self.source = replace(self.source, success=False, error=f"{why}: {detail}")
                self.why = why
        self._log(before)
        self._changed(sight)
        done()

    def stale(self, wanted: Callable[[Certificate], bool] | None = None) -> list[Certificate]:
        """List what needs to be described, the nearest expiry first."""
        rows = [r for r in self._rows.values() if (wanted is None or wanted(r)) and self._needs(r)]
        return sorted(rows, key=lambda row: (row.arn in self._described, row.not_after or NEVER))

    async def describe(
        self, wanted: Callable[[Certificate], bool] | None = None, done: Callable[[], None] = lambda: None
    ) -> None:
        """Describe what needs it; `done` is called after each."""
        queue = iter(self.stale(wanted))
        async with asyncio.TaskGroup() as lanes:
            for _ in range(LANES):
                lanes.create_task(self._lane(queue, done))
        await self._tag()

    async def _tag(self) -> None:
        """Read the tags of what was described since; they matter less, so they come last."""
        while self._tags and self._untagged:
            arn = next(iter(self._untagged))
            sight = await self.eye.tags(arn)
            self._untagged.discard(arn)
            self._changed(sight)
            match sight:
                case Seen(value=tags):
                    self._tagged[arn] = {tag: tags[tag] for tag in self._tags if tag in tags}
                case Unseen(why=why, detail=detail) if why in HOPELESS:
                    log.warning("tags cannot be read", why=why, detail=detail)
                    self._untagged.clear()
                case Unseen():
                    pass

    async def _lane(self, queue: Iterable[Certificate], done: Callable[[], None]) -> None:
        for row in queue:
            sight = await self.eye.describe(row.arn)
            earlier = self._described.get(row.arn)
            if isinstance(sight, Seen) or earlier is None or isinstance(earlier[0], Unseen):
                self._described[row.arn] = (sight, row, self._clock())
            if isinstance(sight, Seen):
                self._untagged.add(row.arn)
            self._changed(sight)
            done()
            if isinstance(sight, Unseen) and sight.why in HOPELESS:
                log.warning("certificates cannot be described", why=sight.why, detail=sight.detail)
                for row in queue:  # noqa: PLW2901 - empties the queue of all lanes
                    self._described.setdefault(row.arn, (sight, row, self._clock()))

    def _needs(self, row: Certificate) -> bool:
        if row.arn not in self._described:
            return True
        sight, then, at = self._described[row.arn]
        if isinstance(sight, Unseen) or row != then:
            return True
        whole = self._whole(row)
        calm = whole.status == "ISSUED" and not whole.renewal_status.startswith("PENDING")
        return not calm or self._clock() - at >= CALM

    def _whole(self, row: Certificate) -> Certificate:
        sight = self._described[row.arn][0] if row.arn in self._described else Unseen(Why.NOT_YET)
        whole = merge(row, sight.value) if isinstance(sight, Seen) else replace(row, details=sight)
        return replace(whole, tags=self._tagged.get(row.arn, {}))

    def _log(self, before: Source) -> None:
        place = {"account": self.source.account, "region": self.source.region}
        if not self.source.success:
            log.warning("ACM could not be read", **place, error=self.source.error)
        elif not before.success:
            log.info("ACM is read", **place, certificates=len(self._rows))
