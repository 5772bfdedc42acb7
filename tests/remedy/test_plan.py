"""Each broken condition has its remedy, and what one command mends stands once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.facts import Ask, Caa, CaaRecord, Cname, Evidence, Mx, Question, Seen, Unseen, Why
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.verdict import RULES, judge
from exporter.remedy import text
from exporter.remedy.plan import REMEDIES, plan
from exporter.snapshot import Case
from tests.evidence import (
    ARN,
    DAY,
    EMAIL,
    HEALTHY,
    NAMES,
    NOON,
    PRIVATE,
    answered,
    but,
    by_mail,
    detailed,
    look,
    looked,
    record_of,
    served,
)

WAITING = tuple(by_mail(name, status="PENDING_VALIDATION") for name in NAMES)
PENDING_MAIL = but(EMAIL, renewal_status="PENDING_VALIDATION", details=detailed(validations=WAITING))
DEAF = {Question(Ask.MX, "example.com"): Seen(Mx(()))}
NO_CNAME = {Question(Ask.CNAME, record_of("example.com")[0]): Seen(Cname(()))}
BOGUS = {Question(Ask.CNAME, record_of("example.com")[0]): Unseen(Why.DNSSEC_BOGUS)}
OTHER_CAA = {
    Question(Ask.CAA, "example.com"): Seen(Caa("example.com", (CaaRecord(0, "issue", "other.test"),)))
}


def case_of(evidence: Evidence, now: Any = NOON) -> Case:
    """Judge some evidence."""
    return Case(evidence, judge(evidence, Policy(), now), None, None, ())


def steps(evidence: Evidence, now: Any = NOON) -> list[tuple[str, str, int]]:
    """Plan: the condition, the command and the earlier step of each."""
    return [
        (one.code, one.act.command, one.after) for one in plan(case_of(evidence, now), RuleSet.CURRENT).steps
    ]


def test_every_rule_has_a_remedy() -> None:
    """A condition that is added needs a line in the register."""
    assert sorted(REMEDIES) == sorted(rule.code for rule in RULES)


@pytest.mark.parametrize(
    ("title", "evidence", "expected"),
    [
        ("all is well", HEALTHY, []),
        ("a CNAME is gone", answered(HEALTHY, NO_CNAME), [("validation_records", "records", 0)]),
        (
            "a CNAME is gone and the renewal waits for it",
            answered(but(renewal_status="PENDING_VALIDATION"), NO_CNAME),
            [("validation_records", "records", 0), ("renewal_progress", "records", 1)],
        ),
        ("no record mends DNSSEC", answered(HEALTHY, BOGUS), [("validation_records", "", 0)]),
        (
            "CAA is mended before the CNAME, by one command",
            answered(HEALTHY, {**NO_CNAME, **OTHER_CAA}),
            [("caa", "records", 0), ("validation_records", "records", 1)],
        ),
        (
            "nobody approves",
            PENDING_MAIL,
            [("approval_mail", "resend-mail", 0), ("renewal_progress", "resend-mail", 1)],
        ),
        (
            "mail cannot arrive, so that sending it again is in vain",
            answered(PENDING_MAIL, DEAF),
            [("approval_mail", "use-dns", 0), ("renewal_progress", "use-dns", 1)],
        ),
        (
            "a switch is under way already",
            but(PENDING_MAIL, details=detailed(validations=WAITING, switching_to="DNS")),
            [("approval_mail", "use-dns", 0), ("renewal_progress", "use-dns", 1)],
        ),
        ("no mail is due, and none could arrive", answered(EMAIL, DEAF), [("approval_mail", "use-dns", 0)]),
        (
            "the first mail was never approved",
            but(EMAIL, status="PENDING_VALIDATION", details=detailed(validations=WAITING)),
            [("status", "resend-mail", 0), ("approval_mail", "resend-mail", 1)],
        ),
        (
            "first issued long ago, by e-mail",
            but(EMAIL, created_at=NOON - 900 * DAY),
            [("validation_age", "use-dns", 0)],
        ),
        ("first issued long ago, by DNS", but(created_at=NOON - 900 * DAY), [("validation_age", "", 0)]),
        ("not in use", but(in_use=False), [("in_use", "", 0)]),
        ("expired", but(status="EXPIRED"), [("status", "", 0)]),
        (
            "a private CA refuses",
            but(PRIVATE, renewal_status="FAILED", details=detailed(renewal_reason="PCA_ACCESS_DENIED")),
            [("private_ca", "", 0), ("renewal_progress", "", 0)],
        ),
        (
            "another certificate is served",
            looked(look(sight=served(serial=7, issuer="CN=Edge"))),
            [("serial_match", "", 0)],
        ),
    ],
)
def test_steps(title: str, evidence: Evidence, expected: list[tuple[str, str, int]]) -> None:
    """Broken conditions stand in the order to work, each with the command that does it, if there is one."""
    assert steps(evidence) == expected, title


def test_as_text() -> None:
    """A person reads what to run, what that changes and what is left to do."""
    found = [
        plan(case_of(answered(but(not_after=NOON + 40 * DAY), NO_CNAME)), RuleSet.CURRENT),
        plan(case_of(but(in_use=False)), RuleSet.CURRENT),
        plan(case_of(HEALTHY), RuleSet.CURRENT),
    ]
    assert text.plans(found, "my.yaml", NOON) == (
        f"example.com  {ARN}  (blocked, 40 days left)\n"
        "  1. validation_records (renewal): _token.example.com: no CNAME\n"
        f"     run: acm-exporter fix records --config.file my.yaml {ARN}\n"
        "     changes: nothing in AWS, or with --apply-route53 this account's own zones\n"
        "              (route53:ChangeResourceRecordSets)\n"
        "     elsewhere: whoever owns the zone creates the records and leaves them there\n"
        "\n"
        f"example.com  {ARN}  (blocked, 144 days left)\n"
        "  1. in_use (renewal): no AWS resource uses it and it was not exported\n"
        "     elsewhere: attach the certificate to the resource that should use it, or delete it\n"
        "\n"
        "2 to mend, 1 with nothing broken.\n"
    )


def test_as_json() -> None:
    """A script reads the same."""
    found = plan(case_of(answered(but(renewal_status="PENDING_VALIDATION"), NO_CNAME)), RuleSet.CURRENT)
    (document,) = text.document([found], "")
    first, second = document.pop("steps")
    assert document == {
        "arn": ARN,
        "account": "111122223333",
        "region": "us-east-1",
        "domain": "example.com",
        "verdict": "blocked",
    }
    assert first == {
        "condition": "validation_records",
        "scope": "renewal",
        "says": "_token.example.com: no CNAME",
        "command": f"acm-exporter fix records {ARN}",
        "changes": "nothing in AWS, or with --apply-route53 this account's own zones"
        " (route53:ChangeResourceRecordSets)",
        "elsewhere": "whoever owns the zone creates the records and leaves them there",
        "done_by_step": None,
    }
    assert (second["condition"], second["done_by_step"]) == ("renewal_progress", 1)


def test_scopes_follow_the_rule_set() -> None:
    """What is advice today decides under the classic rules."""
    evidence = replace(but(EMAIL, created_at=NOON - 900 * DAY))
    scopes = [plan(case_of(evidence), rules).steps[0].scope.value for rules in RuleSet]
    assert scopes == ["advisory", "renewal"]
