"""Which AWS resources use a certificate: their ARNs read, and joined with what their services tell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.facts import Certificate, Description, Resource, Seen, Sight, Unseen

OTHER = "other"
SHOWN = 3  # resources that a sentence names
_UNKNOWN = "[^/:]+"
_KINDS: tuple[tuple[str, str, str], ...] = (  # service; its part of the ARN, with the name in (); type
    ("elasticloadbalancing", f"loadbalancer/app/({_UNKNOWN})/.+", "application_load_balancer"),
    ("elasticloadbalancing", f"loadbalancer/net/({_UNKNOWN})/.+", "network_load_balancer"),
    ("elasticloadbalancing", f"loadbalancer/({_UNKNOWN})", "classic_load_balancer"),
    ("elasticloadbalancing", f"listener/(?:app|net)/({_UNKNOWN}/{_UNKNOWN}/{_UNKNOWN})", "listener"),
    ("cloudfront", f"distribution/({_UNKNOWN})", "distribution"),
    ("cloudfront", f"distribution-tenant/({_UNKNOWN})", "distribution_tenant"),
    ("apigateway", f"/domainnames/({_UNKNOWN})(?:/.*)?", "api_domain"),
    ("apigateway", f"/(?:restapis|apis)/({_UNKNOWN})(?:/.*)?", "api"),
    ("cognito-idp", f"userpool/({_UNKNOWN})", "user_pool"),
    ("appsync", f"domainnames/({_UNKNOWN})", "graphql_domain"),
    ("appsync", f"apis/({_UNKNOWN})", "graphql_api"),
    ("es", f"domain/({_UNKNOWN})", "opensearch_domain"),
    ("apprunner", f"service/({_UNKNOWN})/.+", "apprunner_service"),
    ("amplify", f"apps/({_UNKNOWN})(?:/.*)?", "amplify_app"),
    ("transfer", f"server/({_UNKNOWN})", "transfer_server"),
    ("ec2", f"client-vpn-endpoint/({_UNKNOWN})", "client_vpn_endpoint"),
    ("ec2", f"verified-access-endpoint/({_UNKNOWN})", "verified_access_endpoint"),
    ("iam", "role/(?:.*/)?([^/:]+)", "enclave_role"),  # Nitro Enclaves: certificates belong to roles
    ("iot", f"domainconfiguration/({_UNKNOWN})(?:/.*)?", "iot_domain"),
    ("appmesh", f"mesh/({_UNKNOWN}/virtualNode/{_UNKNOWN})", "mesh_node"),
    ("appmesh", f"mesh/({_UNKNOWN}/virtualGateway/{_UNKNOWN})", "mesh_gateway"),
    ("vpc-lattice", f"service/({_UNKNOWN})", "lattice_service"),
    ("network-firewall", f"tls-configuration/({_UNKNOWN})", "tls_inspection"),
)
TYPES = (*dict.fromkeys(kind for _, _, kind in _KINDS), OTHER)
_LISTENER = re.compile(r"(arn:[^:]*:elasticloadbalancing:.*):listener/(.+)/[^/]+")


def parse(arn: str) -> Resource:
    """Read an ARN; one of a kind that is not known keeps the end of it as its name."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return Resource(arn, "", OTHER, "", "", arn)
    _, _, service, region, account, rest = parts
    for owner, pattern, kind in _KINDS:
        if owner == service and (match := re.fullmatch(pattern, rest)):
            return Resource(arn, service, kind, account, region, match[1])
    return Resource(arn, service, OTHER, account, region, re.split("[/:]", rest)[-1] or rest)


def described_as(arn: str) -> str:
    """Tell by which ARN a service describes it: a listener by its load balancer."""
    match = _LISTENER.fullmatch(arn)
    return f"{match[1]}:loadbalancer/{match[2]}" if match else arn


def used_by(certificate: Certificate) -> tuple[tuple[Resource, Sight[Description] | None], ...]:
    """List what uses a certificate: what ACM names, and then what services name besides.

    None where the service was not asked, as for all resources of other accounts.
    """
    details = certificate.details
    named = details.value.in_use_by if isinstance(details, Seen) else ()
    behind = certificate.behind
    known = {described_as(arn) for arn in named}
    found = dict.fromkeys((*named, *(arn for arn in behind if arn not in known)))
    return tuple((parse(arn), behind.get(described_as(arn))) for arn in found)


def is_foreign(resource: Resource, certificate: Certificate) -> bool:
    """Tell whether it is of another account: AWS's own, say, as behind API Gateway and Cognito."""
    return resource.account not in ("", certificate.account)


def uses(description: Description, arn: str) -> bool:
    """Tell whether a described resource names this certificate as one of its own."""
    return any(arn in one.certificates for one in description.listeners)


def told(resource: Resource, sight: Sight[Description] | None) -> str:
    """Say for people which resource it is, and where it is found."""
    kind = resource.type.replace("_", " ")
    name = resource.name if resource.type != OTHER else resource.arn
    match sight:
        case Seen(value=one) if one.dns_name:
            internal = ", internal" if one.internal else ""
            return f"{kind} {name} ({one.dns_name}{internal})"
        case Unseen(why=why):
            return f"{kind} {name} (not described: {why})"
        case _:
            return f"{kind} {name}"


def places(certificate: Certificate) -> str:
    """Name the described resources that use a certificate, for whoever has to go there; "" for none."""
    used = [pair for pair in used_by(certificate) if isinstance(pair[1], Seen)]
    more = f" and {len(used) - SHOWN} more" if len(used) > SHOWN else ""
    return ", ".join(told(*pair) for pair in used[:SHOWN]) + more


def addresses(certificate: Certificate) -> Iterator[tuple[Description, int]]:
    """Give the described resources that the Internet reaches, with the ports where they have it."""
    for _, sight in used_by(certificate):
        if isinstance(sight, Seen) and sight.value.dns_name and not sight.value.internal:
            for one in sight.value.listeners:
                if not one.certificates or certificate.arn in one.certificates:
                    yield sight.value, one.port
