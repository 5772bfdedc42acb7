"""ACM's JSON becomes the nouns that everything else reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.session import Session

from exporter.facts import Certificate, Details, Seen, Unseen, Validation, Why
from exporter.observe.acm import KEY_TYPES, ORIGINS, STATUSES
from exporter.observe.acm_parse import (
    Reading,
    from_describe,
    from_list,
    from_search,
    key_algorithm,
    merge,
    serial,
)

Json = dict[str, Any]

ARN = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
CREATED, ISSUED = datetime(2024, 3, 1, 9, tzinfo=UTC), datetime(2026, 8, 1, 0, 41, tzinfo=UTC)
START, END = datetime(2026, 8, 1, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC)
UPDATED = datetime(2027, 1, 2, tzinfo=UTC)

METADATA = {
    "Status": "ISSUED",
    "Type": "AMAZON_ISSUED",
    "CreatedAt": CREATED,
    "IssuedAt": ISSUED,
    "RenewalEligibility": "ELIGIBLE",
    "CertificateKeyPairOrigin": "AWS_MANAGED",
    "ManagedBy": "CLOUDFRONT",
    "InUse": True,
    "Exported": False,
    "ExportOption": "DISABLED",
}
SEARCH_ROW: Json = {
    "CertificateArn": ARN,
    "X509Attributes": {
        "Subject": {"CommonName": "Example.com"},
        "Issuer": {"Organization": "Amazon"},
        "SubjectAlternativeNames": [
            {"DnsName": "*.example.com"},
            {"DnsName": "example.com."},
            {"IpAddress": "192.0.2.7"},
            {"Rfc822Name": "me@example.com"},
        ],
        "SerialNumber": "07:71:0a",
        "KeyAlgorithm": "RSA_2048",
        "NotBefore": START,
        "NotAfter": END,
    },
    "CertificateMetadata": {
        "AcmCertificateMetadata": METADATA
        | {"RenewalStatus": "PENDING_VALIDATION", "ValidationMethod": "DNS"}
    },
}
LIST_ROW: Json = {
    "CertificateArn": ARN,
    "DomainName": "Example.com",
    "SubjectAlternativeNameSummaries": ["example.com", "*.example.com"],
    "KeyAlgorithm": "EC_prime256v1",
    "NotBefore": START,
    "NotAfter": END,
    **METADATA,
}
DNS: Json = {
    "DomainName": "example.com",
    "ValidationMethod": "DNS",
    "ValidationStatus": "SUCCESS",
    "ResourceRecord": {"Name": "_A.example.com.", "Type": "CNAME", "Value": "_b.acm-validations.aws."},
}
MAIL: Json = {
    "DomainName": "*.example.com",
    "ValidationMethod": "EMAIL",
    "ValidationStatus": "SUCCESS",
    "ValidationDomain": "Example.com",
    "ValidationEmails": ["admin@example.com", "webmaster@example.com"],
}
HTTP: Json = {
    "DomainName": "www.example.com",
    "ValidationMethod": "HTTP",
    "HttpRedirect": {
        "RedirectFrom": "http://www.example.com/a",
        "RedirectTo": "https://validation.example/b",
    },
}
DESCRIPTION: Json = {
    "CertificateArn": ARN,
    "DomainName": "example.com",
    "SubjectAlternativeNames": ["example.com", "*.example.com", "www.example.com"],
    "DomainValidationOptions": [DNS, MAIL, HTTP],
    "Serial": "07:71:0a",
    "Issuer": "Amazon",
    "KeyAlgorithm": "RSA-2048",
    "Status": "ISSUED",
    "Type": "AMAZON_ISSUED",
    "CreatedAt": CREATED,
    "IssuedAt": ISSUED,
    "NotBefore": START,
    "NotAfter": END,
    "InUseBy": ["arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/a/1"],
    "RenewalEligibility": "ELIGIBLE",
    "CertificateKeyPairOrigin": "AWS_MANAGED",
    "Options": {"Export": "DISABLED", "ValidationMethod": "EMAIL"},
    "RenewalSummary": {
        "RenewalStatus": "PENDING_VALIDATION",
        "RenewalStatusReason": "CAA_ERROR",
        "UpdatedAt": UPDATED,
        "DomainValidationOptions": [DNS | {"ValidationStatus": "PENDING_VALIDATION"}],
    },
}

ROW = Certificate(
    arn=ARN,
    account="111122223333",
    region="us-east-1",
    domain="example.com",
    names=("example.com", "*.example.com", "192.0.2.7"),
    type="AMAZON_ISSUED",
    status="ISSUED",
    serial=0x07710A,
    not_before=START,
    not_after=END,
    created_at=CREATED,
    issued_at=ISSUED,
    key_algorithm="RSA_2048",
    issuer="Amazon",
    key_pair_origin="AWS_MANAGED",
    managed_by="CLOUDFRONT",
    validation_method="DNS",
    in_use=True,
    exported=False,
    eligibility="ELIGIBLE",
    renewal_status="PENDING_VALIDATION",
)
DETAILS = Details(
    in_use_by=("arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/a/1",),
    validations=(
        Validation(
            name="example.com",
            method="DNS",
            status="PENDING_VALIDATION",
            record_name="_a.example.com",
            record_value="_b.acm-validations.aws",
        ),
        Validation(
            name="*.example.com",
            method="EMAIL",
            status="SUCCESS",
            mail_domain="example.com",
            mailboxes=("admin@example.com", "webmaster@example.com"),
        ),
        Validation(
            name="www.example.com",
            method="HTTP",
            redirect_from="http://www.example.com/a",
            redirect_to="https://validation.example/b",
        ),
    ),
    issuer="Amazon",
    renewal_reason="CAA_ERROR",
    renewal_updated_at=UPDATED,
)
DESCRIBED = replace(
    ROW,
    names=("example.com", "*.example.com", "www.example.com"),
    issuer="",
    managed_by="",
    validation_method="EMAIL",
    exported=None,
    details=Seen(DETAILS),
)


def without(json: Json, *names: str) -> Json:
    """Leave members out."""
    return {name: value for name, value in json.items() if name not in names}


def test_search_row() -> None:
    """A row of SearchCertificates tells all but the details."""
    assert from_search(SEARCH_ROW) == Reading(ROW)


def test_list_row() -> None:
    """A row of ListCertificates knows neither serial nor issuer, validation method and renewal status."""
    names = ("example.com", "*.example.com")
    unsaid: Json = {"serial": None, "issuer": "", "validation_method": "", "renewal_status": ""}
    assert from_list(LIST_ROW) == Reading(replace(ROW, names=names, key_algorithm="EC_prime256v1", **unsaid))


def test_description() -> None:
    """A description has the details; the renewal's view of a name overrides the first validation's."""
    assert from_describe(DESCRIPTION) == Reading(DESCRIBED)


def test_pending_certificate() -> None:
    """A certificate that was never issued has no serial, dates and issuer, and is read without complaint."""
    x509 = {"Subject": {"CommonName": "example.com"}, "KeyAlgorithm": "RSA_2048"}
    metadata = {"AcmCertificateMetadata": {"Status": "PENDING_VALIDATION", "CreatedAt": CREATED}}
    row = {"CertificateArn": ARN, "X509Attributes": x509, "CertificateMetadata": metadata}
    bare = Certificate(
        arn=ARN,
        account="111122223333",
        region="us-east-1",
        domain="example.com",
        names=("example.com",),
        status="PENDING_VALIDATION",
        created_at=CREATED,
        key_algorithm="RSA_2048",
    )
    description = {"CertificateArn": ARN, "DomainName": "example.com", **metadata["AcmCertificateMetadata"]}
    assert from_search(row) == Reading(bare)
    assert from_describe(description) == Reading(replace(bare, key_algorithm="", details=Seen(Details())))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"DomainValidationOptions": [DNS]}, "DNS", id="common"),
        pytest.param({"DomainValidationOptions": [DNS, MAIL]}, "EMAIL", id="mixed: the option"),
        pytest.param({"DomainValidationOptions": [DNS, MAIL], "Options": {}}, "", id="mixed, no option"),
        pytest.param({"DomainValidationOptions": None, "Options": {}}, "", id="imported"),
    ],
)
def test_validation_method(changes: Json, expected: str) -> None:
    """The method of a certificate is that of all its names, else the option that it was requested with."""
    description = without(DESCRIPTION, "RenewalSummary") | changes
    assert from_describe(description).certificate.validation_method == expected


@pytest.mark.parametrize(
    ("status", "expected"), [("PENDING_DOMAIN_VALIDATION", "DNS"), ("SUCCESS", ""), ("FAILED", "")]
)
def test_switch_of_the_validation_method(status: str, expected: str) -> None:
    """Only a switch that is under way is reported."""
    switch = {"Status": status, "DomainValidationMethodUpdateSummary": {"From": "EMAIL", "To": "DNS"}}
    seen = from_describe(DESCRIPTION | {"UpdateSummary": switch}).certificate.details
    assert seen == Seen(replace(DETAILS, switching_to=expected))


def test_rarer_details() -> None:
    """A failure's reason, a private authority and the time of an import are kept."""
    told = {"FailureReason": "CAA_ERROR", "CertificateAuthorityArn": "arn:ca", "ImportedAt": CREATED}
    expected = replace(
        DESCRIBED,
        imported_at=CREATED,
        details=Seen(replace(DETAILS, failure_reason="CAA_ERROR", ca_arn="arn:ca")),
    )
    assert from_describe(DESCRIPTION | told) == Reading(expected)


@pytest.mark.parametrize(("told", "expected"), [([], False), (["arn:x"], True), (None, None)])
def test_use_by_description(told: list[str] | None, expected: bool | None) -> None:
    """No resources means unused, but no list means not said."""
    assert from_describe(DESCRIPTION | {"InUseBy": told}).certificate.in_use is expected


def test_odd_members_cost_only_themselves() -> None:
    """What is not of its type is unsaid and named; the rest of the certificate stays."""
    description = DESCRIPTION | {
        "Serial": "not hex",
        "NotAfter": "tomorrow",
        "InUseBy": "everyone",
        "SubjectAlternativeNames": ["example.com", 7],
        "RenewalSummary": {"RenewalStatus": 5, "DomainValidationOptions": ["x"]},
        "Options": [],
    }
    certificate, oddities = from_describe(description)
    assert sorted(oddities) == [
        "InUseBy",
        "NotAfter",
        "Options",
        "RenewalSummary.DomainValidationOptions",
        "RenewalSummary.RenewalStatus",
        "Serial",
        "SubjectAlternativeNames",
    ]
    validations = (replace(DETAILS.validations[0], status="SUCCESS"), *DETAILS.validations[1:])
    assert certificate == replace(
        DESCRIBED,
        names=("example.com",),
        serial=None,
        not_after=None,
        in_use=None,
        validation_method="",
        renewal_status="",
        details=Seen(Details(validations=validations, issuer="Amazon")),
    )


@pytest.mark.parametrize("read", [from_search, from_list, from_describe])
@pytest.mark.parametrize("arn", [None, "", "certificate/1", 7])
def test_no_certificate_without_its_arn(read: Any, arn: Any) -> None:
    """What has no ARN cannot be told from others, so it is refused."""
    with pytest.raises(ValueError, match="a certificate without an ARN"):
        read({"CertificateArn": arn, "DomainName": "example.com"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07:71:0a", 0x07710A),
        ("07:71:0A", 0x07710A),
        ("07710a", 0x07710A),
        ("00", 0),
        ("123456", 0x123456),  # too short to be told from hex, so it is hex
        ("0" * 10 + "1234567890" * 3, 0x123456789012345678901234567890),
        ("1234567890" * 4, 0x1234567890123456789012345678901234567890),
        ("1234567890" * 4 + "1", 12345678901234567890123456789012345678901),
        ("11:" * 19 + "11", int("11" * 20, 16)),
        ("", None),
        (":", None),
        ("0x12", None),
        ("-12", None),
        ("١٢", None),
        ("garbage", None),
    ],
)
def test_serial(text: str, expected: int | None) -> None:
    """Serials are integers whatever their dress; what is none is nothing."""
    assert serial(text) == expected


def test_key_algorithm_has_one_spelling() -> None:
    """RSA-2048 and RSA_2048 are one algorithm."""
    assert [key_algorithm(one) for one in ("RSA-2048", "RSA_2048", "EC_prime256v1", "")] == [
        *("RSA_2048", "RSA_2048", "EC_prime256v1", ""),
    ]


FRESH: Json = {
    "status": "EXPIRED",
    "serial": 9,
    "not_before": END,
    "not_after": UPDATED,
    "issuer": "R11",
    "in_use": False,
    "exported": True,
    "renewal_status": "FAILED",
}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(
            ROW,
            replace(
                DESCRIBED, issuer="Amazon", managed_by="CLOUDFRONT", validation_method="DNS", exported=False
            ),
            id="both",
        ),
        pytest.param(
            replace(ROW, **FRESH),
            replace(DESCRIBED, managed_by="CLOUDFRONT", validation_method="DNS", **FRESH),
            id="the row is fresher",
        ),
        pytest.param(
            Certificate(arn=ARN, account="111122223333", region="us-east-1", domain="cn", names=("cn",)),
            DESCRIBED,
            id="an empty row",
        ),
    ],
)
def test_merge(row: Certificate, expected: Certificate) -> None:
    """A row wins where it has a value, but for the names and details, which a description knows better."""
    assert merge(row, DESCRIBED) == expected


def test_merge_keeps_what_a_bare_description_lacks() -> None:
    """A description without names leaves those of the row."""
    bare = Certificate(arn=ARN, account="", region="", domain="", names=(), details=Unseen(Why.DENIED))
    assert merge(ROW, bare) == replace(ROW, details=Unseen(Why.DENIED))


def test_tables_cover_the_service_model() -> None:
    """A status, key type or origin that AWS adds would be hidden from the inventory: this fails first."""
    model = Session().get_service_model("acm")
    enums = [
        model.shape_for(name).enum
        for name in ("CertificateStatus", "KeyAlgorithm", "CertificateKeyPairOrigin")
    ]
    assert [sorted(enum) for enum in enums] == [sorted(STATUSES), sorted(KEY_TYPES), sorted(ORIGINS)]


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("RenewalStatus", "FAILED PENDING_AUTO_RENEWAL PENDING_VALIDATION SUCCESS"),
        ("RenewalEligibility", "ELIGIBLE INELIGIBLE"),
        ("CertificateType", "AMAZON_ISSUED IMPORTED PRIVATE"),
        ("ValidationMethod", "DNS EMAIL HTTP"),
        ("DomainStatus", "FAILED PENDING_VALIDATION SUCCESS"),
        ("UpdateStatus", "FAILED PENDING_DOMAIN_VALIDATION SUCCESS"),
        ("CertificateManagedBy", "CLOUDFRONT"),
    ],
)
def test_words_that_the_rules_know(shape: str, values: str) -> None:
    """The rules were written for these words of AWS; a new one asks for thought."""
    assert " ".join(sorted(Session().get_service_model("acm").shape_for(shape).enum)) == values
