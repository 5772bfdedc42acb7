"""Several shards show together what one exporter shows alone, and nothing of it twice."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Answer, Certificate, Domain, Look, Question, Seen, Sight, Unseen, Why
from exporter.judge.rule import Outcome
from exporter.judge.sharding import Shard
from exporter.judge.validation import questions
from exporter.schedule.targets import watched
from exporter.snapshot import UNTOLD, Case, Known, News, Place, Snapshot
from exporter.snapshot.ledger import Ledger
from exporter.snapshot.taking import take
from tests.evidence import ARN, CERTIFICATE, DAY, ISSUED, NOON, OTHER_ARN, look, served
from tests.snapshot.test_ledger import DOMAINS, PLACES, POLICY, SOURCES, Batch, batches, update

PINNED = {(one.name, one.port): one for one in DOMAINS}
TARGETS = tuple(PINNED.get(place, Domain(*place)) for place in PLACES)


class Outside:
    """All that there is to be known."""

    def __init__(self) -> None:
        self.certificates: dict[str, Certificate] = {}
        self.looks: dict[Place, tuple[Look, ...]] = {}
        self.answers: dict[Question, Sight[Answer]] = {}
        self.remembered: dict[Question, Answer] = {}

    def change(self, batch: Batch) -> None:
        """Take in what changed; the sweep tells the issuer that a description tells."""
        told = {arn: one and replace(one, issuer=_issuer(one)) for arn, one in batch.certificates.items()}
        update(self.certificates, told)
        update(self.looks, batch.looks)
        update(self.answers, batch.answers)
        self.remembered |= {q: one.value for q, one in self.answers.items() if isinstance(one, Seen)}

    def alone(self) -> Snapshot:
        """Judge everything at once."""
        looks = tuple(one for looks in self.looks.values() for one in looks)
        known = Known(
            tuple(self.certificates.values()), DOMAINS, looks, self.answers, self.remembered, SOURCES
        )
        return take(known, POLICY, NOON, NOON)


def _issuer(one: Certificate) -> str:
    return one.details.value.issuer if isinstance(one.details, Seen) else "Amazon"


class Part:
    """One shard, which is told what a watch would find out for it."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._ledger = Ledger(POLICY, DOMAINS, NOON, shard)
        self._certificates: dict[str, Certificate] = {}
        self._looks: dict[Place, tuple[Look, ...]] = {}
        self._answers: dict[Question, Sight[Answer]] = {}

    def learn(self, outside: Outside) -> Snapshot:
        """Describe the shard's own certificates, look and ask for them, and see the others' rows."""
        certificates = {arn: self._row(one) for arn, one in outside.certificates.items()}
        own = [one for arn, one in certificates.items() if self._shard.has(arn)]
        places = {(one.name, one.port) for one in watched(TARGETS, certificates.values(), self._shard)}
        asked = {question for one in own for question in questions(one)}
        looks = {place: seen for place, seen in outside.looks.items() if place in places}
        answers = {question: sight for question, sight in outside.answers.items() if question in asked}
        news = News(
            _news(self._certificates, certificates),
            _news(self._looks, looks),
            _news(self._answers, answers),
            {
                question: outside.remembered[question]
                for question in answers
                if question in outside.remembered
            },
            SOURCES,
        )
        self._certificates, self._looks, self._answers = certificates, looks, answers
        return self._ledger.take(news, NOON)

    def _row(self, one: Certificate) -> Certificate:
        return one if self._shard.has(one.arn) else replace(one, details=Unseen(Why.NOT_YET), tags={})


def _news(before: dict[Any, Any], after: dict[Any, Any]) -> dict[Any, Any]:
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    return changed | dict.fromkeys(before.keys() - after.keys())


def _told(case: Case) -> Hashable:
    """Say what is exposed of a case: the order of its endpoints is nobody's business."""
    outcomes = tuple((code, finding.outcome) for code, finding in case.verdict.findings.items())
    looks = tuple(sorted(map(repr, case.evidence.looks)))
    siblings = tuple(sorted(case.evidence.siblings.items()))
    return (
        repr(case.certificate),
        case.verdict.word,
        outcomes,
        case.records,
        looks,
        siblings,
        case.window_start,
    )


def _cases(*snapshots: Snapshot) -> list[Hashable]:
    return sorted((_told(case) for one in snapshots for case in one.cases), key=repr)


def _spots(*snapshots: Snapshot) -> list[str]:
    return sorted(repr(replace(spot, history=UNTOLD)) for one in snapshots for spot in one.spots)


@settings(deadline=None, max_examples=300)
@given(st.lists(batches, max_size=8), st.integers(1, 4))
def test_shards_together_are_as_one(changes: list[Batch], total: int) -> None:
    """Whatever came in whichever order, each row of a single exporter is one shard's."""
    outside = Outside()
    parts = [Part(Shard(index, total)) for index in range(total)]
    for batch in changes:
        outside.change(batch)
        snapshots = [part.learn(outside) for part in parts]
        assert _cases(*snapshots) == _cases(outside.alone())
        assert _spots(*snapshots) == _spots(outside.alone())
        for one in snapshots:
            known = {*(case.certificate.arn for case in one.cases), *(other.arn for other in one.others)}
            assert known == outside.certificates.keys()


def _of(total: int, *arns: str) -> Iterator[Ledger]:
    for index in range(total):
        ledger = Ledger(POLICY, DOMAINS, shard=Shard(index, total))
        ledger.take(News({arn: replace(CERTIFICATE, arn=arn) for arn in arns}), NOON)
        yield ledger


@pytest.mark.parametrize("total", [1, 2, 3])
def test_endpoints_follow_their_certificate(total: int) -> None:
    """A smaller ARN that comes takes the endpoints with it, and gives them back when it goes."""
    smaller = min(ARN, OTHER_ARN)
    seen = look()
    ledgers = list(_of(total, max(ARN, OTHER_ARN)))
    for news in (
        News(looks={("www.example.com", 443): (seen,)}),
        News({smaller: replace(CERTIFICATE, arn=smaller)}),
        News({smaller: None}),
    ):
        snapshots = [ledger.take(news, NOON) for ledger in ledgers]
        assert [spot.look for one in snapshots for spot in one.spots] == [seen]
        owner = min(case.certificate.arn for one in snapshots for case in one.cases)
        assert [one.shard.has(owner) for one in snapshots] == [bool(one.spots) for one in snapshots]
        assert [one.labels for one in snapshots] == [("team",) if one.spots else () for one in snapshots]


def test_something_in_front_of_two_certificates_breaks_both() -> None:
    """Neither shard takes what a WAF serves for an older issue of the certificate that it did not describe."""
    waf = served(serial=7, issuer="O=WAF", not_before=ISSUED - 2 * DAY)
    outside = Outside()
    outside.change(
        Batch(
            {arn: replace(CERTIFICATE, arn=arn) for arn in (ARN, OTHER_ARN)},
            {("www.example.com", 443): (look(sight=waf),)},
            {},
            (),
        )
    )
    snapshots = [Part(Shard(index, 2)).learn(outside) for index in range(2)]
    assert [len(one.cases) for one in snapshots] == [1, 1]
    found = [case.verdict.findings["serial_match"].outcome for one in snapshots for case in one.cases]
    assert found == [Outcome.BREAKS, Outcome.BREAKS]
    (spot,) = [spot for one in snapshots for spot in one.spots]
    assert spot.serial_matches == tuple(sorted([(ARN, False), (OTHER_ARN, False)]))
