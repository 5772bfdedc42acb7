"""From settings to parts: what an operator wrote arrives where it counts."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter import config
from exporter.cli import build
from exporter.demo import pki
from exporter.facts import Ask, Domain, Location, Proxy, Question, Unseen, Way, Why
from exporter.judge.admission import allowance
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.sharding import ALONE, Shard
from exporter.observe.acm import AcmEye
from exporter.schedule.plan import Plan
from tests.evidence import ARN

FULL = f"""\
aws: {{interval: 20m, tags: [team], accounts: [{{name: a, regions: [us-east-1, eu-west-1]}}, {{name: b}}]}}
domains:
  - name: www.example.com
    port: 8443
    addresses: [192.0.2.10]
    server_name: sni.example.com
    certificate_arn: {ARN}
    labels: {{team: web}}
files: [tls, {{path: a.p12, password: swordfish, certificate_arn: "{ARN}"}}, {{path: b.p12, password_file: b.password}}]
probe:
  {{interval: 1m, timeout: 2s, concurrency: 7, certificate_names: false, scheduled: false, allow: ["192.0.2.0/24:*"]}}
dns: {{interval: 2h}}
renewal: {{rules: classic, validation_limit: 800d, window: 50d, grace: 1d}}
"""
WWW = Domain("www.example.com", 8443, ("192.0.2.10",), "sni.example.com", ARN, {"team": "web"})


def load(folder: Path, text: str) -> config.Settings:
    """Read settings from text."""
    file = folder / "acm-exporter.yaml"
    file.write_text(text)
    return config.load(file, {})


def test_ways(tmp_path: Path) -> None:
    """What an operator says of the way there arrives; a domain that says nothing has none of its own."""
    client = pki.self_signed(["client.test"], datetime(2026, 1, 1, tzinfo=UTC))
    (tmp_path / "client.pem").write_bytes(client.chain_pem + client.key_pem)
    text = """
probe: {proxy: "http://proxy.example.com:3128", ip_protocol: prefer_ip4}
domains:
  - www.example.com
  - {name: a.example.com, starttls: smtp, proxy: "http://me:s%3Acret@proxy.example.com:3128", ip_protocol: any}
  - {name: b.example.com, proxy: none, key_types: [rsa]}
  - name: c.example.com
    client_certificate: {cert_file: client.pem, key_file: client.pem}
"""
    settings = load(tmp_path, text)
    pair = (str(tmp_path / "client.pem"), str(tmp_path / "client.pem"))
    assert build._plan(settings, (), tags=True).domains == (
        Domain("www.example.com"),
        Domain(
            "a.example.com",
            25,
            way=Way("smtp", Proxy("proxy.example.com", 3128, "Basic bWU6czpjcmV0"), "any"),
        ),
        Domain("b.example.com", way=Way(proxy=Proxy(), key_types=("rsa",))),
        Domain("c.example.com", way=Way(client_certificate=pair)),
    )
    assert build._way(settings.probe) == Way(proxy=Proxy("proxy.example.com", 3128), ip_protocol="prefer_ip4")
    assert build._way(config.default().probe) is None


def test_everything_set(tmp_path: Path) -> None:
    """Each key of the file has its place in the plan and in the policy."""
    settings = load(tmp_path, FULL)
    assert build._policy(settings) == Policy(
        RuleSet.CLASSIC, timedelta(days=800), timedelta(days=50), timedelta(days=1)
    )
    assert build._plan(settings, (), tags=True) == Plan(
        domains=(WWW,),
        asked=(),
        files=(
            Location(str(tmp_path / "tls")),
            Location(str(tmp_path / "a.p12"), password="swordfish", arn=ARN),
            Location(str(tmp_path / "b.p12"), password_file=str(tmp_path / "b.password")),
        ),
        certificate_names=False,
        scheduled=False,
        tags=("team",),
        acm_interval=1200.0,
        tls_interval=60.0,
        dns_interval=7200.0,
        abreast=7,
        room=112,
    )


def test_whom_to_probe_on_demand(tmp_path: Path) -> None:
    """What is allowed and how long it may take is what was written; by default nothing is allowed."""
    settings = load(tmp_path, FULL)
    with build.watch(settings) as (watch, _):
        full = build.probing(settings, watch)
        plain = build.probing(config.default(), watch)
    assert (full.allow, full.timeout) == ((allowance("192.0.2.0/24:*"),), 2.0)
    assert (plain.allow, plain.timeout) == ((), 10.0)


def test_nothing_set_is_the_usual() -> None:
    """Without a file the parts work by their own defaults, which are those of the contract."""
    settings = config.default()
    assert build._policy(settings) == Policy()
    assert replace(build._plan(settings, (), tags=True), room=None) == Plan()


def test_looks_leave_descriptors_to_everything_else() -> None:
    """Where few files may be open, fewer looks wait for silent peers, but never fewer than configured."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        assert (build._room(16), build._room(256), build._room(900)) == (256, 512, 900)
        build.raise_limits()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_asked_names_are_looked_at_as_they_are_configured(tmp_path: Path) -> None:
    """`check NAME` keeps the port and the pins of a configured name, and adds one that is not configured."""
    plan = build._plan(
        load(tmp_path, FULL), (Domain("www.example.com"), Domain("new.example.com")), tags=False
    )
    assert plan.domains == (WWW, Domain("new.example.com"))
    assert {WWW, Domain("new.example.com")} <= set(plan.asked)
    assert plan.tags == ()


def test_one_eye_for_each_account_and_region(tmp_path: Path) -> None:
    """Each account is read in each of its regions; without regions the ambient one decides."""
    with build.watch(load(tmp_path, FULL)) as (watch, board):
        inventories = [(way.name, eye.region) for way, eye in watch._eyes.acm]
    assert inventories == [("a", "us-east-1"), ("a", "eu-west-1"), ("b", "")]
    assert (board.latest.cases, board.latest.ready) == ((), False)


def test_shards_share_the_quota(tmp_path: Path) -> None:
    """However many shards there are, together they ask AWS no more often; from the start each says which it is."""
    settings = load(tmp_path, FULL)
    assert build._plan(settings, (), Shard(1, 4), tags=True).shard == Shard(1, 4)
    paces = []
    for shard in (ALONE, Shard(1, 4)):
        with build.watch(settings, shard=shard) as (watch, board):
            _, eye = watch._eyes.acm[0]
            assert isinstance(eye, AcmEye)
            paces.append(eye._pace._interval)
            assert board.latest.shard == shard
    assert paces[1] == 4 * paces[0]


@pytest.mark.parametrize(
    ("text", "domain", "why"),
    [
        ("", Domain("127.0.0.1", 1, found=True), Why.REFUSED),
        (
            "probe: {certificate_networks: [10.0.0.0/8]}",
            Domain("127.0.0.1", 1, found=True),
            Why.FORBIDDEN_ADDRESS,
        ),
        ("probe: {certificate_networks: [10.0.0.0/8]}", Domain("127.0.0.1", 1), Why.REFUSED),
    ],
)
async def test_where_names_may_lead(tmp_path: Path, text: str, domain: Domain, why: Why) -> None:
    """A certificate's name leads only to where the configuration lets it; one of ours leads anywhere."""
    settings = load(tmp_path, f"aws: {{accounts: []}}\n{text}\n")
    with build.watch(settings) as (watch, _):
        (seen,) = await watch._eyes.tls(domain)
    assert isinstance(seen.sight, Unseen)
    assert seen.sight.why is why
    token = f"http://127.0.0.1:{domain.port}/"
    fetched = await build.dns_eye(settings).look(Question(Ask.TOKEN, token, token))
    refused = Why.FORBIDDEN_ADDRESS if text else Why.AWS_UNREACHABLE
    assert isinstance(fetched, Unseen)
    assert fetched.why is refused
