"""Load balancers, distributions and API domains, as far as the ACM stand-in answers for their services.

Each thing is kept as it is on the wire; ARNs and keys say whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.demo.acm_validation import AwsError

Json = dict[str, Any]
Place = tuple[str, str]  # account and region

CLASSIC = "2012-06-01"  # the version of the API that knows classic load balancers only
XML = {"DescribeLoadBalancers", "DescribeListeners", "DescribeListenerCertificates", "GetDistribution"}
_PATHS = (
    (re.compile(r"/2020-05-31/distribution/(?P<Id>[^/]+)"), "GetDistribution"),
    (re.compile(r"/(?P<version>v2/)?domainnames"), "GetDomainNames"),
)


@dataclass(slots=True)
class Services:
    """What there is; may be edited while the stand-in runs."""

    balancers: dict[str, Json] = field(default_factory=dict)  # by ARN
    listeners: dict[str, Json] = field(default_factory=dict)  # by ARN
    by_sni: dict[str, list[str]] = field(
        default_factory=dict
    )  # ARN of a listener -> certificates besides its own
    classic: dict[Place, list[Json]] = field(default_factory=dict)
    distributions: dict[str, Json] = field(default_factory=dict)  # by ARN
    api_domains: dict[Place, list[Json]] = field(default_factory=dict)
    newer_domains: dict[Place, list[Json]] = field(default_factory=dict)  # of version 2 of that API

    def answer(self, operation: str, asked: Json, place: Place) -> Json:
        """Answer a call; AwsError where AWS would refuse it."""
        match operation:
            case "DescribeLoadBalancers" if asked.get("Version") == CLASSIC:
                return self._classic(asked, place)
            case "DescribeLoadBalancers":
                arns = listed(asked, "LoadBalancerArns")
                return {"LoadBalancers": [_mine(self.balancers, arn, place) for arn in arns]}
            case "DescribeListeners":
                _mine(self.balancers, asked["LoadBalancerArn"], place)
                found = [
                    one
                    for one in self.listeners.values()
                    if one["LoadBalancerArn"] == asked["LoadBalancerArn"]
                ]
                return {"Listeners": found}
            case "DescribeListenerCertificates":
                default = _mine(self.listeners, asked["ListenerArn"], place)["Certificates"]
                more = self.by_sni.get(asked["ListenerArn"], [])
                certificates = [one | {"IsDefault": True} for one in default]
                return {
                    "Certificates": certificates + [{"CertificateArn": a, "IsDefault": False} for a in more]
                }
            case "GetDistribution":
                arn = f"arn:aws:cloudfront::{place[0]}:distribution/{asked['Id']}"
                if arn not in self.distributions:
                    raise AwsError("NoSuchDistribution", "The specified distribution does not exist.", 404)
                return self.distributions[arn]
            case "GetDomainNames" if asked.get("version"):
                return _page(
                    self.newer_domains.get(place, []), "items", "nextToken", asked, ("maxResults", 100)
                )
            case _:
                return _page(self.api_domains.get(place, []), "item", "position", asked, ("limit", 25))

    def _classic(self, asked: Json, place: Place) -> Json:
        known = {one["LoadBalancerName"]: one for one in self.classic.get(place, [])}
        names = listed(asked, "LoadBalancerNames")
        if missing := [name for name in names if name not in known]:
            raise AwsError("LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{missing[0]}'")
        return {"LoadBalancerDescriptions": [known[name] for name in names]}


def operation_at(path: str) -> tuple[str, Json]:
    """Tell which operation of the REST services a path is, "" for none, and what the path asks for."""
    for pattern, operation in _PATHS:
        if match := pattern.fullmatch(path):
            return operation, {name: value for name, value in match.groupdict().items() if value}
    return "", {}


def listed(asked: Mapping[str, Any], name: str) -> list[str]:
    """Read a list of the query protocol."""
    return [value for key, value in sorted(asked.items()) if key.startswith(f"{name}.member.")]


def members(answer: Any) -> Any:
    """Write lists as the query protocol has them: each item is a member."""
    match answer:
        case dict():
            return {name: members(value) for name, value in answer.items()}
        case list():
            return {"member": [members(one) for one in answer]}
        case _:
            return answer


def _mine(things: Mapping[str, Json], arn: str, place: Place) -> Json:
    owner, region = arn.split(":")[4], arn.split(":")[3]
    if arn not in things or (owner, region) != place:
        kind = "Listener" if ":listener/" in arn else "LoadBalancer"
        raise AwsError(f"{kind}NotFound", f"One or more {kind.lower()}s not found")
    return things[arn]


def _page(rows: list[Json], key: str, token: str, asked: Json, limit: tuple[str, int]) -> Json:
    size, usual = limit
    start, length = int(asked.get(token, 0)), int(asked.get(size, usual))
    page: Json = {key: rows[start : start + length]}
    return page | ({token: str(start + length)} if start + length < len(rows) else {})
