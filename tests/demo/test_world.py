"""The world of the demo stands as its scenes say, in ACM, in DNS and at the endpoints."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import dns.asyncresolver
import dns.flags
import dns.resolver
import pytest
import yaml
from cryptography import x509

from exporter import config
from exporter.demo.behind import dns_name
from exporter.demo.scenes import SCENES
from exporter.demo.stage import Kind, Scene
from exporter.demo.world import Expectation, World, expectations, world
from exporter.judge.verdict import RULES, Word

NOW = datetime.now(UTC)
PATIENCE = 10  # seconds, generous
SHORT = 0.5  # seconds after which silence is silence


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """Run the world."""
    async with world(tmp_path, NOW) as running:
        yield running


def resolver(here: World) -> dns.asyncresolver.Resolver:
    """Ask the world's DNS server and nobody else."""
    host, _, port = here.dns.address.rpartition(":")
    asking = dns.asyncresolver.Resolver(configure=False)
    asking.nameservers, asking.port, asking.lifetime = [host], int(port), PATIENCE
    return asking


async def looked_up(here: World, name: str, rdtype: str, *, checking: bool = True) -> list[str]:
    """Return the records at a name as text, or what went wrong."""
    asking = resolver(here)
    asking.flags = dns.flags.RD | (0 if checking else dns.flags.CD)
    try:
        return sorted(record.to_text() for record in await asking.resolve(name, rdtype))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.resolver.NoNameservers:
        return ["SERVFAIL"]


async def shown(here: World, scene: Scene, address: str) -> str:
    """Say in a word what an address shows, compared with what ACM has."""
    context = ssl.create_default_context(cafile=here.ca_file)
    context.check_hostname = False
    try:
        writer = await handshake(here, address, context)
    except ssl.SSLCertVerificationError as error:
        context.verify_mode = ssl.CERT_NONE
        writer = await handshake(here, address, context)
        trust = f", {error.verify_message}"
    except TimeoutError:
        return "silence"
    except ssl.SSLError as error:
        return str(error.reason)
    except OSError as error:
        return type(error).__name__
    else:
        trust = ""
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return whose(here, scene, x509.load_der_x509_certificate(der)) + trust


async def handshake(here: World, address: str, context: ssl.SSLContext) -> asyncio.StreamWriter:
    """Connect to an address of the world."""
    async with asyncio.timeout(SHORT):
        _, writer = await asyncio.open_connection(address, here.endpoints.port, ssl=context)
    return writer


def whose(here: World, scene: Scene, leaf: x509.Certificate) -> str:
    """Say what a served certificate is to the one that ACM has."""
    known = {serial(told): arn for arn, told in here.acm.certificates.items() if "Serial" in told}
    if (arn := known.get(leaf.serial_number)) is not None:
        return "own" if arn == scene.arn else next(one.key for one in SCENES if one.arn == arn)
    told = here.acm.certificates[scene.arn]
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if names.get_values_for_type(x509.DNSName) != told["SubjectAlternativeNames"]:
        return "another name"
    if leaf.issuer == leaf.subject:
        return "self-signed"
    if f"O={told['Issuer']}" not in leaf.issuer.rfc4514_string():
        return "another authority"
    return "older" if leaf.not_valid_before_utc < told["NotBefore"] else "newer"


def serial(told: Mapping[str, Any]) -> int:
    """Read a serial number as ACM writes it."""
    return int(told["Serial"].replace(":", ""), 16)


async def test_endpoints(here: World) -> None:
    """Every name, or else the load balancer's, leads to its scene's addresses, which show what it is about."""
    found = {}
    for scene in SCENES:
        names = scene.looked_at or ([dns_name(scene)] if scene.used else [])
        met = [await looked_up(here, name, "A") for name in names]
        addresses = met[0] if met else []
        assert met == [addresses] * len(met)
        found[scene.key] = [await shown(here, scene, address) for address in addresses]
    oddities = {
        "waf": ["another authority"],
        "not-deployed": ["older"],
        "pinned": ["pinned-other"],
        "untrusted": ["self-signed, self-signed certificate"],
        "wrong-name": ["another name"],
        "one-bad-address": ["own", "ConnectionRefusedError"],
        "refused": ["ConnectionRefusedError"],
        "silent": ["silence"],
        "reset": ["ConnectionResetError"],
        "plain-http": ["WRONG_VERSION_NUMBER"],
        "mail": ["WRONG_VERSION_NUMBER"],  # a greeting in plaintext
        "database": ["silence"],  # until it is asked in its own protocol
        "dual": ["another authority"],
        "expired": ["own, certificate has expired"],
        "no-address": [],
        "file": [],
        "unused": [],
        "pending": [],
    }
    assert found == {scene.key: oddities.get(scene.key, ["own"]) for scene in SCENES}


async def test_acm(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the world's environment alone, plain boto3 finds every certificate in its account and region."""
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    found = await asyncio.to_thread(inventory)
    assert found == {arn: told.get("Serial") for arn, told in here.acm.certificates.items()}
    assert set(found) == {scene.arn for scene in SCENES}


def inventory() -> dict[str, str | None]:
    """Search the regions of both accounts, the second one by its role, and describe what is there."""
    production = boto3.Session()
    role = {"RoleArn": "arn:aws:iam::444455556666:role/acm-exporter", "RoleSessionName": "test"}
    assumed = production.client("sts").assume_role(**role)["Credentials"]
    staging = boto3.Session(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
    found = {}
    for session in (production, staging):
        for region in ("us-east-1", "ap-northeast-1"):
            client = session.client("acm", region_name=region)
            for row in client.search_certificates(MaxResults=500)["Results"]:
                told = client.describe_certificate(CertificateArn=row["CertificateArn"])["Certificate"]
                found[row["CertificateArn"]] = told.get("Serial")
    return found


async def test_validation_records(here: World) -> None:
    """Where ACM wants a CNAME there is one, but for the scenes about its absence."""
    found = {}
    for scene in SCENES:
        if scene.kind is Kind.DNS:
            validations = here.acm.certificates[scene.arn]["DomainValidationOptions"]
            wanted = [one["ResourceRecord"] for one in validations]
            found[scene.key] = {await record(here, one["Name"], one["Value"]) for one in wanted}
    oddities = {
        "pending": {"missing"},
        "cname-gone": {"doubled"},
        "cname-elsewhere": {"elsewhere"},
        "dnssec-bogus": {"bogus"},
        "dns-blind": {"SERVFAIL"},
    }
    assert found == {key: oddities.get(key, {"right"}) for key in found}
    assert found.keys() > oddities.keys()


async def record(here: World, name: str, value: str) -> str:
    """Say in a word what stands where ACM looks."""
    there = await looked_up(here, name, "CNAME")
    if there == [value]:
        return "right"
    if there == ["SERVFAIL"]:
        unchecked = await looked_up(here, name, "CNAME", checking=False)
        return "bogus" if unchecked == [value] else "SERVFAIL"
    if there == []:
        return "doubled" if await looked_up(here, f"{name}example.com.", "CNAME") == [value] else "missing"
    return "elsewhere"


async def test_mail_and_caa(here: World) -> None:
    """Validation mail can arrive and Amazon may issue, but for the scenes about the contrary."""
    mail = {one.key: await looked_up(here, one.domain, "MX") for one in SCENES if one.kind is Kind.EMAIL}
    caa = {one.key: await looked_up(here, one.domain, "CAA") for one in SCENES}
    assert mail == {key: [] if key == "mail-no-mx" else ["10 mx.example.com."] for key in mail}
    assert {key: records for key, records in caa.items() if records} == {
        "caa-forbids": ['0 issue "letsencrypt.org"']
    }
    assert '0 issue "amazon.com"' in await looked_up(here, "example.com", "CAA")


async def test_tokens(here: World) -> None:
    """HTTP validation leads to ACM's token, or to a refusal."""
    found = {}
    async with aiohttp.ClientSession() as session:
        for scene in (one for one in SCENES if one.kind is Kind.HTTP):
            [validation] = here.acm.certificates[scene.arn]["DomainValidationOptions"]
            urls = validation["HttpRedirect"]
            async with session.get(urls["RedirectFrom"]) as met, session.get(urls["RedirectTo"]) as token:
                found[scene.key] = (met.status, token.status, await met.text() == await token.text())
    assert found == {"http-token": (200, 200, True), "http-token-blocked": (403, 200, False)}


async def test_configuration(here: World) -> None:
    """The exporter takes the configuration, which gives every name of every certificate its port."""
    settings = config.load(here.config_file, here.environment)
    written = yaml.safe_load(here.config_file.read_text())
    names = {
        name
        for told in here.acm.certificates.values()
        for name in told["SubjectAlternativeNames"]
        if not name.startswith("*.")
    }
    assert {one["name"] for one in written["domains"]} == names | {"cart.pay.example.com"}
    assert {one.port for one in settings.domains} == {here.endpoints.port}
    assert settings.probe.ca_file == here.ca_file
    arns = {one.key: one.arn for one in SCENES}
    assert {one.name: one.certificate_arn for one in settings.domains if one.certificate_arn} == {
        "pinned.example.com": arns["pinned"]
    }


async def test_crowd(tmp_path: Path) -> None:
    """A crowd of further certificates is in ACM with its validation records, and at no endpoint."""
    async with world(tmp_path, NOW, crowd=50) as here:
        crowd = [told for arn, told in here.acm.certificates.items() if "crowd" in told["DomainName"]]
        records = [told["DomainValidationOptions"][0]["ResourceRecord"] for told in crowd]
        stand = [await record(here, one["Name"], one["Value"]) for one in records]
        assert len({told["CertificateArn"] for told in crowd}) == len({serial(told) for told in crowd}) == 50
        assert stand == ["right"] * 50
        assert ".crowd.example.com" not in here.config_file.read_text()


async def test_end(tmp_path: Path) -> None:
    """The end of the world leaves no task, no connection and no open file behind, whoever is still there."""
    gc.collect()  # what earlier tests left is not ours
    tasks, files = len(asyncio.all_tasks()), open_files()
    async with world(tmp_path, NOW) as here:
        host, _, port = here.dns.address.rpartition(":")
        [silent] = here.addresses["silent"]
        [healthy] = here.addresses["healthy"]
        guests = [
            await asyncio.open_connection(host, int(port)),
            await asyncio.open_connection(silent, here.endpoints.port),
            await asyncio.open_connection(healthy, here.endpoints.port),
        ]
        async with aiohttp.ClientSession() as session, session.get(f"{here.tokens.url}/nothing") as response:
            assert response.status == 404
    for _, writer in guests:
        writer.transport.abort()
    for port_of_old in (int(port), here.endpoints.port):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port_of_old)
    gc.collect()
    assert len(asyncio.all_tasks()) == tasks
    assert open_files() <= files


def open_files() -> int:
    """Count this process's open files and sockets."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_expectations_are_possible() -> None:
    """Each scene has a certificate of its own and expects words and conditions that the exporter knows."""
    rows = expectations(SCENES, NOW)
    assert len({row.arn for row in rows}) == len({row.key for row in rows}) == len(SCENES)
    assert {row.verdict for row in rows} == set(Word)
    assert {code for row in rows for code in row.breaks} == {rule.code for rule in RULES}


@pytest.mark.parametrize(
    ("now", "verdict", "breaks"),
    [
        (datetime(2027, 5, 31, 23, tzinfo=UTC), "renews", {"validation_age"}),
        (datetime(2027, 6, 1, tzinfo=UTC), "blocked", {"validation_age", "email_sunset"}),
    ],
)
def test_expectation_follows_date(now: datetime, verdict: str, breaks: set[str]) -> None:
    """An e-mail certificate of 198 days that is 30 days old outlives e-mail renewals from June 2027 on."""
    [old] = (scene for scene in SCENES if scene.key == "old-email")
    assert expectations([old], now) == (
        Expectation(old.arn, old.key, old.title, old.domain, verdict, frozenset(breaks)),
    )
