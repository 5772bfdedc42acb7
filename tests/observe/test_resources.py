"""What services tell of the resources behind certificates, or why they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from exporter.demo import behind
from exporter.demo.acm import GARBAGE, AcmStandIn, Fault
from exporter.demo.stage import PRODUCTION, VIRGINIA, Kind, Scene, user_of
from exporter.facts import Description, Listener, Seen, Unseen, Why
from exporter.observe.acm import AcmEye
from exporter.observe.aws import Access, Clients
from tests.demo.test_services import CLASSIC, LISTENERS, NEWER

pytestmark = pytest.mark.usefixtures("credentials")

SHOP = Scene("shop", "", "shop.example.com")
INSIDE = Scene("inside", "", "inside.example.com", internal=True)
CDN = Scene("cdn", "", "cdn.example.com", names=("*.img.example.com",), kind=Kind.HTTP)
API = Scene("api", "", "api.example.com", api=True)
LOAD, CLOUD = user_of(SHOP), user_of(CDN)
OLD = f"arn:aws:elasticloadbalancing:{VIRGINIA}:{PRODUCTION}:loadbalancer/old"


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcmStandIn]:
    """Run a stand-in with a resource of each kind, which AWS_ENDPOINT_URL leads to."""
    running = await AcmStandIn.start({}, accounts={"AKIAEXAMPLE": PRODUCTION})
    running.services = behind.services((SHOP, INSIDE, CDN, API), 8443)
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    yield running
    await running.close()


@pytest.fixture
def eye(stand_in: AcmStandIn) -> Iterator[AcmEye]:
    """Make an eye without a pace to speak of."""
    clients = Clients(2, timeout=2.0)
    with ThreadPoolExecutor(2) as executor:
        yield AcmEye(clients, Access(), VIRGINIA, executor, 10_000)
        clients.close()


def calls(stand_in: AcmStandIn) -> dict[str, int]:
    """Count the calls by operation."""
    return {operation: number for (_, _, operation), number in stand_in.requests.items()}


async def test_a_load_balancer(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """Its name, and the port of its only listener that speaks TLS, whose certificates need not be asked for."""
    assert await eye.resource(LOAD) == Seen(Description(behind.dns_name(SHOP), listeners=(Listener(8443),)))
    assert calls(stand_in) == {"DescribeLoadBalancers": 1, "DescribeListeners": 1}


async def test_a_load_balancer_with_several_listeners(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """Each tells its certificates, those that are chosen by SNI too."""
    (first,) = [
        one
        for one in stand_in.services.listeners.values()
        if one["Port"] == 8443 and one["LoadBalancerArn"] == LOAD
    ]
    second = first | {"ListenerArn": f"{first['ListenerArn']}0", "Port": 9443, "Protocol": "TLS"}
    stand_in.services.listeners[second["ListenerArn"]] = second
    stand_in.services.by_sni[second["ListenerArn"]] = [API.arn]
    told = await eye.resource(LOAD)
    assert told == Seen(
        Description(
            behind.dns_name(SHOP),
            listeners=(Listener(8443, (SHOP.arn,)), Listener(9443, (SHOP.arn, API.arn))),
        )
    )


async def test_an_internal_one_says_so(eye: AcmEye) -> None:
    """Nobody is sent there from outside."""
    told = await eye.resource(user_of(INSIDE))
    assert isinstance(told, Seen)
    assert told.value.internal


async def test_a_classic_load_balancer(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """It is asked for by name, at another API."""
    http = {"Listener": {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}}
    listeners = [*LISTENERS, http]
    stand_in.services.classic[PRODUCTION, VIRGINIA] = [CLASSIC | {"ListenerDescriptions": listeners}]
    certificate = LISTENERS[0]["Listener"]["SSLCertificateId"]
    assert await eye.resource(OLD) == Seen(
        Description("old-1.us-east-1.elb.amazonaws.com", listeners=(Listener(443, (certificate,)),))
    )


async def test_a_distribution(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """It answers to its aliases alone; a disabled one to nobody."""
    names = ("cdn.example.com", "*.img.example.com")
    name = behind.dns_name(CDN)
    assert await eye.resource(CLOUD) == Seen(Description(name, names, listeners=(Listener(443, (CDN.arn,)),)))
    stand_in.services.distributions[CLOUD]["DistributionConfig"]["Enabled"] = False
    assert await eye.resource(CLOUD) == Seen(Description(name, names))


async def test_domain_names_of_apis(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """Both versions of the API are listed to the end; a name that both tell is told once, those without ACM never."""
    edge = {
        "domainName": "edge.example.com",
        "certificateArn": CDN.arn,
        "distributionDomainName": "d1.cloudfront.net",
        "endpointConfiguration": {"types": ["EDGE"]},
    }
    private = {
        "domainName": "private.example.com",
        "regionalCertificateArn": SHOP.arn,
        "regionalDomainName": "d-2.execute-api.us-east-1.amazonaws.com",
        "endpointConfiguration": {"types": ["PRIVATE"]},
    }
    older = stand_in.services.api_domains[PRODUCTION, VIRGINIA]
    older += [edge, private, {"domainName": "bare.example.com"}, *([edge] * 500)]
    twice = NEWER | {"domainName": "api.example.com"}
    stand_in.services.newer_domains[PRODUCTION, VIRGINIA] = [NEWER, twice]
    place = "arn:aws:apigateway:us-east-1::/domainnames/"
    https = (Listener(443, (API.arn,)),)
    new, own = "d-1.execute-api.us-east-1.amazonaws.com", behind.dns_name(API)
    assert await eye.api_domains() == Seen(
        {
            f"{place}new.example.com": Description(new, ("new.example.com",), listeners=https),
            f"{place}api.example.com": Description(own, ("api.example.com",), listeners=https),
            f"{place}edge.example.com": Description(
                "d1.cloudfront.net", ("edge.example.com",), listeners=(Listener(443, (CDN.arn,)),)
            ),
            f"{place}private.example.com": Description(
                "d-2.execute-api.us-east-1.amazonaws.com",
                ("private.example.com",),
                internal=True,
                listeners=(Listener(443, (SHOP.arn,)),),
            ),
        }
    )
    assert calls(stand_in) == {"GetDomainNames": 3}


@pytest.mark.parametrize(
    ("arn", "operation", "action"),
    [
        (LOAD, "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
        (LOAD, "DescribeListeners", "elasticloadbalancing:DescribeListeners"),
        (OLD, "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
        (CLOUD, "GetDistribution", "cloudfront:GetDistribution"),
        ("", "GetDomainNames", "apigateway:GET"),
    ],
)
async def test_a_denial_names_the_action(
    eye: AcmEye, stand_in: AcmStandIn, arn: str, operation: str, action: str
) -> None:
    """Whoever forgot one of a service's actions is told which."""
    stand_in.faults.append(Fault("AccessDenied", operation, status=403, message="no"))
    told = await (eye.resource(arn) if arn else eye.api_domains())
    assert told == Unseen(Why.DENIED, f"{operation}: AccessDenied: no; allow {action} to these credentials")


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (f"{LOAD}0", "DescribeLoadBalancers: LoadBalancerNotFound: One or more loadbalancers not found"),
        (
            f"{OLD}er",
            "DescribeLoadBalancers: LoadBalancerNotFound: There is no ACTIVE Load Balancer named 'older'",
        ),
        (f"{CLOUD}0", "GetDistribution: NoSuchDistribution: The specified distribution does not exist."),
    ],
)
async def test_what_was_deleted_is_not_found(eye: AcmEye, arn: str, code: str) -> None:
    """ACM tells of it for some minutes more."""
    assert await eye.resource(arn) == Unseen(Why.NOT_FOUND, f"{code}; it was deleted: ACM will notice soon")


async def test_other_kinds_are_not_asked_for(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """Nothing is called for a resource that no service here describes."""
    told = await eye.resource("arn:aws:es:us-east-1:111122223333:domain/logs")
    assert isinstance(told, Unseen)
    assert (told.why, calls(stand_in)) == (Why.NOT_FOUND, {})


@pytest.mark.parametrize("arn", [LOAD, OLD, CLOUD])
async def test_garbage_is_malformed(eye: AcmEye, stand_in: AcmStandIn, arn: str) -> None:
    """Whatever answers in AWS's place makes a reason, and no bug."""
    stand_in.faults.append(Fault(GARBAGE))
    with capture_logs() as logs:
        told = await eye.resource(arn)
    assert isinstance(told, Unseen)
    assert (told.why, logs) == (Why.MALFORMED, [])


async def test_an_answer_without_what_was_asked_for_is_malformed(eye: AcmEye, stand_in: AcmStandIn) -> None:
    """An empty answer is not a load balancer without a name."""
    del stand_in.services.balancers[LOAD]["DNSName"]
    assert await eye.resource(LOAD) == Unseen(
        Why.MALFORMED, f"an answer about {LOAD} is not of its shape (KeyError)"
    )
