"""What AWS services tell of the resources that use certificates: their own DNS names, and ports with TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from exporter.facts import Description, Listener, Why
from exporter.observe.sight import Blind

HTTPS = 443
MOST_PAGES = 100  # of one listing; a service that has more of them is asked for no further one


class Ask(Protocol):
    """Makes one call when its turn has come, as Clients.call does; raises Blind."""

    async def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation, with its service before it."""


async def describe(arn: str, ask: Ask) -> Description:
    """Describe a load balancer or a distribution; raises Blind."""
    service, resource = arn.split(":", 5)[2::3]
    kind, _, name = resource.partition("/")
    try:
        match service, kind, name.split("/"):
            case "elasticloadbalancing", "loadbalancer", ["app" | "net", _, _]:
                return await _balancer(arn, ask)
            case "elasticloadbalancing", "loadbalancer", [_]:
                return await _classic(name, ask)
            case "cloudfront", "distribution", [_]:
                return await _distribution(name, ask)
            case _:
                raise Blind(Why.NOT_FOUND, f"{arn} is of no kind that can be described")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(f"an answer about {arn}", error) from error


async def api_domains(ask: Ask, region: str) -> Mapping[str, Description]:
    """Describe all domain names of API Gateway, by ARN; raises Blind.

    ACM tells only of load balancers and distributions in accounts of AWS's own that stand before them. Both
    versions of the API are asked, of which neither promises to list the other's.
    """
    found: dict[str, tuple[str, Description]] = {}  # by name
    try:
        newer = _pages(ask, "apigatewayv2:GetDomainNames", {"MaxResults": "100"}, ("NextToken", "NextToken"))
        async for page in newer:
            for item in page.get("Items", ()):
                found |= _domain(_newer(item), region)
        older = _pages(ask, "apigateway:GetDomainNames", {"limit": 500}, ("position", "position"))
        async for page in older:
            for item in page.get("items", ()):
                found |= _domain(item, region)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _malformed("API Gateway's list of domain names", error) from error
    return dict(found.values())


async def _balancer(arn: str, ask: Ask) -> Description:
    """Describe a load balancer of the second generation; several listeners are asked for theirs by SNI."""
    (one,) = (await ask("elbv2:DescribeLoadBalancers", LoadBalancerArns=[arn]))["LoadBalancers"]
    told = _pages(ask, "elbv2:DescribeListeners", {"LoadBalancerArn": arn}, ("NextMarker", "Marker"))
    listeners = [
        each async for page in told for each in page["Listeners"] if each.get("Protocol") in ("HTTPS", "TLS")
    ]
    if len(listeners) == 1:
        speaking = [Listener(int(listeners[0]["Port"]))]
    else:
        speaking = [Listener(int(each["Port"]), await _certificates(each, ask)) for each in listeners]
    return Description(one["DNSName"], (), one.get("Scheme") == "internal", tuple(speaking))


async def _certificates(listener: Mapping[str, Any], ask: Ask) -> tuple[str, ...]:
    asked = {"ListenerArn": listener["ListenerArn"]}
    found: dict[str, None] = {}
    async for page in _pages(ask, "elbv2:DescribeListenerCertificates", asked, ("NextMarker", "Marker")):
        found |= dict.fromkeys(one["CertificateArn"] for one in page["Certificates"])
    return tuple(found)


async def _classic(name: str, ask: Ask) -> Description:
    answer = await ask("elb:DescribeLoadBalancers", LoadBalancerNames=[name])
    (one,) = answer["LoadBalancerDescriptions"]
    listeners = [each["Listener"] for each in one["ListenerDescriptions"]]
    speaking = tuple(
        Listener(int(each["LoadBalancerPort"]), (each["SSLCertificateId"],))
        for each in listeners
        if each.get("SSLCertificateId")
    )
    return Description(one["DNSName"], (), one.get("Scheme") == "internal", speaking)


async def _distribution(identifier: str, ask: Ask) -> Description:
    """Describe a distribution; CloudFront serves the certificate for its aliases alone."""
    one = (await ask("cloudfront:GetDistribution", Id=identifier))["Distribution"]
    settings = one["DistributionConfig"]
    aliases = tuple(settings.get("Aliases", {}).get("Items", ()))
    arn = settings.get("ViewerCertificate", {}).get("ACMCertificateArn")
    speaking = (Listener(HTTPS, (arn,)),) if arn and settings.get("Enabled") else ()
    return Description(one["DomainName"], aliases, listeners=speaking)


def _newer(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write a domain name of the API's version 2, which knows regional ones alone, as version 1 does."""
    settings = item.get("DomainNameConfigurations") or [{}]
    return {
        "domainName": item["DomainName"],
        "domainNameArn": item.get("DomainNameArn"),
        "regionalDomainName": settings[0].get("ApiGatewayDomainName"),
        "regionalCertificateArn": settings[0].get("CertificateArn"),
    }


def _domain(item: Mapping[str, Any], region: str) -> Iterator[tuple[str, tuple[str, Description]]]:
    """Give a domain name that has certificates of ACM, with its ARN."""
    name = str(item["domainName"])
    given = (item.get("regionalCertificateArn"), item.get("certificateArn"))
    if arns := tuple(str(one) for one in given if one):
        dns_name = str(item.get("regionalDomainName") or item.get("distributionDomainName") or "")
        private = "PRIVATE" in item.get("endpointConfiguration", {}).get("types", ())
        partition = ":".join(arns[0].split(":")[:2])
        arn = str(item.get("domainNameArn") or f"{partition}:apigateway:{region}::/domainnames/{name}")
        yield name, (arn, Description(dns_name, (name,), private, (Listener(HTTPS, arns),)))


async def _pages(
    ask: Ask, operation: str, parameters: Mapping[str, Any], token: tuple[str, str]
) -> AsyncIterator[dict[str, Any]]:
    """Give page after page; `token` is what the next one is called in an answer and in a question."""
    more: dict[str, Any] = {}
    for _ in range(MOST_PAGES):
        page = await ask(operation, **parameters, **more)
        yield page
        if not page.get(token[0]):
            return
        more = {token[1]: page[token[0]]}
    raise Blind(Why.MALFORMED, f"{operation} gives no last page")


def _malformed(what: str, error: Exception) -> Blind:
    return Blind(Why.MALFORMED, f"{what} is not of its shape ({type(error).__name__})")
