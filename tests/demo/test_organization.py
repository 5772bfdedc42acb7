"""The stand-in's Organizations speaks as AWS does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from botocore.session import Session

from exporter.demo.acm import AcmStandIn
from exporter.demo.organization import TARGET, Account
from tests.demo.test_acm import MINE, misfits

MODEL = Session().get_service_model("organizations")
ABOVE, BELOW = "ou-ab12-aboveabo", "ou-ab12-belowbel"


@pytest.fixture
async def stand_in() -> AsyncIterator[AcmStandIn]:
    """Run an organization of 45 accounts and two units."""
    running = await AcmStandIn.start({}, accounts={"K2": "444455556666"})
    running.organization.listers = [MINE]
    running.organization.units = {ABOVE: "r-root", BELOW: ABOVE}
    running.organization.accounts = [Account(f"{n:012}", f"n{n}") for n in range(44)]
    running.organization.accounts.append(Account("444455556666", "deep", BELOW, "SUSPENDED"))
    yield running
    await running.close()


async def ask(stand_in: AcmStandIn, operation: str, key: str = "K1", **asked: Any) -> Any:
    """Send one signed request as botocore would."""
    scope = (
        f"AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/organizations/aws4_request, SignedHeaders=a"
    )
    headers = {"Authorization": scope, "X-Amz-Target": f"{TARGET}.{operation}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(stand_in.url, headers=headers, json=asked) as answer,
    ):
        return await answer.json(content_type=None)


@pytest.mark.parametrize(
    ("operation", "asked", "rows"),
    [
        ("ListAccounts", {}, 20),
        ("ListAccounts", {"MaxResults": 3}, 3),
        ("ListAccountsForParent", {"ParentId": BELOW}, 1),
        ("ListOrganizationalUnitsForParent", {"ParentId": "r-root"}, 1),
    ],
)
async def test_answers_fit_the_service_model(
    stand_in: AcmStandIn, operation: str, asked: dict[str, Any], rows: int
) -> None:
    """Answers are of AWS's own model, no member more or less."""
    told = await ask(stand_in, operation, **asked)
    assert misfits(MODEL.operation_model(operation).output_shape, told, operation) == []
    key = "OrganizationalUnits" if "Units" in operation else "Accounts"
    assert len(told[key]) == rows


@pytest.mark.parametrize(
    ("operation", "key", "asked", "code"),
    [
        ("ListAccounts", "K2", {}, "AccessDeniedException"),
        ("ListAccountsForParent", "K1", {"ParentId": "ou-ab12-nowherew"}, "ParentNotFoundException"),
        ("DescribeOrganization", "K1", {}, "UnknownOperationException"),
    ],
)
async def test_refusals(
    stand_in: AcmStandIn, operation: str, key: str, asked: dict[str, Any], code: str
) -> None:
    """It refuses with AWS's own codes, and members may not list."""
    assert (await ask(stand_in, operation, key, **asked))["__type"] == code


async def test_an_account_of_no_organization(stand_in: AcmStandIn) -> None:
    """An account alone is told so."""
    stand_in.organization.listers = []
    assert (await ask(stand_in, "ListAccounts"))["__type"] == "AWSOrganizationsNotInUseException"
