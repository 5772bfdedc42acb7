"""The switch from e-mail to DNS validation, from its call to its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from exporter.demo.acm import AcmStandIn, Fault
from exporter.demo.acm_validation import Json, look_at_dns, record
from exporter.facts import Seen, Unseen, Validation, Why
from exporter.remedy.dns_switch import SwitchPlan, begin, lapses, prepare, wanted, watching
from exporter.remedy.hand import Hand
from exporter.remedy.waiting import End, State
from tests.evidence import ARN, NOON
from tests.remedy.conftest import ACCOUNT, NAMES, REGION, Names, told

HOUR = timedelta(hours=1)


def asked_for(name: str) -> Validation:
    """Expect a validation by DNS that is asked for."""
    there = record(name.removeprefix("*."))
    return Validation(
        name, "DNS", "PENDING_VALIDATION", there["Name"].rstrip("."), there["Value"].rstrip(".")
    )


WANTED = tuple(asked_for(name) for name in NAMES)
OWNERS = sorted({one.record_name for one in WANTED})


async def planned(hand: Hand) -> SwitchPlan:
    """Prepare, which must succeed."""
    seen = await prepare(hand, ARN)
    assert isinstance(seen, Seen)
    return seen.value


async def no_pause(_: float) -> None:
    """Let no time pass."""


def writes(acm: AcmStandIn) -> int:
    """Count the calls that change something."""
    return acm.requests[ACCOUNT, REGION, "UpdateCertificateOptions"]


async def test_one_call_then_the_records(acm: AcmStandIn, hand: Hand) -> None:
    """The call is the model's, the records are ACM's, and saying it again writes nothing."""
    plan = await planned(hand)
    assert plan.call is not None
    assert plan.call.parameters == {"CertificateArn": ARN, "Options": {"ValidationMethod": "DNS"}}
    begun = await begin(hand, plan)
    assert isinstance(begun, Seen)
    assert begun.value.pending
    assert await wanted(hand, ARN, no_pause) == Seen(WANTED)
    assert lapses(begun.value.view, NOON + HOUR) == NOON + 72 * HOUR

    again = await planned(hand)
    assert (again.call, again.pending) == (None, True)
    assert isinstance(await begin(hand, again), Seen)
    assert writes(acm) == 1


async def test_a_race_is_no_failure(acm: AcmStandIn, hand: Hand) -> None:
    """Where somebody else began the switch meanwhile, or an answer was lost, what counts is that it runs."""
    plan, other = await planned(hand), await planned(hand)
    await begin(hand, plan)
    begun = await begin(hand, other)
    assert isinstance(begun, Seen)
    assert begun.value.pending
    assert "ConflictException" in hand.deeds[-1].error


async def test_a_refusal_is_told(acm: AcmStandIn, hand: Hand) -> None:
    """Nothing was begun, and why is AWS's word."""
    plan = await planned(hand)
    acm.faults = [Fault("LimitExceededException", operation="UpdateCertificateOptions", message="too many")]
    seen = await begin(hand, plan)
    assert isinstance(seen, Unseen)
    assert seen.detail.startswith("UpdateCertificateOptions: LimitExceededException: too many")


async def test_records_that_acm_has_not_made_up_yet(acm: AcmStandIn, hand: Hand) -> None:
    """It asks some times and then says so."""
    says = f"ACM has not told the records of the switch yet; say it again: {ARN}"
    assert await wanted(hand, ARN, no_pause) == Unseen(Why.ABSENT, says)


async def test_the_way_to_dns(acm: AcmStandIn, hand: Hand) -> None:
    """Records are told as they come to stand; when ACM has seen them, it renews and the switch is done."""
    names = Names()
    renewals: list[Json] = []

    async def acm_looks(one: Json) -> None:
        if look_at_dns(one, names.stands, NOON + HOUR):
            renewals.append(one)

    acm.look = acm_looks
    await begin(hand, await planned(hand))
    look = watching(hand, names.look, ARN, WANTED)
    assert await look() == State(f"0 of 2 records stand in DNS; not to be seen: {', '.join(OWNERS)}")
    names.validate("example.com")
    (other,) = [one for one in OWNERS if one.endswith("www.example.org")]
    assert await look() == State(f"1 of 2 records stand in DNS; not to be seen: {other}")
    acm.look = _nobody
    names.validate("www.example.org")
    assert await look() == State("2 of 2 records stand in DNS; waiting for ACM to see them")
    acm.look = acm_looks
    done = State("validated by DNS from now on; the same ARN, which ends on 2027-04-17", End.DONE)
    assert await look() == done
    assert [one["CertificateArn"] for one in renewals] == [ARN]
    assert (await planned(hand)).idle == "it is validated by DNS already"


async def test_a_switch_that_lapses(acm: AcmStandIn, hand: Hand) -> None:
    """After 72 hours ACM leaves it on e-mail, and a new try is possible."""
    await begin(hand, await planned(hand))
    look_at_dns(acm.certificates[ARN], lambda *_: False, NOON + 72 * HOUR)
    look = watching(hand, Names().look, ARN, WANTED)
    says = "ACM gave up: the records did not stand in time, and it stays on EMAIL"
    assert await look() == State(says, End.LAPSED)
    assert (await planned(hand)).call is not None


async def _nobody(_: Json) -> None:
    """See nothing."""


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"Options": {"ValidationMethod": "HTTP"}, "by": "HTTP"}, "it is validated by HTTP (expected EMAIL)"),
        (
            {"Status": "PENDING_VALIDATION"},
            "its status is PENDING_VALIDATION (expected ISSUED): request a new one, validated by DNS",
        ),
        ({"Type": "IMPORTED", "Options": {}, "by": ""}, "it is validated by IMPORTED (expected EMAIL)"),
    ],
)
async def test_what_cannot_be_moved(
    acm: AcmStandIn, hand: Hand, changes: dict[str, Any], refusal: str
) -> None:
    """Only an issued certificate that is validated by e-mail can be."""
    one = told(**changes)
    if "by" in one:
        one["DomainValidationOptions"] = []
        one.pop("RenewalSummary")
        one.pop("by")
    acm.certificates[ARN] = one
    plan = await planned(hand)
    assert (plan.call, plan.refusal) == (None, refusal)
