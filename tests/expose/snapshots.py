"""Small snapshots to be exposed, with findings of our own: how they were come by is the judge's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from exporter.facts import Certificate, Evidence, FileLook, Look, Timing, Unseen, Why
from exporter.judge.rule import HOLDS, MOOT, Finding, Outcome, Policy, RuleSet
from exporter.judge.verdict import RULES, Verdict, Word
from exporter.snapshot import (
    Case,
    Change,
    Delivery,
    Filed,
    History,
    Keeping,
    Roll,
    Snapshot,
    Source,
    Spot,
    WebFile,
    What,
)
from tests.evidence import (
    ARN,
    CERTIFICATE,
    DAY,
    NOON,
    OPENS,
    OTHER_ARN,
    SERIAL,
    look,
    missed,
    record_of,
)
from tests.judge.test_filing import OLD, filed

POLICY = Policy()
SEEN = replace(look("www.example.com"), timing=Timing(0.001, 0.025, 0.1), reached=True)
REFUSED = replace(
    missed(Why.REFUSED, "connection refused", name="example.com", address="192.0.2.11", port=8443),
    timing=Timing(connect=0.002),
    reached=False,
)
STRANGER = Certificate(
    OTHER_ARN, "111122223333", "us-east-1", "new.example.com", (), details=Unseen(Why.DENIED)
)


def finding(outcome: Outcome, says: str, remedy: str = "", why: Why | None = None) -> Finding:
    """Make what a rule found."""
    return Finding(outcome, says, remedy, why)


def case(
    certificate: Certificate = CERTIFICATE,
    word: Word = Word.RENEWS,
    looks: tuple[Look, ...] = (SEEN,),
    records: tuple[tuple[str, bool], ...] = ((record_of("example.com")[0], True),),
    **findings: Finding,
) -> Case:
    """Make a case of which the four plainest conditions hold and the others are moot, but for `findings`."""
    plain = {"reachable": HOLDS, "name_match": HOLDS, "serial_match": HOLDS, "in_use": HOLDS}
    found = {rule.code: {**plain, **findings}.get(rule.code, MOOT) for rule in RULES}
    return Case(
        Evidence(certificate, looks), Verdict(word, found), OPENS, NOON - timedelta(days=252.125), records
    )


def blank(**changes: Any) -> Case:
    """Make the case of a certificate of which only the ARN and the domain are known."""
    unknown = finding(Outcome.UNKNOWN, "nobody knows", why=Why.DENIED)
    everything: Mapping[str, Finding] = {rule.code: unknown for rule in RULES}
    verdict = Verdict(Word.UNKNOWN, {**everything, **changes})
    return Case(Evidence(STRANGER), verdict, None, None, ())


def spot(seen: Look = SEEN, **changes: Any) -> Spot:
    """Make a spot that serves the healthy certificate."""
    return replace(Spot(seen, {}, name_match=True, serial_matches=((ARN, True),)), **changes)


SOURCES = (
    Source("acm", "111122223333", "us-east-1", success=True, duration=0.5, last_success=NOON),
    Source("tls", success=True, duration=0.125, last_success=NOON),
    Source("dns"),
)


def snapshot(
    *cases: Case, spots: tuple[Spot, ...] = (), rules: RuleSet = RuleSet.CURRENT, **changes: Any
) -> Snapshot:
    """Make a snapshot of the certificates and endpoints given, taken at noon."""
    return replace(Snapshot(NOON, replace(POLICY, rules=rules), cases, spots, SOURCES), **changes)


LATE = Filed(filed(OLD, at=NOON - timedelta(minutes=5)), ((ARN, False),))
LOST = Filed(FileLook("/tls/more", Unseen(Why.FILE_NOT_FOUND, "no file matches"), NOON))

CHANGE = Change(NOON - DAY, ARN, "example.com", What.SERIAL, "a1", f"{SERIAL:x}")
MOVED = Change(NOON, SEEN.endpoint, "www.example.com", What.ISSUER, "CN=Old", "CN=New")

SMALL = snapshot(
    replace(case(replace(CERTIFICATE, tags={"team": "web"})), history=History(NOON - 2 * DAY, {}, (CHANGE,))),
    blank(),
    spots=(
        spot(labels={"site": "main"}, history=History(NOON - DAY, {}, (MOVED,))),
        Spot(REFUSED, {}, name_match=None, serial_matches=()),
    ),
    requests={("111122223333", "us-east-1", "SearchCertificates", "OK"): 3},
    tally={("acm", "ok"): 3, ("tls", "ok"): 1, ("tls", "refused"): 1, ("dns", "ok"): 0},
    tags=("team",),
    labels=("site",),
    ready=True,
    configured_at=NOON - DAY,
    changes=(CHANGE, MOVED),
    changed={("certificate", What.SERIAL): 1, ("endpoint", What.SERIAL): 0},
    keeping=Keeping(healthy=True, last_write=NOON, size=4096, dropped=2),
    roll=Roll({"111122223333": "production"}, 1),
    delivery=Delivery(True, NOON, {"ok": 1, "rejected": 0}, delivered=2, dropped=1, waiting=3),
    files=(LATE, LOST),
    web_file=WebFile(NOON),
)
