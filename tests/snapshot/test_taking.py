"""From what is known to one judged moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exporter.facts import (
    Ask,
    Caa,
    Certificate,
    Cname,
    Domain,
    Evidence,
    Look,
    Question,
    Seen,
    Unseen,
    Why,
)
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.verdict import Word, judge
from exporter.snapshot import Case, Known, Snapshot, Source, Spot
from exporter.snapshot.taking import take
from tests.evidence import (
    ARN,
    CERTIFICATE,
    DAY,
    HEALTHY,
    IMPORTED,
    ISSUED,
    LOOKS,
    NOON,
    OPENS,
    OTHER_ARN,
    SERVED,
    answers,
    detailed,
    look,
    missed,
    record_of,
    served,
)

POLICY = Policy()
FIRST = datetime(2026, 3, 16, 9, tzinfo=UTC)  # when the certificate was requested
RECORDS = {
    Question(Ask.CNAME, record_of(name)[0]): Cname((record_of(name)[1],)) for name in CERTIFICATE.names
}
STAND = tuple((record_of(name)[0], True) for name in CERTIFICATE.names)
ONE_AND_THE_OTHER = replace(CERTIFICATE, arn=OTHER_ARN, serial=7)
SOURCE = Source("acm", "111122223333", "us-east-1", success=True, duration=0.5, last_success=NOON)


def test_nothing_known_is_a_whole_snapshot() -> None:
    """Right after the start there is something to expose already."""
    assert take(Known(), POLICY, NOON) == Snapshot(NOON, POLICY)


def test_all_that_is_known_of_one_certificate_and_its_endpoints() -> None:
    """One moment has every fact, its judgement, and what the exporter tells of itself."""
    one = replace(CERTIFICATE, tags={"team": "web", "cost": "7"})
    domain = Domain("www.example.com", labels={"tier": "front"})
    known = Known(
        certificates=(one,),
        domains=(domain, Domain("unrelated.example.org", labels={"unused": "x"})),
        looks=LOOKS,
        answers=answers(one),
        remembered=RECORDS,
        sources=(SOURCE,),
        requests={("111122223333", "us-east-1", "SearchCertificates", "OK"): 2},
        tally={("tls", "ok"): 2},
        swept=True,
    )
    started = NOON - timedelta(hours=1)
    asked = {Question(Ask.CAA, name): Seen(Caa()) for name in one.names}
    evidence = Evidence(
        one, LOOKS, asked | {question: Seen(answer) for question, answer in RECORDS.items()}, read_at=NOON
    )
    assert take(known, POLICY, NOON, started) == Snapshot(
        taken_at=NOON,
        policy=POLICY,
        cases=(Case(evidence, judge(evidence, POLICY, NOON), OPENS, FIRST, STAND),),
        spots=(
            Spot(LOOKS[0], {}, name_match=True, serial_matches=((ARN, True),)),
            Spot(LOOKS[1], {"tier": "front"}, name_match=True, serial_matches=((ARN, True),)),
        ),
        sources=(SOURCE,),
        requests={("111122223333", "us-east-1", "SearchCertificates", "OK"): 2},
        tally={("tls", "ok"): 2},
        tags=("cost", "team"),
        labels=("tier",),
        ready=True,
        configured_at=started,
    )


def test_the_verdict_follows_the_policy() -> None:
    """The rule set and the moment of the snapshot decide, not those of the looks."""
    classic = Policy(RuleSet.CLASSIC, validation_limit=100 * DAY)
    known = Known((CERTIFICATE,), looks=LOOKS, answers=HEALTHY.answers)
    words = {policy.rules: take(known, policy, NOON).cases[0].verdict.word for policy in (POLICY, classic)}
    assert words == {RuleSet.CURRENT: Word.RENEWS, RuleSet.CLASSIC: Word.BLOCKED}
    assert take(known, classic, NOON).rules is RuleSet.CLASSIC
    late = take(known, POLICY, OPENS + 4 * DAY)
    assert late.cases[0].verdict.word is Word.BLOCKED
    assert late.cases[0].first_issue == FIRST


FOREIGN = served(serial=9, names=("*.cdn.example.net",), issuer="CN=R11,O=Let's Encrypt,C=US")


@pytest.mark.parametrize(
    ("seen", "name_match", "serial_matches"),
    [
        pytest.param(look(), True, ((ARN, True),), id="as ACM has it"),
        pytest.param(look(sight=served(serial=9)), True, ((ARN, False),), id="another serial"),
        pytest.param(look(sight=FOREIGN), False, ((ARN, False),), id="a WAF's own certificate"),
        pytest.param(missed(Why.REFUSED), None, (), id="never seen"),
        pytest.param(missed(Why.REFUSED, last=SERVED), True, ((ARN, True),), id="seen before"),
        pytest.param(
            missed(Why.REFUSED, last=replace(SERVED, serial=1), last_success=ISSUED - DAY),
            True,
            (),
            id="seen before the renewal only",
        ),
        pytest.param(look("shop.example.org"), False, (), id="a domain of no certificate"),
        pytest.param(look("192.0.2.10"), False, (), id="an address as a name"),
    ],
)
def test_what_is_judged_of_an_endpoint(
    seen: Look, name_match: bool | None, serial_matches: tuple[tuple[str, bool], ...]
) -> None:
    """An endpoint tells of its own name and of the certificates it counts for, as far as it was ever seen."""
    snapshot = take(Known((CERTIFICATE,), looks=(seen,)), POLICY, NOON)
    assert snapshot.spots == (Spot(seen, {}, name_match, serial_matches),)


@pytest.mark.parametrize(
    ("domains", "sight", "serial_matches"),
    [
        pytest.param((), served(), ((ARN, True),), id="for the one it serves"),
        pytest.param((), served(serial=7), ((OTHER_ARN, True),), id="for the other"),
        pytest.param(
            (), served(serial=9), ((ARN, False), (OTHER_ARN, False)), id="for both while it serves neither"
        ),
        pytest.param(
            (Domain("www.example.com", arn=OTHER_ARN),),
            served(),
            ((OTHER_ARN, False),),
            id="for the pinned one",
        ),
        pytest.param(
            (Domain("www.example.com", 8443, arn=OTHER_ARN),),
            served(),
            ((ARN, True),),
            id="pinned on another port",
        ),
    ],
)
def test_for_which_certificates_an_endpoint_counts(
    domains: tuple[Domain, ...], sight: Seen[object], serial_matches: tuple[tuple[str, bool], ...]
) -> None:
    """Two certificates for one name are not blamed for each other, and a pin says which one is meant."""
    seen = look(sight=sight)  # type: ignore[arg-type]
    known = Known((CERTIFICATE, ONE_AND_THE_OTHER), domains, (seen,))
    assert take(known, POLICY, NOON).spots == (
        Spot(seen, {}, name_match=True, serial_matches=serial_matches),
    )


def test_a_certificate_without_a_serial_is_compared_with_nothing() -> None:
    """While ACM has not told the serial there is no row that says that it is not served."""
    pending = replace(CERTIFICATE, serial=None)
    assert take(Known((pending,), looks=(look(),)), POLICY, NOON).spots[0].serial_matches == ()


def test_labels_belong_to_a_port() -> None:
    """The same name on two ports has two owners, if the configuration says so."""
    domains = (
        Domain("www.example.com", labels={"team": "web"}),
        Domain("www.example.com", 8443, labels={"team": "api", "tier": "back"}),
    )
    looks = (look(), look(port=8443), look(port=9443))
    snapshot = take(Known(domains=domains, looks=looks), POLICY, NOON)
    assert [spot.labels for spot in snapshot.spots] == [{"team": "web"}, {"team": "api", "tier": "back"}, {}]
    assert snapshot.labels == ("team", "tier")


def test_the_tags_of_all_certificates_are_one_set_of_labels() -> None:
    """One family has the same labels on every row, whichever tags a certificate has."""
    tags: tuple[dict[str, str], ...] = ({"team": "web"}, {}, {"service": "shop", "team": "api"})
    certificates = tuple(replace(CERTIFICATE, arn=f"{ARN}{n}", tags=one) for n, one in enumerate(tags))
    snapshot = take(Known(certificates), POLICY, NOON)
    assert [case.certificate.tags for case in snapshot.cases] == list(tags)
    assert snapshot.tags == ("service", "team")


@pytest.mark.parametrize(
    ("certificate", "window_start", "first"),
    [
        pytest.param(CERTIFICATE, OPENS, FIRST, id="renewed by ACM"),
        pytest.param(replace(CERTIFICATE, not_after=None), None, FIRST, id="its end is not known"),
        pytest.param(IMPORTED.certificate, None, None, id="imported"),
    ],
)
def test_window_and_first_issue(
    certificate: Certificate, window_start: object, first: datetime | None
) -> None:
    """When ACM begins and how old the first issue is are facts of their own, absent where there are none."""
    (case,) = take(Known((certificate,)), POLICY, NOON).cases
    assert (case.certificate, case.window_start, case.first_issue) == (certificate, window_start, first)


def test_a_record_keeps_its_last_known_value_while_the_condition_is_unknown() -> None:
    """A silent resolver leaves the gauge of the record, and only the condition becomes unknown."""
    first, second = RECORDS
    elsewhere = {first: RECORDS[first], second: Cname(("elsewhere.example.org",))}
    silent = dict.fromkeys(RECORDS, Unseen(Why.RESOLVER_TIMEOUT))
    known = Known((CERTIFICATE,), answers={**HEALTHY.answers, **silent}, remembered=elsewhere)
    (case,) = take(known, POLICY, NOON).cases
    assert case.records == ((first.name, True), (second.name, False))
    assert case.verdict.findings["validation_records"].why is Why.RESOLVER_TIMEOUT


def test_a_certificate_not_described_yet_has_a_case() -> None:
    """Rows of the sweep are exposed before their details are known."""
    row = replace(CERTIFICATE, details=Unseen(Why.NOT_YET))
    (case,) = take(Known((row,), looks=LOOKS, answers=HEALTHY.answers), POLICY, NOON).cases
    own = {Question(Ask.CAA, name): Seen(Caa()) for name in row.names}
    assert case.evidence == Evidence(row, LOOKS, own)
    assert (case.records, case.verdict.word) == ((), Word.UNKNOWN)


def test_siblings_are_named_where_they_are_served() -> None:
    """Evidence says which other certificate of the inventory an endpoint serves."""
    other = replace(ONE_AND_THE_OTHER, names=("else.example.org",), details=detailed(validations=()))
    seen = look(sight=served(serial=7))
    one, two = take(Known((CERTIFICATE, other), looks=(seen,)), POLICY, NOON).cases
    assert (one.evidence.looks, one.evidence.siblings) == ((seen,), {7: OTHER_ARN})
    assert (two.evidence.looks, two.evidence.siblings) == ((), {})
