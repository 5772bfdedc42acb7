"""What tests of remedies stand on: an ACM with certificates validated by e-mail, and a hand for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.acm import AcmStandIn
from exporter.demo.acm_validation import record
from exporter.facts import Answer, Ask, Cname, Mx, Question, Seen, Sight, Unseen, Why
from exporter.observe.aws import Access, Clients
from exporter.remedy.hand import Hand
from tests.evidence import ARN, ENDS, ISSUED, NOON

ACCOUNT, REGION = "111122223333", "us-east-1"
NAMES = ("example.com", "*.example.com", "www.example.org")
Json = dict[str, Any]


def told(*, status: str = "PENDING_VALIDATION", **changes: Any) -> Json:
    """Write a certificate whose renewal by e-mail waits for its approvals, with what differs."""
    validations = [by_mail(name, status) for name in NAMES]
    return {
        "CertificateArn": ARN,
        "DomainName": NAMES[0],
        "SubjectAlternativeNames": list(NAMES),
        "DomainValidationOptions": [by_mail(name, "SUCCESS") for name in NAMES],
        "Serial": "0a",
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "CreatedAt": ISSUED,
        "NotBefore": ISSUED,
        "NotAfter": ENDS,
        "InUseBy": [],
        "Options": {"ValidationMethod": "EMAIL"},
        "RenewalSummary": {
            "RenewalStatus": "PENDING_VALIDATION",
            "DomainValidationOptions": validations,
            "UpdatedAt": NOON,
        },
        **changes,
    }


def by_mail(name: str, status: str) -> Json:
    """Write the validation of a name."""
    base = name.removeprefix("*.")
    return {
        "DomainName": name,
        "ValidationStatus": status,
        "ValidationMethod": "EMAIL",
        "ValidationDomain": base,
        "ValidationEmails": [f"admin@{base}"],
    }


@dataclass
class Names:
    """DNS as a table; what is not in it could not be looked up."""

    answers: dict[Question, Sight[Answer]] = field(default_factory=dict)

    async def look(self, question: Question) -> Sight[Answer]:
        """Answer."""
        return self.answers.get(question, Unseen(Why.RESOLVER_TIMEOUT, "no answer within 5 s"))

    def mail(self, domain: str, *hosts: str) -> None:
        """Let a domain receive mail, or none without hosts."""
        self.answers[Question(Ask.MX, domain)] = Seen(Mx(hosts))

    def validate(self, base: str) -> None:
        """Let a name's validation record stand."""
        wanted = record(base)
        owner, target = wanted["Name"].rstrip("."), wanted["Value"].rstrip(".")
        self.answers[Question(Ask.CNAME, owner)] = Seen(Cname((target,)))

    def stands(self, owner: str, target: str) -> bool:
        """Say it as the stand-in asks."""
        found = self.answers.get(Question(Ask.CNAME, owner.rstrip(".")))
        return found == Seen(Cname((target.rstrip("."),)))


@pytest.fixture
async def acm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[AcmStandIn]:
    """Run an ACM that the ambient configuration leads to; it is noon there."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    running = await AcmStandIn.start({ARN: told()})
    running.clock = lambda: NOON
    for name, value in {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)
    yield running
    await running.close()


@pytest.fixture
def hand(acm: AcmStandIn) -> Hand:
    """Give a hand for the account; answers are waited for briefly."""
    return Hand(Clients(2, timeout=0.3), ThreadPoolExecutor(2), Access(), ACCOUNT, REGION)
