"""Rules on what ACM says of a certificate itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from exporter.facts import Certificate, Details, Evidence, Seen, Unseen
from exporter.judge.rule import (
    HOLDS,
    MOOT,
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
    worst,
)

USER_GUIDE = "https://docs.aws.amazon.com/acm/latest/userguide"
LONG_LIFETIME = timedelta(days=300)  # only the 395-day certificates issued until February 2026 last longer


def window_start(certificate: Certificate, policy: Policy) -> datetime | None:
    """Tell when ACM begins to renew; None where it never does or the end is not known.

    By lifetime: 60 days before the end for private and for 395-day certificates, 45 days for 198-day ones
    (AWS: dns-renewal-validation). AWS has announced nothing for shorter ones: a third of the lifetime.
    """
    if managed(certificate) is not True or certificate.not_after is None or certificate.not_before is None:
        return None
    if policy.window is not None:
        return certificate.not_after - policy.window
    lifetime = certificate.not_after - certificate.not_before
    long = certificate.type == "PRIVATE" or lifetime > LONG_LIFETIME
    return certificate.not_after - min(timedelta(days=60 if long else 45), lifetime / 3)


def age(certificate: Certificate, now: datetime) -> timedelta | None:
    """Time since the first issue of this ARN; CreatedAt stays through renewals while IssuedAt moves."""
    issued = certificate.issued_at or certificate.not_before
    if certificate.created_at is None or issued is None or certificate.type == "IMPORTED":
        return None
    return now - certificate.created_at


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
    return breaks("no AWS resource uses it and it was not exported", in_use.remedy)


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
    if certificate.status == "PENDING_VALIDATION":
        return MOOT
    since = age(certificate, now)
    if since is None:
        return unsaid(certificate, "when it was first issued")
    if since <= policy.validation_limit:
        return HOLDS
    limit = policy.validation_limit.days
    return breaks(f"first issued {since.days} days ago, more than {limit}", validation_age.remedy)


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
    if certificate.in_use is None:
        return unsaid(certificate, "whether it is in use")
    if certificate.type == "PRIVATE":
        remedy = "request it through ACM (RequestCertificate), not by IssueCertificate of the private CA"
        return breaks("ACM says INELIGIBLE: the private CA issued it without ACM", remedy)
    return breaks("ACM says INELIGIBLE although it is in use", eligible.remedy)


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
    return breaks(f"its status is {certificate.status}{cause}", remedy)


@rule(
    current=Scope.RENEWAL,
    classic=Scope.ADVISORY,
    cites="https://aws.amazon.com/blogs/security/ (ACM discontinues e-mail validation)",
    remedy="migrate to DNS validation in place (UpdateCertificateOptions keeps the ARN)",
    applies=validated_by("EMAIL"),
)
def email_sunset(evidence: Evidence, policy: Policy, __: datetime) -> Finding:
    """An e-mail-validated certificate is due for renewal before ACM ends e-mail renewals."""
    start = window_start(evidence.certificate, policy)
    if start is None:
        return MOOT if evidence.certificate.status == "PENDING_VALIDATION" else _no_dates(evidence)
    if start.astimezone(UTC).date() <= policy.email_ends:
        return HOLDS
    return breaks(
        f"its next renewal opens on {start:%Y-%m-%d}, after ACM's last e-mail renewals "
        f"on {policy.email_ends:%Y-%m-%d}",
        email_sunset.remedy,
    )


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
    details = certificate.details.value if isinstance(certificate.details, Seen) else Details()
    reason = details.renewal_reason
    by_method = _METHOD_REMEDIES.get(certificate.validation_method, renewal_progress.remedy)
    if reason.startswith(("PCA_", "SLR_")):
        by_method = _PCA_REMEDIES.get(reason, private_ca.remedy)
    remedy = _REASON_REMEDIES.get(reason, by_method)
    if certificate.renewal_status in {"PENDING_VALIDATION", "FAILED"}:
        cause = f" ({reason})" if reason else ""
        says = f"renewal is {certificate.renewal_status}{cause}"
        open_names = [v for v in details.validations if v.status not in ("", "SUCCESS")]
        return worst(
            [breaks(f"{says}: {v.name} {v.status}", remedy) for v in open_names] or [breaks(says, remedy)]
        )
    if certificate.status not in ("", "ISSUED"):
        return MOOT  # `status` names the cause
    start = window_start(certificate, policy)
    if start is None:
        return _no_dates(evidence)
    if now < start:
        return MOOT
    if now - start > policy.grace:
        says = f"the renewal window opened on {start:%Y-%m-%d}, {(now - start).days} days ago, and nothing was renewed"
        return breaks(
            says, _REASON_REMEDIES.get(reason, "mend what else is broken; if nothing is, ask AWS Support")
        )
    if certificate.renewal_status == "" and isinstance(certificate.details, Unseen):
        return unsaid(certificate, "the renewal status")
    return HOLDS


def _no_dates(evidence: Evidence) -> Finding:
    return unsaid(evidence.certificate, "when it ends")
