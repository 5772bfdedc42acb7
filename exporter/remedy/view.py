"""What ACM says of one certificate now, as far as a remedy needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from exporter.facts import Certificate, Details, Seen, Sight, Unseen, Validation, Why
from exporter.observe.acm_parse import from_describe, host
from exporter.remedy.hand import Hand
from exporter.remedy.waiting import End, State

ANSWER_WITHIN = timedelta(hours=72)  # AWS: how long a mail's link, or a switch to DNS validation, is valid


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of the validation method (UpdateSummary): PENDING_DOMAIN_VALIDATION, SUCCESS or FAILED."""

    status: str
    to: str
    requested_at: datetime | None = None

    @property
    def pending(self) -> bool:
        """Whether ACM is waiting for the records of the new method."""
        return self.status == "PENDING_DOMAIN_VALIDATION"


@dataclass(frozen=True, slots=True)
class View:
    """A certificate and the latest change of its validation method, where there was one."""

    certificate: Certificate
    switch: Switch | None = None

    @property
    def details(self) -> Details:
        """What only a description tells, which this is."""
        details = self.certificate.details
        return details.value if isinstance(details, Seen) else Details()


async def view(hand: Hand, arn: str) -> Sight[View]:
    """Describe one certificate (acm:DescribeCertificate)."""
    match await hand.read("DescribeCertificate", arn, CertificateArn=arn):
        case Unseen() as unseen:
            return unseen
        case Seen(value=answer):
            told = answer.get("Certificate")
            if not isinstance(told, dict) or told.get("CertificateArn") != arn:
                return Unseen(Why.MALFORMED, f"DescribeCertificate does not tell of {arn}")
            return Seen(View(from_describe(told).certificate, _switch(told.get("UpdateSummary"))))


async def glance(hand: Hand, arn: str) -> View | State:
    """Describe one certificate that is waited for; a State says why it could not be."""
    match await view(hand, arn):
        case Unseen(why=Why.DENIED | Why.NOT_FOUND, detail=detail):
            return State(f"ACM can no longer be read: {detail}", End.BLIND)
        case Unseen(why=why, detail=detail):
            return State(f"ACM could not be read, and is asked again: {detail or why}")
        case Seen(value=now):
            return now


async def requested(hand: Hand, arn: str) -> Sight[tuple[Validation, ...]]:
    """List the validations that a pending switch asks for (acm:ListCertificateDomainValidations)."""
    found: list[Validation] = []
    more: dict[str, str] = {}
    while True:
        seen = await hand.read("ListCertificateDomainValidations", arn, CertificateArn=arn, **more)
        if isinstance(seen, Unseen):
            return seen
        found += filter(None, map(_validation, seen.value.get("DomainValidationSummaryList", [])))
        token = seen.value.get("NextToken")
        if not token or token == more.get("NextToken"):
            return Seen(tuple(found))
        more = {"NextToken": token}


def switched(certificate: Certificate, wanted: tuple[Validation, ...]) -> Certificate:
    """Return the certificate as it will be validated once its switch is done."""
    if not isinstance(certificate.details, Seen):
        return certificate
    details = Seen(replace(certificate.details.value, validations=wanted))
    return replace(certificate, validation_method="DNS", details=details)


def _validation(summary: Mapping[str, Any]) -> Validation | None:
    """Read what is asked for of one name; None where nothing is."""
    wanted = summary.get("RequestedValidationConfiguration")
    if not wanted:
        return None
    challenge = wanted.get("ValidationChallenge", {}).get("DnsValidationChallenge", {})
    record = challenge.get("ResourceRecord", {})
    return Validation(
        name=host(summary["DomainName"]),
        method=wanted.get("ValidationMethod", ""),
        status=wanted.get("ValidationStatus", ""),
        record_name=host(record.get("Name", "")),
        record_value=host(record.get("Value", "")),
    )


def _switch(told: Any) -> Switch | None:
    if not isinstance(told, dict):
        return None
    methods = told.get("DomainValidationMethodUpdateSummary") or {}
    at = told.get("RequestedAt")
    return Switch(
        str(told.get("Status", "")), str(methods.get("To", "")), at if isinstance(at, datetime) else None
    )
