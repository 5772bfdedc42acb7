"""What ACM says of a certificate decides as the contract says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts import Evidence, Unseen, Validation, Why
from exporter.judge.renewal import first_issue, window_start
from exporter.judge.rule import HOLDS, MOOT, Finding, Policy, RuleSet
from exporter.judge.verdict import RULES
from tests.evidence import (
    ACME,
    CERTIFICATE,
    DAY,
    EMAIL,
    ENDS,
    HEALTHY,
    HTTP,
    IMPORTED,
    ISSUED,
    NOON,
    OPENS,
    PRIVATE,
    PRIVATE_CA,
    Trial,
    blind,
    broken,
    but,
    by_dns,
    detailed,
)

CHECKS = {rule.code: rule for rule in RULES}
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
TOKYO = timezone(9 * HOUR)
DENIED = Unseen(Why.DENIED, "not authorized to perform acm:DescribeCertificate")
ABSENT = "wait until ACM tells it; if it stays, look at the certificate in the AWS console"
ASK = "allow the exporter's IAM role to read ACM"
FIRST = CERTIFICATE.created_at or NOON
PRIVATE_OPENS = ISSUED + (395 - 60) * DAY
ENDING = datetime(2027, 9, 30, 23, 59, tzinfo=UTC)  # the last minute in which ACM renews by e-mail
MIGRATE = "migrate to DNS validation in place (UpdateCertificateOptions keeps the ARN)"
ATTACH = "attach the certificate to the resource that should use it, or delete it"
RESEND = "resend the validation mail and approve it, or move to DNS validation"
SUPPORT = "mend what else is broken; if nothing is, ask AWS Support"
NO_TYPE = blind(Why.ABSENT, "ACM's answer does not tell the certificate's type", ABSENT)


def opening(when: datetime) -> Evidence:
    """Make an e-mail-validated certificate whose renewal opens at a moment."""
    return but(EMAIL, not_before=when - 153 * DAY, not_after=when + 45 * DAY)


def renewing(base: Evidence, status: str, reason: str = "", **details: Any) -> Evidence:
    """Say how a renewal goes."""
    return but(base, renewal_status=status, details=detailed(renewal_reason=reason, **details))


def waiting(*names: str) -> tuple[Validation, ...]:
    """Make validations of which the first succeeded and the others wait."""
    first, *others = names
    return (by_dns(first), *(by_dns(name, status="PENDING_VALIDATION") for name in others))


IN_USE = (
    Trial("a load balancer uses it", "in_use", HEALTHY, HOLDS),
    Trial("exported instead", "in_use", but(in_use=False, exported=True), HOLDS),
    Trial("exported, and use not told", "in_use", but(in_use=None, exported=True), HOLDS),
    Trial("export not told, but used", "in_use", but(exported=None), HOLDS),
    Trial(
        "nobody uses it",
        "in_use",
        but(in_use=False, eligibility="INELIGIBLE"),
        broken("no AWS resource uses it and it was not exported", ATTACH),
    ),
    Trial(
        "nobody uses it, and ACM's ineligible stands for the export that is not told",
        "in_use",
        but(in_use=False, exported=None, eligibility="INELIGIBLE"),
        broken("no AWS resource uses it and ACM tells of no export", ATTACH),
    ),
    Trial(
        "nobody uses it, and ACM, asked for everything, tells neither of an export nor of eligibility",
        "in_use",
        but(in_use=False, exported=None, eligibility=""),
        broken("no AWS resource uses it and ACM tells of no export", ATTACH),
    ),
    Trial(
        "nobody uses it, and ACM has still to tell the rest",
        "in_use",
        but(in_use=False, exported=None, eligibility="", details=Unseen(Why.NOT_YET)),
        blind(Why.NOT_YET, "ACM has not told yet whether it was exported", "wait for the next look"),
    ),
    Trial(
        "nobody uses it, and whether it was exported is not told",
        "in_use",
        but(in_use=False, exported=None),
        blind(Why.ABSENT, "ACM's answer does not tell whether it was exported", ABSENT),
    ),
    Trial(
        "not told although described",
        "in_use",
        but(in_use=None),
        blind(Why.ABSENT, "ACM's answer does not tell whether it is in use", ABSENT),
    ),
    Trial(
        "not described yet",
        "in_use",
        but(in_use=None, details=Unseen(Why.NOT_YET)),
        blind(Why.NOT_YET, "ACM has not told yet whether it is in use", "wait for the next look"),
    ),
    Trial(
        "may not be described",
        "in_use",
        but(in_use=None, details=DENIED),
        blind(
            Why.DENIED,
            "ACM could not tell whether it is in use: not authorized to perform acm:DescribeCertificate",
            ASK,
        ),
    ),
    Trial(
        "throttled without a text",
        "in_use",
        but(in_use=None, details=Unseen(Why.THROTTLED)),
        blind(
            Why.THROTTLED,
            "ACM could not tell whether it is in use: throttled",
            "wait; if it stays, lower aws.requests_per_second: others use ACM's quota too",
        ),
    ),
    Trial("its type is not told", "in_use", but(type="", in_use=False), NO_TYPE),
    Trial("imported", "in_use", but(IMPORTED, in_use=False), MOOT),
    Trial("imported, by its key alone", "in_use", but(IMPORTED, type="", in_use=False), MOOT),
    Trial("an ACME client's", "in_use", but(ACME, in_use=False), MOOT),
)

VALIDATION_AGE = (
    Trial("8 months old", "validation_age", HEALTHY, HOLDS),
    Trial("to the second at the limit", "validation_age", HEALTHY, HOLDS, FIRST + 825 * DAY),
    Trial(
        "an hour over the limit",
        "validation_age",
        HEALTHY,
        broken("first issued on 2026-03-16, more than 825 days ago", RESEND),
        FIRST + 825 * DAY + HOUR,
    ),
    Trial(
        "another limit",
        "validation_age",
        HEALTHY,
        broken("first issued on 2026-03-16, more than 200 days ago", RESEND),
        policy=Policy(validation_limit=200 * DAY),
    ),
    Trial(
        "first issue not told",
        "validation_age",
        but(created_at=None),
        blind(Why.ABSENT, "ACM's answer does not tell when it was first issued", ABSENT),
    ),
    Trial(
        "no issue told",
        "validation_age",
        but(issued_at=None, not_before=None),
        blind(Why.ABSENT, "ACM's answer does not tell when it was first issued", ABSENT),
    ),
    Trial("still to be validated", "validation_age", but(status="PENDING_VALIDATION"), MOOT),
    Trial("never validated", "validation_age", but(status="VALIDATION_TIMED_OUT", issued_at=None), MOOT),
    Trial("never issued", "validation_age", but(status="FAILED", issued_at=None), MOOT),
    Trial("its type is not told", "validation_age", but(type=""), NO_TYPE),
    Trial("private", "validation_age", but(PRIVATE, created_at=NOON - 900 * DAY), MOOT),
    Trial("imported", "validation_age", IMPORTED, MOOT),
)

ELIGIBLE = (
    Trial("eligible", "eligible", HEALTHY, HOLDS),
    Trial(
        "in use and yet not",
        "eligible",
        but(eligibility="INELIGIBLE"),
        broken(
            "ACM says INELIGIBLE although it is in use",
            "ask AWS Support why it is not eligible, or request a new certificate",
        ),
    ),
    Trial(
        "exported and yet not",
        "eligible",
        but(eligibility="INELIGIBLE", in_use=False, exported=True),
        broken(
            "ACM says INELIGIBLE although it is exported",
            "ask AWS Support why it is not eligible, or request a new certificate",
        ),
    ),
    Trial(
        "exported and yet not, use not told",
        "eligible",
        but(eligibility="INELIGIBLE", in_use=None, exported=True),
        broken(
            "ACM says INELIGIBLE although it is exported",
            "ask AWS Support why it is not eligible, or request a new certificate",
        ),
    ),
    Trial(
        "a label that looks like an IDN and is none",
        "eligible",
        but(eligibility="INELIGIBLE", names=("xn--bcher-kva.example", "ab--c.example.com")),
        broken(
            "ACM says INELIGIBLE: ab--c.example.com has hyphens in third and fourth place and is no IDN",
            "request a new certificate without that name",
        ),
    ),
    Trial(
        "private",
        "eligible",
        but(PRIVATE, eligibility="INELIGIBLE"),
        broken(
            "ACM says INELIGIBLE although it is in use: perhaps the private CA issued it without ACM",
            "request it through ACM (RequestCertificate), not by IssueCertificate of the private CA",
        ),
    ),
    Trial(
        "not told",
        "eligible",
        but(eligibility="", details=DENIED),
        blind(
            Why.DENIED,
            "ACM could not tell the renewal eligibility: not authorized to perform acm:DescribeCertificate",
            ASK,
        ),
    ),
    Trial(
        "not, but whether it is in use is not told",
        "eligible",
        but(eligibility="INELIGIBLE", in_use=None),
        blind(Why.ABSENT, "ACM's answer does not tell whether it is in use", ABSENT),
    ),
    Trial("not, for nobody uses it", "eligible", but(eligibility="INELIGIBLE", in_use=False), MOOT),
    Trial("not, for it is expired", "eligible", but(eligibility="INELIGIBLE", status="EXPIRED"), MOOT),
    Trial("its type is not told", "eligible", but(type=""), NO_TYPE),
    Trial("imported", "eligible", IMPORTED, MOOT),
)

STATUS = (
    Trial("issued", "status", HEALTHY, HOLDS),
    Trial("issued, imported", "status", IMPORTED, HOLDS),
    Trial("issued, type not told", "status", but(type=""), HOLDS),
    Trial(
        "pending",
        "status",
        but(status="PENDING_VALIDATION"),
        broken(
            "its status is PENDING_VALIDATION",
            "finish the first validation: create the CNAME records or approve the mail",
        ),
    ),
    Trial(
        "expired",
        "status",
        but(status="EXPIRED"),
        broken(
            "its status is EXPIRED",
            "request a new certificate and attach it: an expired one cannot be renewed",
        ),
    ),
    Trial(
        "timed out",
        "status",
        but(status="VALIDATION_TIMED_OUT"),
        broken("its status is VALIDATION_TIMED_OUT", "request it again and validate it within 72 hours"),
    ),
    Trial(
        "inactive",
        "status",
        but(status="INACTIVE"),
        broken("its status is INACTIVE", "request a new certificate: ACM no longer keeps this one up"),
    ),
    Trial(
        "revoked",
        "status",
        but(status="REVOKED"),
        broken("its status is REVOKED", "request a new certificate and attach it"),
    ),
    Trial(
        "failed, with ACM's cause",
        "status",
        but(status="FAILED", details=detailed(failure_reason="CAA_ERROR")),
        broken("its status is FAILED (CAA_ERROR)", "mend the cause of the failure, then request it again"),
    ),
    Trial(
        "a status that ACM invents tomorrow",
        "status",
        but(status="ASLEEP"),
        broken("its status is ASLEEP", "request it again"),
    ),
    Trial(
        "imported and expired",
        "status",
        but(IMPORTED, status="EXPIRED"),
        broken("its status is EXPIRED", "import a new certificate over this ARN"),
    ),
    Trial(
        "an ACME client's, expired",
        "status",
        but(ACME, status="EXPIRED"),
        broken("its status is EXPIRED", "let its ACME client obtain a new one"),
    ),
    Trial(
        "not told",
        "status",
        but(status=""),
        blind(Why.ABSENT, "ACM's answer does not tell the status", ABSENT),
    ),
)

EMAIL_SUNSET = (
    Trial("due in time", "email_sunset", EMAIL, HOLDS),
    Trial("due on the last day", "email_sunset", opening(ENDING), HOLDS),
    Trial(
        "due on the last day, though it is tomorrow in Tokyo",
        "email_sunset",
        opening(ENDING.astimezone(TOKYO)),
        HOLDS,
    ),
    Trial(
        "due a day too late",
        "email_sunset",
        opening(ENDING + DAY),
        broken(
            "its next renewal opens on 2027-10-01, and ACM renews by e-mail until 2027-09-30 only", MIGRATE
        ),
    ),
    Trial("in the window on the last day", "email_sunset", opening(ENDING - 9 * DAY), HOLDS, ENDING),
    Trial(
        "due in time, and the time went by",
        "email_sunset",
        opening(ENDING - 9 * DAY),
        broken(
            "its next renewal is open since 2027-09-21, and ACM renews by e-mail until 2027-09-30 only",
            MIGRATE,
        ),
        ENDING + DAY,
    ),
    Trial(
        "another end",
        "email_sunset",
        EMAIL,
        broken(
            "its next renewal opens on 2027-03-03, and ACM renews by e-mail until 2027-03-02 only", MIGRATE
        ),
        policy=Policy(email_ends=date(2027, 3, 2)),
    ),
    Trial(
        "its end is not told",
        "email_sunset",
        but(EMAIL, not_after=None),
        blind(Why.ABSENT, "ACM's answer does not tell when it ends", ABSENT),
    ),
    Trial(
        "its validation is not told",
        "email_sunset",
        but(EMAIL, validation_method=""),
        blind(Why.ABSENT, "ACM's answer does not tell the validation method", ABSENT),
    ),
    Trial("not issued yet", "email_sunset", but(EMAIL, status="PENDING_VALIDATION", not_after=None), MOOT),
    Trial("never issued", "email_sunset", but(EMAIL, status="FAILED", not_after=None), MOOT),
    Trial("validated by DNS", "email_sunset", HEALTHY, MOOT, ENDING + DAY),
    Trial("validated by HTTP", "email_sunset", HTTP, MOOT, ENDING + DAY),
    Trial("private", "email_sunset", PRIVATE, MOOT, ENDING + DAY),
)

PCA_REMEDIES = {
    "PCA_ACCESS_DENIED": "grant acm.amazonaws.com IssueCertificate, GetCertificate and ListPermissions",
    "PCA_INVALID_DURATION": "renew or replace the CA certificate: it ends before the renewed one would",
    "PCA_INVALID_STATE": "make the private CA ACTIVE again",
    "PCA_RESOURCE_NOT_FOUND": "the private CA is gone: request a certificate from another one",
    "PCA_LIMIT_EXCEEDED": "raise the private CA's certificate quota",
    "PCA_REQUEST_FAILED": "mend the private CA as the reason says",
    "SLR_NOT_FOUND": "create the service-linked role AWSServiceRoleForCertificateManager",
}
REFUSED_BY_CA = tuple(
    Trial(
        f"refused: {reason}",
        "private_ca",
        renewing(PRIVATE, "FAILED", reason, ca_arn=PRIVATE_CA),
        broken(f"the private CA {PRIVATE_CA} refused the renewal: {reason}", remedy),
    )
    for reason, remedy in PCA_REMEDIES.items()
)
PRIVATE_CA_TRIALS = (
    *REFUSED_BY_CA,
    Trial("never renewed", "private_ca", PRIVATE, HOLDS),
    Trial("the last renewal went well", "private_ca", renewing(PRIVATE, "SUCCESS", "PCA_OLD"), HOLDS),
    Trial("failed for another reason", "private_ca", renewing(PRIVATE, "FAILED", "OTHER"), HOLDS),
    Trial(
        "still tried, from a CA without a name",
        "private_ca",
        renewing(PRIVATE, "PENDING_AUTO_RENEWAL", "PCA_INVALID_STATE"),
        broken(
            "the private CA (no ARN) refused the renewal: PCA_INVALID_STATE",
            "make the private CA ACTIVE again",
        ),
    ),
    Trial(
        "may not be described",
        "private_ca",
        but(PRIVATE, details=DENIED),
        blind(
            Why.DENIED,
            "ACM could not tell the private CA's answer: not authorized to perform acm:DescribeCertificate",
            ASK,
        ),
    ),
    Trial("its type is not told", "private_ca", but(PRIVATE, type=""), NO_TYPE),
    Trial("public", "private_ca", renewing(HEALTHY, "FAILED", "PCA_ACCESS_DENIED"), MOOT),
    Trial("imported", "private_ca", IMPORTED, MOOT),
)

REASON_REMEDIES = {
    "NO_AVAILABLE_CONTACTS": "give the domain an MX that takes validation mail, or move to DNS validation",
    "ADDITIONAL_VERIFICATION_REQUIRED": "open a case with AWS Support: ACM reviews this name by hand",
    "DOMAIN_NOT_ALLOWED": "the name is listed as unsafe: clear it (VirusTotal), then ask AWS Support",
    "INVALID_PUBLIC_DOMAIN": "the name is not under a public top-level domain: request it without that name",
    "DOMAIN_VALIDATION_DENIED": "somebody refused the validation mail: resend it and approve it",
    "CAA_ERROR": "let a CAA record allow amazon.com",
    "PCA_ACCESS_DENIED": PCA_REMEDIES["PCA_ACCESS_DENIED"],
    "PCA_REQUEST_FAILED": PCA_REMEDIES["PCA_REQUEST_FAILED"],
    "OTHER": "create the validation CNAME of each name",
}
BY_REASON = tuple(
    Trial(
        f"failed: {reason}",
        "renewal_progress",
        renewing(HEALTHY, "FAILED", reason, validations=()),
        broken(f"renewal is FAILED ({reason})", remedy),
        ENDS,
    )
    for reason, remedy in REASON_REMEDIES.items()
)
RENEWAL_PROGRESS = (
    *BY_REASON,
    Trial("before the window", "renewal_progress", HEALTHY, MOOT),
    Trial("a moment before the window", "renewal_progress", HEALTHY, MOOT, OPENS - SECOND),
    Trial("as the window opens", "renewal_progress", HEALTHY, HOLDS, OPENS),
    Trial("ACM is at it", "renewal_progress", but(renewal_status="PENDING_AUTO_RENEWAL"), HOLDS, OPENS + DAY),
    Trial("at the end of the grace", "renewal_progress", HEALTHY, HOLDS, OPENS + 3 * DAY),
    Trial(
        "after the grace",
        "renewal_progress",
        HEALTHY,
        broken("the renewal window opened on 2027-03-03, 3 days ago, and nothing was renewed", SUPPORT),
        OPENS + 3 * DAY + SECOND,
    ),
    Trial(
        "after the grace, but ACM was last read before the window opened",
        "renewal_progress",
        replace(HEALTHY, read_at=OPENS - DAY),
        MOOT,
        OPENS + 4 * DAY,
    ),
    Trial(
        "after the grace, though ACM says that it is at it",
        "renewal_progress",
        renewing(HEALTHY, "PENDING_AUTO_RENEWAL", "CAA_ERROR"),
        broken(
            "the renewal window opened on 2027-03-03, 7 days ago, and nothing was renewed",
            "let a CAA record allow amazon.com",
        ),
        OPENS + 7 * DAY,
    ),
    Trial(
        "the last renewal's success says nothing of this one",
        "renewal_progress",
        but(renewal_status="SUCCESS"),
        broken("the renewal window opened on 2027-03-03, 4 days ago, and nothing was renewed", SUPPORT),
        OPENS + 4 * DAY,
    ),
    Trial("a longer grace", "renewal_progress", HEALTHY, HOLDS, OPENS + 4 * DAY, Policy(grace=5 * DAY)),
    Trial(
        "ended within the grace",
        "renewal_progress",
        but(not_before=NOON - 6 * HOUR, not_after=NOON),
        broken("the renewal window opened on 2026-11-23, 0 days ago, and nothing was renewed", SUPPORT),
    ),
    Trial(
        "a name is not validated",
        "renewal_progress",
        renewing(HEALTHY, "PENDING_VALIDATION", validations=waiting("example.com", "www.example.com")),
        broken(
            "renewal is PENDING_VALIDATION: www.example.com PENDING_VALIDATION",
            "create the validation CNAME of each name",
        ),
        OPENS,
    ),
    Trial(
        "five names are not validated",
        "renewal_progress",
        renewing(EMAIL, "PENDING_VALIDATION", "DOMAIN_VALIDATION_DENIED", validations=waiting(*"abcdef")),
        broken(
            "renewal is PENDING_VALIDATION (DOMAIN_VALIDATION_DENIED): b PENDING_VALIDATION, "
            "c PENDING_VALIDATION, d PENDING_VALIDATION and 2 more",
            "somebody refused the validation mail: resend it and approve it",
        ),
        OPENS,
    ),
    Trial(
        "validated by e-mail",
        "renewal_progress",
        but(EMAIL, renewal_status="PENDING_VALIDATION", details=DENIED),
        broken("renewal is PENDING_VALIDATION", RESEND),
        OPENS,
    ),
    Trial(
        "validated by HTTP",
        "renewal_progress",
        but(HTTP, renewal_status="PENDING_VALIDATION"),
        broken(
            "renewal is PENDING_VALIDATION",
            "let /.well-known/pki-validation/ through to CloudFront",
        ),
        OPENS,
    ),
    Trial(
        "private",
        "renewal_progress",
        but(PRIVATE, renewal_status="FAILED"),
        broken(
            "renewal is FAILED",
            "see that the private CA is ACTIVE, outlives the certificate and lets ACM issue",
        ),
        PRIVATE_OPENS,
    ),
    Trial("private, as its window opens", "renewal_progress", PRIVATE, HOLDS, PRIVATE_OPENS),
    Trial(
        "not described yet",
        "renewal_progress",
        but(details=Unseen(Why.NOT_YET)),
        blind(Why.NOT_YET, "ACM has not told yet the renewal status", "wait for the next look"),
        OPENS,
    ),
    Trial(
        "its end is not told",
        "renewal_progress",
        but(not_after=None),
        blind(Why.ABSENT, "ACM's answer does not tell when it ends", ABSENT),
    ),
    Trial(
        "its validity makes no sense",
        "renewal_progress",
        but(not_after=ISSUED),
        blind(Why.ABSENT, "ACM's answer does not tell when it ends", ABSENT),
    ),
    Trial("expired long ago", "renewal_progress", but(status="EXPIRED"), MOOT, ENDS + DAY),
    Trial("not issued yet", "renewal_progress", but(status="PENDING_VALIDATION", not_after=None), MOOT),
    Trial("its type is not told", "renewal_progress", but(type=""), NO_TYPE, OPENS),
    Trial("imported", "renewal_progress", IMPORTED, MOOT, OPENS + 9 * DAY),
)

TRIALS = (
    *IN_USE,
    *VALIDATION_AGE,
    *ELIGIBLE,
    *STATUS,
    *EMAIL_SUNSET,
    *PRIVATE_CA_TRIALS,
    *RENEWAL_PROGRESS,
)


@pytest.mark.parametrize("rules", RuleSet)
@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_conditions(trial: Trial, rules: RuleSet) -> None:
    """Each condition finds what the contract says, in the words that people read, under both rule sets."""
    policy = replace(trial.policy, rules=rules)
    assert CHECKS[trial.code].judge(trial.evidence, policy, trial.now) == trial.finding


def test_a_rule_that_raises_is_a_bug_of_ours() -> None:
    """A mistake in one rule leaves its condition unknown and names itself."""

    def check(*_: object) -> Finding:
        raise KeyError("x")

    broken_rule = replace(CHECKS["in_use"], check=check)
    assert broken_rule.judge(HEALTHY, Policy(), NOON) == blind(
        Why.BUG, "bug in the rule in_use: KeyError: 'x'", "report it with the exporter's log"
    )


@pytest.mark.parametrize(
    ("changes", "window", "before_the_end"),
    [
        ({}, None, 45 * DAY),
        ({"not_after": ISSUED + 395 * DAY}, None, 60 * DAY),
        ({"not_after": ISSUED + 300 * DAY}, None, 45 * DAY),
        ({"not_after": ISSUED + 99 * DAY}, None, 33 * DAY),
        ({"not_after": ISSUED + 45 * DAY}, None, 15 * DAY),
        ({"type": "PRIVATE", "not_after": ISSUED + 395 * DAY}, None, 60 * DAY),
        ({"type": "PRIVATE"}, None, 60 * DAY),
        ({}, 30 * DAY, 30 * DAY),
        ({}, 400 * DAY, 198 * DAY),
        ({"type": "IMPORTED"}, 30 * DAY, None),
        ({"key_pair_origin": "ACME"}, None, None),
        ({"type": ""}, None, None),
        ({"not_before": None}, None, None),
        ({"not_after": None}, None, None),
        ({"not_after": ISSUED - DAY}, None, None),
    ],
)
def test_window(changes: dict[str, Any], window: timedelta | None, before_the_end: timedelta | None) -> None:
    """The window follows from the lifetime, as AWS documents it, unless the operator says otherwise."""
    one = replace(CERTIFICATE, **changes)
    expected = one.not_after - before_the_end if one.not_after and before_the_end else None
    assert window_start(one, Policy(window=window)) == expected


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.none() | st.timedeltas(min_value=SECOND),
    st.sampled_from(["AMAZON_ISSUED", "PRIVATE"]),
)
def test_window_lies_inside_the_validity(
    start: datetime, end: datetime, window: timedelta | None, kind: str
) -> None:
    """No lifetime and no configured window makes ACM late before it could begin."""
    one = replace(CERTIFICATE, type=kind, not_before=min(start, end), not_after=max(start, end))
    opens = window_start(one, Policy(window=window))
    assert start == end if opens is None else min(start, end) <= opens <= max(start, end)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, FIRST),
        ({"issued_at": None}, FIRST),
        ({"issued_at": None, "not_before": None}, None),
        ({"created_at": None}, None),
        ({"type": "IMPORTED"}, None),
    ],
)
def test_first_issue(changes: dict[str, Any], expected: datetime | None) -> None:
    """The age counts from the first request, which renewals leave as it is."""
    assert first_issue(replace(CERTIFICATE, **changes)) == expected
