"""Keeps the past in the state file: reads it at the start, writes what is new, and gets over every failure.

A file that cannot be used costs nothing but what it would have kept: it is said once, and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import structlog

from exporter.snapshot import Keeping
from exporter.snapshot.past import NOTHING, Past
from exporter.store.database import FINAL, Database, Reason, TroubleError, borrowed, connect, move_aside
from exporter.store.rows import Copy, Gathered

log = structlog.get_logger("acm_exporter.store")

INTERVAL = 15.0  # seconds between two writings; so much may be lost to a power failure or to SIGKILL
ASIDE = 3  # damaged files that are kept
PAUSES_WHERE_OPEN = {Reason.FULL, Reason.LOCKED}  # troubles that leave an open file as good as it was


class Keeper:
    """One state file; its methods take turns in one thread of their own."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        """Touch nothing before `open`."""
        self.path = path
        self.keeping = Keeping(healthy=False)
        self._clock = clock
        self._database: Database | None = None
        self._copy = Copy()
        self._trouble: TroubleError | None = None
        self._read = False  # whether it was told already what the file held before
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="state")

    async def open(self) -> Past:
        """Read what was known; what cannot be read is not known."""
        return await self._in_thread(lambda: self._open(borrowing=True))

    async def save(self, past: Past) -> Past:
        """Write what is new; where the file could be opened only now, just give what it held before us."""
        return await self._in_thread(lambda: self._save(past))

    def finish(self, past: Past | None = None) -> None:
        """Write what is new once more, and let others have the file; returns when that is done."""
        if past is not None and self._database is not None:
            self._executor.submit(self._survived, lambda: self._save(past)).result()
        self._executor.submit(self._survived, self._let_go).result()
        self._executor.shutdown(wait=False)

    def _in_thread(self, work: Callable[[], Past]) -> Awaitable[Past]:
        return asyncio.get_running_loop().run_in_executor(self._executor, self._survived, work)

    def _survived(self, work: Callable[[], Past]) -> Past:
        """Get over a bug of ours too: the exporter goes on without the file."""
        try:
            return work()
        except Exception as error:
            log.exception("bug in the keeping of the state file", path=str(self.path))
            self._let_go()
            self._troubled(TroubleError(Reason.FAILING, f"{type(error).__name__}: {error}"))
            return NOTHING

    def _open(self, *, borrowing: bool = False) -> Past:
        try:
            past = self._read_and_hold()
        except TroubleError as trouble:
            self._troubled(trouble)
            borrowing &= trouble.reason is Reason.UNWRITABLE and self.path.is_file()
            return self._borrow() if borrowing else NOTHING
        self._read = True
        if self._database is not None:
            self._fine()
        return past

    def _read_and_hold(self) -> Past:
        try:
            database = connect(self.path)
        except TroubleError as trouble:
            if trouble.reason is not Reason.DAMAGED:
                raise
            self._begin_anew(trouble.detail)
            return NOTHING
        gathered, dropped = _read(database)
        if database.is_whole():
            self._hold(database, None if dropped else gathered)
        else:
            database.close()
            self._begin_anew("its structure is damaged")
        return self._told(gathered, dropped)

    def _hold(self, database: Database, gathered: Gathered | None) -> None:
        self._database, self._copy = database, Copy(gathered)

    def _begin_anew(self, why: str) -> None:
        """Move a damaged file aside; where that or a new one fails, what was read counts all the same."""
        try:
            target = move_aside(self.path, f"{self._clock():%Y%m%dT%H%M%SZ}", ASIDE)
            log.warning("damaged state file moved aside", path=str(self.path), to=target.name, error=why)
            self._hold(connect(self.path), None)
        except TroubleError as trouble:
            self._troubled(trouble)

    def _borrow(self) -> Past:
        """Read a file that cannot be written."""
        try:
            with borrowed(self.path) as database:
                return self._told(*_read(database))
        except TroubleError:
            return NOTHING

    def _told(self, gathered: Gathered, dropped: int) -> Past:
        """Give what was gathered, unless it is what we have written ourselves meanwhile."""
        before = self.keeping
        self.keeping = Keeping(before.healthy, before.last_write, before.size, before.dropped + dropped)
        if self._read:
            return NOTHING
        self._read = True
        past = gathered.past()
        if gathered.count or dropped:
            certificates = sum(len(stock.entries) for stock in past.stocks.values())
            endpoints = sum(map(len, past.looks.values()))
            told = {"certificates": certificates, "endpoints": endpoints, "dropped_rows": dropped}
            (log.warning if dropped else log.info)("state restored", path=str(self.path), **told)
        return past

    def _save(self, past: Past) -> Past:
        if self._trouble is not None and self._trouble.reason in FINAL:
            return NOTHING
        if self._database is None:
            return self._open()
        try:
            difference = self._copy.difference(past)
            self._database.write(difference)
        except TroubleError as trouble:
            if trouble.reason not in PAUSES_WHERE_OPEN:
                self._let_go()
            self._troubled(trouble)
            return NOTHING
        self._copy.keep(past)
        self._fine(self._clock())
        return NOTHING

    def _let_go(self) -> Past:
        if self._database is not None:
            self._database.close()
        self._database, self._copy = None, Copy()
        return NOTHING

    def _fine(self, written: datetime | None = None) -> None:
        if self._trouble is not None:
            log.info("state file can be used again", path=str(self.path))
        self._trouble = None
        size = self._database.size if self._database else None
        self.keeping = Keeping(True, written or self.keeping.last_write, size, self.keeping.dropped)

    def _troubled(self, trouble: TroubleError) -> None:
        """Say what is wrong, once for each reason."""
        if self._trouble is None or self._trouble.reason is not trouble.reason:
            later = "not before a restart" if trouble.reason in FINAL else "tried again"
            what = {"path": str(self.path), "reason": trouble.reason.value, "error": trouble.detail}
            log.warning("state file cannot be used", **what, then=later)
        self._trouble = trouble
        before = self.keeping
        self.keeping = Keeping(False, before.last_write, before.size, before.dropped)


def _read(database: Database) -> tuple[Gathered, int]:
    """Gather all rows that are as they were written, and count the others."""
    gathered, dropped = Gathered(), 0
    for row in database.rows():
        if row is None or not gathered.add(row):
            dropped += 1
    return gathered, dropped
