"""A second opinion on ACM: the whole house against moto's server, which knows nothing of our stand-in."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.acm.models import acm_backends
from moto.ec2.models import ec2_backends
from moto.server import ThreadedMotoServer

from exporter import config
from exporter.cli import build
from exporter.demo import pki
from exporter.demo.dns import DnsServer
from exporter.demo.tls import Endpoints, Serve
from exporter.facts import Description, Listener, Seen
from exporter.judge.resources import used_by
from exporter.judge.rule import Outcome

ACCOUNT, REGION = "123456789012", "eu-west-1"
NEWER = f"d-1.execute-api.{REGION}.amazonaws.com"  # moto makes up none in version 2 of the API


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run moto's server and point the ambient AWS configuration at it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    forget = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    urllib.request.urlopen(forget).close()  # moto's state is the process's, and so other tests' too
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield url
    server.stop()


async def test_an_imported_and_a_requested_certificate(moto: str, tmp_path: Path) -> None:
    """With no more than a nameserver and a port configured, both of moto's certificates are judged rightly."""
    now = datetime.now(UTC)
    issued = pki.root("Moto Root", now - timedelta(days=30)).issue(
        ["shop.example.com"], now - timedelta(days=9)
    )
    acm = boto3.client("acm", region_name=REGION, endpoint_url=moto)
    imported = acm.import_certificate(Certificate=pki.pem(issued.certificate), PrivateKey=issued.key_pem)
    requested = acm.request_certificate(DomainName="new.example.com", ValidationMethod="DNS")
    dns = await DnsServer.start({"shop.example.com": {"A": ["127.1.2.1"]}, "new.example.com": {}})
    endpoints = await Endpoints.start(tmp_path, {"127.1.2.1": Serve(issued)})
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(
        f"domains: [{{name: shop.example.com, port: {endpoints.port}}}]\ndns: {{nameservers: ['{dns.address}']}}\n"
    )
    with build.watch(config.load(file, {})) as (watch, board):
        await watch.once()
    await endpoints.close()
    await dns.close()

    cases = {case.certificate.arn: case for case in board.latest.cases}
    assert set(cases) == {imported["CertificateArn"], requested["CertificateArn"]}
    one = cases[imported["CertificateArn"]]
    assert (one.certificate.account, one.certificate.region) == (ACCOUNT, REGION)
    assert one.certificate.serial == issued.serial
    assert one.verdict.word == "unmanaged"
    serving = {c: one.verdict.findings[c].outcome for c in ("reachable", "name_match", "serial_match")}
    assert set(serving.values()) == {Outcome.HOLDS}

    other = cases[requested["CertificateArn"]]
    assert other.verdict.word == "blocked"
    assert other.verdict.findings["validation_records"].outcome is Outcome.BREAKS
    (source,) = [one for one in board.latest.sources if one.source == "acm"]
    assert (source.account, source.region, source.success) == (ACCOUNT, REGION, True)


async def test_what_uses_a_certificate(moto: str, tmp_path: Path) -> None:
    """Its load balancer, distribution and API domains are described, each with the certificate where it has it."""
    now = datetime.now(UTC)
    issued = pki.root("Moto Root", now - timedelta(days=30)).issue(["*.example.com"], now - timedelta(days=9))

    def client(service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=moto)

    certificate = client("acm").import_certificate(
        Certificate=pki.pem(issued.certificate), PrivateKey=issued.key_pem
    )["CertificateArn"]
    subnets = list(ec2_backends[ACCOUNT][REGION].get_default_subnets().values())
    (balancer,) = client("elbv2").create_load_balancer(
        Name="shop", Subnets=[one.id for one in subnets], Type="application"
    )["LoadBalancers"]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    client("elbv2").create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=8443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[fixed],
    )
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"}
    distribution = client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "x",
            "Aliases": {"Quantity": 1, "Items": ["cdn.example.com"]},
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "o",
                        "DomainName": "o.s3.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": behaviour,
            "Comment": "",
            "Enabled": True,
            "ViewerCertificate": {"ACMCertificateArn": certificate, "SSLSupportMethod": "sni-only"},
        }
    )["Distribution"]
    acm_backends[ACCOUNT][REGION]._certificates[certificate].in_use_by.append(distribution["ARN"])
    client("apigateway").create_domain_name(domainName="api.example.com", regionalCertificateArn=certificate)
    client("apigatewayv2").create_domain_name(
        DomainName="new.example.com",
        DomainNameConfigurations=[{"CertificateArn": certificate, "ApiGatewayDomainName": NEWER}],
    )
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(
        "aws: {resources: [elasticloadbalancing, cloudfront, apigateway], requests_per_second: 1000}\n"
    )
    with build.watch(config.load(file, {})) as (watch, board):
        await watch.once()

    (case,) = board.latest.cases
    told = {
        (resource.type, resource.name.partition("/")[0]): sight.value
        for resource, sight in used_by(case.certificate)
        if isinstance(sight, Seen)
    }
    assert told == {
        ("listener", "shop"): Description(balancer["DNSName"], listeners=(Listener(8443),)),
        ("distribution", distribution["Id"]): Description(
            distribution["DomainName"], ("cdn.example.com",), listeners=(Listener(443, (certificate,)),)
        ),
        ("api_domain", "api.example.com"): Description(
            told["api_domain", "api.example.com"].dns_name,
            ("api.example.com",),
            listeners=(Listener(443, (certificate,)),),
        ),
        ("api_domain", "new.example.com"): Description(
            NEWER,
            ("new.example.com",),
            listeners=(Listener(443, (certificate,)),),
        ),
    }
    assert told["api_domain", "api.example.com"].dns_name.endswith(f".execute-api.{REGION}.amazonaws.com")
    (source,) = [one for one in board.latest.sources if one.source == "resources"]
    assert (source.account, source.region, source.error, source.success) == (ACCOUNT, REGION, "", True)


async def test_an_organization(moto: str, tmp_path: Path) -> None:
    """Moto's accounts are found, those under a unit within a unit too, and each is entered by its role."""
    organizations = boto3.client("organizations", region_name="us-east-1", endpoint_url=moto)
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    above = organizations.create_organizational_unit(ParentId=root, Name="above")["OrganizationalUnit"]["Id"]
    below = organizations.create_organizational_unit(ParentId=above, Name="below")["OrganizationalUnit"]["Id"]
    made = [
        organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
        for name in ("web", "data", "lab")
    ]
    web, data, lab = (one["AccountId"] for one in made)
    for account in (web, lab):
        organizations.move_account(AccountId=account, SourceParentId=root, DestinationParentId=below)
    session = boto3.client("sts", region_name=REGION, endpoint_url=moto).assume_role(
        RoleArn=f"arn:aws:iam::{web}:role/reader", RoleSessionName="test"
    )["Credentials"]
    acm = boto3.client(
        "acm",
        region_name=REGION,
        endpoint_url=moto,
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    arn = acm.request_certificate(DomainName="web.example.com", ValidationMethod="DNS")["CertificateArn"]
    file = tmp_path / "acm-exporter.yaml"
    include = f"{{accounts: ['{ACCOUNT}'], organizational_units: [{above}]}}"
    file.write_text(
        f"aws: {{organization: {{role_name: reader, include: {include}, exclude: {{names: [lab]}}}}}}\n"
        "probe: {certificate_names: false}\n"
        "dns: {nameservers: ['127.0.0.1:1'], timeout: 1s}\n"
    )
    with build.watch(config.load(file, {})) as (watch, board):
        await watch.once()
    assert [case.certificate.arn for case in board.latest.cases] == [arn]
    assert arn.split(":")[4] == web
    assert dict(board.latest.roll.names) == {ACCOUNT: "master", web: "web"}
    fared = {(one.source, one.account, one.region): one.success for one in board.latest.sources[:3]}
    assert fared == {
        ("organization", ACCOUNT, ""): True,
        ("acm", ACCOUNT, REGION): True,
        ("acm", web, REGION): True,
    }
    assert data not in board.latest.roll.names
