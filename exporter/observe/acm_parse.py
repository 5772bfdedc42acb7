"""ACM's JSON, as botocore hands it over, turned into nouns; pure.

Reading is lenient: a member of the wrong type reads as unsaid and is named among the oddities, so that one
broken certificate costs neither the others nor its own row. Only a certificate without an ARN is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple, TypeVar

from exporter.facts import Certificate, Details, Seen, Validation

T = TypeVar("T")

_HEX_DIGITS = 40  # 20 octets, the most that RFC 5280, section 4.1.2.2 allows
_DESCRIBED = {"domain", "names", "details"}  # where a description knows better than a row


class Reading(NamedTuple):
    """A certificate, and the paths of the members that could not be read."""

    certificate: Certificate
    oddities: tuple[str, ...] = ()


def from_search(row: Mapping[str, Any]) -> Reading:
    """Read one row of SearchCertificates (CertificateSearchResult); ValueError without an ARN."""
    top = _Fields(row)
    x509 = top.part("X509Attributes")
    issuer = x509.part("Issuer")
    acm = top.part("CertificateMetadata").part("AcmCertificateMetadata")
    general = [
        (name.text("DnsName"), name.text("IpAddress")) for name in x509.parts("SubjectAlternativeNames")
    ]
    names = _hosts(x509.part("Subject").text("CommonName"), *(dns or ip for dns, ip in general))
    certificate = replace(
        _common(top, acm, names),
        serial=x509.serial("SerialNumber"),
        not_before=x509.moment("NotBefore"),
        not_after=x509.moment("NotAfter"),
        key_algorithm=key_algorithm(x509.text("KeyAlgorithm")),
        issuer=issuer.text("Organization") or issuer.text("CommonName"),
        validation_method=acm.text("ValidationMethod"),
        renewal_status=acm.text("RenewalStatus"),
    )
    return Reading(certificate, tuple(top.odd))


def from_list(row: Mapping[str, Any]) -> Reading:
    """Read one row of ListCertificates (CertificateSummary); ValueError without an ARN."""
    top = _Fields(row)
    names = _hosts(top.text("DomainName"), *top.texts("SubjectAlternativeNameSummaries"))
    return Reading(_with_dates(top, names), tuple(top.odd))


def from_describe(described: Mapping[str, Any]) -> Reading:
    """Read the answer of DescribeCertificate (CertificateDetail); ValueError without an ARN."""
    top = _Fields(described)
    names = _hosts(top.text("DomainName"), *top.texts("SubjectAlternativeNames"))
    renewal, options, update = (top.part(name) for name in ("RenewalSummary", "Options", "UpdateSummary"))
    in_use_by = top.texts("InUseBy")
    validations = {one.name: one for part in (top, renewal) for one in _validations(part)}
    methods = {one.method for one in validations.values() if one.method}
    switching = update.text("Status") == "PENDING_DOMAIN_VALIDATION"
    details = Details(
        in_use_by=in_use_by,
        validations=tuple(validations.values()),
        issuer=top.text("Issuer"),
        renewal_reason=renewal.text("RenewalStatusReason"),
        renewal_updated_at=renewal.moment("UpdatedAt"),
        failure_reason=top.text("FailureReason"),
        ca_arn=top.text("CertificateAuthorityArn"),
        switching_to=update.part("DomainValidationMethodUpdateSummary").text("To") if switching else "",
    )
    certificate = replace(
        _with_dates(top, names),
        serial=top.serial("Serial"),
        validation_method=methods.pop() if len(methods) == 1 else options.text("ValidationMethod"),
        in_use=bool(in_use_by) if isinstance(described.get("InUseBy"), list) else None,
        renewal_status=renewal.text("RenewalStatus"),
        details=Seen(details),
    )
    return Reading(certificate, tuple(top.odd))


def merge(row: Certificate, described: Certificate) -> Certificate:
    """Join a fresh row with a description that may be older: the row wins wherever it has a value."""
    fresh = {
        one.name: value
        for one in fields(row)
        if one.name not in _DESCRIBED and (value := getattr(row, one.name)) not in (None, "", {})
    }
    domain, names = described.domain or row.domain, described.names or row.names
    return replace(described, domain=domain, names=names, **fresh)


def serial(text: str) -> int | None:
    """Read a serial number in hex, with or without colons; None if it is none.

    Digits alone that are too many for the hex of 20 octets are decimal, as moto writes them.
    """
    compact = text.replace(":", "")
    if re.fullmatch(r"[0-9a-fA-F]+", compact) is None:
        return None
    decimal = len(text) > _HEX_DIGITS and text.isdecimal()
    return int(compact, 10 if decimal else 16)


def key_algorithm(text: str) -> str:
    """Write RSA-2048, as DescribeCertificate has it, like the enumeration: RSA_2048."""
    return text.replace("-", "_")


def _common(top: _Fields, acm: _Fields, names: tuple[str, ...]) -> Certificate:
    arn = top.text("CertificateArn")
    parts = arn.split(":", 5)
    if len(parts) != 6:
        raise ValueError(f"a certificate without an ARN: {arn!r}")
    return Certificate(
        arn=arn,
        account=intern(parts[4]),
        region=intern(parts[3]),
        domain=names[0] if names else "",
        names=names,
        type=acm.text("Type"),
        status=acm.text("Status"),
        created_at=acm.moment("CreatedAt"),
        issued_at=acm.moment("IssuedAt"),
        imported_at=acm.moment("ImportedAt"),
        key_pair_origin=acm.text("CertificateKeyPairOrigin"),
        managed_by=acm.text("ManagedBy"),
        in_use=acm.flag("InUse"),
        exported=acm.flag("Exported"),
        eligibility=acm.text("RenewalEligibility"),
    )


def _with_dates(top: _Fields, names: tuple[str, ...]) -> Certificate:
    return replace(
        _common(top, top, names),
        not_before=top.moment("NotBefore"),
        not_after=top.moment("NotAfter"),
        key_algorithm=key_algorithm(top.text("KeyAlgorithm")),
    )


def _validations(part: _Fields) -> Iterable[Validation]:
    for one in part.parts("DomainValidationOptions"):
        record, redirect = one.part("ResourceRecord"), one.part("HttpRedirect")
        yield Validation(
            name=host(one.text("DomainName")),
            method=one.text("ValidationMethod"),
            status=one.text("ValidationStatus"),
            record_name=host(record.text("Name")),
            record_value=host(record.text("Value")),
            mail_domain=host(one.text("ValidationDomain")),
            mailboxes=one.texts("ValidationEmails"),
            redirect_from=redirect.text("RedirectFrom"),
            redirect_to=redirect.text("RedirectTo"),
        )


def host(name: str) -> str:
    """Write a name of DNS as the house does: in lower case, without the final dot."""
    return intern(name.lower().rstrip("."))


def _hosts(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for name in names if (found := host(name))))


@dataclass(frozen=True, slots=True)
class _Fields:
    """Members of one foreign structure by type; `odd` gathers the paths of those that are not of it."""

    members: Mapping[str, Any]
    path: str = ""
    odd: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        return intern(self._get(name, str) or "")  # thousands of rows have the same few texts

    def moment(self, name: str) -> datetime | None:
        return self._get(name, datetime)

    def flag(self, name: str) -> bool | None:
        return self._get(name, bool)

    def serial(self, name: str) -> int | None:
        text = self.text(name)
        value = serial(text)
        if text and value is None:
            self.odd.append(self.path + name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        members = self._get(name, list) or []
        if not all(isinstance(one, str) for one in members):
            self.odd.append(self.path + name)
        return tuple(one for one in members if isinstance(one, str))

    def part(self, name: str) -> _Fields:
        return _Fields(self._get(name, dict) or {}, f"{self.path}{name}.", self.odd)

    def parts(self, name: str) -> list[_Fields]:
        members = self._get(name, list) or []
        if not all(isinstance(one, dict) for one in members):
            self.odd.append(self.path + name)
        return [_Fields(one, f"{self.path}{name}.", self.odd) for one in members if isinstance(one, dict)]

    def _get(self, name: str, kind: type[T]) -> T | None:
        value = self.members.get(name)
        if value is None or isinstance(value, kind):
            return value
        self.odd.append(self.path + name)
        return None
