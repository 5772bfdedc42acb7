"""The stand-ins of the services that use certificates speak as those do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from boto3 import Session as Boto
from botocore.exceptions import ClientError
from botocore.session import Session

from exporter.demo import behind
from exporter.demo.acm import AcmStandIn
from exporter.demo.stage import PRODUCTION, VIRGINIA, Kind, Scene, user_of
from tests.demo.test_acm import misfits

Json = dict[str, Any]

BALANCER = Scene("shop", "", "shop.example.com")
DISTRIBUTION = Scene("cdn", "", "cdn.example.com", names=("img.example.com",), kind=Kind.HTTP)
API = Scene("api", "", "api.example.com", api=True)
LOAD, CLOUD = user_of(BALANCER), user_of(DISTRIBUTION)
NEWER = {
    "domainName": "new.example.com",
    "domainNameConfigurations": [
        {"apiGatewayDomainName": "d-1.execute-api.us-east-1.amazonaws.com", "certificateArn": API.arn}
    ],
}
LISTENERS: list[Json] = [
    {
        "Listener": {
            "Protocol": "HTTPS",
            "LoadBalancerPort": 443,
            "InstancePort": 80,
            "SSLCertificateId": BALANCER.arn,
        }
    }
]
CLASSIC = {
    "LoadBalancerName": "old",
    "DNSName": "old-1.us-east-1.elb.amazonaws.com",
    "Scheme": "internet-facing",
    "ListenerDescriptions": LISTENERS,
}


@pytest.fixture
async def stand_in() -> AsyncIterator[AcmStandIn]:
    """Run a stand-in with one resource of each kind."""
    running = await AcmStandIn.start({}, accounts={"K1": PRODUCTION})
    running.services = behind.services((BALANCER, DISTRIBUTION, API), 8443)
    running.services.newer_domains[PRODUCTION, VIRGINIA] = [NEWER, NEWER | {"domainName": "b.example.com"}]
    running.services.classic[PRODUCTION, VIRGINIA] = [CLASSIC]
    (listener,) = [arn for arn, one in running.services.listeners.items() if one["Port"] == 8443]
    running.services.by_sni[listener] = [API.arn]
    yield running
    await running.close()


@dataclass(frozen=True)
class Call:
    """One operation, what is asked, and what of the stand-in is told."""

    service: str
    operation: str
    method: str
    asked: Json
    told: Callable[[AcmStandIn], Json]


def _listeners(stand_in: AcmStandIn) -> list[Json]:
    return list(stand_in.services.listeners.values())


CALLS = [
    Call(
        "elbv2",
        "DescribeLoadBalancers",
        "describe_load_balancers",
        {"LoadBalancerArns": [LOAD]},
        lambda here: {"LoadBalancers": [here.services.balancers[LOAD]]},
    ),
    Call(
        "elbv2",
        "DescribeListeners",
        "describe_listeners",
        {"LoadBalancerArn": LOAD},
        lambda here: {"Listeners": _listeners(here)},
    ),
    Call(
        "elbv2",
        "DescribeListenerCertificates",
        "describe_listener_certificates",
        {"ListenerArn": ""},
        lambda _: {
            "Certificates": [
                {"CertificateArn": BALANCER.arn, "IsDefault": True},
                {"CertificateArn": API.arn, "IsDefault": False},
            ]
        },
    ),
    Call(
        "elb",
        "DescribeLoadBalancers",
        "describe_load_balancers",
        {"LoadBalancerNames": ["old"]},
        lambda _: {"LoadBalancerDescriptions": [CLASSIC]},
    ),
    Call(
        "cloudfront",
        "GetDistribution",
        "get_distribution",
        {"Id": CLOUD.rpartition("/")[2]},
        lambda here: {"Distribution": _plain(here.services.distributions[CLOUD])},
    ),
    Call(
        "apigateway",
        "GetDomainNames",
        "get_domain_names",
        {"limit": 500},
        lambda here: {"items": here.services.api_domains[PRODUCTION, VIRGINIA]},
    ),
    Call(
        "apigatewayv2",
        "GetDomainNames",
        "get_domain_names",
        {"MaxResults": "1"},
        lambda _: {
            "Items": [
                {
                    "DomainName": "new.example.com",
                    "DomainNameConfigurations": [
                        {
                            "ApiGatewayDomainName": "d-1.execute-api.us-east-1.amazonaws.com",
                            "CertificateArn": API.arn,
                        }
                    ],
                }
            ],
            "NextToken": "1",
        },
    ),
]


def _plain(value: Any) -> Any:
    """Write lists without the names that XML gives their items, and moments as botocore reads them."""
    if isinstance(value, dict):
        if set(value) == {"Quantity", "Items"}:
            ((items,),) = [value["Items"].values()]
            return {"Quantity": value["Quantity"], "Items": [_plain(one) for one in items]}
        return {name: _plain(one) for name, one in value.items()}
    return value


def client(stand_in: AcmStandIn, service: str) -> Any:
    """Make a client of AWS's own library."""
    session = Boto(aws_access_key_id="K1", aws_secret_access_key="s", region_name=VIRGINIA)
    return session.client(service, endpoint_url=stand_in.url)


async def _ask(stand_in: AcmStandIn, call: Call, **changes: Any) -> Json:
    made = client(stand_in, call.service)
    asked = call.asked | changes
    if call.operation == "DescribeListenerCertificates" and not changes:
        asked = {
            "ListenerArn": next(one["ListenerArn"] for one in _listeners(stand_in) if one["Port"] == 8443)
        }
    answer: Json = await asyncio.to_thread(getattr(made, call.method), **asked)
    made.close()
    del answer["ResponseMetadata"]
    return answer


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.service}-{call.operation}")
async def test_answers_are_read_as_they_are_meant(stand_in: AcmStandIn, call: Call) -> None:
    """AWS's own library reads all that the stand-in tells, and it is of AWS's model: nothing drops out."""
    told = await _ask(stand_in, call)
    moments = told.get("Distribution", {})
    if moments:
        moments["LastModifiedTime"] = f"{moments['LastModifiedTime']:%Y-%m-%dT%H:%M:%S.000Z}"
    assert told == call.told(stand_in)
    if moments:
        moments["LastModifiedTime"] = 0
    shape = Session().get_service_model(call.service).operation_model(call.operation).output_shape
    assert misfits(shape, told, call.operation) == []


@pytest.mark.parametrize(
    ("call", "asked", "code"),
    [
        (CALLS[0], {"LoadBalancerArns": [LOAD.replace(VIRGINIA, "eu-west-1")]}, "LoadBalancerNotFound"),
        (CALLS[1], {"LoadBalancerArn": f"{LOAD}0"}, "LoadBalancerNotFound"),
        (CALLS[2], {"ListenerArn": LOAD.replace(":loadbalancer/", ":listener/")}, "ListenerNotFound"),
        (CALLS[3], {"LoadBalancerNames": ["new"]}, "LoadBalancerNotFound"),
        (CALLS[4], {"Id": "E0"}, "NoSuchDistribution"),
    ],
)
async def test_what_is_not_there_is_refused(stand_in: AcmStandIn, call: Call, asked: Json, code: str) -> None:
    """By the code that the service has for it."""
    with pytest.raises(ClientError) as caught:
        await _ask(stand_in, call, **asked)
    assert caught.value.response["Error"]["Code"] == code
