"""The ACM stand-in validates, switches and renews as ACM does, and refuses with ACM's errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.demo.acm import AcmStandIn
from exporter.demo.acm_validation import look_at_dns, record
from tests.demo.test_acm import MODELS, arn, issued, misfits, post

Json = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAME = "n1.example.com"
MAIL = {
    "DomainName": NAME,
    "ValidationStatus": "PENDING_VALIDATION",
    "ValidationMethod": "EMAIL",
    "ValidationDomain": NAME,
    "ValidationEmails": [f"admin@{NAME}"],
}
RENEWAL = {"RenewalStatus": "PENDING_VALIDATION", "DomainValidationOptions": [MAIL], "UpdatedAt": NOW}
BY_MAIL: Json = {
    "DomainValidationOptions": [MAIL | {"ValidationStatus": "SUCCESS"}],
    "Options": {"Export": "DISABLED", "ValidationMethod": "EMAIL"},
}
RESEND = {"CertificateArn": arn(1), "Domain": NAME, "ValidationDomain": "example.com"}
TO_DNS = {"CertificateArn": arn(1), "Options": {"ValidationMethod": "DNS"}}


@pytest.fixture
async def stand_in() -> AsyncIterator[AcmStandIn]:
    """Run an ACM with a certificate that waits for its approval, and one that is validated by DNS."""
    waiting = issued(1, **BY_MAIL, RenewalSummary=dict(RENEWAL, DomainValidationOptions=[dict(MAIL)]))
    running = await AcmStandIn.start({arn(1): waiting, arn(2): issued(2)})
    running.clock = lambda: NOW
    yield running
    await running.close()


async def answer(stand_in: AcmStandIn, operation: str, **asked: Any) -> Any:
    """Ask; gives the answer, or the code of the refusal."""
    status, told, _ = await post(stand_in, operation, **asked)
    return told if status == 200 else told["__type"]


async def test_answers_fit_the_service_model(stand_in: AcmStandIn) -> None:
    """Both before and while a switch is pending, and for a certificate that is validated by DNS."""
    shape = MODELS["acm"].operation_model("ListCertificateDomainValidations").output_shape
    describe = MODELS["acm"].operation_model("DescribeCertificate").output_shape
    for _ in range(2):
        for number in (1, 2):
            told = await answer(stand_in, "ListCertificateDomainValidations", CertificateArn=arn(number))
            assert misfits(shape, told, "L") == []
        told = await answer(stand_in, "DescribeCertificate", CertificateArn=arn(1))
        assert misfits(describe, told, "D") == ["D.Certificate.KeyAlgorithm is 'RSA-2048'"]
        await answer(stand_in, "UpdateCertificateOptions", **TO_DNS)


async def test_a_switch_shows_both_configurations(stand_in: AcmStandIn) -> None:
    """The one that is active until the new one is validated, and the one that is asked for."""
    assert await answer(stand_in, "UpdateCertificateOptions", **TO_DNS) == {}
    told = await answer(stand_in, "ListCertificateDomainValidations", CertificateArn=arn(1))
    challenge = {"ValidationEmails": [f"admin@{NAME}"], "ValidationDomain": NAME}
    assert told == {
        "DomainValidationSummaryList": [
            {
                "DomainName": NAME,
                "ActiveValidationConfiguration": {
                    "ValidationMethod": "EMAIL",
                    "ValidationStatus": "PENDING_VALIDATION",
                    "ValidationChallenge": {"EmailValidationChallenge": challenge},
                },
                "RequestedValidationConfiguration": {
                    "ValidationMethod": "DNS",
                    "ValidationStatus": "PENDING_VALIDATION",
                    "ValidationChallenge": {"DnsValidationChallenge": {"ResourceRecord": record(NAME)}},
                },
            }
        ]
    }


@pytest.mark.parametrize(
    ("operation", "asked", "code"),
    [
        ("ResendValidationEmail", RESEND | {"CertificateArn": arn(9)}, "ResourceNotFoundException"),
        ("ResendValidationEmail", RESEND | {"CertificateArn": arn(2)}, "InvalidStateException"),
        ("ResendValidationEmail", RESEND | {"Domain": "a.test"}, "InvalidDomainValidationOptionsException"),
        (
            "ResendValidationEmail",
            RESEND | {"ValidationDomain": f"www.{NAME}"},
            "InvalidDomainValidationOptionsException",
        ),
        ("UpdateCertificateOptions", TO_DNS | {"CertificateArn": arn(2)}, "InvalidStateException"),
        (
            "UpdateCertificateOptions",
            TO_DNS | {"Options": {"ValidationMethod": "EMAIL"}},
            "ValidationException",
        ),
    ],
)
async def test_refusals(stand_in: AcmStandIn, operation: str, asked: Json, code: str) -> None:
    """The errors are those that the service model declares."""
    assert await answer(stand_in, operation, **asked) == code
    declared = {shape.name for shape in MODELS["acm"].operation_model(operation).error_shapes}
    assert code in declared


async def test_a_second_switch_conflicts(stand_in: AcmStandIn) -> None:
    """One change at a time."""
    await answer(stand_in, "UpdateCertificateOptions", **TO_DNS)
    assert await answer(stand_in, "UpdateCertificateOptions", **TO_DNS) == "ConflictException"


async def test_mail_is_for_whom_it_was_sent(stand_in: AcmStandIn) -> None:
    """The mail goes to the mailboxes that ACM told."""
    assert await answer(stand_in, "ResendValidationEmail", **RESEND) == {}
    assert [(mail.name, mail.mailboxes, mail.sent_at) for mail in stand_in.mails] == [
        (NAME, (f"admin@{NAME}",), NOW),
    ]


@pytest.mark.parametrize(
    ("hours", "stands", "status", "method", "renews"),
    [
        (71, False, "PENDING_DOMAIN_VALIDATION", "EMAIL", False),
        (72, False, "FAILED", "EMAIL", False),
        (71, True, "SUCCESS", "DNS", True),
    ],
)
async def test_the_end_of_a_switch(  # noqa: PLR0917 - a row of the table
    stand_in: AcmStandIn, hours: int, stands: bool, status: str, method: str, renews: bool
) -> None:
    """It lasts 72 hours; records that stand in time end it, and the renewal that waited goes on."""
    await answer(stand_in, "UpdateCertificateOptions", **TO_DNS)
    one = stand_in.certificates[arn(1)]
    assert look_at_dns(one, lambda *_: stands, NOW + timedelta(hours=hours)) is renews
    assert (one["UpdateSummary"]["Status"], one["Options"]["ValidationMethod"]) == (status, method)
