"""The ACM stand-in speaks as ACM does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from xml.etree import ElementTree as ET

import aiohttp
import pytest
from botocore.model import ListShape, Shape, StringShape, StructureShape
from botocore.session import Session

from exporter.demo.acm import ANSWER, DROP, GARBAGE, AcmStandIn, Fault, serial_text

Json = dict[str, Any]

MODELS = {name: Session().get_service_model(name) for name in ("acm", "sts")}
HOME, AWAY = "us-east-1", "eu-west-1"
MINE, OTHERS = "111122223333", "444455556666"
HYPHEN = "DescribeCertificate.Certificate.KeyAlgorithm is 'RSA-2048'"
ROLE = f"arn:aws:iam::{OTHERS}:role/acm-exporter"


def arn(number: int, region: str = HOME, account: str = MINE) -> str:
    """Write the ARN of a test certificate."""
    return f"arn:aws:acm:{region}:{account}:certificate/00000000-0000-0000-0000-{number:012}"


def issued(number: int, *, where: str = HOME, account: str = MINE, **changes: Any) -> Json:
    """Write a healthy certificate, validated by DNS, with what differs."""
    name = f"n{number}.example.com"
    validation = {
        "DomainName": name,
        "ValidationStatus": "SUCCESS",
        "ValidationMethod": "DNS",
        "ResourceRecord": {"Name": f"_a.{name}.", "Type": "CNAME", "Value": "_b.acm-validations.aws."},
    }
    return {
        "CertificateArn": arn(number, where, account),
        "DomainName": name,
        "SubjectAlternativeNames": [name],
        "DomainValidationOptions": [validation],
        "Serial": serial_text(0x0771 << 112 | number),
        "Subject": f"CN={name}",
        "Issuer": "Amazon",
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA_2048",
        "CreatedAt": 1_700_000_000,
        "IssuedAt": 1_700_000_600,
        "NotBefore": 1_700_000_000,
        "NotAfter": 1_717_000_000,
        "InUseBy": [f"arn:aws:elasticloadbalancing:{where}:{account}:loadbalancer/app/a/1"],
        "RenewalEligibility": "ELIGIBLE",
        "CertificateKeyPairOrigin": "AWS_MANAGED",
        "Options": {"Export": "DISABLED", "ValidationMethod": "DNS"},
        "RenewalSummary": {
            "RenewalStatus": "PENDING_VALIDATION",
            "RenewalStatusReason": "CAA_ERROR",
            "DomainValidationOptions": [validation],
            "UpdatedAt": 1_710_000_000.5,
        },
        "Exported": True,
        "ExportOption": "ENABLED",
        "Tags": {"team": "web"},
        **changes,
    }


def pending(number: int) -> Json:
    """Write a certificate that nobody validated yet, and so without what only an issued one has."""
    absent = ("Serial", "Subject", "Issuer", "IssuedAt", "NotBefore", "NotAfter", "RenewalSummary")
    whole = issued(number, Status="PENDING_VALIDATION", InUseBy=[])
    return {name: value for name, value in whole.items() if name not in absent}


@pytest.fixture
async def stand_in() -> AsyncIterator[AcmStandIn]:
    """Run an ACM with a certificate of each kind."""
    acme = {"CertificateKeyPairOrigin": "ACME"}
    certificates = [
        issued(1),
        pending(2),
        issued(3, KeyAlgorithm="EC_prime256v1"),
        issued(4, KeyAlgorithm="RSA_4096"),
        issued(5, **acme),
        issued(6, where=AWAY),
        issued(7, account=OTHERS),
    ]
    running = await AcmStandIn.start(
        {one["CertificateArn"]: one for one in certificates}, accounts={"K2": OTHERS}
    )
    yield running
    await running.close()


async def post(
    stand_in: AcmStandIn, operation: str, *, key: str = "K1", region: str = HOME, **asked: Any
) -> tuple[int, Any, str]:
    """Send one signed request as botocore would; return status, JSON or text, and the request id."""
    service = "sts" if operation in ("GetCallerIdentity", "AssumeRole") else "acm"
    scope = f"AWS4-HMAC-SHA256 Credential={key}/20261123/{region}/{service}/aws4_request, Signature=0"
    target = {"X-Amz-Target": f"CertificateManager.{operation}"} if service == "acm" else {}
    body: Json = {"json": asked} if service == "acm" else {"data": {"Action": operation, **asked}}
    async with (
        aiohttp.ClientSession() as http,
        http.post(stand_in.url, headers={"Authorization": scope, **target}, **body) as answer,
    ):
        is_json = answer.content_type == "application/x-amz-json-1.1"
        told = await (answer.json(content_type=None) if is_json else answer.text())
        return answer.status, told, answer.headers["x-amzn-RequestId"]


async def listed(stand_in: AcmStandIn, operation: str, rows: str, **asked: Any) -> list[str]:
    """Ask for one page and return the ARNs on it."""
    _, page, _ = await post(stand_in, operation, **asked)
    return [row["CertificateArn"] for row in page[rows]]


def misfits(shape: Shape, value: Any, path: str) -> list[str]:
    """Say where a JSON value is not of botocore's shape; botocore itself drops unknown members in silence."""
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [f"{path} is no structure"]
        found = [f"{path}.{name} is unknown" for name in value if name not in shape.members]
        found += [f"{path}.{name} is missing" for name in shape.required_members if name not in value]
        if shape.is_tagged_union and len(value) != 1:
            found.append(f"{path} is a union of {len(value)}")
        known = [(name, value[name]) for name in value if name in shape.members]
        return found + [m for name, one in known for m in misfits(shape.members[name], one, f"{path}.{name}")]
    if isinstance(shape, ListShape):
        most = shape.metadata.get("max", len(value))
        found = [] if len(value) <= most else [f"{path} is too long"]
        return found + [m for i, one in enumerate(value) for m in misfits(shape.member, one, f"{path}[{i}]")]
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        return [f"{path} is {value!r}"]
    kinds: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "timestamp": (int, float)}
    return [] if isinstance(value, kinds[shape.type_name]) else [f"{path} is a {type(value).__name__}"]


def of_xml(element: ET.Element) -> Any:
    """Read an answer of the query protocol."""
    parts = {part.tag: of_xml(part) for part in element}
    return parts or element.text


@pytest.mark.parametrize(
    ("operation", "asked", "quirks"),
    [
        ("SearchCertificates", {"MaxResults": 2}, []),
        ("ListCertificates", {"MaxItems": 1}, []),
        ("DescribeCertificate", {"CertificateArn": arn(1)}, [HYPHEN]),
        ("DescribeCertificate", {"CertificateArn": arn(2)}, [HYPHEN]),
        ("DescribeCertificate", {"CertificateArn": arn(3)}, []),
        ("ListTagsForCertificate", {"CertificateArn": arn(1)}, []),
    ],
)
async def test_answers_fit_the_service_model(
    stand_in: AcmStandIn, operation: str, asked: Json, quirks: list[str]
) -> None:
    """Answers are of AWS's own model, no member more or less, but for the hyphen that AWS writes as well."""
    status, told, request_id = await post(stand_in, operation, **asked)
    assert (status, len(request_id)) == (200, 36)
    assert misfits(MODELS["acm"].operation_model(operation).output_shape, told, operation) == quirks


@pytest.mark.parametrize(
    ("operation", "asked"),
    [("GetCallerIdentity", {}), ("AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "x"})],
)
async def test_sts_fits_its_model(stand_in: AcmStandIn, operation: str, asked: Json) -> None:
    """STS's answers fit its model too, but for the one time in them, which XML has as text."""
    _, text, _ = await post(stand_in, operation, **asked)
    told = of_xml(ET.fromstring(text))[f"{operation}Result"]
    found = misfits(MODELS["sts"].operation_model(operation).output_shape, told, operation)
    times = ["AssumeRole.Credentials.Expiration is a str"] if operation == "AssumeRole" else []
    assert found == times


async def test_the_walk_finds_misfits() -> None:
    """The check against the model notices unknown, missing, wrong and doubled members."""
    shape = MODELS["acm"].operation_model("SearchCertificates").output_shape
    metadata = {"AcmCertificateMetadata": {"Status": "RENEWING", "InUse": "yes"}, "Other": {}}
    told = {"Results": [{"CertificateArn": 1, "CertificateMetadata": metadata}], "Extra": 1}
    assert misfits(shape, told, "S") == [
        "S.Extra is unknown",
        "S.Results[0].CertificateArn is a int",
        "S.Results[0].CertificateMetadata.Other is unknown",
        "S.Results[0].CertificateMetadata is a union of 2",
        "S.Results[0].CertificateMetadata.AcmCertificateMetadata.Status is 'RENEWING'",
        "S.Results[0].CertificateMetadata.AcmCertificateMetadata.InUse is a str",
    ]


async def test_describe_has_its_quirks(stand_in: AcmStandIn) -> None:
    """A description writes RSA-2048, and knows neither InUse nor Exported nor tags."""
    _, told, _ = await post(stand_in, "DescribeCertificate", CertificateArn=arn(1))
    only_in_rows = {"Exported", "ExportOption", "Tags"}
    expected = {name: value for name, value in issued(1).items() if name not in only_in_rows}
    assert told == {"Certificate": expected | {"KeyAlgorithm": "RSA-2048"}}


async def test_list_hides_what_it_really_hides(stand_in: AcmStandIn) -> None:
    """ListCertificates shows ECDSA, RSA-4096 and ACME certificates only to those who ask for them."""
    rows = "CertificateSummaryList"
    types = {"Includes": {"keyTypes": ["RSA_4096", "EC_prime256v1"]}}
    assert await listed(stand_in, "ListCertificates", rows) == [arn(1), arn(2)]
    assert await listed(stand_in, "ListCertificates", rows, **types) == [arn(3), arn(4)]
    assert await listed(stand_in, "ListCertificates", rows, CertificateKeyPairOrigins=["ACME"]) == [arn(5)]
    assert await listed(stand_in, "ListCertificates", rows, CertificateStatuses=["ISSUED"]) == [arn(1)]


@pytest.mark.parametrize(
    ("statement", "numbers"),
    [
        ({"Filter": {"CertificateArn": arn(4)}}, [4]),
        ({"Filter": {"X509AttributeFilter": {"KeyAlgorithm": "RSA_4096"}}}, [4]),
        ({"Not": {"Filter": {"AcmCertificateMetadataFilter": {"Status": "ISSUED"}}}}, [2]),
        (
            {
                "And": [
                    {"Filter": {"X509AttributeFilter": {"KeyAlgorithm": "RSA_2048"}}},
                    {
                        "Or": [
                            {
                                "Filter": {
                                    "AcmCertificateMetadataFilter": {"CertificateKeyPairOrigin": "ACME"}
                                }
                            },
                            {"Filter": {"AcmCertificateMetadataFilter": {"InUse": False}}},
                        ]
                    },
                ]
            },
            [2, 5],
        ),
    ],
)
async def test_search_filters(stand_in: AcmStandIn, statement: Json, numbers: list[int]) -> None:
    """SearchCertificates honours a tree of filters."""
    found = await listed(stand_in, "SearchCertificates", "Results", FilterStatement=statement)
    assert found == [arn(number) for number in numbers]


async def test_pages_follow_each_other(stand_in: AcmStandIn) -> None:
    """NextToken leads through all pages and the last has none; foreign tokens and sizes are refused."""
    sizes: list[int] = []
    token: Json = {}
    while True:
        _, page, _ = await post(stand_in, "SearchCertificates", MaxResults=2, **token)
        sizes.append(len(page["Results"]))
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sizes == [2, 2, 1]
    bad_token = await post(stand_in, "SearchCertificates", NextToken="Zm9v")
    bad_size = await post(stand_in, "ListCertificates", MaxItems=1001)
    assert bad_token[:2] == (
        400,
        {"__type": "ValidationException", "message": "NextToken is not one of ours"},
    )
    assert bad_size[:2] == (400, {"__type": "ValidationException", "message": "a page has 1 to 1000 rows"})


async def test_accounts_and_regions_are_apart(stand_in: AcmStandIn) -> None:
    """Each access key sees its account, each signature its region, and the requests are counted so."""
    search = "SearchCertificates"
    assert await listed(stand_in, search, "Results", region=AWAY) == [arn(6, AWAY)]
    assert await listed(stand_in, search, "Results", key="K2") == [arn(7, HOME, OTHERS)]
    assert await listed(stand_in, search, "Results", key="K2", region=AWAY) == []
    foreign = await post(stand_in, "DescribeCertificate", CertificateArn=arn(1), region=AWAY)
    refusal = {"__type": "ResourceNotFoundException", "message": f"Could not find certificate {arn(1)}."}
    assert foreign[:2] == (400, refusal)
    assert stand_in.requests == {
        (MINE, AWAY, search): 1,
        (OTHERS, HOME, search): 1,
        (OTHERS, AWAY, search): 1,
        (MINE, AWAY, "DescribeCertificate"): 1,
    }


async def test_certificates_are_edited_live(stand_in: AcmStandIn) -> None:
    """A scene that edits a certificate shows in the next answer."""
    stand_in.certificates[arn(1)]["Tags"]["team"] = "mail"
    _, told, _ = await post(stand_in, "ListTagsForCertificate", CertificateArn=arn(1))
    assert told == {"Tags": [{"Key": "team", "Value": "mail"}]}


async def test_a_role_wants_its_external_id(stand_in: AcmStandIn) -> None:
    """AssumeRole refuses a wrong external id, as a trust policy does."""
    stand_in.external_ids[ROLE] = "blue"
    status, text, _ = await post(stand_in, "AssumeRole", RoleArn=ROLE, RoleSessionName="x", ExternalId="red")
    assert (status, of_xml(ET.fromstring(text))["Error"]["Code"]) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault("ThrottlingException"),
            (400, {"__type": "ThrottlingException", "message": Fault("").message}),
        ),
        (
            Fault("InternalFailure", status=500, message="x"),
            (500, {"__type": "InternalFailure", "message": "x"}),
        ),
        (Fault(ANSWER, answer={"Results": None}), (200, {"Results": None})),
    ],
)
async def test_faults(stand_in: AcmStandIn, fault: Fault, expected: tuple[int, Json]) -> None:
    """A fault applies where it matches and as often as it says."""
    fault.operation, fault.account, fault.region, fault.times = "SearchCertificates", MINE, HOME, 1
    stand_in.faults.append(fault)
    assert await listed(stand_in, "SearchCertificates", "Results", key="K2") == [arn(7, HOME, OTHERS)]
    assert (await post(stand_in, "SearchCertificates"))[:2] == expected
    assert len(await listed(stand_in, "SearchCertificates", "Results")) == 5


async def test_broken_connections(stand_in: AcmStandIn) -> None:
    """Garbage is no JSON, and a dropped connection gives no answer at all."""
    stand_in.faults = [Fault(GARBAGE, times=1), Fault(DROP, times=1)]
    with pytest.raises(ValueError, match="Expecting value"):
        await post(stand_in, "SearchCertificates")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(stand_in, "SearchCertificates")


def test_serials_are_octets() -> None:
    """Serials are written in colon hex with leading zeros."""
    assert [serial_text(one) for one in (7, 0x0771, 0x80)] == ["07", "07:71", "00:80"]
