"""One word for a certificate, from everything that was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import (
    Ask,
    Caa,
    CaaRecord,
    Certificate,
    Cname,
    Details,
    Endpoint,
    Evidence,
    Look,
    Mx,
    Question,
    Seen,
    Served,
    Token,
    Unseen,
    Validation,
    Why,
)
from exporter.judge.counting import assign
from exporter.judge.renewal import first_issue, window_start
from exporter.judge.rule import HOLDS, MOOT, Finding, Outcome, Policy, RuleSet
from exporter.judge.validation import questions, records
from exporter.judge.verdict import Word, judge
from tests.evidence import (
    ACME,
    CERTIFICATE,
    DAY,
    EMAIL,
    HEALTHY,
    HTTP,
    IMPORTED,
    NOON,
    OPENS,
    OTHER_ARN,
    PRIVATE,
    SERVED,
    answered,
    broken,
    but,
    look,
    looked,
    missed,
)
from tests.judge.test_register import SCOPES

CURRENT, CLASSIC = Policy(), Policy(RuleSet.CLASSIC)
SERVING = ("reachable", "name_match", "serial_match")
GONE = {Question(Ask.CNAME, "_token.www.example.com"): Seen(Cname(()))}
RESOLVER_FAILS = {Question(Ask.CNAME, "_token.www.example.com"): Unseen(Why.RESOLVER_FAILURE)}
FOREIGN = looked(look(sight=Seen(replace(SERVED, serial=7))))
OLD = but(created_at=NOON - 826 * DAY)
LATE = but(EMAIL, not_before=NOON, not_after=NOON + 395 * DAY)  # its renewal opens in October 2027


@pytest.mark.parametrize(
    ("evidence", "now", "current", "classic"),
    [
        pytest.param(HEALTHY, NOON, Word.RENEWS, Word.RENEWS, id="healthy"),
        pytest.param(HEALTHY, OPENS + DAY, Word.RENEWS, Word.RENEWS, id="in the window"),
        pytest.param(EMAIL, NOON, Word.RENEWS, Word.RENEWS, id="validated by e-mail"),
        pytest.param(HTTP, NOON, Word.RENEWS, Word.RENEWS, id="validated by HTTP"),
        pytest.param(PRIVATE, NOON, Word.RENEWS, Word.RENEWS, id="private"),
        pytest.param(replace(HEALTHY, looks=()), NOON, Word.RENEWS, Word.RENEWS, id="nothing to look at"),
        pytest.param(but(in_use=False), NOON, Word.BLOCKED, Word.BLOCKED, id="unused"),
        pytest.param(answered(HEALTHY, GONE), NOON, Word.BLOCKED, Word.BLOCKED, id="record gone"),
        pytest.param(HEALTHY, OPENS + 4 * DAY, Word.BLOCKED, Word.BLOCKED, id="overdue"),
        pytest.param(but(status="EXPIRED"), NOON, Word.BLOCKED, Word.BLOCKED, id="expired"),
        pytest.param(
            but(answered(HEALTHY, RESOLVER_FAILS), in_use=False),
            NOON,
            Word.BLOCKED,
            Word.BLOCKED,
            id="unused, and its record not seen",
        ),
        pytest.param(
            answered(HEALTHY, RESOLVER_FAILS), NOON, Word.UNKNOWN, Word.UNKNOWN, id="record not seen"
        ),
        pytest.param(replace(HEALTHY, answers={}), NOON, Word.UNKNOWN, Word.UNKNOWN, id="nothing asked yet"),
        pytest.param(but(details=Unseen(Why.DENIED)), NOON, Word.UNKNOWN, Word.UNKNOWN, id="not described"),
        pytest.param(but(type=""), NOON, Word.UNKNOWN, Word.UNKNOWN, id="type not told"),
        pytest.param(FOREIGN, NOON, Word.RENEWS, Word.BLOCKED, id="a WAF in front"),
        pytest.param(looked(missed(Why.REFUSED)), NOON, Word.RENEWS, Word.BLOCKED, id="refused"),
        pytest.param(looked(missed(Why.NOT_YET)), NOON, Word.RENEWS, Word.UNKNOWN, id="not looked at"),
        pytest.param(OLD, NOON, Word.RENEWS, Word.BLOCKED, id="older than 825 days"),
        pytest.param(but(created_at=None), NOON, Word.RENEWS, Word.UNKNOWN, id="first issue not told"),
        pytest.param(LATE, NOON, Word.BLOCKED, Word.RENEWS, id="due after e-mail has ended"),
        pytest.param(IMPORTED, NOON, Word.UNMANAGED, Word.UNMANAGED, id="imported"),
        pytest.param(ACME, NOON, Word.UNMANAGED, Word.UNMANAGED, id="an ACME client's"),
        pytest.param(
            replace(IMPORTED, looks=FOREIGN.looks),
            NOON,
            Word.UNMANAGED,
            Word.UNMANAGED,
            id="imported, a WAF in front",
        ),
        pytest.param(
            but(IMPORTED, status="EXPIRED"), NOON, Word.UNMANAGED, Word.UNMANAGED, id="imported, expired"
        ),
    ],
)
def test_words(evidence: Evidence, now: datetime, current: Word, classic: Word) -> None:
    """One break blocks, one blind spot is enough not to promise, and only what ACM manages is promised."""
    assert judge(evidence, CURRENT, now).word is current
    assert judge(evidence, CLASSIC, now).word is classic


@pytest.mark.parametrize("policy", [CURRENT, CLASSIC], ids=lambda policy: policy.rules)
@pytest.mark.parametrize("base", [IMPORTED, ACME], ids=["imported", "ACME"])
def test_unmanaged_certificates_are_judged_by_what_is_served(base: Evidence, policy: Policy) -> None:
    """An imported certificate can be served wrongly like any other; of its renewal nothing is said."""
    facts: dict[str, Finding] = dict.fromkeys(SCOPES, MOOT) | {"status": HOLDS}
    assert judge(base, policy, NOON).findings == facts | dict.fromkeys(SERVING, HOLDS)
    seen = look(sight=Seen(replace(SERVED, serial=7, names=("a.test",))))
    wrong = looked(seen, missed(Why.NO_ADDRESS, address=""), base=base, siblings={7: OTHER_ARN})
    arn = base.certificate.arn
    place = "www.example.com at 192.0.2.10"
    assert judge(wrong, policy, NOON).findings == facts | {
        "reachable": broken("www.example.com: the name has no address", "give the name an A or AAAA record"),
        "name_match": broken(
            f"{place} serves a certificate for a.test", "serve a certificate that covers the name"
        ),
        "serial_match": broken(
            f"{place} serves serial 7, which is {OTHER_ARN}", f"attach {arn} there instead"
        ),
    }


def expected_word(findings: Mapping[str, Finding], rules: RuleSet, *, unmanaged: bool) -> Word:
    """Say what the contract says of some findings, from the contract's own table."""
    column = list(RuleSet).index(rules)
    deciding = [findings[code].outcome for code, scopes in SCOPES.items() if scopes[column] == "renewal"]
    if unmanaged:
        return Word.UNMANAGED
    if Outcome.BREAKS in deciding:
        return Word.BLOCKED
    if Outcome.UNKNOWN in deciding:
        return Word.UNKNOWN
    return Word.RENEWS if Outcome.HOLDS in deciding else Word.UNKNOWN


HOSTS = st.sampled_from(
    ["example.com", "www.example.com", "*.example.com", "A.", "192.0.2.1", "ab--c.test", ""]
)
TEXTS = st.sampled_from(["", "x", "Amazon", "PCA_ACCESS_DENIED", "SLR_", "CAA_ERROR", "OTHER", "{é}%\\"])
SERIALS = st.none() | st.integers(-1, 3) | st.integers()
WHEN = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [NOON, OPENS, datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
MAYBE_WHEN = st.none() | WHEN
METHODS = st.sampled_from(["", "DNS", "EMAIL", "HTTP", "NEW"])
STATES = st.sampled_from(["", "PENDING_VALIDATION", "PENDING_AUTO_RENEWAL", "SUCCESS", "FAILED", "NEW"])
STATUSES = st.sampled_from(["", "ISSUED", "PENDING_VALIDATION", "EXPIRED", "FAILED", "NEW"])
MAYBE = st.none() | st.booleans()
UNSEEN = st.builds(Unseen, st.sampled_from(Why), TEXTS)
PERIODS = st.timedeltas(min_value=timedelta())


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Make short tuples."""
    return st.lists(of, max_size=3).map(tuple)


VALIDATIONS = st.builds(Validation, HOSTS, METHODS, STATES, HOSTS, HOSTS, HOSTS, tuples(TEXTS), HOSTS, HOSTS)
DETAILS = st.builds(
    Details, tuples(TEXTS), tuples(VALIDATIONS), TEXTS, TEXTS, MAYBE_WHEN, TEXTS, TEXTS, METHODS
)
CERTIFICATES = st.builds(
    Certificate,
    arn=TEXTS,
    account=TEXTS,
    region=TEXTS,
    domain=HOSTS,
    names=tuples(HOSTS),
    type=st.sampled_from(["", "AMAZON_ISSUED", "AMAZON_ISSUED", "IMPORTED", "PRIVATE", "NEW"]),
    status=STATUSES,
    serial=SERIALS,
    not_before=MAYBE_WHEN,
    not_after=MAYBE_WHEN,
    created_at=MAYBE_WHEN,
    issued_at=MAYBE_WHEN,
    imported_at=MAYBE_WHEN,
    key_algorithm=TEXTS,
    key_pair_origin=st.sampled_from(["", "AWS_MANAGED", "ACME", "CUSTOMER_PROVIDED"]),
    managed_by=TEXTS,
    validation_method=METHODS,
    in_use=MAYBE,
    exported=MAYBE,
    eligibility=st.sampled_from(["", "ELIGIBLE", "INELIGIBLE"]),
    renewal_status=STATES,
    details=UNSEEN | st.builds(Seen, DETAILS),
)
SERVINGS = st.builds(
    Served,
    serial=st.integers(),
    names=tuples(HOSTS),
    not_before=WHEN,
    not_after=WHEN,
    issuer=TEXTS,
    subject=TEXTS,
    fingerprint=TEXTS,
    tls_version=TEXTS,
    cipher=TEXTS,
    trusted=MAYBE,
    trust_error=TEXTS,
    chain_not_after=WHEN,
    chain_length=st.integers(1, 3),
)
SEEN_LOOKS = st.builds(
    Look,
    st.builds(Endpoint, HOSTS, st.sampled_from([443, 8443]), TEXTS),
    UNSEEN | st.builds(Seen, SERVINGS),
    WHEN,
    last=st.none() | SERVINGS,
    last_success=MAYBE_WHEN,
)
ANSWERS = st.one_of(
    UNSEEN,
    st.builds(
        Seen,
        st.one_of(
            st.builds(Cname, tuples(HOSTS), tuples(HOSTS)),
            st.builds(Caa, HOSTS, tuples(st.builds(CaaRecord, st.integers(0, 255), TEXTS, TEXTS))),
            st.builds(Mx, tuples(HOSTS)),
            st.builds(Token, st.booleans(), TEXTS),
        ),
    ),
)
POLICIES = st.builds(
    Policy, st.sampled_from(RuleSet), PERIODS, st.none() | PERIODS, PERIODS, st.dates() | st.just(date.max)
)


@st.composite
def anything(draw: st.DrawFn) -> Evidence:
    """Draw evidence of the types of facts.py, with whatever answers its questions got."""
    certificate = draw(CERTIFICATES)
    asked = draw(st.fixed_dictionaries(dict.fromkeys(questions(certificate), st.none() | ANSWERS)))
    answers = {question: answer for question, answer in asked.items() if answer is not None}
    siblings = draw(st.dictionaries(st.integers(), TEXTS, max_size=2))
    return Evidence(certificate, draw(tuples(SEEN_LOOKS)), answers, siblings)


@settings(deadline=None, max_examples=300)
@given(anything(), POLICIES, WHEN)
def test_any_evidence_is_judged(evidence: Evidence, policy: Policy, now: datetime) -> None:
    """Whatever was seen gives a verdict by the contract, and no rule stumbles over it."""
    certificate = evidence.certificate
    verdict = judge(evidence, policy, now)
    assert list(verdict.findings) == list(SCOPES)
    assert [one.says for one in verdict.findings.values() if one.says.startswith("bug in the rule")] == []
    for finding in verdict.findings.values():
        said = bool(finding.says), bool(finding.remedy), finding.why is not None
        match finding.outcome:
            case Outcome.HOLDS | Outcome.MOOT:
                assert said == (False, False, False)
            case Outcome.BREAKS:
                assert said == (True, True, False)
            case Outcome.UNKNOWN:
                assert said[::2] == (True, True)
    unmanaged = certificate.type == "IMPORTED" or certificate.key_pair_origin in {"ACME", "CUSTOMER_PROVIDED"}
    assert verdict.word is expected_word(verdict.findings, policy.rules, unmanaged=unmanaged)


@settings(deadline=None)
@given(anything(), POLICIES, WHEN)
def test_the_other_readers_of_evidence_never_stumble(
    evidence: Evidence, policy: Policy, now: datetime
) -> None:
    """What a snapshot asks beside the verdict has an answer too: window, first issue, records and assignment."""
    certificate = evidence.certificate
    assert isinstance(window_start(certificate, policy), datetime | None)
    assert isinstance(first_issue(certificate), datetime | None)
    seen = {question: sight.value for question, sight in evidence.answers.items() if isinstance(sight, Seen)}
    assert all(isinstance(stands, bool) for _, stands in records(certificate, seen))
    assert list(assign([certificate], evidence.looks, {})) == [certificate.arn]


UNTOLD: Mapping[str, Any] = {
    one.name: Unseen(Why.THROTTLED) if one.name == "details" else "" if isinstance(value, str) else None
    for one in fields(Certificate)
    if one.name not in {"arn", "account", "region", "domain", "names", "tags"}
    for value in [getattr(CERTIFICATE, one.name)]
}


@settings(deadline=None)
@given(
    st.sampled_from([HEALTHY, EMAIL, HTTP, PRIVATE, IMPORTED, ACME]),
    st.sets(st.sampled_from(sorted(UNTOLD))),
    st.sampled_from([why for why in Why if why.ours]),
    st.sampled_from([CURRENT, CLASSIC]),
    st.data(),
)
def test_ignorance_breaks_nothing(
    base: Evidence, untold: set[str], why: Why, policy: Policy, data: st.DataObject
) -> None:
    """Whatever ACM, DNS or a domain does not tell us for reasons of our own, no condition breaks for it."""
    lost = data.draw(st.sets(st.sampled_from(list(base.answers))))
    looks = tuple(
        one if data.draw(st.booleans()) else replace(one, sight=Unseen(why), last=None, last_success=None)
        for one in base.looks
    )
    evidence = but(
        replace(base, looks=looks, answers={**base.answers, **dict.fromkeys(lost, Unseen(why))}),
        **{name: UNTOLD[name] for name in untold},
    )
    verdict = judge(evidence, policy, data.draw(st.sampled_from([NOON, OPENS])))
    assert [code for code, one in verdict.findings.items() if one.outcome is Outcome.BREAKS] == []
    assert verdict.word is not Word.BLOCKED


@settings(deadline=None)
@given(anything(), st.sampled_from([why for why in Why if why.ours]), WHEN)
def test_ignorance_heals_nothing(evidence: Evidence, why: Why, now: datetime) -> None:
    """Without an answer nothing that DNS, mail or the web decide is called fine or broken."""
    unanswered = {question: Unseen(why) for question in questions(evidence.certificate)}
    for code in ("validation_records", "caa", "http_token"):
        finding = judge(replace(evidence, answers=unanswered), CURRENT, now).findings[code]
        assert finding.outcome in {Outcome.UNKNOWN, Outcome.MOOT}
    unseen = tuple(replace(one, sight=Unseen(why), last=None) for one in evidence.looks)
    for code in SERVING:
        finding = judge(replace(evidence, looks=unseen), CURRENT, now).findings[code]
        assert finding.outcome in {Outcome.UNKNOWN, Outcome.MOOT}
