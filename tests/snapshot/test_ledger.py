"""A snapshot kept up to date piece by piece is the one that a fresh look at everything gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    CaaRecord,
    Certificate,
    Cname,
    Domain,
    Evidence,
    FileLook,
    Held,
    Look,
    Question,
    Seen,
    Served,
    Sight,
    Unseen,
    Why,
)
from exporter.judge import verdict
from exporter.judge.rule import Outcome, Policy
from exporter.judge.validation import questions
from exporter.judge.verdict import Verdict, Word
from exporter.snapshot import UNTOLD, Known, News, Place, Snapshot, Source, taking
from exporter.snapshot.ledger import REVIEW, Ledger
from exporter.snapshot.taking import take
from tests.evidence import (
    ADDRESS,
    ARN,
    CERTIFICATE,
    DAY,
    DETAILS,
    ISSUED,
    LOOKS,
    NOON,
    OPENS,
    OTHER_ARN,
    SERVED,
    look,
    missed,
    served,
)

POLICY = Policy()
HOUR = timedelta(hours=1)
NAMES = ("example.com", "www.example.com", "*.example.com", "shop.example.org")
DOMAINS = (
    Domain("www.example.com", labels={"team": "web"}),
    Domain("shop.example.org", arn=OTHER_ARN, labels={"tier": "front"}),
    Domain("example.com", 8443, arn="arn:aws:acm:us-east-1:111122223333:certificate/nowhere"),
)
ARNS = (ARN, OTHER_ARN, OTHER_ARN + "2")
PLACES = [(name, port) for name in NAMES if not name.startswith("*") for port in (443, 8443)]
SOURCES = (Source("acm", "111122223333", "us-east-1", success=True, last_success=NOON - HOUR),)

certificates = st.builds(
    lambda arn, changes: replace(CERTIFICATE, arn=arn, **changes),
    st.sampled_from(ARNS),
    st.fixed_dictionaries(
        {},
        optional={
            "names": st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple),
            "serial": st.sampled_from([None, 1, 2, SERVED.serial]),
            "not_before": st.sampled_from([ISSUED - DAY, ISSUED + DAY]),
            "in_use": st.booleans(),
            "validation_method": st.sampled_from(["DNS", "EMAIL"]),
            "details": st.sampled_from(
                [Unseen(Why.NOT_YET), Seen(DETAILS), Seen(replace(DETAILS, issuer="R11"))]
            ),
            "tags": st.sampled_from([{}, {"team": "web"}, {"tier": "7"}]),
        },
    ),
)
shown = st.builds(
    served,
    serial=st.sampled_from([1, 2, 3, SERVED.serial]),
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple),
    not_before=st.sampled_from([ISSUED - 2 * DAY, SERVED.not_before]),
)
whys = st.sampled_from([Why.REFUSED, Why.NO_ROUTE, Why.RESOLVER_TIMEOUT])


@st.composite
def places(draw: st.DrawFn) -> tuple[Place, tuple[Look, ...]]:
    """Draw what was seen at the addresses of a place."""
    name, port = draw(st.sampled_from(PLACES))
    looks = []
    for address in draw(st.lists(st.sampled_from([ADDRESS, "192.0.2.2"]), max_size=2, unique=True)):
        at = NOON - draw(st.integers(0, 5)) * HOUR
        if draw(st.booleans()):
            one = look(name, sight=draw(shown), address=address, port=port)
            looks.append(replace(one, at=at, last_success=at, reached=True))
        else:
            before: Seen[Served] | None = draw(st.none() | shown)
            last, success = (before.value, at) if before else (None, None)
            one = missed(draw(whys), name=name, address=address, port=port)
            looks.append(replace(one, at=at, last=last, last_success=success))
    return (name, port), tuple(looks)


caas = st.sampled_from([Caa(), Caa("example.com", (CaaRecord(0, "issue", "other.example"),))])
cnames = st.sampled_from([Cname(()), Cname(("_target.example.com.acm-validations.aws",))])
heard = st.sampled_from([one for one in questions(CERTIFICATE) if one.ask in (Ask.CAA, Ask.CNAME)]).flatmap(
    lambda question: st.tuples(
        st.just(question),
        st.builds(Seen, caas if question.ask is Ask.CAA else cnames) | st.just(Unseen(Why.RESOLVER_TIMEOUT)),
    )
)


@dataclass(frozen=True)
class Batch:
    """What changes between two snapshots; of several changes of one thing the last one stands."""

    certificates: Mapping[str, Certificate | None]
    looks: Mapping[Place, tuple[Look, ...] | None]
    answers: Mapping[Question, Sight[Answer] | None]
    files: tuple[FileLook, ...]


helds = st.builds(
    lambda one: Held(
        *(one.value.serial, one.value.names, one.value.not_before, one.value.not_after),
        *(one.value.issuer, one.value.subject, one.value.fingerprint),
    ),
    shown,
)
filed = st.builds(
    lambda path, held, arn: FileLook(path, Seen(held), NOON, held, NOON, arn),
    st.sampled_from(["/a", "/b"]),
    helds,
    st.sampled_from(["", ARN, "arn:aws:acm:us-east-1:111122223333:certificate/nowhere"]),
)

batches = st.builds(
    Batch,
    st.lists(st.tuples(st.sampled_from(ARNS), st.none()) | certificates.map(lambda one: (one.arn, one))).map(
        dict
    ),
    st.lists(st.tuples(st.sampled_from(PLACES), st.none()) | places()).map(dict),
    st.lists(heard).map(dict),
    st.lists(filed, max_size=2, unique_by=lambda one: one.path).map(tuple),
)


class World:
    """Everything that is known, told to a ledger piece by piece."""

    def __init__(self) -> None:
        self.known = Known(domains=DOMAINS, sources=SOURCES)
        self.ledger = Ledger(POLICY, DOMAINS, NOON)
        self._certificates: dict[str, Certificate] = {}
        self._looks: dict[Place, tuple[Look, ...]] = {}
        self._answers: dict[Question, Sight[Answer]] = {}
        self._remembered: dict[Question, Answer] = {}
        self._files: tuple[FileLook, ...] = ()

    def learn(self, batch: Batch) -> Snapshot:
        """Give the ledger what changed."""
        update(self._certificates, batch.certificates)
        update(self._looks, batch.looks)
        update(self._answers, batch.answers)
        self._remembered |= {q: one.value for q, one in self._answers.items() if isinstance(one, Seen)}
        remembered = {q: self._remembered[q] for q in batch.answers if q in self._remembered}
        self._files = batch.files
        news = News(batch.certificates, batch.looks, batch.answers, remembered, SOURCES, files=batch.files)
        return self.ledger.take(news, NOON)

    def afresh(self) -> Snapshot:
        """Judge everything at once."""
        looks = tuple(one for looks in self._looks.values() for one in looks)
        known = replace(
            self.known,
            certificates=tuple(self._certificates.values()),
            looks=looks,
            answers=self._answers,
            remembered=self._remembered,
            files=self._files,
        )
        return take(known, POLICY, NOON, NOON)


def update(kept: dict[Any, Any], news: Mapping[Any, Any]) -> None:
    """Take in what changed, None for what is gone."""
    for key, value in news.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value


def _sorted(snapshot: Snapshot) -> Snapshot:
    """Disregard the order of rows, which is nobody's business, and what was before."""
    cases = sorted(snapshot.cases, key=lambda case: case.certificate.arn)
    spots = sorted(snapshot.spots, key=lambda spot: repr(spot.look.endpoint))
    return replace(
        snapshot,
        cases=tuple(replace(case, history=UNTOLD) for case in cases),
        spots=tuple(replace(spot, history=UNTOLD) for spot in spots),
        changes=(),
        changed={},
    )


@settings(deadline=None, max_examples=300)
@given(st.lists(batches, max_size=8))
def test_piece_by_piece_is_as_all_at_once(changes: list[Batch]) -> None:
    """Whatever came in whichever order, users see what a fresh start would show."""
    world = World()
    for batch in changes:
        assert _sorted(world.learn(batch)) == _sorted(world.afresh())


def _count_judgements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    judged: list[str] = []

    def judge(evidence: Evidence, policy: Policy, now: datetime) -> Verdict:
        judged.append(evidence.certificate.arn)
        return verdict.judge(evidence, policy, now)

    monkeypatch.setattr(taking, "judge", judge)
    return judged


OTHER = replace(CERTIFICATE, arn=OTHER_ARN, names=("shop.example.org",), serial=7)
BOTH = News({ARN: CERTIFICATE, OTHER_ARN: OTHER}, {(one.endpoint.domain, 443): (one,) for one in LOOKS})


@pytest.mark.parametrize(
    ("later", "judged"),
    [
        pytest.param(look(at=NOON + HOUR), [], id="the same again"),
        pytest.param(missed(Why.REFUSED, last=SERVED, at=NOON + HOUR), [ARN], id="refused"),
        pytest.param(look(sight=served(serial=9)), [ARN], id="another serial"),
    ],
)
def test_a_look_that_tells_nothing_new_is_not_judged(
    monkeypatch: pytest.MonkeyPatch, later: Look, judged: list[str]
) -> None:
    """The usual look costs no judgement, and its time is on the board all the same."""
    ledger = Ledger(POLICY)
    ledger.take(BOTH, NOON)
    counted = _count_judgements(monkeypatch)
    snapshot = ledger.take(News(looks={(later.endpoint.domain, 443): (later,)}), NOON)
    assert counted == judged
    assert later in {spot.look for spot in snapshot.spots}
    assert later in snapshot.cases[0].evidence.looks


def test_time_alone_changes_findings_within_minutes() -> None:
    """A renewal window opens, and a limit passes, without any news."""
    ledger = Ledger(POLICY)
    assert [case.verdict.word for case in ledger.take(BOTH, OPENS).cases] == [Word.UNKNOWN, Word.UNKNOWN]
    late, outcomes = OPENS + 4 * DAY, []
    for turn in range(5):
        snapshot = ledger.take(News(), late + turn * timedelta(seconds=15))
        outcomes.append([case.verdict.findings["renewal_progress"].outcome for case in snapshot.cases])
    assert outcomes[0] == [Outcome.BREAKS, Outcome.HOLDS]
    assert outcomes[-1] == [Outcome.BREAKS, Outcome.BREAKS]


def test_what_was_judged_in_the_future_is_reviewed() -> None:
    """Where a clock was set back, nobody waits until that time comes again."""
    ledger = Ledger(POLICY)
    ledger.take(BOTH, OPENS + 4 * DAY)
    ledger.take(News(), OPENS + 4 * DAY)
    for turn in range(5):
        snapshot = ledger.take(News(), OPENS + turn * timedelta(seconds=15))
    assert [case.verdict.word for case in snapshot.cases] == [Word.UNKNOWN, Word.UNKNOWN]


def test_a_review_takes_a_portion_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large inventory is not judged all at once because five minutes are over."""
    ledger = Ledger(POLICY)
    many = {f"{ARN}{n:03}": replace(CERTIFICATE, arn=f"{ARN}{n:03}") for n in range(100)}
    ledger.take(News(many), NOON)
    judged = _count_judgements(monkeypatch)
    ledger.take(News(), NOON + REVIEW - timedelta(seconds=1))
    assert judged == []
    for turn in range(1, 11):
        ledger.take(News(), NOON + REVIEW)
        assert len(judged) == min(100, 11 * turn)
    assert sorted(judged) == sorted(many)
