"""Everything known at one moment, judged and immutable; the only thing that is exposed.

Law of this module: pure, like the rules it applies. `take` turns knowledge into a Snapshot; the Board is the
house's one mutable cell, written by one assignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.facts import (
    Answer,
    Certificate,
    Domain,
    Evidence,
    Look,
    Question,
    Served,
    Sight,
)
from exporter.judge import renewal, serving, validation
from exporter.judge.names import covers
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.verdict import Verdict, judge


@dataclass(frozen=True, slots=True)
class Source:
    """How one source (acm, tls or dns) fared when it was last asked; `error` is text for people."""

    source: str
    account: str = ""
    region: str = ""
    success: bool | None = None  # None: not asked yet
    duration: float | None = None  # seconds
    last_success: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the schedule has gathered so far: the raw material of a snapshot."""

    certificates: tuple[Certificate, ...] = ()
    domains: tuple[Domain, ...] = ()
    looks: tuple[Look, ...] = ()
    answers: Mapping[Question, Sight[Answer]] = field(default_factory=dict)  # the latest
    remembered: Mapping[Question, Answer] = field(default_factory=dict)  # the latest that were seen
    sources: tuple[Source, ...] = ()
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (source, outcome) -> looks
    swept: bool = False  # everything was looked at once
    targets: tuple[Domain, ...] = ()  # the configured domains and the names of the certificates
    listed: bool = False  # the inventories were read, so that no target is missing


@dataclass(frozen=True, slots=True)
class Case:
    """One certificate with its evidence and its verdict."""

    evidence: Evidence
    verdict: Verdict
    window_start: datetime | None
    age: timedelta | None  # since the first issue
    records: tuple[tuple[str, bool], ...]  # validation record -> as ACM wants it; unseen ones are left out

    @property
    def certificate(self) -> Certificate:
        """The certificate that the case is about."""
        return self.evidence.certificate


@dataclass(frozen=True, slots=True)
class Spot:
    """One endpoint with what is judged of it alone; None where nothing was ever seen."""

    look: Look
    labels: Mapping[str, str]
    name_match: bool | None
    serial_matches: tuple[tuple[str, bool], ...]  # ARN -> serves that certificate's serial


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment; every number and every word that users see comes from here."""

    taken_at: datetime
    policy: Policy
    cases: tuple[Case, ...] = ()
    spots: tuple[Spot, ...] = ()
    sources: tuple[Source, ...] = ()
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()  # the keys of all cases' tags
    labels: tuple[str, ...] = ()  # the names of all spots' labels
    ready: bool = False
    targets: tuple[Domain, ...] = ()  # what there is to look at, by whomever
    listed: bool = False  # no target is missing because an inventory was not read yet
    configured_at: datetime | None = None  # when the configuration in force was loaded

    @property
    def rules(self) -> RuleSet:
        """The rule set that decided the verdicts."""
        return self.policy.rules


@dataclass(slots=True)
class Board:
    """The one mutable cell; readers take `latest` once and read it at leisure."""

    latest: Snapshot


def take(known: Known, policy: Policy, now: datetime, configured_at: datetime | None = None) -> Snapshot:
    """Judge everything that is known."""
    pins = {(one.name, one.port): one.arn for one in known.domains if one.arn}
    labels = {(one.name, one.port): one.labels for one in known.domains}
    read = {(s.account, s.region): s.last_success for s in known.sources if s.source == "acm"}
    counting = serving.assign(known.certificates, known.looks, pins)
    cases = tuple(_case(one, known, read, policy, now) for one in counting.values())
    spots = _spots(known.looks, labels, cases)
    return Snapshot(
        taken_at=now,
        policy=policy,
        cases=cases,
        spots=spots,
        tags=tuple(sorted({tag for case in cases for tag in case.certificate.tags})),
        labels=tuple(sorted({label for spot in spots for label in spot.labels})),
        sources=known.sources,
        requests=known.requests,
        tally=known.tally,
        ready=known.swept,
        targets=known.targets,
        listed=known.listed,
        configured_at=configured_at,
    )


def _case(
    evidence: Evidence,
    known: Known,
    read: Mapping[tuple[str, str], datetime | None],
    policy: Policy,
    now: datetime,
) -> Case:
    certificate = evidence.certificate
    own = {q: known.answers[q] for q in validation.questions(certificate) if q in known.answers}
    read_at = read.get((certificate.account, certificate.region))
    evidence = replace(evidence, answers=own, read_at=read_at)
    return Case(
        evidence,
        judge(evidence, policy, now),
        renewal.window_start(certificate, policy),
        renewal.age(certificate, now),
        tuple(validation.records(certificate, known.remembered)),
    )


def _spots(
    looks: Iterable[Look], labels: Mapping[tuple[str, int], Mapping[str, str]], cases: Iterable[Case]
) -> tuple[Spot, ...]:
    matches: dict[object, list[tuple[str, bool]]] = {}
    for case in cases:
        for look in case.evidence.looks:
            served = serving.as_known(look, case.certificate)
            if served is not None and case.certificate.serial is not None:
                equal = served.serial == case.certificate.serial
                matches.setdefault(look.endpoint, []).append((case.certificate.arn, equal))
    return tuple(
        Spot(
            look,
            labels.get((look.endpoint.domain, look.endpoint.port), {}),
            _name_match(look.last, look.endpoint.domain),
            tuple(matches.get(look.endpoint, ())),
        )
        for look in looks
    )


def _name_match(served: Served | None, domain: str) -> bool | None:
    return None if served is None else covers(served.names, domain)
