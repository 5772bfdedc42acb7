"""What changed, told once: a line of the log for each change, and whoever else is to be told."""

from __future__ import annotations

import structlog

from exporter.schedule.plan import Aside
from exporter.snapshot import Change
from exporter.snapshot.chronicle import Chronicle
from exporter.snapshot.past import Past

log = structlog.get_logger("acm_exporter.changes")


class Annals:
    """A watch's chronicle, which its snapshots are taken with, and what was told of it."""

    def __init__(self, past: Past, aside: Aside) -> None:
        """Begin with what was known before; that is not told again."""
        self.chronicle = Chronicle(past.histories, past.changed)
        self.book = self.chronicle.book  # as of the latest snapshot
        self.aside = aside
        self._late: list[Past] = []

    def recall(self, past: Past) -> None:
        """Take in, by the next snapshot, a past that could be read only now; all else is known better."""
        self._late.append(past)

    def open(self) -> None:
        """Make ready for a snapshot."""
        while self._late:
            late = self._late.pop()
            self.chronicle.recall(late.histories, late.changed)

    def close(self) -> None:
        """Tell what the snapshot brought."""
        self.book = self.chronicle.book
        changes = self.chronicle.news()
        for one in changes:
            _log(one)
        if changes:
            self.aside.tell(changes)


def _log(one: Change) -> None:
    who: dict[str, object] = (
        {"arn": one.subject}
        if isinstance(one.subject, str)
        else {"port": one.subject.port, "address": one.subject.address}
    )
    log.info("changed", what=one.what.value, domain=one.domain, **who, was=one.was, now=one.now)
