"""Which mails are sent again, to whom, and how the waiting for approval ends."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.demo.acm import AcmStandIn, Fault
from exporter.demo.acm_validation import approve, renew
from exporter.facts import Seen, Unseen
from exporter.remedy import text
from exporter.remedy.hand import Hand
from exporter.remedy.mail import MailPlan, prepare, send, watching
from exporter.remedy.waiting import End, State
from tests.evidence import ARN, DAY, ENDS, NOON
from tests.remedy.conftest import NAMES, Names, by_mail, told

SINCE = NOON + DAY


async def planned(hand: Hand, names: Names, *only: str) -> MailPlan:
    """Prepare, which must succeed."""
    seen = await prepare(hand, names.look, ARN, only)
    assert isinstance(seen, Seen)
    return seen.value


async def no_pause(_: float) -> None:
    """Let no time pass."""


async def test_every_pending_name_is_sent_to_where_mail_arrives(acm: AcmStandIn, hand: Hand) -> None:
    """A wildcard and its base need one each; a domain without MX gets none, an unknown one does."""
    names = Names()
    names.mail("example.com", "mx.example.com")
    plan = await planned(hand, names)
    assert text.letters(plan.letters) == (
        "  example.com\n    to admin@example.com\n    example.com: received by mx.example.com\n"
        "  *.example.com\n    to admin@example.com\n    example.com: received by mx.example.com\n"
        "  www.example.org\n    to admin@www.example.org\n"
        "    www.example.org: whether it can arrive is not known: no answer within 5 s\n"
    )
    assert isinstance((await send(hand, plan.calls, no_pause))[0], Seen)
    assert [mail.name for mail in acm.mails] == list(NAMES)

    names.mail("www.example.org")
    deaf = await planned(hand, names)
    assert [one.name for one in deaf.sendable] == ["example.com", "*.example.com"]
    assert deaf.letters[2].exchangers == "no MX, so it cannot arrive"


async def test_approved_names_and_others_are_left_out(acm: AcmStandIn, hand: Hand) -> None:
    """What is approved needs no mail, and --domain asks for some of the rest."""
    approve(acm.certificates[ARN], "example.com", NOON)
    assert [one.name for one in (await planned(hand, Names())).letters] == list(NAMES[1:])
    assert [one.name for one in (await planned(hand, Names(), "*.example.com")).letters] == ["*.example.com"]
    assert (await planned(hand, Names(), "example.com")).idle == "every name asked for is approved already"


@pytest.mark.parametrize(
    ("changes", "only", "says"),
    [
        (
            {"RenewalSummary": told()["RenewalSummary"] | {"RenewalStatus": "SUCCESS"}},
            (),
            ("no approval is pending (renewal status: SUCCESS), and ACM sends mail only while one is", ""),
        ),
        (
            {"Status": "EXPIRED"},
            (),
            ("", "its status is EXPIRED: request a new certificate, validated by DNS"),
        ),
        (
            {},
            ("other.example.com",),
            ("", f"other.example.com: not a name of it (expected one of {', '.join(NAMES)})"),
        ),
    ],
)
async def test_no_mail_is_due(
    acm: AcmStandIn, hand: Hand, changes: dict[str, Any], only: tuple[str, ...], says: tuple[str, str]
) -> None:
    """It is said why, and nothing is written."""
    acm.certificates[ARN] = told(**changes)
    plan = await planned(hand, Names(), *only)
    assert (plan.letters, (plan.idle, plan.refusal)) == ((), says)


async def test_one_refusal_does_not_stop_the_others_and_a_denial_does(acm: AcmStandIn, hand: Hand) -> None:
    """A state that changed meanwhile concerns one name; what is not allowed is so for all."""
    plan = await planned(hand, Names())
    acm.faults = [Fault("InvalidStateException", operation="ResendValidationEmail", times=1)]
    outcomes = await send(hand, plan.calls, no_pause)
    assert [isinstance(one, Seen) for one in outcomes] == [False, True, True]
    acm.faults = [Fault("AccessDeniedException", operation="ResendValidationEmail")]
    assert [isinstance(one, Unseen) for one in await send(hand, plan.calls, no_pause)] == [True]


async def test_the_way_to_approval(acm: AcmStandIn, hand: Hand) -> None:
    """Each approval is told; all of them, or a new issue, are the end."""
    one = acm.certificates[ARN]
    look = watching(hand, await planned(hand, Names()))
    assert await look() == State(f"0 of 3 approved, waiting for {', '.join(NAMES)}")
    approve(one, "*.example.com", SINCE)
    assert await look() == State("1 of 3 approved, waiting for example.com, www.example.org")
    approve(one, "example.com", SINCE)
    assert approve(one, "www.example.org", SINCE)
    assert await look() == State(f"approved: {', '.join(NAMES)}", End.DONE)
    renew(one, {"Serial": "0b", "NotAfter": ENDS + DAY}, SINCE)
    assert await look() == State("approved, and issued anew until 2027-04-18", End.DONE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {
                "RenewalSummary": {
                    "RenewalStatus": "PENDING_VALIDATION",
                    "RenewalStatusReason": "DOMAIN_VALIDATION_DENIED",
                    "DomainValidationOptions": [by_mail("example.com", "FAILED")],
                    "UpdatedAt": SINCE,
                }
            },
            State("refused: example.com (DOMAIN_VALIDATION_DENIED)", End.FAILED),
        ),
        (
            {"Status": "VALIDATION_TIMED_OUT", "FailureReason": "NO_AVAILABLE_CONTACTS"},
            State("its status is VALIDATION_TIMED_OUT (NO_AVAILABLE_CONTACTS)", End.FAILED),
        ),
    ],
)
async def test_how_it_fails(acm: AcmStandIn, hand: Hand, changes: dict[str, Any], expected: State) -> None:
    """The reason is ACM's."""
    look = watching(hand, await planned(hand, Names()))
    acm.certificates[ARN] = told(**changes)
    assert await look() == expected


async def test_what_had_failed_before_is_still_waited_for(acm: AcmStandIn, hand: Hand) -> None:
    """ACM's status lags: a refusal of before the new mail says nothing of it."""
    acm.certificates[ARN]["RenewalSummary"]["DomainValidationOptions"][0]["ValidationStatus"] = "FAILED"
    look = watching(hand, await planned(hand, Names()))
    assert (await look()).end is None


async def test_blindness_while_waiting(acm: AcmStandIn, hand: Hand) -> None:
    """A passing failure is told and outlived; a denial, or a certificate that is gone, is the end."""
    look = watching(hand, await planned(hand, Names()))
    acm.faults = [Fault("InternalFailure", status=500)]
    assert (await look()).end is None
    acm.faults = [Fault("AccessDeniedException")]
    assert (await look()).end is End.BLIND
    acm.faults.clear()
    acm.certificates.clear()
    assert (await look()).end is End.BLIND
