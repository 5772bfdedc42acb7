"""What changed, and since when each certificate and endpoint is known: a fold over what is judged.

Only what is known is compared with what was known: a serial, an issuer or a verdict that is unknown for a
while and then the same again is no change, whatever lies between, also a restart.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from exporter.facts import Look, Seen
from exporter.judge.verdict import Word
from exporter.snapshot import Case, Change, History, Subject, What

LAST = 20  # changes that are kept of one certificate or endpoint
MOST = 20_000  # of all together
GONE = 10_000  # histories of what is gone, which may come back
CERTIFICATE = "certificate"
ENDPOINT = "endpoint"
NONE: Mapping[Any, Any] = {}
COUNTED = (
    *((CERTIFICATE, what) for what in What),
    *((ENDPOINT, what) for what in (What.SERIAL, What.ISSUER)),
)


class Book(NamedTuple):
    """What a chronicle held at one moment."""

    histories: Mapping[Subject, History]  # of what is gone first
    counts: Mapping[tuple[str, What], int]
    changes: tuple[Change, ...]  # all that are kept, the latest last


class Chronicle:
    """The histories of everything; outlives the ledgers, and one thread at a time may touch it."""

    def __init__(
        self,
        histories: Mapping[Subject, History] = NONE,
        counts: Mapping[tuple[str, What], int] = NONE,
    ) -> None:
        """Begin with what was known before, and with every kind of change counted, if only as 0."""
        self._counts: Counter[tuple[str, What]] = Counter(dict.fromkeys(COUNTED, 0))
        self._present: dict[Subject, History] = {}
        self._gone: dict[Subject, History] = {}  # the longest ago first
        self._changes: deque[Change] = deque()
        self._news: list[Change] = []
        self._book: Book | None = None
        self.recall(histories, counts)

    @property
    def book(self) -> Book:
        """All of it, as it is now."""
        if self._book is None:
            self._book = Book({**self._gone, **self._present}, dict(self._counts), tuple(self._changes))
        return self._book

    def news(self) -> tuple[Change, ...]:
        """Return what changed since the last call."""
        news, self._news = tuple(self._news), []
        return news

    def retire(self) -> None:
        """Let everything be gone, until it is seen again."""
        self._gone |= self._present
        self._present = {}
        self._book = None

    def recall(self, histories: Mapping[Subject, History], counts: Mapping[tuple[str, What], int]) -> None:
        """Take in what was known before this process, or before its configuration."""
        for subject, old in histories.items():
            new = self._present.get(subject)
            if new is None:
                self._gone[subject] = old
            else:
                self._present[subject] = _joined(old, new)
        for counted in COUNTED:
            self._counts[counted] = max(self._counts[counted], counts.get(counted, 0))
        everything = {one for kept in (self._gone, self._present) for h in kept.values() for one in h.changes}
        self._changes = deque(sorted(everything, key=lambda one: one.at))
        self._trim()

    def certificate(self, case: Case, now: datetime) -> History:
        """Compare a certificate with what was known of it."""
        one = case.certificate
        known: dict[What, str] = {}
        if one.serial is not None:
            known[What.SERIAL] = f"{one.serial:x}"
        if isinstance(one.details, Seen) and one.details.value.issuer:
            known[What.ISSUER] = one.details.value.issuer
        if case.verdict.word is not Word.UNKNOWN:
            known[What.VERDICT] = case.verdict.word.value
        return self._follow(one.arn, one.domain, known, now, seen=bool(one.status))

    def endpoint(self, look: Look, now: datetime) -> History:
        """Compare an endpoint with what it served before."""
        known: dict[What, str] = {}
        if look.last is not None:
            known = {What.SERIAL: f"{look.last.serial:x}", What.ISSUER: look.last.issuer}
        return self._follow(look.endpoint, look.endpoint.domain, known, now, seen=bool(known))

    def leave(self, subjects: Iterable[Subject]) -> None:
        """Let some be gone; their histories are kept for a while, lest they come back."""
        left = {one: history for one in subjects if (history := self._present.pop(one, None))}
        if left:
            self._book = None
            self._gone |= left
            for subject in list(islice(self._gone, max(0, len(self._gone) - GONE))):
                del self._gone[subject]

    def _follow(
        self, subject: Subject, domain: str, known: Mapping[What, str], now: datetime, *, seen: bool
    ) -> History:
        old = self._present.get(subject) or self._gone.get(subject, History())
        latest = {**old.known, **known}
        if not seen or (latest == old.known and subject in self._present):
            return old
        changes = tuple(
            Change(now, subject, domain, what, old.known[what], value)
            for what, value in known.items()
            if old.known.get(what, value) != value
        )
        new = History(old.first_seen or now, latest, (*old.changes, *changes)[-LAST:])
        self._gone.pop(subject, None)
        self._present[subject] = new
        self._book = None
        if changes:
            self._note(changes)
        return new

    def _note(self, changes: tuple[Change, ...]) -> None:
        for one in changes:
            self._counts[CERTIFICATE if isinstance(one.subject, str) else ENDPOINT, one.what] += 1
        self._news += changes
        self._changes += changes
        self._trim()

    def _trim(self) -> None:
        """Forget the oldest changes beyond the bound, in the histories too."""
        while len(self._changes) > MOST:
            oldest = self._changes.popleft()
            for kept in (self._present, self._gone):
                if history := kept.get(oldest.subject):
                    rest = tuple([one for one in history.changes if one != oldest])
                    kept[oldest.subject] = replace(history, changes=rest)
        self._book = None


def _joined(old: History, new: History) -> History:
    """Put an older history before one that began without it."""
    first = min(filter(None, (old.first_seen, new.first_seen)), default=None)
    before = tuple(one for one in old.changes if one not in new.changes)
    return History(first, {**old.known, **new.known}, (*before, *new.changes)[-LAST:])
