"""From facts to cases and spots: the pieces of a snapshot, and a whole one at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from exporter.facts import Answer, Certificate, Endpoint, Evidence, Look, Question
from exporter.judge import counting, renewal, serving, validation
from exporter.judge.coverage import Coverage
from exporter.judge.leaves import leaves
from exporter.judge.names import covers
from exporter.judge.rule import Policy
from exporter.judge.verdict import judge
from exporter.snapshot import UNTOLD, Case, History, Known, Snapshot, Source, Spot, filing


def take(known: Known, policy: Policy, now: datetime, configured_at: datetime | None = None) -> Snapshot:
    """Judge everything that is known."""
    pins = {(one.name, one.port): one.arn for one in known.domains if one.arn}
    labels = {(one.name, one.port): one.labels for one in known.domains}
    read = read_at(known.sources)
    coverage = Coverage(known.certificates)
    filed, files = filing.file(known.files, coverage.named, coverage.get)
    cases = []
    owners: dict[Endpoint, list[tuple[Look, Certificate]]] = {}
    for assigned in counting.assign(known.certificates, known.looks, pins, filed).values():
        one = assigned.certificate
        own = {q: known.answers[q] for q in validation.questions(one) if q in known.answers}
        evidence = replace(assigned, answers=own, read_at=read.get((one.account, one.region)))
        cases.append(case(evidence, known.remembered, policy, now))
        for look in assigned.looks:
            owners.setdefault(look.endpoint, []).append((look, one))
    spots = tuple(
        spot(
            look,
            owners.get(look.endpoint, ()),
            labels.get((look.endpoint.domain, look.endpoint.port), {}),
        )
        for look in known.looks
    )
    return Snapshot(
        taken_at=now,
        policy=policy,
        cases=tuple(cases),
        spots=spots,
        tags=tags(cases),
        labels=label_names(spots),
        sources=known.sources,
        requests=known.requests,
        tally=known.tally,
        ready=known.swept,
        targets=known.targets,
        listed=known.listed,
        configured_at=configured_at,
        files=files,
        roll=known.roll,
    )


def read_at(sources: Iterable[Source]) -> Mapping[tuple[str, str], datetime | None]:
    """Tell when each account and region was last read."""
    return {(one.account, one.region): one.last_success for one in sources if one.source == "acm"}


def case(evidence: Evidence, remembered: Mapping[Question, Answer], policy: Policy, now: datetime) -> Case:
    """Judge one certificate."""
    certificate = evidence.certificate
    return Case(
        evidence,
        judge(evidence, policy, now),
        renewal.window_start(certificate, policy),
        renewal.first_issue(certificate),
        tuple(validation.records(certificate, remembered)),
    )


def spot(
    look: Look,
    counted: Iterable[tuple[Look, Certificate]],
    labels: Mapping[str, str],
    history: History = UNTOLD,
) -> Spot:
    """Judge one endpoint by itself, and compare what it serves with the certificates that it counts for."""
    matches: dict[str, bool] = {}
    for leaf, one in counted:
        served = serving.as_known(leaf, one)
        if served is not None and one.serial is not None:
            matches[one.arn] = matches.get(one.arn, True) and served.serial == one.serial
    match = None if look.last is None else all(_covers(leaf) for leaf in leaves(look))
    return Spot(look, labels, match, tuple(sorted(matches.items())), history)


def _covers(look: Look) -> bool:
    return look.last is not None and covers(look.last.names, look.endpoint.domain)


def retimed(case: Case, looks: tuple[Look, ...]) -> Case:
    """Give a case later looks, which tell its rules nothing new."""
    old = case.evidence
    evidence = Evidence(old.certificate, looks, old.answers, old.siblings, old.read_at, old.files)
    return Case(evidence, case.verdict, case.window_start, case.first_issue, case.records, case.history)


def tags(cases: Iterable[Case]) -> tuple[str, ...]:
    """List the keys of all tags."""
    return tuple(sorted({tag for case in cases for tag in case.certificate.tags}))


def label_names(spots: Iterable[Spot]) -> tuple[str, ...]:
    """List the names of all configured labels."""
    return tuple(sorted({name for spot in spots for name in spot.labels}))
