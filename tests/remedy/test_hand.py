"""Every write is logged before and after, finishes what it began, and says what is missing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.demo.acm import HANG, AcmStandIn, Fault
from exporter.facts import Seen, Unseen, Why
from exporter.observe.aws import Access, Clients
from exporter.remedy import text
from exporter.remedy.hand import Call, Deed, Hand, Hands
from tests.evidence import ARN
from tests.remedy.conftest import ACCOUNT, REGION

PARAMETERS = {"CertificateArn": ARN, "Domain": "example.com", "ValidationDomain": "example.com"}
CALL = Call("ResendValidationEmail", ARN, PARAMETERS, "Domain=example.com")
ABOUT = {
    "action": "acm:ResendValidationEmail",
    "account": ACCOUNT,
    "region": REGION,
    "resource": ARN,
    "parameters": "Domain=example.com",
}


async def test_a_write_is_logged_before_and_after(acm: AcmStandIn, hand: Hand) -> None:
    """The log has operation, account, region, ARN, outcome and AWS's request id."""
    with capture_logs() as log:
        assert isinstance(await hand.write(CALL), Seen)
    request_id = log[1].pop("request_id")
    assert len(request_id) == 36
    assert log == [
        {"event": "writing", "log_level": "info", **ABOUT},
        {"event": "written", "log_level": "info", "outcome": "ok", **ABOUT},
    ]
    assert hand.deeds == [Deed(CALL)]
    assert [mail.name for mail in acm.mails] == ["example.com"]


async def test_a_denial_names_action_and_resource(acm: AcmStandIn, hand: Hand) -> None:
    """Whoever writes the policy is told what to allow on what, though AWS did not say."""
    acm.faults = [Fault("AccessDeniedException", status=400, message="no")]
    says = (
        "ResendValidationEmail: AccessDeniedException: no;"
        f" allow acm:ResendValidationEmail to these credentials on {ARN}"
    )
    with capture_logs() as log:
        assert await hand.write(CALL) == Unseen(Why.DENIED, says)
    assert len(log[1].pop("request_id")) == 36
    after = {"event": "not written", "log_level": "error", "outcome": "AccessDeniedException", "error": says}
    assert log[1] == {**after, **ABOUT}
    assert hand.deeds == [Deed(CALL, says)]


async def test_throttling_is_tried_again(acm: AcmStandIn, hand: Hand) -> None:
    """One refusal for pace costs nothing."""
    acm.faults = [Fault("ThrottlingException", operation="ResendValidationEmail", times=1)]
    assert isinstance(await hand.write(CALL), Seen)
    assert acm.requests[ACCOUNT, REGION, "ResendValidationEmail"] == 2


async def test_what_was_begun_is_finished(acm: AcmStandIn, hand: Hand) -> None:
    """An interruption waits for the outcome of the call that is under way, so that it is known and logged."""
    acm.faults = [Fault(HANG)]
    writing = asyncio.create_task(hand.write(CALL))
    while not acm.requests:  # noqa: ASYNC110 - the stand-in has no event for it
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    (deed,) = hand.deeds
    assert deed.error.startswith("Read timeout on endpoint URL")


async def test_whoever_interrupts_is_told_what_was_done_and_what_was_not(acm: AcmStandIn, hand: Hand) -> None:
    """Of three calls one was accepted, one refused, and one is not begun."""
    refused, open_ = replace(CALL, shown="Domain=a"), replace(CALL, shown="Domain=b")
    assert text.deeds(hand.deeds, ()) == "nothing was changed\n"
    await hand.write(CALL)
    acm.faults = [Fault("InvalidStateException")]
    await hand.write(refused)
    assert text.deeds(hand.deeds, (CALL, refused, open_)) == (
        "done: acm:ResendValidationEmail Domain=example.com\n"
        "refused: acm:ResendValidationEmail Domain=a\n"
        "not begun: acm:ResendValidationEmail Domain=b\n"
    )


def hands(*accesses: Access) -> Hands:
    """Make the ways into some accounts."""
    return Hands(Clients(2), ThreadPoolExecutor(2), accesses)


async def test_the_account_of_a_certificate_is_found(acm: AcmStandIn) -> None:
    """A role says it itself, ambient credentials are asked once; the foreign ones are passed over."""
    acm.accounts["AKIAEXAMPLE"] = "999900001111"
    role = Access(role_arn=f"arn:aws:iam::{ACCOUNT}:role/fix")
    both = hands(Access(), role)
    found = await both.of(ARN)
    assert isinstance(found, Seen)
    assert (found.value.account, found.value.region) == (ACCOUNT, REGION)
    await both.of(ARN)
    counted: dict[str, Any] = {operation: n for (_, _, operation), n in acm.requests.items()}
    assert counted == {"GetCallerIdentity": 1}


async def test_an_account_of_an_organization_is_reached_by_its_role(acm: AcmStandIn) -> None:
    """Any account that none of the list is has a role to be assumed; the own one needs none."""
    role = Access(role_arn=f"arn:aws:iam::{ACCOUNT}:role/fix")
    both = Hands(Clients(2), ThreadPoolExecutor(2), (Access(),), lambda _: role)
    acm.accounts["AKIAEXAMPLE"] = "999900001111"
    found = await both.of(ARN)
    assert isinstance(found, Seen)
    assert isinstance(await found.value.read("DescribeCertificate", CertificateArn=ARN), Seen)
    assert acm.requests["999900001111", REGION, "AssumeRole"] == 1
    acm.accounts["AKIAEXAMPLE"] = ACCOUNT
    own = await Hands(Clients(2), ThreadPoolExecutor(2), (Access(),), lambda _: role).of(ARN)
    assert isinstance(own, Seen)
    assert isinstance(await own.value.read("DescribeCertificate", CertificateArn=ARN), Seen)
    assert acm.requests["999900001111", REGION, "AssumeRole"] == 1


async def test_a_foreign_certificate_is_refused(acm: AcmStandIn) -> None:
    """It is said which accounts there are."""
    acm.accounts["AKIAEXAMPLE"] = "999900001111"
    says = (
        f"none of the configured accounts is {ACCOUNT}, whose {ARN} is: one is 999900001111; see aws.accounts"
    )
    assert await hands(Access()).of(ARN) == Unseen(Why.NOT_FOUND, says)
