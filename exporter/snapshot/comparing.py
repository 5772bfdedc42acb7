"""What each sweep of several changed: serials, issuers and verdicts by the chronicle, and every condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from exporter.judge.rule import Outcome
from exporter.snapshot import Case, Snapshot, Source, Subject
from exporter.snapshot.chronicle import Chronicle

NOWHERE, HERE = "absent", "present"  # of a certificate in the inventory
FARES = {True: "works", False: "fails"}  # of a source
Outcomes: TypeAlias = Mapping[str, Outcome]  # by condition


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: a Change, a condition's outcome, a presence, or how a source fares.

    A source is a subject without a domain.
    """

    at: datetime
    subject: Subject
    domain: str
    what: str
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look of several at the same certificates, and what changed by it and by those before."""

    number: int  # from 1
    since: datetime  # of the first
    snapshot: Snapshot
    cases: tuple[Case, ...]
    missing: tuple[str, ...]  # a sentence for each that is wanted and not in the inventory
    latest: tuple[Difference, ...]  # of this sweep
    former: tuple[Difference, ...]  # of those before, the latest last
    next_at: datetime


class Comparison:
    """Compares each sweep with all before it."""

    def __init__(self) -> None:
        """Begin with nothing to compare with: nothing of the first sweep is a difference."""
        self._chronicle = Chronicle()
        self._outcomes: dict[str, Outcomes] = {}  # by ARN
        self._begun = False
        self._domains: dict[str, str] = {}
        self._endpoints: set[Subject] = set()
        self._fared: dict[str, bool] = {}  # by source

    def take(self, snapshot: Snapshot, cases: Sequence[Case]) -> tuple[Difference, ...]:
        """Return what changed of these certificates, of all endpoints and of the sources."""
        now = snapshot.taken_at
        before, self._outcomes = (self._outcomes if self._begun else None), {}
        self._begun = True
        found = [one for case in cases for one in self._certificate(case, before, now)]
        found += self._gone(before or {}, now)
        looks = {spot.look.endpoint: spot.look for spot in snapshot.spots}
        self._chronicle.leave(self._endpoints - looks.keys())
        self._endpoints = set(looks)
        for look in looks.values():
            self._chronicle.endpoint(look, now)
        found += self._told()
        found += [one for source in snapshot.sources for one in self._source(source, now)]
        return tuple(found)

    def _certificate(
        self, case: Case, before: Mapping[str, Outcomes] | None, now: datetime
    ) -> Iterator[Difference]:
        one = case.certificate
        outcomes = {code: finding.outcome for code, finding in case.verdict.findings.items()}
        self._outcomes[one.arn] = outcomes
        self._domains[one.arn] = one.domain
        self._chronicle.certificate(case, now)
        yield from self._told()
        if before is not None and one.arn not in before:
            yield Difference(now, one.arn, one.domain, "inventory", NOWHERE, HERE)
        for code, was in (before or {}).get(one.arn, {}).items():
            if outcomes[code] is not was:
                yield Difference(now, one.arn, one.domain, code, was.value, outcomes[code].value)

    def _gone(self, before: Mapping[str, Outcomes], now: datetime) -> Iterator[Difference]:
        for arn in before:
            if arn not in self._outcomes:
                self._chronicle.leave([arn])
                yield Difference(now, arn, self._domains.pop(arn), "inventory", HERE, NOWHERE)

    def _source(self, source: Source, now: datetime) -> Iterator[Difference]:
        who = " ".join(filter(None, (source.source, source.account, source.region)))
        if source.success is None:
            return
        was = self._fared.setdefault(who, source.success)
        if was is not source.success:
            self._fared[who] = source.success
            yield Difference(now, who, "", "source", FARES[was], FARES[source.success])

    def _told(self) -> list[Difference]:
        """Take over what the chronicle noted since."""
        news = self._chronicle.news()
        return [Difference(one.at, one.subject, one.domain, one.what.value, one.was, one.now) for one in news]
