"""A file gives settings, or every mistake at once."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from exporter import config
from exporter.config import (
    Account,
    Aws,
    CertificateFile,
    Choice,
    ConfigError,
    Dns,
    Domain,
    Events,
    Organization,
    Probe,
    Renewal,
    Settings,
    Webhook,
)
from exporter.config.model import ClientCertificate
from exporter.config.ways import ProxyUrl
from exporter.demo import pki

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
ENV = {
    "PORT": "8443",
    "RATE": "2.5",
    "SWITCH": "false",
    "EMPTY": "",
    "SERVICE_PORT": "tcp://192.0.2.1:443",
    "INJECTION": "x\nprobe: {timeout: 1s}",
    "BROKEN": "\udcff",
}
ROLE = "arn:aws:iam::111111111111:role/acm-exporter"
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/00000000-0000-0000-0000-000000000000"


def read(folder: Path, text: str | bytes) -> Settings:
    """Write and load one file."""
    file = folder / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return config.load(file, ENV)


def complaint(folder: Path, text: str | bytes) -> str:
    """Return what is said of a text, without the folder."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize("file", BAD, ids=lambda file: file.stem)
def test_bad_file(file: Path) -> None:
    """Whoever makes a mistake reads what is wrong, where, and what was expected; nothing else."""
    lines = file.read_bytes().decode(errors="replace").splitlines()
    expected = [line.removeprefix("# ") for line in lines if line.startswith(f"# {file.name}:")]
    with pytest.raises(ConfigError) as caught:
        config.load(file, ENV)
    assert [one.replace(f"{file.parent}/", "") for one in caught.value.complaints] == expected
    assert str(caught.value) == "\n".join(caught.value.complaints)


LONG = Path("/srv/a-long-way-down-the-tree/of-some-volume/with-many-more-folders")
WHOLE = f"""
aws:
  interval: 20m
  accounts:
    - name: 012345670123
      regions: [us-east-1, us-gov-west-1]
      profile: production
    - role_arn: {ROLE}
      external_id: swordfish
  organization:
    role_name: audit/acm-exporter
    fix_role_name: acm-exporter-fix
    external_id: swordfish
    profile: hub
    role_arn: {ROLE}
    regions: [us-east-1]
    include: {{accounts: [012345670123], names: [production-*]}}
    exclude: {{organizational_units: [ou-ab12-cdefgh34]}}
    interval: 30m
  tags: [team, "aws:cloudformation:stack-name"]
  requests_per_second: 0.5
domains:
  - www.example.com
  - name: Bücher.Example.
    port: 8443
    addresses: [192.0.2.10, "2001:DB8:0::10"]
    server_name: INTERNAL.example.com
    certificate_arn: {CERTIFICATE}
    labels: {{team: web, on: yes, since: 2026-11-23}}
  - "2001:db8::1"
  - {{name: mail.example.com, starttls: imap, proxy: none, ip_protocol: prefer_ip6, key_types: [ecdsa, rsa]}}
  - name: mtls.example.com
    client_certificate: {{cert_file: client.pem, key_file: client.key}}
probe:
  interval: 1m
  timeout: 2s500ms
  concurrency: 16
  certificate_names: false
  scheduled: false
  allow: [STATUS.example.net., "*.example.com:8443", "192.0.2.0/24:*", 192.0.2.1, "[2001:DB8::/32]:8443", "2001:db8:1::/48"]
  certificate_networks: [10.0.0.0/8, 127.0.0.1, "2001:DB8::/32"]
  ca_file: roots.pem
  proxy: "http://me:s%40crt@[2001:db8::3]:3128/"
  ip_protocol: ip4
  ocsp: true
  chain: true
dns:
  interval: 2h
  timeout: 1s
  nameservers: ["127.0.0.1:5353", "::1", "[::1]:5353"]
renewal:
  rules: classic
  validation_limit: 1w
  window: 45d
  grace: 1d12h
events:
  webhook: {{url: "https://hooks.example.com/swordfish", authorization: Bearer swordfish, timeout: 5s}}
state_file: state.db
files:
  - www.pem
  - path: /srv/a-long-way-down-the-tree/of-some-volume/with-many-more-folders/a.pem
  - path: /srv/a-long-way-down-the-tree/of-some-volume/with-many-more-folders/b.pem
  - path: /srv/tls/*.pem
    certificate_arn: {CERTIFICATE}
  - {{path: store.p12, password: swordfish}}
  - {{path: other.p12, password_file: other.password}}
"""


def certify(folder: Path) -> None:
    """Write the files that a configuration may name."""
    client = pki.self_signed(["client.test"], datetime(2026, 1, 1, tzinfo=UTC))
    (folder / "company-roots.pem").write_bytes(client.chain_pem)
    (folder / "client.pem").write_bytes(client.chain_pem)
    (folder / "client.key").write_bytes(client.key_pem)


def test_whole(tmp_path: Path) -> None:
    """Every key reaches its setting, names and addresses in their usual form."""
    (tmp_path / "roots.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    certify(tmp_path)
    assert read(tmp_path, WHOLE) == Settings(
        aws=Aws(
            interval=timedelta(minutes=20),
            accounts=(
                Account(name="012345670123", regions=("us-east-1", "us-gov-west-1"), profile="production"),
                Account(role_arn=ROLE, external_id="swordfish"),
            ),
            organization=Organization(
                role_name="audit/acm-exporter",
                fix_role_name="acm-exporter-fix",
                external_id="swordfish",
                profile="hub",
                role_arn=ROLE,
                regions=("us-east-1",),
                include=Choice(accounts=("012345670123",), names=("production-*",)),
                exclude=Choice(organizational_units=("ou-ab12-cdefgh34",)),
                interval=timedelta(minutes=30),
            ),
            tags=("team", "aws:cloudformation:stack-name"),
            requests_per_second=0.5,
        ),
        domains=(
            Domain(name="www.example.com"),
            Domain(
                name="xn--bcher-kva.example",
                port=8443,
                addresses=("192.0.2.10", "2001:db8::10"),
                server_name="internal.example.com",
                certificate_arn=CERTIFICATE,
                labels={"team": "web", "on": "yes", "since": "2026-11-23"},
            ),
            Domain(name="2001:db8::1"),
            Domain(
                name="mail.example.com",
                port=143,
                starttls="imap",
                proxy=ProxyUrl(),
                ip_protocol="prefer_ip6",
                key_types=("ecdsa", "rsa"),
            ),
            Domain(
                name="mtls.example.com",
                client_certificate=ClientCertificate(
                    cert_file=tmp_path / "client.pem", key_file=tmp_path / "client.key"
                ),
            ),
        ),
        probe=Probe(
            interval=timedelta(minutes=1),
            timeout=timedelta(seconds=2.5),
            concurrency=16,
            certificate_names=False,
            scheduled=False,
            allow=(
                *("status.example.net:443", "*.example.com:8443", "192.0.2.0/24:*", "192.0.2.1/32:443"),
                *("[2001:db8::/32]:8443", "[2001:db8:1::/48]:443"),
            ),
            certificate_networks=("10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"),
            ca_file=tmp_path / "roots.pem",
            proxy=ProxyUrl("2001:db8::3", 3128, "me", "s@crt"),
            ip_protocol="ip4",
            ocsp=True,
            chain=True,
        ),
        dns=Dns(
            interval=timedelta(hours=2),
            timeout=timedelta(seconds=1),
            nameservers=("127.0.0.1:5353", "[::1]:53", "[::1]:5353"),
        ),
        renewal=Renewal(
            rules="classic",
            validation_limit=timedelta(days=7),
            window=timedelta(days=45),
            grace=timedelta(hours=36),
        ),
        events=Events(
            webhook=Webhook(
                url="https://hooks.example.com/swordfish",
                authorization="Bearer swordfish",
                timeout=timedelta(seconds=5),
            )
        ),
        state_file=tmp_path / "state.db",
        files=(
            CertificateFile(path=tmp_path / "www.pem"),
            CertificateFile(path=LONG / "a.pem"),
            CertificateFile(path=LONG / "b.pem"),
            CertificateFile(path=Path("/srv/tls/*.pem"), certificate_arn=CERTIFICATE),
            CertificateFile(path=tmp_path / "store.p12", password="swordfish"),
            CertificateFile(path=tmp_path / "other.p12", password_file=tmp_path / "other.password"),
        ),
    )


def test_defaults() -> None:
    """Without a file the ambient account is read, and the numbers are those that are documented."""
    assert config.default().model_dump() == {
        "aws": {
            "interval": timedelta(minutes=10),
            "accounts": (
                {
                    "name": "",
                    "regions": (),
                    "profile": "",
                    "role_arn": "",
                    "external_id": "",
                    "fix_role_arn": "",
                },
            ),
            "organization": None,
            "tags": (),
            "resources": (),
            "requests_per_second": 4.0,
        },
        "domains": (),
        "probe": {
            "interval": timedelta(minutes=5),
            "timeout": timedelta(seconds=10),
            "concurrency": 256,
            "certificate_names": True,
            "scheduled": True,
            "allow": (),
            "certificate_networks": (),
            "ca_file": None,
            "proxy": None,
            "ip_protocol": "any",
            "ocsp": False,
            "chain": False,
            "resources": False,
        },
        "dns": {"interval": timedelta(hours=1), "timeout": timedelta(seconds=5), "nameservers": ()},
        "renewal": {
            "rules": "current",
            "validation_limit": timedelta(days=825),
            "window": None,
            "grace": timedelta(days=3),
        },
        "events": {"webhook": None},
        "files": (),
        "state_file": None,
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("# only this\n", id="comments"),
        pytest.param("\ufeff---\n...\n", id="marks"),
        pytest.param("aws:\nprobe: ~\nrenewal:\n  window:\nstate_file:\n", id="keys without values"),
    ],
)
def test_nothing_written(tmp_path: Path, text: str) -> None:
    """What is not written, or has no value, has its default."""
    assert read(tmp_path, text) == config.default()


def test_no_accounts(tmp_path: Path) -> None:
    """An empty list of accounts lists no certificates, unlike a list that is not written."""
    assert read(tmp_path, "aws: {accounts: []}").aws.accounts == ()


def test_an_organization_takes_the_place_of_the_ambient_account(tmp_path: Path) -> None:
    """It has an hour, all accounts and no list beside it, unless a list is written."""
    alone = read(tmp_path, "aws: {organization: {role_name: reader}}").aws
    assert (alone.accounts, alone.organization) == ((), Organization(role_name="reader"))
    assert Organization(role_name="reader").model_dump() == {
        "role_name": "reader",
        "fix_role_name": "",
        "external_id": "",
        "profile": "",
        "role_arn": "",
        "regions": (),
        "include": None,
        "exclude": {"accounts": (), "names": (), "organizational_units": ()},
        "interval": timedelta(hours=1),
    }
    assert read(tmp_path, "aws: {organization: {role_name: r}, accounts: [{}]}").aws.accounts == (Account(),)


def test_variables(tmp_path: Path) -> None:
    """A variable fills in texts, numbers and switches, and can neither add keys nor be mistaken for YAML."""
    text = """
aws:
  accounts: [{name: "a ${INJECTION}"}, {name: "$${PORT} $PORT ${PORT}${PORT}"}]
  requests_per_second: ${RATE}
probe: {certificate_names: "${SWITCH}"}
domains: [{name: www.example.com, port: "${PORT}"}]
"""
    assert read(tmp_path, text) == Settings(
        aws=Aws(
            accounts=(
                Account(name="a x\nprobe: {timeout: 1s}"),
                Account(name="${PORT} $PORT 84438443"),
            ),
            requests_per_second=2.5,
        ),
        probe=Probe(certificate_names=False),
        domains=(Domain(name="www.example.com", port=8443),),
    )


def test_variable_of_broken_bytes(tmp_path: Path) -> None:
    """A variable whose bytes are not UTF-8 is refused before it reaches a log or a metric."""
    assert complaint(tmp_path, "aws: {accounts: [{name: '${BROKEN}'}]}") == (
        "config.yaml:1:19: aws.accounts[0].name: ${BROKEN} is not text (expected at least one character)"
    )


def test_aliases(tmp_path: Path) -> None:
    """An anchored value may be used again, and a mistake in it is named where it is used."""
    text = "probe: {interval: &pace 2m}\ndns: {interval: *pace, timeout: &late 3m}\nrenewal: {grace: *late}\n"
    assert complaint(tmp_path, text) == (
        "config.yaml:2:24: dns.timeout: 3m is too long (expected less than the interval, which is 2m)"
    )


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A wrong file name, a folder, or what the system cannot open gives one clear line."""
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    said = []
    for name in ("missing.yaml", ".", "loop.yaml", "nul\0.yaml"):
        with pytest.raises(ConfigError) as caught:
            config.load(tmp_path / name, ENV)
        said += [one.replace(str(tmp_path), "DIR") for one in caught.value.complaints]
    assert said == [
        "DIR/missing.yaml: does not exist (expected a YAML file)",
        "DIR: is a directory (expected a YAML file)",
        "DIR/loop.yaml: cannot be read: Too many levels of symbolic links (expected a YAML file)",
        "DIR/nul\0.yaml: is not the name of a file (expected a YAML file)",
    ]


def test_file_too_large(tmp_path: Path) -> None:
    """A wrong file of any size costs bounded memory."""
    file = tmp_path / "config.yaml"
    with file.open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(ConfigError, match=r"config\.yaml: is too large \(expected at most 16 MiB\)$"):
        config.load(file, ENV)


def test_utf_16(tmp_path: Path) -> None:
    """A file of another encoding is told from a file of wrong keys."""
    assert complaint(tmp_path, "aws:\n".encode("utf-16")) == (
        "config.yaml:1:1: is not UTF-8 (found the byte 0xff)"
    )


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        ("client.pem", "other.key", "other.key is not the key of client.pem"),
        ("client.pem", "locked.key", "locked.key is encrypted"),
        ("client.pem", "client.pem", "client.pem holds no private key that can be read"),
        ("client.pem", "none.key", "none.key is not there, or not a file"),
    ],
)
def test_client_key(tmp_path: Path, certificate: str, key: str, words: str) -> None:
    """A certificate and a key that cannot be used together are told of when they are loaded."""
    certify(tmp_path)
    other = pki.new_key()
    for name, secret in {"other": NoEncryption(), "locked": BestAvailableEncryption(b"x")}.items():
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret)
        (tmp_path / f"{name}.key").write_bytes(pem)
    text = (
        "domains:\n  - name: a.example.com\n    client_certificate:\n"
        f"      cert_file: {certificate}\n      key_file: {key}\n"
    )
    assert complaint(tmp_path, text) == (
        f"config.yaml:5:7: domains[0].client_certificate.key_file: {words} "
        "(expected a file with a PEM private key, without a passphrase)"
    )


def test_proxy_keeps_its_secret(tmp_path: Path) -> None:
    """Neither user nor password of a proxy are shown."""
    assert "s3cret" not in repr(
        read(tmp_path, 'probe: {proxy: "http://s3cret:s3cret@proxy.example.com:3128"}')
    )


# --- the example ---------------------------------------------------------------------------------------


def keys(section: type[BaseModel], above: str = "") -> list[str]:
    """Return the path of every key of the models."""
    found = []
    for name, field in section.model_fields.items():
        path = f"{above}{name}"
        models = [one for one in (*get_args(field.annotation), field.annotation) if isinstance(one, type)]
        below = [one for one in models if issubclass(one, BaseModel)]
        found += [path, *(key for one in below for key in keys(one, f"{path}."))]
    return found


def key_lines(text: str) -> list[str]:
    """Return the path of every key that begins a line, by its column."""
    found: list[str] = []
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        if match := re.match(r"(\s*(?:- )?)([a-z_]+):(?: |$)", line):
            column = len(match[1])
            above = [*(one for one in above if one[0] < column), (column, match[2])]
            found.append(".".join(name for _, name in above))
    return found


def uncommented() -> str:
    """Return the example with its examples switched on: those that stand after a bare #."""
    return re.sub(r"^( *)#(?=[^ \n]|  )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def test_example_has_the_defaults() -> None:
    """The example changes nothing as it is, so that it can be copied and edited."""
    assert config.load(EXAMPLE, {}) == config.default()


def test_example_has_every_key() -> None:
    """Every key is shown once, and the path of a file once for each way to give its password."""
    shown = {*keys(Settings)} | {"domains.name"}
    assert sorted(key_lines(uncommented())) == sorted([*shown, "files.path", "files.path"])


def test_example_has_every_default() -> None:
    """What is not commented out are the keys that have a default which can be written."""
    written = set(key_lines(EXAMPLE.read_text()))
    assert set(keys(Settings)) - written == {
        "aws.accounts.name",
        "aws.accounts.profile",
        "aws.accounts.role_arn",
        "aws.accounts.external_id",
        *(name for name in keys(Settings) if name.startswith(("domains.", "files."))),
        "aws.accounts.fix_role_arn",
        *(name for name in keys(Settings) if name.startswith("aws.organization")),
        "probe.allow",
        "probe.certificate_networks",
        "probe.ca_file",
        "probe.proxy",
        "dns.nameservers",
        "events.webhook",
        "events.webhook.url",
        "events.webhook.authorization",
        "events.webhook.timeout",
        "state_file",
    }


def test_example_has_reasons() -> None:
    """Every key and section of the example is explained by the line above it."""
    lines = EXAMPLE.read_text().splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r"\s*(#\S|#  |- |[a-z])", line) and not re.match(r"\s*# \S", before)
    ]
    assert bare == []


def test_examples_in_the_example(tmp_path: Path) -> None:
    """Whatever is switched on in the example works."""
    certify(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(uncommented())
    secrets = (
        *("ACM_EXPORTER_EXTERNAL_ID", "ACM_EXPORTER_HOOK_TOKEN", "PROXY_PASSWORD"),
        "KEYSTORE_PASSWORD",
    )
    env = {**dict.fromkeys(secrets, "swordfish"), "ACM_EXPORTER_HOOK": "swordfish"}
    assert config.load(file, env).events.webhook is not None


# --- whatever comes ------------------------------------------------------------------------------------

NAMES = sorted({key.split(".")[-1] for key in keys(Settings)} | {"x", "", "<<", "[key]"})
TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "5m",
            "1s",
            "443",
            "0",
            "true",
            "auto",
            "www.example.com",
            "*.x",
            "http://x/",
            "::1",
            "${PORT}",
            "${X",
            CERTIFICATE,
        ]
    ),
)
TREES = st.recursive(
    st.one_of(st.none(), TEXTS),
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(st.sampled_from(NAMES), below, max_size=5)
    ),
    max_leaves=12,
)
LINE = re.compile(r"config\.yaml(:\d+:\d+)?: .+")


def gives_settings_or_complaints(raw: bytes) -> None:
    """Load the bytes and look at the form of what is said."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            read(Path(folder), raw)
        except ConfigError as error:
            said = [one.removeprefix(f"{folder}/") for one in error.complaints]
        else:
            return
    assert said
    assert [line for line in said if not LINE.fullmatch(line) or "cannot be used" in line] == []


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text("aws:dn p[]{},&*!|>'\"%#-?\n\t0${}~", max_size=60).map(str.encode))
def test_any_bytes(raw: bytes) -> None:
    """No file ends the program by anything but complaints."""
    gives_settings_or_complaints(raw)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), TREES, max_size=4) | TREES)
def test_any_tree(tree: object) -> None:
    """No value of any shape under any key does either, and each has a sentence of its own."""
    gives_settings_or_complaints(written(tree).encode())


def written(tree: object) -> str:
    """Write a tree as YAML in flow style."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{quoted(key)}: {written(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(written, tree)) + "]"
    return "~" if tree is None else quoted(str(tree))


def quoted(text: str) -> str:
    """Write a text as YAML, whatever is in it."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'
