"""The ACM eye sees every certificate of an account and region, or says why it sees none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer
from structlog.testing import capture_logs

from exporter.demo.acm import ANSWER, GARBAGE, HANG, AcmStandIn, Fault, serial_text
from exporter.demo.pki import new_key, root
from exporter.facts import Certificate, Details, Seen, Unseen, Validation, Why
from exporter.observe import acm, pace
from exporter.observe.acm import AcmEye
from exporter.observe.aws import Access, Clients

Json = dict[str, Any]
Eyes = Callable[..., AcmEye]

HOME, AWAY = "us-east-1", "eu-west-1"
MINE, OTHERS = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{OTHERS}:role/acm-exporter"
START, END = datetime(2026, 8, 1, tzinfo=UTC), datetime(2027, 2, 15, tzinfo=UTC)
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/a/1"
INTERCEPTED = "something between here and AWS may have answered in its place"


def arn(number: int, region: str = HOME, account: str = MINE) -> str:
    """Write the ARN of a test certificate."""
    return f"arn:aws:acm:{region}:{account}:certificate/00000000-0000-0000-0000-{number:012}"


def on_the_wire(number: int, region: str = HOME, account: str = MINE, **changes: Any) -> Json:
    """Write a healthy certificate as the stand-in holds it."""
    name = f"n{number}.example.com"
    validation = {"DomainName": name, "ValidationMethod": "DNS", "ValidationStatus": "SUCCESS"}
    return {
        "CertificateArn": arn(number, region, account),
        "DomainName": name,
        "SubjectAlternativeNames": [name],
        "DomainValidationOptions": [validation],
        "Serial": serial_text(0x77100 + number),
        "Issuer": "Amazon",
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "CreatedAt": START,
        "IssuedAt": START,
        "NotBefore": START,
        "NotAfter": END,
        "InUseBy": [BALANCER],
        "RenewalEligibility": "ELIGIBLE",
        "CertificateKeyPairOrigin": "AWS_MANAGED",
        "Options": {"ValidationMethod": "DNS"},
        "Tags": {"team": "web"},
        **changes,
    }


def as_noun(number: int, region: str = HOME, account: str = MINE, **changes: Any) -> Certificate:
    """Write the same certificate as a sweep by SearchCertificates sees it."""
    certificate = Certificate(
        arn=arn(number, region, account),
        account=account,
        region=region,
        domain=f"n{number}.example.com",
        names=(f"n{number}.example.com",),
        type="AMAZON_ISSUED",
        status="ISSUED",
        serial=0x77100 + number,
        not_before=START,
        not_after=END,
        created_at=START,
        issued_at=START,
        key_algorithm="RSA_2048",
        issuer="Amazon",
        key_pair_origin="AWS_MANAGED",
        validation_method="DNS",
        in_use=True,
        exported=False,
        eligibility="ELIGIBLE",
    )
    return replace(certificate, **changes)


def by_list(certificate: Certificate) -> Certificate:
    """Forget what ListCertificates does not tell."""
    return replace(certificate, serial=None, issuer="", validation_method="")


pytestmark = pytest.mark.usefixtures("credentials")


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcmStandIn]:
    """Run an ACM with two certificates, which AWS_ENDPOINT_URL leads to."""
    running = await AcmStandIn.start({arn(number): on_the_wire(number) for number in (1, 2)})
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    yield running
    await running.close()


@pytest.fixture
def eyes() -> Iterator[Eyes]:
    """Make eyes that share their clients and threads."""
    with ThreadPoolExecutor(8) as executor:
        clients = Clients(threads=8, timeout=2.0)

        def eye(access: Access = Access(), region: str = HOME, rate: float = 1000.0) -> AcmEye:  # noqa: B008
            return AcmEye(clients, access, region, executor, rate)

        yield eye


async def test_sweep_sees_whole_certificates(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """A sweep returns each certificate with all that a row tells, details not looked at yet."""
    eye = eyes()
    assert await eye.sweep() == Seen((as_noun(1), as_noun(2)))
    assert eye.requests == {("SearchCertificates", "OK"): 1}


async def test_sweep_follows_pages(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """1,203 certificates come in three pages, none twice and none lost."""
    numbers = range(1, 1204)
    stand_in.certificates.update({arn(number): on_the_wire(number) for number in numbers})
    eye = eyes()
    assert await eye.sweep() == Seen(tuple(as_noun(number) for number in numbers))
    assert eye.requests == {("SearchCertificates", "OK"): 3}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("AccessDeniedException", "SearchCertificates"),
        Fault("UnknownOperationException", "SearchCertificates"),
        Fault("InternalFailure", "SearchCertificates", status=500),
        Fault("InvalidAction", "SearchCertificates", status=404),  # how others say that they do not know it
    ],
    ids=lambda fault: fault.how,
)
async def test_list_serves_where_search_does_not(stand_in: AcmStandIn, eyes: Eyes, fault: Fault) -> None:
    """Nothing is hidden by ListCertificates' defaults, and Search is not tried again at once."""
    hidden = ("EC_prime256v1", "RSA_4096", "RSA_3072", "EC_secp384r1", "EC_secp521r1", "RSA_1024")
    for number, algorithm in enumerate(hidden, 3):
        stand_in.certificates[arn(number)] = on_the_wire(number, KeyAlgorithm=algorithm)
    stand_in.certificates[arn(9)] = on_the_wire(9, CertificateKeyPairOrigin="ACME")
    stand_in.faults = [fault]
    expected = [as_noun(1), as_noun(2)]
    expected += [as_noun(number, key_algorithm=algorithm) for number, algorithm in enumerate(hidden, 3)]
    expected += [as_noun(9, key_pair_origin="ACME")]
    eye = eyes()
    with capture_logs() as logs:
        first = await eye.sweep()
    tried = stand_in.requests[MINE, HOME, "SearchCertificates"]
    assert first == await eye.sweep() == Seen(tuple(by_list(one) for one in expected))
    assert stand_in.requests == {
        (MINE, HOME, "SearchCertificates"): tried,
        (MINE, HOME, "ListCertificates"): 2,
    }
    assert [one["event"] for one in logs] == [
        "SearchCertificates is refused, so ListCertificates serves for an hour"
    ]


async def test_search_is_tried_again_later(
    stand_in: AcmStandIn, eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the fallback's time is over, a policy that was corrected meanwhile shows."""
    monkeypatch.setattr(acm, "FALLBACK_SECONDS", 0.0)
    stand_in.faults = [Fault("AccessDeniedException", "SearchCertificates", times=1)]
    eye = eyes()
    assert await eye.sweep() == Seen((by_list(as_noun(1)), by_list(as_noun(2))))
    assert await eye.sweep() == Seen((as_noun(1), as_noun(2)))


async def test_search_names_what_list_hides(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """The filter of the sweep lets every certificate pass, those that nobody validated yet too."""
    absent = ("Serial", "Issuer", "IssuedAt", "NotBefore", "NotAfter", "CertificateKeyPairOrigin")
    whole = on_the_wire(3, Status="PENDING_VALIDATION", InUseBy=[], RenewalEligibility="INELIGIBLE")
    stand_in.certificates = {arn(3): {name: value for name, value in whole.items() if name not in absent}}
    expected = as_noun(
        3, status="PENDING_VALIDATION", in_use=False, eligibility="INELIGIBLE", key_pair_origin=""
    )
    unsaid: Json = {"serial": None, "issuer": "", "issued_at": None, "not_before": None, "not_after": None}
    assert await eyes().sweep() == Seen((replace(expected, **unsaid),))


async def test_throttled_then_fine(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """One refusal for haste costs a retry, which is counted, and nothing else."""
    stand_in.faults = [Fault("ThrottlingException", times=1)]
    eye = eyes()
    assert await eye.sweep() == Seen((as_noun(1), as_noun(2)))
    assert eye.requests == {("SearchCertificates", "ThrottlingException"): 1, ("SearchCertificates", "OK"): 1}


ROW = {"CertificateArn": arn(1)}


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ({}, "a page without Results"),
        ({"Results": [ROW], "NextToken": "again"}, "a NextToken that leads nowhere new"),
        ({"Results": [{}]}, "a certificate without an ARN: ''"),
        ({"Results": [ROW, {"CertificateArn": "x"}]}, "a certificate without an ARN: 'x'"),
        ({"Results": [None]}, "a certificate is missing"),
        (None, "a page without Results"),
    ],
)
async def test_malformed_pages(stand_in: AcmStandIn, eyes: Eyes, answer: Json | None, detail: str) -> None:
    """A page that is not of the documented shape is no inventory, and never an endless one."""
    stand_in.faults = [Fault(GARBAGE) if answer is None else Fault(ANSWER, answer=answer)]
    assert await eyes().sweep() == Unseen(Why.MALFORMED, f"{detail}; {INTERCEPTED}")


async def test_a_late_failure_leaves_no_half(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """When the second page fails, the first is not taken for the whole."""
    page = {"Results": [ROW], "NextToken": "MA=="}
    stand_in.faults = [Fault(ANSWER, answer=page, times=1), Fault("ExpiredTokenException")]
    said = "SearchCertificates: ExpiredTokenException: the stand-in was told to say so"
    advice = "renew the credentials (aws sso login, or a new session token)"
    assert await eyes().sweep() == Unseen(Why.EXPIRED_TOKEN, f"{said}; {advice}")


async def test_one_odd_certificate(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """A certificate that is partly unreadable keeps its row, is logged, and harms no other."""
    stand_in.certificates[arn(1)] |= {"Serial": "??", "NotAfter": "soon"}
    with capture_logs() as logs:
        seen = await eyes().sweep()
    assert seen == Seen((as_noun(1, serial=None, not_after=None), as_noun(2)))
    assert logs == [
        {
            "event": "a certificate is partly unreadable",
            "log_level": "warning",
            "arn": arn(1),
            "members": ("X509Attributes.SerialNumber", "X509Attributes.NotAfter"),
        }
    ]


async def test_describe(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """A description adds the details; it does not know whether the certificate was exported."""
    details = Details(
        in_use_by=(BALANCER,),
        validations=(Validation(name="n1.example.com", method="DNS", status="SUCCESS"),),
        issuer="Amazon",
    )
    eye = eyes()
    assert await eye.describe(arn(1)) == Seen(as_noun(1, issuer="", exported=None, details=Seen(details)))
    assert eye.requests == {("DescribeCertificate", "OK"): 1}


async def test_describe_what_is_gone(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """A certificate that was deleted since the sweep is not found."""
    said = f"DescribeCertificate: ResourceNotFoundException: Could not find certificate {arn(5)}."
    advice = "it was deleted, or its ARN is of another account or region"
    assert await eyes().describe(arn(5)) == Unseen(Why.NOT_FOUND, f"{said}; {advice}")


async def test_tags(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """Tags are names and values; a certificate without any has an empty set."""
    stand_in.certificates[arn(2)]["Tags"] = {}
    assert await eyes().tags(arn(1)) == Seen({"team": "web"})
    assert await eyes().tags(arn(2)) == Seen({})


async def test_malformed_descriptions_and_tags(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """An empty answer is neither a certificate without details nor one without tags."""
    stand_in.faults = [Fault(ANSWER)]
    missing = Unseen(Why.MALFORMED, f"a certificate is missing; {INTERCEPTED}")
    assert await eyes().describe(arn(1)) == missing
    tags = Unseen(Why.MALFORMED, f"Tags are missing or not of their shape; {INTERCEPTED}")
    assert await eyes().tags(arn(1)) == tags


async def test_accounts_and_regions_side_by_side(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """Each eye sees its own certificates and knows its account; one that fails leaves the others alone."""
    stand_in.external_ids[ROLE] = "blue"
    elsewhere = [on_the_wire(3, AWAY), on_the_wire(4, HOME, OTHERS), on_the_wire(5, AWAY, OTHERS)]
    stand_in.certificates.update({one["CertificateArn"]: one for one in elsewhere})
    stand_in.faults = [Fault("AccessDeniedException", account=OTHERS, region=AWAY)]
    role = Access(role_arn=ROLE, external_id="blue")
    many = [eyes(), eyes(region=AWAY), eyes(role), eyes(role, AWAY)]
    assert [eye.account for eye in many] == ["", "", OTHERS, OTHERS]
    said = "ListCertificates: AccessDeniedException: the stand-in was told to say so"
    assert await asyncio.gather(*(eye.sweep() for eye in many)) == [
        Seen((as_noun(1), as_noun(2))),
        Seen((as_noun(3, AWAY),)),
        Seen((as_noun(4, HOME, OTHERS),)),
        Unseen(Why.DENIED, f"{said}; allow acm:ListCertificates to these credentials"),
    ]
    assert [eye.account for eye in many] == [MINE, MINE, OTHERS, OTHERS]


async def test_an_empty_account_is_asked_for_its_name(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """STS is asked for the account only where no certificate tells it, until it answers."""
    stand_in.certificates.clear()
    stand_in.faults = [Fault("AccessDenied", "GetCallerIdentity", times=1)]
    eye, told = eyes(), eyes(Access(role_arn=ROLE), region=AWAY)
    accounts = []
    for _ in range(3):
        assert await eye.sweep() == Seen(())
        accounts.append(eye.account)
    assert accounts == ["", MINE, MINE]
    assert stand_in.requests[MINE, HOME, "GetCallerIdentity"] == 2
    assert (await told.sweep(), told.account) == (Seen(()), OTHERS)
    assert stand_in.requests[MINE, AWAY, "GetCallerIdentity"] == 0
    assert stand_in.requests[OTHERS, AWAY, "GetCallerIdentity"] == 0


async def test_the_ambient_region(stand_in: AcmStandIn, eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region in the configuration the ambient one is used, as soon as there is one."""
    eye = eyes(region="")
    no_region = Unseen(Why.AWS_ERROR, "no region is known: set AWS_REGION or aws.accounts[].regions")
    assert (await eye.sweep(), eye.region) == (no_region, "")
    monkeypatch.setenv("AWS_REGION", HOME)
    assert (await eye.sweep(), eye.region) == (Seen((as_noun(1), as_noun(2))), HOME)
    assert eyes(region="").region == HOME


async def test_descriptions_keep_the_pace(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """Calls are spread at the rate that was configured, but for a small burst at the start."""
    eye, loop = eyes(rate=40.0), asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(eye.describe(arn(1)) for _ in range(pace.BURST + 20)))
    assert loop.time() - began > 20 / 40 - 0.02
    assert eye.requests == {("DescribeCertificate", "OK"): pace.BURST + 20}


async def test_a_sweep_does_not_stand_in_line(stand_in: AcmStandIn, eyes: Eyes) -> None:
    """Many descriptions that wait for their turn do not hold up the next sweep."""
    eye = eyes(rate=10.0)
    descriptions = [asyncio.create_task(eye.describe(arn(1))) for _ in range(200)]
    await asyncio.sleep(0)
    assert await eye.sweep() == Seen((as_noun(1), as_noun(2)))
    waiting = [task for task in descriptions if not task.done()]
    assert len(waiting) > 100
    for task in waiting:
        task.cancel()
    await asyncio.wait(descriptions)


async def test_giving_up_on_a_hanging_aws(stand_in: AcmStandIn) -> None:
    """Who gives up a look is free at once, and after close() its thread ends without another attempt."""
    stand_in.faults = [Fault(HANG)]
    clients, executor = Clients(threads=1, timeout=1.0), ThreadPoolExecutor(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.4):
            await AcmEye(clients, Access(), HOME, executor, 1000.0).sweep()
    clients.close()
    await asyncio.to_thread(executor.shutdown)
    assert stand_in.requests.total() <= 1


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Run moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


async def test_against_moto(moto: str, eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ACM that others wrote, without SearchCertificates and with decimal serials, is read as well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    issued = root("Test Root", start).issue(["www.example.com", "example.com"], start, key=new_key("rsa"))
    client = Session().create_client("acm", region_name=AWAY)
    imported = client.import_certificate(
        Certificate=issued.chain_pem, PrivateKey=issued.key_pem, Tags=[{"Key": "team", "Value": "web"}]
    )["CertificateArn"]
    requested = client.request_certificate(DomainName="new.example.com", ValidationMethod="DNS")[
        "CertificateArn"
    ]
    eye = eyes(region=AWAY)
    seen = await eye.sweep()
    assert isinstance(seen, Seen)
    assert {one.arn: (one.domain, one.serial, one.type) for one in seen.value} == {
        imported: ("www.example.com", None, "IMPORTED"),
        requested: ("new.example.com", None, "AMAZON_ISSUED"),
    }
    described = await eye.describe(imported)
    assert isinstance(described, Seen)
    assert isinstance(described.value.details, Seen)
    leaf = issued.certificate
    assert described == Seen(
        Certificate(
            arn=imported,
            account="123456789012",
            region=AWAY,
            domain="www.example.com",
            names=("www.example.com", "example.com"),
            type="IMPORTED",
            status="ISSUED",
            serial=issued.serial,
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            imported_at=described.value.imported_at,
            key_algorithm="RSA_2048",
            in_use=False,
            eligibility="INELIGIBLE",
            details=described.value.details,
        )
    )
    assert await eye.tags(imported) == Seen({"team": "web"})
