"""Certificates of the ACM stand-in as its two lists show them, and the filters of both."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_METADATA = (
    *("Status", "Type", "CreatedAt", "IssuedAt", "ImportedAt", "RevokedAt"),
    *("RenewalEligibility", "ManagedBy", "CertificateKeyPairOrigin"),
)


def search_row(one: Json) -> Json:
    """Write a certificate as a row of SearchCertificates."""
    subject = {"CommonName": one["DomainName"]} if "DomainName" in one else {}
    names = [{"DnsName": name} for name in one.get("SubjectAlternativeNames", ())]
    x509 = {"Subject": subject, "SubjectAlternativeNames": names}
    x509 |= _pick(one, "KeyAlgorithm", "NotBefore", "NotAfter")
    if "Serial" in one:
        x509["SerialNumber"] = one["Serial"]
    if "Issuer" in one:
        x509["Issuer"] = {"Organization": one["Issuer"]}
    acm = _metadata(one)
    if status := one.get("RenewalSummary", {}).get("RenewalStatus"):
        acm["RenewalStatus"] = status
    if method := one.get("Options", {}).get("ValidationMethod"):
        acm["ValidationMethod"] = method
    acm |= _pick(one, "AcmeEndpointArn", "AcmeAccountId")
    return {
        "CertificateArn": one["CertificateArn"],
        "X509Attributes": x509,
        "CertificateMetadata": {"AcmCertificateMetadata": acm},
    }


def list_row(one: Json) -> Json:
    """Write a certificate as a row of ListCertificates."""
    names = one.get("SubjectAlternativeNames", [])
    row = _pick(one, "CertificateArn", "DomainName", "KeyAlgorithm", "NotBefore", "NotAfter") | _metadata(one)
    row["HasAdditionalSubjectAlternativeNames"] = len(names) > 100
    return row | ({"SubjectAlternativeNameSummaries": names[:100]} if names else {})


def _metadata(one: Json) -> Json:
    return _pick(one, *_METADATA) | {
        "InUse": one.get("InUse", bool(one.get("InUseBy"))),
        "Exported": one.get("Exported", False),
        "ExportOption": one.get("ExportOption", "DISABLED"),
    }


def _pick(one: Json, *names: str) -> Json:
    return {name: one[name] for name in names if name in one}


def listed(one: Json, asked: Json) -> bool:
    """Apply the filters of ListCertificates with its own defaults, which hide much."""
    statuses = asked.get("CertificateStatuses") or [one["Status"]]
    key_types = asked.get("Includes", {}).get("keyTypes") or ["RSA_1024", "RSA_2048"]
    origins = asked.get("CertificateKeyPairOrigins") or ["AWS_MANAGED", "CUSTOMER_PROVIDED"]
    origin = one.get("CertificateKeyPairOrigin", "AWS_MANAGED")
    return one["Status"] in statuses and one["KeyAlgorithm"] in key_types and origin in origins


def matches(statement: Json, row: Json) -> bool:
    """Evaluate a FilterStatement; of the leaves, those that compare one member with one value."""
    [(kind, value)] = statement.items()
    match kind:
        case "And":
            return all(matches(part, row) for part in value)
        case "Or":
            return any(matches(part, row) for part in value)
        case "Not":
            return not matches(value, row)
        case "Filter":
            return matches(value, row)
        case "X509AttributeFilter":
            return matches(value, row["X509Attributes"])
        case "AcmCertificateMetadataFilter":
            return matches(value, row["CertificateMetadata"]["AcmCertificateMetadata"])
        case member:
            return bool(row.get(member) == value)
