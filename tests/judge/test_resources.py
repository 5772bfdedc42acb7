"""Which AWS resources use a certificate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.facts import Description, Listener, Resource, Seen, Unseen, Why
from exporter.judge import renewal, serving
from exporter.judge.resources import TYPES, addresses, described_as, parse, places, used_by
from exporter.judge.rule import Outcome, Policy
from tests.evidence import (
    ARN,
    BALANCER,
    BEHIND,
    CERTIFICATE,
    NOON,
    OTHER_ARN,
    but,
    detailed,
    look,
    looked,
    served,
)

HERE = "us-east-1:111122223333"
DOMAIN = "arn:aws:apigateway:us-east-1::/domainnames/api.example.com"
LISTENER = f"{BALANCER.replace(':loadbalancer/', ':listener/')}/0467ef3c8400ae65"
NAME = "shop-1.us-east-1.elb.amazonaws.com"

ARNS = {
    f"elasticloadbalancing:{HERE}:loadbalancer/app/shop/50dc6c495c0c9188": (
        "application_load_balancer",
        "shop",
    ),
    f"elasticloadbalancing:{HERE}:loadbalancer/net/tcp/50dc6c495c0c9188": ("network_load_balancer", "tcp"),
    f"elasticloadbalancing:{HERE}:loadbalancer/old": ("classic_load_balancer", "old"),
    f"elasticloadbalancing:{HERE}:listener/app/shop/50dc/0467": ("listener", "shop/50dc/0467"),
    "cloudfront::111122223333:distribution/E1ABC": ("distribution", "E1ABC"),
    "cloudfront::111122223333:distribution-tenant/dt_1": ("distribution_tenant", "dt_1"),
    "apigateway:us-east-1::/domainnames/api.example.com": ("api_domain", "api.example.com"),
    "apigateway:us-east-1::/domainnames/*.example.com": ("api_domain", "*.example.com"),
    "apigateway:us-east-1::/restapis/a1b2/stages/prod": ("api", "a1b2"),
    "apigateway:us-east-1::/apis/c3": ("api", "c3"),
    f"cognito-idp:{HERE}:userpool/us-east-1_abc": ("user_pool", "us-east-1_abc"),
    f"appsync:{HERE}:domainnames/graph.example.com": ("graphql_domain", "graph.example.com"),
    f"appsync:{HERE}:apis/a1": ("graphql_api", "a1"),
    f"es:{HERE}:domain/logs": ("opensearch_domain", "logs"),
    f"apprunner:{HERE}:service/web/8fe1": ("apprunner_service", "web"),
    f"amplify:{HERE}:apps/d1/domains/example.com": ("amplify_app", "d1"),
    f"transfer:{HERE}:server/s-1": ("transfer_server", "s-1"),
    f"ec2:{HERE}:client-vpn-endpoint/cvpn-endpoint-1": ("client_vpn_endpoint", "cvpn-endpoint-1"),
    f"ec2:{HERE}:verified-access-endpoint/vae-1": ("verified_access_endpoint", "vae-1"),
    "iam::111122223333:role/path/enclave": ("enclave_role", "enclave"),
    f"iot:{HERE}:domainconfiguration/devices/xyz": ("iot_domain", "devices"),
    f"appmesh:{HERE}:mesh/m/virtualNode/n": ("mesh_node", "m/virtualNode/n"),
    f"appmesh:{HERE}:mesh/m/virtualGateway/g": ("mesh_gateway", "m/virtualGateway/g"),
    f"vpc-lattice:{HERE}:service/svc-1": ("lattice_service", "svc-1"),
    f"network-firewall:{HERE}:tls-configuration/inspect": ("tls_inspection", "inspect"),
    f"brandnew:{HERE}:thing/some/name": ("other", "name"),
    f"elasticloadbalancing:{HERE}:loadbalancer/gwy/g/1": ("other", "1"),
}


@pytest.mark.parametrize(("rest", "kind"), ARNS.items())
def test_an_arn_tells_kind_and_name(rest: str, kind: tuple[str, str]) -> None:
    """By the names that people know, in every partition."""
    service, region, account, _ = rest.split(":", 3)
    for arn in (f"arn:aws:{rest}", f"arn:aws-cn:{rest}"):
        assert parse(arn) == Resource(arn, service, kind[0], account, region, kind[1])


def test_every_kind_has_its_row_above() -> None:
    """A kind that nobody tried is none."""
    assert {kind for kind, _ in ARNS.values()} == set(TYPES)


@pytest.mark.parametrize("text", ["", "shop", "arn:aws:s3", "urn:a:b:c:d:e"])
def test_what_is_no_arn_is_its_own_name(text: str) -> None:
    """ACM may tell something new one day."""
    assert parse(text) == Resource(text, "", "other", "", "", text)


def test_a_listener_is_described_by_its_load_balancer() -> None:
    """Services describe listeners only together."""
    assert described_as(LISTENER) == BALANCER
    assert described_as(BALANCER) == BALANCER


def test_services_add_to_what_acm_names() -> None:
    """First what ACM names, each with what is told of it, then what only a service names."""
    api = Seen(Description("d-1.execute-api.us-east-1.amazonaws.com", ("api.example.com",)))
    one = replace(
        CERTIFICATE, details=detailed(in_use_by=(LISTENER, f"{BALANCER}0")), behind={DOMAIN: api, **BEHIND}
    )
    assert used_by(one) == (
        (parse(LISTENER), BEHIND[BALANCER]),
        (parse(f"{BALANCER}0"), None),
        (parse(DOMAIN), api),
    )
    assert used_by(replace(one, details=Unseen(Why.DENIED), behind={})) == ()


@pytest.mark.parametrize(
    ("description", "ports"),
    [
        (Description(NAME, listeners=(Listener(443), Listener(8443))), [443, 8443]),
        (
            Description(NAME, listeners=(Listener(443, (OTHER_ARN,)), Listener(8443, (ARN, OTHER_ARN)))),
            [8443],
        ),
        (Description(NAME, internal=True, listeners=(Listener(443),)), []),
        (Description("", listeners=(Listener(443),)), []),
        (Description(NAME), []),
    ],
    ids=["any", "its own listener", "internal", "nameless", "without TLS"],
)
def test_where_the_internet_meets_the_certificate(description: Description, ports: list[int]) -> None:
    """At the listeners that have it, of what is open to all."""
    one = replace(CERTIFICATE, behind={BALANCER: Seen(description)})
    assert [port for _, port in addresses(one)] == ports
    assert list(addresses(replace(one, behind={BALANCER: Unseen(Why.DENIED)}))) == []


def test_a_sentence_names_the_first_resources() -> None:
    """Nobody reads a hundred names."""
    many = {f"{BALANCER}{n}": BEHIND[BALANCER] for n in range(5)}
    one = replace(CERTIFICATE, behind=many)
    shop = f"application load balancer shop ({NAME})"
    assert places(one) == f"{shop}, {shop}, {shop} and 2 more"
    assert places(CERTIFICATE) == ""


def test_a_remedy_says_where_the_certificate_is() -> None:
    """Who has to deploy it somewhere else is told what has it, as far as a service described that."""
    older = look(sight=served(serial=1, issuer="CN=Another"))
    plain = serving.serial_match.check(looked(older), Policy(), NOON)
    told = serving.serial_match.check(but(looked(older), behind=BEHIND), Policy(), NOON)
    assert plain.outcome is Outcome.BREAKS
    assert told == replace(
        plain, remedy=f"{plain.remedy}; ACM's certificate is on application load balancer shop ({NAME})"
    )


def test_a_service_may_know_better_than_acm_whether_it_is_used() -> None:
    """What ACM tells of uses lags behind by minutes."""
    unused = but(in_use=False, details=detailed(in_use_by=()), behind=BEHIND)
    found = renewal.in_use.check(unused, Policy(), NOON)
    assert found.says == (
        "no AWS resource uses it and it was not exported; yet application load balancer shop "
        f"({NAME}) names it: ACM may lag behind"
    )
