"""What stands behind the certificates of the scenes: load balancers, distributions and an API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporter.demo.acm_validation import hashed
from exporter.demo.services import Services
from exporter.demo.stage import Kind, Records, Scene, user_of

HTTP, HTTPS = 80, 443


def services(scenes: Iterable[Scene], port: int) -> Services:
    """Describe what uses the scenes' certificates; load balancers listen on `port`."""
    made = Services()
    for scene in scenes:
        user = user_of(scene)
        if not scene.used:
            continue
        if scene.api:
            made.api_domains.setdefault((scene.account, scene.region), []).append(_api_domain(scene))
        elif scene.kind is Kind.HTTP:
            made.distributions[user] = _distribution(scene, user)
        else:
            made.balancers[user] = _balancer(scene, user)
            made.listeners |= {one["ListenerArn"]: one for one in _listeners(scene, user, port)}
    return made


def records(scenes: Iterable[Scene], addresses: Mapping[str, tuple[str, ...]]) -> Records:
    """Give the resources' own DNS names the addresses of their scenes."""
    used = [scene for scene in scenes if scene.used and addresses.get(scene.key)]
    return {dns_name(scene): {"A": addresses[scene.key]} for scene in used}


def dns_name(scene: Scene) -> str:
    """Name what uses a scene's certificate, as AWS does."""
    name = scene.balancer or scene.key
    if scene.api:
        return f"d-{hashed(name)[:10]}.execute-api.{scene.region}.amazonaws.com"
    if scene.kind is Kind.HTTP:
        return f"d{hashed(name)[:13]}.cloudfront.net"
    inside = "internal-" if scene.internal else ""
    return f"{inside}{name}-{int(hashed(name)[:8], 16)}.{scene.region}.elb.amazonaws.com"


def _balancer(scene: Scene, arn: str) -> dict[str, Any]:
    return {
        "LoadBalancerArn": arn,
        "DNSName": dns_name(scene),
        "LoadBalancerName": scene.balancer or scene.key,
        "Scheme": "internal" if scene.internal else "internet-facing",
        "State": {"Code": "active"},
        "Type": "application",
        "IpAddressType": "ipv4",
    }


def _listeners(scene: Scene, balancer: str, port: int) -> Iterator[dict[str, Any]]:
    """Give the listener with the certificate, and the usual one that leads to it."""
    base = balancer.replace(":loadbalancer/", ":listener/")
    for number, protocol in ((HTTP, "HTTP"), (port, "HTTPS")):
        yield {
            "ListenerArn": f"{base}/{hashed(f'{scene.key} {number}')[:16]}",
            "LoadBalancerArn": balancer,
            "Port": number,
            "Protocol": protocol,
        } | ({"Certificates": [{"CertificateArn": scene.arn}]} if protocol == "HTTPS" else {})


def _distribution(scene: Scene, arn: str) -> dict[str, Any]:
    origin = {"Id": "origin", "DomainName": f"origin.{scene.domain}"}
    behaviour = {"TargetOriginId": "origin", "ViewerProtocolPolicy": "redirect-to-https"}
    return {
        "Id": arn.rpartition("/")[2],
        "ARN": arn,
        "Status": "Deployed",
        "LastModifiedTime": "2026-01-05T09:00:00.000Z",
        "InProgressInvalidationBatches": 0,
        "DomainName": dns_name(scene),
        "DistributionConfig": {
            "CallerReference": scene.key,
            "Aliases": {"Quantity": len(scene.all_names), "Items": {"CNAME": list(scene.all_names)}},
            "Origins": {"Quantity": 1, "Items": {"Origin": [origin]}},
            "DefaultCacheBehavior": behaviour,
            "Comment": "",
            "Enabled": True,
            "ViewerCertificate": {"ACMCertificateArn": scene.arn, "SSLSupportMethod": "sni-only"},
        },
    }


def _api_domain(scene: Scene) -> dict[str, Any]:
    return {
        "domainName": scene.domain,
        "domainNameArn": f"arn:aws:apigateway:{scene.region}::/domainnames/{scene.domain}",
        "regionalDomainName": dns_name(scene),
        "regionalCertificateArn": scene.arn,
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "domainNameStatus": "AVAILABLE",
        "securityPolicy": "TLS_1_2",
    }
