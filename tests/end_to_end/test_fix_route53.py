"""`fix records --apply-route53` as people type it, against moto's ACM and Route 53."""

from __future__ import annotations

import asyncio
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from exporter.demo.dns import SOA, DnsServer

REGION = "us-east-1"


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """Run moto's server; gives the environment that leads to it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    yield {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    server.stop()


def client(aws: dict[str, str], service: str) -> Any:
    """Make a plain client."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=REGION, endpoint_url=aws["AWS_ENDPOINT_URL"], **keys)


async def fix(aws: dict[str, str], file: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `fix records --apply-route53`; gives the exit code and what was said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = ("-m", "exporter", "fix", "records", "--apply-route53", "--config.file", str(file), *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env={**kept, **aws},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_missing_record_is_made_in_the_own_zone(aws: dict[str, str], tmp_path: Path) -> None:
    """A dry run shows the batch; with consent the record stands once, however often it is said."""
    zone = client(aws, "route53").create_hosted_zone(Name="example.com.", CallerReference="1")["HostedZone"][
        "Id"
    ]
    acm = client(aws, "acm")
    arn = acm.request_certificate(DomainName="new.example.com", ValidationMethod="DNS")["CertificateArn"]
    options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    wanted = options[0]["ResourceRecord"]
    dns = await DnsServer.start({"example.com": {"SOA": [SOA]}})
    file = tmp_path / "acm-exporter.yaml"
    file.write_text(f"dns: {{nameservers: ['{dns.address}']}}\n")

    code, out, err = await fix(aws, file, "--format", "bind", "--dry-run", arn)
    name, target = wanted["Name"].rstrip("."), wanted["Value"].rstrip(".")
    assert (code, out) == (0, f"{name}. 300 IN CNAME {target}.\n")
    shown = f"    {name}. CNAME: nothing -> {target}.\nDry run: nothing is called.\n"
    assert err.endswith(shown)
    assert _made(aws, zone) == []

    for ending in ("every name server of Route 53 has the records\n", "stands already\n"):
        code, _, err = await fix(aws, file, "--yes", arn)
        assert (code, err.endswith(ending)) == (0, True), err
        assert _made(aws, zone) == [(f"{name}.", 300, f"{target}.")]
    await dns.close()


def _made(aws: dict[str, str], zone: str) -> list[tuple[str, int, str]]:
    sets = client(aws, "route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    made = [one for one in sets if one["Type"] == "CNAME"]
    return [(one["Name"], one["TTL"], one["ResourceRecords"][0]["Value"]) for one in made]
