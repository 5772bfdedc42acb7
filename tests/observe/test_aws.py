"""Calls of AWS give answers or reasons, never foreign exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from exporter.demo.acm import ANSWER, DROP, GARBAGE, HANG, AcmStandIn, Fault
from exporter.facts import Why
from exporter.observe.aws import ATTEMPTS, Access, Clients
from exporter.observe.sight import Blind

AMBIENT = Access()
HOME, AWAY = "us-east-1", "eu-west-1"
OTHERS = "444455556666"
ROLE = f"arn:aws:iam::{OTHERS}:role/acm-exporter"
KEYS = "check the credentials, the clock of this machine, and that the region is enabled for the account"
INTERCEPTED = "something between here and AWS may have answered in its place"


pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcmStandIn]:
    """Run an empty ACM that AWS_ENDPOINT_URL leads to."""
    running = await AcmStandIn.start({})
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    yield running
    await running.close()


async def call(clients: Clients, operation: str = "SearchCertificates", **where: Any) -> Any:
    """Make one call in a thread; a Blind becomes its reason and detail."""
    access, region = where.pop("access", AMBIENT), where.pop("region", HOME)
    try:
        return (await asyncio.to_thread(clients.call, access, region, operation, **where))[
            "ResponseMetadata"
        ]["HTTPStatusCode"]
    except Blind as blind:
        return blind.why, blind.detail


TOLD = Fault("").message
SLOWER = "lower aws.requests_per_second or ask AWS for a higher quota"
ALLOW = "allow acm:SearchCertificates to these credentials"
ENABLE = "enable the region or the service for the account"
RENEW = "renew the credentials (aws sso login, or a new session token)"
GONE = "it was deleted, or its ARN is of another account or region"
TROUBLE = "AWS has trouble or does not know the call; it is tried again"
FAULTS = {
    "ThrottlingException": (Why.THROTTLED, f"ThrottlingException: {TOLD}; {SLOWER}"),
    "TooManyRequestsException": (Why.THROTTLED, f"TooManyRequestsException: {TOLD}; {SLOWER}"),
    "AccessDeniedException": (Why.DENIED, f"AccessDeniedException: {TOLD}; {ALLOW}"),
    "OptInRequired": (Why.DENIED, f"OptInRequired: {TOLD}; {ENABLE}"),
    "ExpiredTokenException": (Why.EXPIRED_TOKEN, f"ExpiredTokenException: {TOLD}; {RENEW}"),
    "UnrecognizedClientException": (Why.NO_CREDENTIALS, f"UnrecognizedClientException; {KEYS}"),
    "InvalidSignatureException": (Why.NO_CREDENTIALS, f"InvalidSignatureException; {KEYS}"),
    "ResourceNotFoundException": (Why.NOT_FOUND, f"ResourceNotFoundException: {TOLD}; {GONE}"),
    "SomethingNewException": (Why.AWS_ERROR, f"SomethingNewException: {TOLD}; {TROUBLE}"),
}


async def test_error_codes_become_reasons(stand_in: AcmStandIn) -> None:
    """Each error code of AWS has a reason, and a detail that says what to do."""
    regions = {code: f"xx-fault-{number}" for number, code in enumerate(FAULTS)}
    stand_in.faults = [Fault(code, region=region) for code, region in regions.items()]
    clients = Clients(threads=len(FAULTS))
    found = await asyncio.gather(*(call(clients, region=region) for region in regions.values()))
    assert dict(zip(FAULTS, found, strict=True)) == {
        code: (why, f"SearchCertificates: {said}") for code, (why, said) in FAULTS.items()
    }


async def test_the_message_names_the_missing_action(stand_in: AcmStandIn) -> None:
    """Where AWS says which action is missing, that one is to be allowed."""
    message = "User: arn:aws:iam::1:user/x is not authorized to perform: acm:GetCertificate on resource: *"
    stand_in.faults = [Fault("AccessDeniedException", message=message)]
    said = (
        f"SearchCertificates: AccessDeniedException: {message}; allow acm:GetCertificate to these credentials"
    )
    assert await call(Clients(threads=1)) == (Why.DENIED, said)


async def test_broken_answers_become_reasons(stand_in: AcmStandIn) -> None:
    """Silence, a closed connection and answers that AWS would not give are told apart and counted."""
    clients = Clients(threads=4, timeout=0.3)
    stand_in.faults = [
        Fault(HANG, region="xx-hang-1"),
        Fault(DROP, region="xx-drop-1"),
        Fault(ANSWER, region="xx-shape-1", answer={"Results": [7]}),
        Fault(ANSWER, region="xx-date-1", answer={"Results": [{"X509Attributes": {"NotAfter": 1e31}}]}),
        Fault("InternalFailure", region="xx-error-1", status=500),
    ]
    regions = [str(fault.region) for fault in stand_in.faults]
    found = await asyncio.gather(*(call(clients, region=region) for region in regions))
    url, advice = f"{stand_in.url}/", "check network, DNS, proxy and AWS_ENDPOINT_URL"
    assert found == [
        (Why.AWS_UNREACHABLE, f'Read timeout on endpoint URL: "{url}"; {advice}'),
        (
            Why.AWS_UNREACHABLE,
            f'Connection was closed before we received a valid response from endpoint URL: "{url}".; {advice}',
        ),
        (Why.MALFORMED, f"an answer that botocore cannot read (AttributeError); {INTERCEPTED}"),
        (Why.MALFORMED, f"an answer that botocore cannot read (RuntimeError); {INTERCEPTED}"),
        (Why.AWS_ERROR, f"SearchCertificates: InternalFailure: {TOLD}; {TROUBLE}"),
    ]
    assert [clients.requests(AMBIENT, region) for region in regions] == [
        {("SearchCertificates", "ReadTimeoutError"): ATTEMPTS},
        {("SearchCertificates", "ConnectionClosedError"): ATTEMPTS},
        {("SearchCertificates", "AttributeError"): 1},
        {("SearchCertificates", "RuntimeError"): 1},
        {("SearchCertificates", "InternalFailure"): ATTEMPTS},
    ]


async def test_garbage_of_sts_is_no_account(stand_in: AcmStandIn) -> None:
    """An answer that is no XML, where XML is due, is malformed."""
    stand_in.faults = [Fault(GARBAGE)]
    said = f"an answer that botocore cannot read (ResponseParserError); {INTERCEPTED}"
    assert await call(Clients(threads=1), "GetCallerIdentity") == (Why.MALFORMED, said)


async def test_retries_are_counted(stand_in: AcmStandIn) -> None:
    """Every HTTP attempt counts with its own code, by access and region."""
    clients = Clients(threads=1)
    stand_in.faults = [Fault("ThrottlingException", times=1)]
    assert await call(clients) == 200
    assert await call(clients, "GetCallerIdentity") == 200
    assert clients.requests(AMBIENT, HOME) == {
        ("SearchCertificates", "ThrottlingException"): 1,
        ("SearchCertificates", "OK"): 1,
        ("GetCallerIdentity", "OK"): 1,
    }
    assert clients.requests(AMBIENT, AWAY) == {}


async def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that refuses connections is AWS out of reach."""
    closed = await AcmStandIn.start({})
    await closed.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", closed.url)
    said = f'Could not connect to the endpoint URL: "{closed.url}/"; check network, DNS, proxy and AWS_ENDPOINT_URL'
    assert await call(Clients(threads=1)) == (Why.AWS_UNREACHABLE, said)


@pytest.mark.usefixtures("stand_in")
async def test_credentials_that_come_later_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials the reason says so, and a daemon need not be restarted once there are some."""
    clients = Clients(threads=1)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    said = "Unable to locate credentials; give AWS credentials (environment, profile or role)"
    assert await call(clients) == (Why.NO_CREDENTIALS, said)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    assert await call(clients) == 200


async def test_renewed_tokens_are_found(stand_in: AcmStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an expired token the credentials are read afresh."""
    clients = Clients(threads=1)
    stand_in.accounts["AKIARENEWED"] = OTHERS
    stand_in.faults = [Fault("ExpiredTokenException", account="111122223333")]
    assert (await call(clients))[0] is Why.EXPIRED_TOKEN
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIARENEWED")
    assert await call(clients) == 200


@pytest.mark.usefixtures("stand_in")
async def test_unknown_profile() -> None:
    """A profile that no file has is named."""
    clients, access = Clients(threads=1), Access(profile="nowhere")
    said = (
        "The config profile (nowhere) could not be found; give AWS credentials (environment, profile or role)"
    )
    assert clients.region(access) == ""
    assert await call(clients, access=access) == (Why.NO_CREDENTIALS, said)


async def test_profiles(stand_in: AcmStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A profile brings its own credentials and region."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    (tmp_path / "config").write_text(
        "[profile web]\nregion = ap-south-1\naws_access_key_id = AKIAWEB\naws_secret_access_key = x\n"
    )
    stand_in.accounts["AKIAWEB"] = OTHERS
    clients, access = Clients(threads=1), Access(profile="web")
    assert await call(clients, access=access, region=clients.region(access)) == 200
    assert list(stand_in.requests) == [(OTHERS, "ap-south-1", "SearchCertificates")]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ""),
        ({"AWS_REGION": HOME}, HOME),
        ({"AWS_DEFAULT_REGION": AWAY, "AWS_REGION": HOME}, AWAY),
    ],
)
def test_ambient_region(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    """The region is botocore's, else AWS_REGION, which other SDKs read."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Clients(threads=1).region(AMBIENT) == expected


@pytest.mark.usefixtures("stand_in")
async def test_no_region() -> None:
    """Without any region the reason says where to set one."""
    said = "no region is known: set AWS_REGION or aws.accounts[].regions"
    assert await call(Clients(threads=1), region="") == (Why.AWS_ERROR, said)


async def test_bad_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is no URL is the operator's slip, not a malformed answer."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1")
    said = "Invalid endpoint: 127.0.0.1; check AWS_ENDPOINT_URL and the region"
    assert await call(Clients(threads=1)) == (Why.AWS_ERROR, said)


async def test_a_role_is_assumed_once_for_all_regions(stand_in: AcmStandIn) -> None:
    """The role's credentials, got with the external id, serve every region; the calls are its account's."""
    stand_in.external_ids[ROLE] = "blue"
    clients, access = Clients(threads=4), Access(role_arn=ROLE, external_id="blue")
    assert stand_in.requests == {}
    regions = (HOME, AWAY, HOME, AWAY)
    found = await asyncio.gather(*(call(clients, access=access, region=region) for region in regions))
    assert found == [200] * 4
    assert sorted((account, operation, n) for (account, _, operation), n in stand_in.requests.items()) == [
        ("111122223333", "AssumeRole", 1),
        (OTHERS, "SearchCertificates", 2),
        (OTHERS, "SearchCertificates", 2),
    ]


async def test_a_role_that_may_not_be_assumed(stand_in: AcmStandIn) -> None:
    """A refused role says which permission and which trust are missing."""
    stand_in.external_ids[ROLE] = "blue"
    said = (
        f"AssumeRole: AccessDenied: User is not authorized to perform: sts:AssumeRole on resource: {ROLE};"
        " allow sts:AssumeRole to these credentials, and them in the role's trust policy (external id)"
    )
    assert await call(Clients(threads=1), access=Access(role_arn=ROLE)) == (Why.DENIED, said)


async def test_times_are_utc(stand_in: AcmStandIn) -> None:
    """Times come as aware UTC, and one that cannot be read spoils no other row."""
    metadata = [
        {"AcmCertificateMetadata": {"CreatedAt": one}} for one in (0.5, "1970-01-01T01:00:00+01:00", "soon")
    ]
    stand_in.faults = [Fault(ANSWER, answer={"Results": [{"CertificateMetadata": one} for one in metadata]})]
    page = await asyncio.to_thread(Clients(threads=1).call, AMBIENT, HOME, "SearchCertificates")
    seen = [row["CertificateMetadata"]["AcmCertificateMetadata"]["CreatedAt"] for row in page["Results"]]
    assert [str(one) for one in seen] == [
        "1970-01-01 00:00:00.500000+00:00",
        "1970-01-01 00:00:00+00:00",
        "soon",
    ]
