"""Rules on what ACM says of a certificate itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exporter.facts import Certificate, Details, Evidence, Seen, Unseen
from exporter.judge.resources import places
from exporter.judge.rule import (
    HOLDS,
    MOOT,
    SHOWN_PARTS,
    Finding,
    Policy,
    Scope,
    breaks,
    every,
    managed,
    private,
    public,
    rule,
    unsaid,
    validated_by,
)

USER_GUIDE = "https://docs.aws.amazon.com/acm/latest/userguide"
LONG_LIFETIME = timedelta(days=300)  # only the 395-day certificates issued until February 2026 last longer
NEVER_ISSUED = {"PENDING_VALIDATION", "VALIDATION_TIMED_OUT", "FAILED"}


def window_start(certificate: Certificate, policy: Policy) -> datetime | None:
    """Tell when ACM begins to renew, within the validity; None where it never does or that is not known.

    By lifetime: 60 days before the end for private and for 395-day certificates, 45 days for 198-day ones
    (AWS: dns-renewal-validation). AWS has announced nothing for shorter ones: a third of the lifetime.
    """
    if managed(certificate) is not True or certificate.not_after is None or certificate.not_before is None:
        return None
    lifetime = certificate.not_after - certificate.not_before
    if lifetime <= timedelta():
        return None
    long = certificate.type == "PRIVATE" or lifetime > LONG_LIFETIME
    usual = min(timedelta(days=60 if long else 45), lifetime / 3)
    return certificate.not_after - min(usual if policy.window is None else policy.window, lifetime)


def first_issue(certificate: Certificate) -> datetime | None:
    """Tell when this ARN was first issued; CreatedAt stays through renewals while IssuedAt moves."""
    issued = certificate.issued_at or certificate.not_before
    if certificate.created_at is None or issued is None or certificate.type == "IMPORTED":
        return None
    return certificate.created_at


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/managed-renewal.html",
    remedy="attach the certificate to the resource that should use it, or delete it",
    applies=managed,
)
def in_use(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """An AWS service uses the certificate, or it was exported since its last issue."""
    certificate = evidence.certificate
    if certificate.in_use or certificate.exported:
        return HOLDS
    if certificate.in_use is None:
        return unsaid(certificate, "whether it is in use")
    if certificate.exported is None and not _rules_out_export(certificate):
        return unsaid(certificate, "whether it was exported")
    exported = "it was not exported" if certificate.exported is False else "ACM tells of no export"
    lags = f"; yet {named} names it: ACM may lag behind" if (named := places(certificate)) else ""
    return breaks(f"no AWS resource uses it and {exported}{lags}", in_use.remedy)


def _rules_out_export(certificate: Certificate) -> bool:
    """Read ACM's silence on exports: what it calls eligible without any use must have been exported."""
    told = isinstance(certificate.details, Seen) or certificate.eligibility
    return bool(told) and certificate.eligibility != "ELIGIBLE"


@rule(
    current=Scope.ADVISORY,
    classic=Scope.RENEWAL,
    cites="the post-mortem's fifth condition; dropped by AWS in December 2021",
    remedy="resend the validation mail and approve it, or move to DNS validation",
    applies=public,
)
def validation_age(evidence: Evidence, policy: Policy, now: datetime) -> Finding:
    """The first issue lies no longer ago than `renewal.validation_limit` (825 days)."""
    certificate = evidence.certificate
    if certificate.status in NEVER_ISSUED:
        return MOOT
    first = first_issue(certificate)
    if first is None:
        return unsaid(certificate, "when it was first issued")
    if now - first <= policy.validation_limit:
        return HOLDS
    says = f"first issued on {first:%Y-%m-%d}, more than {policy.validation_limit.days} days ago"
    return breaks(says, validation_age.remedy)


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/troubleshooting-renewal.html",
    remedy="ask AWS Support why it is not eligible, or request a new certificate",
    applies=managed,
)
def eligible(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """ACM itself calls the certificate eligible for renewal, where type and use allow it."""
    certificate = evidence.certificate
    if certificate.status not in ("", "ISSUED"):
        return MOOT
    if certificate.eligibility == "ELIGIBLE":
        return HOLDS
    if certificate.eligibility == "":
        return unsaid(certificate, "the renewal eligibility")
    if certificate.in_use is False and not certificate.exported:
        return MOOT  # `in_use` names the cause
    if certificate.in_use is None and not certificate.exported:
        return unsaid(certificate, "whether it is in use")
    used = "in use" if certificate.in_use else "exported"
    if certificate.type == "PRIVATE":
        remedy = "request it through ACM (RequestCertificate), not by IssueCertificate of the private CA"
        says = f"ACM says INELIGIBLE although it is {used}: perhaps the private CA issued it without ACM"
        return breaks(says, remedy)
    odd = [name for name in certificate.names if any(_is_bad_label(label) for label in name.split("."))]
    if odd:
        says = (
            f"ACM says INELIGIBLE: {', '.join(odd[:3])} has hyphens in third and fourth place and is no IDN"
        )
        return breaks(says, "request a new certificate without that name")
    return breaks(f"ACM says INELIGIBLE although it is {used}", eligible.remedy)


def _is_bad_label(label: str) -> bool:
    return label[2:4] == "--" and not label.lower().startswith("xn--")


_STATUS_REMEDIES = {
    "PENDING_VALIDATION": "finish the first validation: create the CNAME records or approve the mail",
    "EXPIRED": "request a new certificate and attach it: an expired one cannot be renewed",
    "VALIDATION_TIMED_OUT": "request it again and validate it within 72 hours",
    "INACTIVE": "request a new certificate: ACM no longer keeps this one up",
    "REVOKED": "request a new certificate and attach it",
    "FAILED": "mend the cause of the failure, then request it again",
}


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites="https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html",
    remedy="request it again",
    applies=every,
)
def status(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """ACM's status of the certificate is ISSUED."""
    certificate = evidence.certificate
    if certificate.status == "ISSUED":
        return HOLDS
    if certificate.status == "":
        return unsaid(certificate, "the status")
    cause = ""
    if isinstance(certificate.details, Seen) and certificate.details.value.failure_reason:
        cause = f" ({certificate.details.value.failure_reason})"
    remedy = _STATUS_REMEDIES.get(certificate.status, status.remedy)
    if certificate.type == "IMPORTED":
        remedy = "import a new certificate over this ARN"
    elif certificate.key_pair_origin == "ACME":
        remedy = "let its ACME client obtain a new one"
    return breaks(f"its status is {certificate.status}{cause}", remedy)


@rule(
    current=Scope.RENEWAL,
    classic=Scope.ADVISORY,
    cites="https://aws.amazon.com/blogs/security/ (ACM discontinues e-mail validation)",
    remedy="migrate to DNS validation in place (UpdateCertificateOptions keeps the ARN)",
    applies=validated_by("EMAIL"),
)
def email_sunset(evidence: Evidence, policy: Policy, now: datetime) -> Finding:
    """An e-mail-validated certificate is due for renewal before ACM ends e-mail renewals."""
    start = window_start(evidence.certificate, policy)
    if start is None:
        return MOOT if evidence.certificate.status in NEVER_ISSUED else _no_dates(evidence)
    due = max(start, now).astimezone(UTC).date()
    if due <= policy.email_ends:
        return HOLDS
    opens = f"opens on {start:%Y-%m-%d}" if start > now else f"is open since {start:%Y-%m-%d}"
    says = f"its next renewal {opens}, and ACM renews by e-mail until {policy.email_ends:%Y-%m-%d} only"
    return breaks(says, email_sunset.remedy)


_PCA_REMEDIES = {
    "PCA_ACCESS_DENIED": "grant acm.amazonaws.com IssueCertificate, GetCertificate and ListPermissions",
    "PCA_INVALID_DURATION": "renew or replace the CA certificate: it ends before the renewed one would",
    "PCA_INVALID_STATE": "make the private CA ACTIVE again",
    "PCA_RESOURCE_NOT_FOUND": "the private CA is gone: request a certificate from another one",
    "PCA_LIMIT_EXCEEDED": "raise the private CA's certificate quota",
    "SLR_NOT_FOUND": "create the service-linked role AWSServiceRoleForCertificateManager",
}


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/renew-private-cert.html",
    remedy="mend the private CA as the reason says",
    applies=private,
)
def private_ca(evidence: Evidence, _: Policy, __: datetime) -> Finding:
    """The private CA has not refused the last renewal."""
    certificate = evidence.certificate
    match certificate.details:
        case Unseen():
            return unsaid(certificate, "the private CA's answer")
        case Seen(value=details):
            reason = details.renewal_reason
            failing = certificate.renewal_status in {"FAILED", "PENDING_VALIDATION", "PENDING_AUTO_RENEWAL"}
            if failing and reason.startswith(("PCA_", "SLR_")):
                says = f"the private CA {details.ca_arn or '(no ARN)'} refused the renewal: {reason}"
                return breaks(says, _PCA_REMEDIES.get(reason, private_ca.remedy))
            return HOLDS


_REASON_REMEDIES = {
    "NO_AVAILABLE_CONTACTS": "give the domain an MX that takes validation mail, or move to DNS validation",
    "ADDITIONAL_VERIFICATION_REQUIRED": "open a case with AWS Support: ACM reviews this name by hand",
    "DOMAIN_NOT_ALLOWED": "the name is listed as unsafe: clear it (VirusTotal), then ask AWS Support",
    "INVALID_PUBLIC_DOMAIN": "the name is not under a public top-level domain: request it without that name",
    "DOMAIN_VALIDATION_DENIED": "somebody refused the validation mail: resend it and approve it",
    "CAA_ERROR": "let a CAA record allow amazon.com",
}
_METHOD_REMEDIES = {
    "DNS": "create the validation CNAME of each name",
    "EMAIL": "resend the validation mail and approve it, or move to DNS validation",
    "HTTP": "let /.well-known/pki-validation/ through to CloudFront",
    "PRIVATE": "see that the private CA is ACTIVE, outlives the certificate and lets ACM issue",
}


@rule(
    current=Scope.RENEWAL,
    classic=Scope.RENEWAL,
    cites=f"{USER_GUIDE}/check-certificate-renewal-status.html",
    remedy="mend what ACM could not validate",
    applies=managed,
)
def renewal_progress(evidence: Evidence, policy: Policy, now: datetime) -> Finding:
    """Inside the renewal window ACM is renewing without trouble and without delay."""
    certificate = evidence.certificate
    now = min(now, evidence.read_at or now)  # it may have been renewed since ACM was last read
    details = certificate.details.value if isinstance(certificate.details, Seen) else Details()
    reason = details.renewal_reason
    if certificate.renewal_status in {"PENDING_VALIDATION", "FAILED"}:
        says = f"renewal is {certificate.renewal_status}" + (f" ({reason})" if reason else "")
        method = certificate.validation_method or certificate.type
        by_method = _METHOD_REMEDIES.get(method, renewal_progress.remedy)
        unsolved = [f"{v.name} {v.status}" for v in details.validations if v.status not in ("", "SUCCESS")]
        names = ": " + ", ".join(unsolved[:SHOWN_PARTS]) if unsolved else ""
        more = f" and {len(unsolved) - SHOWN_PARTS} more" if len(unsolved) > SHOWN_PARTS else ""
        return breaks(f"{says}{names}{more}", _by_reason(reason, by_method))
    if certificate.status not in ("", "ISSUED"):
        return MOOT  # `status` names the cause
    start = window_start(certificate, policy)
    if start is None:
        return _no_dates(evidence)
    if now < start:
        return MOOT
    expired = certificate.not_after is not None and certificate.not_after <= now
    if expired or now - start > policy.grace:
        opened = f"the renewal window opened on {start:%Y-%m-%d}, {(now - start).days} days ago"
        says = f"{opened}, and nothing was renewed"
        return breaks(says, _by_reason(reason, "mend what else is broken; if nothing is, ask AWS Support"))
    if certificate.renewal_status == "" and isinstance(certificate.details, Unseen):
        return unsaid(certificate, "the renewal status")
    return HOLDS


def _by_reason(reason: str, otherwise: str) -> str:
    if reason.startswith(("PCA_", "SLR_")):
        return _PCA_REMEDIES.get(reason, private_ca.remedy)
    return _REASON_REMEDIES.get(reason, otherwise)


def _no_dates(evidence: Evidence) -> Finding:
    return unsaid(evidence.certificate, "when it ends")
