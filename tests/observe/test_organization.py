"""The organization's eye sees all accounts or says why not, and one client does for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exporter.demo.acm import ANSWER, AcmStandIn, Fault
from exporter.demo.organization import Account
from exporter.facts import Member, Organization, Seen, Unseen, Why
from exporter.observe.acm import AcmEye
from exporter.observe.aws import Access, Clients
from exporter.observe.organization import Credentials, OrganizationEye
from tests.demo.test_acm import issued

pytestmark = pytest.mark.usefixtures("credentials")

HUB, WEB, DATA = "111122223333", "444455556666", "777788889999"
ABOVE, BELOW, ASIDE = "ou-ab12-aboveabo", "ou-ab12-belowbel", "ou-ab12-asideasi"
HOME, AWAY = "us-east-1", "eu-west-1"
LIST = Access(use="organization")
Eyes = Callable[..., OrganizationEye]


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcmStandIn]:
    """Run an organization with a management account and two others."""
    running = await AcmStandIn.start({})
    running.organization.listers = [HUB]
    running.organization.units = {ABOVE: "r-root", BELOW: ABOVE, ASIDE: "r-root"}
    running.organization.accounts = [
        Account(HUB, "management"),
        Account(WEB, "web", BELOW),
        Account(DATA, "data", ASIDE),
        Account("000000000001", "closed", state="SUSPENDED"),
        Account("000000000002", "closing", state="PENDING_CLOSURE"),
    ]
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    yield running
    await running.close()


@pytest.fixture
def eyes(stand_in: AcmStandIn) -> Eyes:
    """Make eyes, by default with the ambient credentials."""

    def eye(*units: str, listing: Access = LIST, others: tuple[Access, ...] = ()) -> OrganizationEye:
        credentials = Credentials(listing, Access(), others)
        executor = ThreadPoolExecutor(2)
        clients = Clients(2, shared=True)
        return OrganizationEye(clients, credentials, HOME, executor, requests_per_second=1000, units=units)

    return eye


def found(*members: Member, elsewhere: tuple[str, ...] = ()) -> Seen[Organization]:
    """Write what is seen."""
    return Seen(Organization(members, elsewhere))


@pytest.mark.parametrize("status", [True, False])
async def test_active_accounts(stand_in: AcmStandIn, eyes: Eyes, *, status: bool) -> None:
    """Only active accounts are seen, by State as by the Status that AWS retires; the own one is marked."""
    stand_in.organization.status = status
    eye = eyes()
    assert await eye.look() == found(
        Member(HUB, "management", own=True), Member(WEB, "web"), Member(DATA, "data")
    )
    assert (eye.account, eye.region) == (HUB, HOME)
    assert eye.requests == {("GetCallerIdentity", "OK"): 1, ("ListAccounts", "OK"): 1}


async def test_status_alone(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """What knows no State yet, as moto's server, tells by Status."""
    rows = [{"Id": WEB, "Name": "web", "Status": "ACTIVE"}, {"Id": DATA, "Status": "SUSPENDED"}]
    stand_in.faults = [Fault(ANSWER, "ListAccounts", answer={"Accounts": rows})]
    assert await eyes().look() == found(Member(WEB, "web"))


async def test_pages(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """Hundreds of accounts come in pages of twenty."""
    stand_in.organization.accounts = [Account(f"{n:012}", f"n{n}") for n in range(301)]
    seen = await eyes().look()
    assert isinstance(seen, Seen)
    assert [one.name for one in seen.value.members] == [f"n{n}" for n in range(301)]
    assert stand_in.requests[HUB, HOME, "ListAccounts"] == 16


async def test_units(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """An account is under a unit at any depth, and may be under several that are asked for."""
    assert await eyes(ABOVE, BELOW).look() == found(
        Member(HUB, "management", own=True, units=()),
        Member(WEB, "web", units=(ABOVE, BELOW)),
        Member(DATA, "data", units=()),
    )


async def test_other_ways(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """The accounts of what is configured beside are told: a role's by its name, another's by STS."""
    role = Access(role_arn=f"arn:aws:iam::{DATA}:role/reader")
    seen = await eyes(others=(role, Access(), Access(profile="nowhere"))).look()
    assert isinstance(seen, Seen)
    assert seen.value.elsewhere == (DATA, HUB)


async def test_a_role_that_lists(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """A role in the management account lists; who runs the exporter may be a member."""
    stand_in.organization.listers = [WEB]
    eye = eyes(listing=Access(role_arn=f"arn:aws:iam::{WEB}:role/list", use="organization"))
    seen = await eye.look()
    assert isinstance(seen, Seen)
    assert (eye.account, [one.id for one in seen.value.members if one.own]) == (WEB, [HUB])


ALLOW = (
    "allow organizations:{} to these credentials, of the management account or a delegated administrator's"
)
TOLD = Fault("").message


@pytest.mark.parametrize(
    ("fault", "why", "detail"),
    [
        (
            Fault("AccessDeniedException", "ListAccounts"),
            Why.DENIED,
            f"ListAccounts: AccessDeniedException: {TOLD}; {ALLOW.format('ListAccounts')}",
        ),
        (
            Fault("AccessDeniedException", "ListAccounts", later=True),
            Why.DENIED,
            f"ListAccounts: AccessDeniedException: {TOLD}; {ALLOW.format('ListAccounts')}",
        ),
        (
            Fault("AWSOrganizationsNotInUseException", "ListAccounts"),
            Why.NOT_FOUND,
            (
                f"ListAccounts: AWSOrganizationsNotInUseException: {TOLD};"
                " the account is in no organization: see aws.organization, and whose credentials list it"
            ),
        ),
        (
            Fault("TooManyRequestsException", "ListAccounts"),
            Why.THROTTLED,
            (
                f"ListAccounts: TooManyRequestsException: {TOLD};"
                " lower aws.requests_per_second or ask AWS for a higher quota"
            ),
        ),
        (
            Fault("ParentNotFoundException", "ListAccountsForParent"),
            Why.NOT_FOUND,
            (
                f"ListAccountsForParent: ParentNotFoundException: {TOLD};"
                " see the organizational_units of aws.organization"
            ),
        ),
        (Fault(ANSWER, "ListAccounts"), Why.MALFORMED, "a page of ListAccounts without Accounts"),
        (
            Fault(ANSWER, "ListAccounts", answer={"Accounts": [{"Name": "x"}]}),
            Why.MALFORMED,
            "a row of an organization without Id",
        ),
        (
            Fault(ANSWER, "ListAccounts", answer={"Accounts": [], "NextToken": "a"}),
            Why.MALFORMED,
            "a NextToken of ListAccounts that leads nowhere new",
        ),
    ],
)
async def test_reasons(stand_in: AcmStandIn, eyes: Eyes, fault: Fault, why: Why, detail: str) -> None:
    """Half an organization is none, and the reason says what to do."""
    stand_in.organization.accounts += [Account(f"{n:012}", "more") for n in range(10, 40)]
    stand_in.faults = [fault]
    assert await eyes(ABOVE).look() == Unseen(why, detail)


# --- one client for all accounts -------------------------------------------------------------------------


def role(account: str) -> Access:
    """Name the role of an account."""
    return Access(role_arn=f"arn:aws:iam::{account}:role/reader", external_id="agreed")


async def test_accounts_that_share_clients_keep_to_themselves(stand_in: AcmStandIn) -> None:
    """Many at once, each sees its own certificates, with one AssumeRole for all of its regions."""
    accounts = [f"{n:012}" for n in range(1, 31)]
    everything = [
        issued(n, where=region, account=account)
        for n, account in enumerate(accounts)
        for region in (HOME, AWAY)
    ]
    stand_in.certificates |= {one["CertificateArn"]: one for one in everything}
    stand_in.external_ids = {role(one).role_arn: "agreed" for one in accounts}
    executor, clients = ThreadPoolExecutor(16), Clients(16, shared=True)
    eyes = [AcmEye(clients, role(one), region, executor, 100) for one in accounts for region in (HOME, AWAY)]
    seen = await asyncio.gather(*(eye.sweep() for eye in eyes))
    got = [[(row.account, row.region) for row in one.value] for one in seen if isinstance(one, Seen)]
    assert got == [[(eye.account, eye.region)] for eye in eyes]
    assert [eye.requests for eye in eyes] == [{("SearchCertificates", "OK"): 1}] * len(eyes)
    assumed: dict[Any, int] = {key[2]: n for key, n in stand_in.requests.items() if key[2] == "AssumeRole"}
    assert sum(n for (_, _, o), n in stand_in.requests.items() if o == "AssumeRole") == len(accounts), assumed


async def test_a_role_that_is_refused_harms_nobody_else(stand_in: AcmStandIn) -> None:
    """It is told at once, no other operation is tried by it, and it works as soon as it may."""
    stand_in.trusting = lambda arn: WEB not in arn
    executor, clients = ThreadPoolExecutor(4), Clients(4, shared=True)
    refused, fine = (
        AcmEye(clients, Access(role_arn=role(one).role_arn), HOME, executor, 100) for one in (WEB, DATA)
    )
    seen = await refused.sweep()
    assert isinstance(seen, Unseen)
    assert (seen.why, seen.detail.partition(":")[0]) == (Why.DENIED, "AssumeRole")
    assert await fine.sweep() == Seen(())
    assert (refused.requests, stand_in.requests[HUB, HOME, "AssumeRole"]) == ({}, 2)
    stand_in.trusting = lambda _: True
    assert await refused.sweep() == Seen(())


async def test_an_expired_session_is_got_anew(stand_in: AcmStandIn) -> None:
    """After AWS called the token expired, the role is assumed again."""
    access = Access(role_arn=role(WEB).role_arn)
    eye = AcmEye(Clients(2, shared=True), access, HOME, ThreadPoolExecutor(2), 100)
    stand_in.faults = [Fault("ExpiredTokenException", account=WEB, times=1)]
    seen = await eye.sweep()
    assert isinstance(seen, Unseen)
    assert seen.why is Why.EXPIRED_TOKEN
    assert await eye.sweep() == Seen(())
    assert stand_in.requests[HUB, HOME, "AssumeRole"] == 2
