"""A healthy certificate with everything known of it, and ways to change one thing: for tests of every room.

It was requested in March, issued anew on 1 October 2026 for 198 days, and is looked at on 23 November at noon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    Certificate,
    Cname,
    Description,
    Details,
    Endpoint,
    Evidence,
    Listener,
    Look,
    Mx,
    Question,
    Seen,
    Served,
    Sight,
    Token,
    Unseen,
    Validation,
    Why,
)
from exporter.judge.rule import Finding, Outcome, Policy

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ISSUED = datetime(2026, 10, 1, tzinfo=UTC)
ENDS = ISSUED + 198 * DAY  # 17 April 2027
OPENS = ENDS - 45 * DAY  # 3 March 2027, when ACM begins to renew

ARN = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000001"
OTHER_ARN = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000002"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/50dc6c495c0c9188"
BEHIND = {BALANCER: Seen(Description("shop-1.us-east-1.elb.amazonaws.com", listeners=(Listener(443),)))}
PRIVATE_CA = (
    "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/00000000-0000-4000-8000-00000000000a"
)
NAMES = ("example.com", "www.example.com")
ADDRESS = "192.0.2.10"
SERIAL = 0xA1B2C3
SERVED = Served(
    serial=SERIAL,
    names=NAMES,
    not_before=ISSUED,
    not_after=ENDS,
    issuer="CN=Amazon RSA 2048 M02,O=Amazon,C=US",
    subject="CN=example.com",
    fingerprint="ab" * 32,
    tls_version="TLSv1.3",
    cipher="TLS_AES_128_GCM_SHA256",
    trusted=True,
    trust_error="",
    chain_not_after=ENDS,
    chain_length=3,
)


def record_of(name: str) -> tuple[str, str]:
    """Return the name and the target of a name's validation record, which a wildcard shares with its base."""
    name = name.removeprefix("*.")
    return f"_token.{name}", f"_target.{name}.acm-validations.aws"


def by_dns(name: str, **changes: Any) -> Validation:
    """Make a name's validation by DNS."""
    record, target = record_of(name)
    healthy = Validation(name, "DNS", "SUCCESS", record_name=record, record_value=target)
    return replace(healthy, **changes)


def by_mail(name: str, **changes: Any) -> Validation:
    """Make a name's validation by e-mail, for which its own domain gets the mail."""
    return replace(Validation(name, "EMAIL", "SUCCESS", mail_domain="example.com"), **changes)


def by_http(name: str, **changes: Any) -> Validation:
    """Make a name's validation by HTTP."""
    token = f"https://validation.us-east-1.acm-validations.aws/111122223333/{name}.txt"
    page = f"http://{name}/.well-known/pki-validation/token.txt"
    return replace(Validation(name, "HTTP", "SUCCESS", redirect_from=page, redirect_to=token), **changes)


DETAILS = Details(in_use_by=(BALANCER,), validations=tuple(by_dns(name) for name in NAMES), issuer="Amazon")
CERTIFICATE = Certificate(
    arn=ARN,
    account="111122223333",
    region="us-east-1",
    domain="example.com",
    names=NAMES,
    type="AMAZON_ISSUED",
    status="ISSUED",
    serial=SERIAL,
    not_before=ISSUED,
    not_after=ENDS,
    created_at=datetime(2026, 3, 16, 9, tzinfo=UTC),
    issued_at=ISSUED,
    key_algorithm="RSA_2048",
    key_pair_origin="AWS_MANAGED",
    validation_method="DNS",
    in_use=True,
    exported=False,
    eligibility="ELIGIBLE",
    details=Seen(DETAILS),
)


def detailed(**changes: Any) -> Seen[Details]:
    """Return the details of the healthy certificate with some changes."""
    return Seen(replace(DETAILS, **changes))


def served(**changes: Any) -> Seen[Served]:
    """Return what is served for the healthy certificate with some changes."""
    return Seen(replace(SERVED, **changes))


def look(
    name: str = "www.example.com",
    sight: Sight[Served] = Seen(SERVED),  # noqa: B008 - immutable
    *,
    address: str = ADDRESS,
    port: int = 443,
    at: datetime = NOON,
    last: Served | None = None,
    last_success: datetime | None = None,
) -> Look:
    """Make a look at one address as the schedule keeps it; `last` is for those that failed."""
    if isinstance(sight, Seen):
        last, last_success = sight.value, at
    elif last is not None:
        last_success = last_success or at - timedelta(minutes=5)
    return Look(Endpoint(name, port, address), sight, at, last=last, last_success=last_success)


def missed(why: Why, detail: str = "", **changes: Any) -> Look:
    """Make a look that failed."""
    return look(sight=Unseen(why, detail), **changes)


LOOKS = tuple(look(name) for name in NAMES)


def answers(certificate: Certificate) -> Mapping[Question, Sight[Answer]]:
    """Give the answers that let a certificate renew, to everything that may be asked about it."""
    found: dict[Question, Sight[Answer]] = {
        Question(Ask.CAA, name.removeprefix("*.")): Seen(Caa()) for name in certificate.names
    }
    if isinstance(certificate.details, Seen):
        for one in certificate.details.value.validations:
            found[Question(Ask.CNAME, one.record_name)] = Seen(Cname((one.record_value,)))
            found[Question(Ask.MX, one.mail_domain)] = Seen(Mx(("mx.example.com",)))
            found[Question(Ask.TOKEN, one.redirect_from, one.redirect_to)] = Seen(Token(matches=True))
    return found


HEALTHY = Evidence(CERTIFICATE, LOOKS, answers(CERTIFICATE))


def but(base: Evidence = HEALTHY, /, **changes: Any) -> Evidence:
    """Change some facts of a certificate and leave all else as it is."""
    return replace(base, certificate=replace(base.certificate, **changes))


def answered(base: Evidence, changes: Mapping[Question, Sight[Answer]]) -> Evidence:
    """Change some answers of DNS or of the web."""
    return replace(base, answers={**base.answers, **changes})


def looked(*looks: Look, base: Evidence = HEALTHY, siblings: Mapping[int, str] | None = None) -> Evidence:
    """Change what was seen from outside."""
    return replace(base, looks=looks, siblings=siblings or {})


def _of(**changes: Any) -> Evidence:
    certificate = replace(CERTIFICATE, **changes)
    return Evidence(certificate, LOOKS, answers(certificate))


EMAIL = _of(validation_method="EMAIL", details=detailed(validations=tuple(by_mail(name) for name in NAMES)))
HTTP = _of(
    validation_method="HTTP",
    managed_by="CLOUDFRONT",
    details=detailed(validations=tuple(by_http(name) for name in NAMES)),
)
PRIVATE = _of(
    type="PRIVATE",
    validation_method="",
    issued_at=None,
    not_after=ISSUED + 395 * DAY,
    details=detailed(validations=(), issuer="Example", ca_arn=PRIVATE_CA),
)
IMPORTED = _of(
    type="IMPORTED",
    key_pair_origin="CUSTOMER_PROVIDED",
    validation_method="",
    created_at=None,
    issued_at=None,
    imported_at=ISSUED,
    eligibility="INELIGIBLE",
    details=detailed(validations=()),
)
ACME = _of(key_pair_origin="ACME", validation_method="", eligibility="", details=detailed(validations=()))


def broken(says: str, remedy: str) -> Finding:
    """Expect a break."""
    return Finding(Outcome.BREAKS, says, remedy)


def blind(why: Why, says: str, remedy: str) -> Finding:
    """Expect that it is not known."""
    return Finding(Outcome.UNKNOWN, says, remedy, why)


@dataclass(frozen=True)
class Trial:
    """One row of a table: what is expected of a condition for some evidence."""

    title: str
    code: str
    evidence: Evidence
    finding: Finding
    now: datetime = NOON
    policy: Policy = field(default_factory=Policy)

    def __str__(self) -> str:
        """Name the row in a report."""
        return f"{self.code}: {self.title}"
