"""The web configuration file: the toolkit's verdict, which promtool gives, with our words."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from exporter.config import ConfigError
from exporter.config.web import ClientAuth, RateLimit, Tls, WebSettings
from exporter.config.webfile import load_web
from exporter.config.webkinds import CIPHERS, CURVES
from exporter.demo import pki
from tests.servers import need

BORN = datetime.now(UTC) - timedelta(hours=1)
ONE, TWO = (pki.self_signed([name], BORN) for name in ("one.example.com", "two.example.com"))
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
TLS = "tls_server_config:\n  cert_file: one.pem\n  key_file: one.key\n"
ASKS = f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n"
OLD_CURVES = [name for name in CURVES if "MLKEM" not in name]
SECTIONS = "tls_server_config, http_server_config, rate_limit, basic_auth_users"
NO_CERT = "web.yml:1:1: tls_server_config: has neither cert nor cert_file (expected one of them)"
NO_KEY = "web.yml:1:1: tls_server_config: has neither key nor key_file (expected one of them)"
NO_HASH = "is not a bcrypt hash (expected for example what `htpasswd -nBC 10 NAME` prints after the colon)"
HEADERS = (
    "Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection, "
    "Content-Security-Policy"
)


def indented(pem: bytes) -> str:
    """Write PEM as it stands below a key."""
    return "|\n" + "".join(f"    {line}\n" for line in pem.decode().splitlines())


GOOD = {
    "nothing": "",
    "empty sections": "tls_server_config:\nhttp_server_config: {}\nbasic_auth_users:\n",
    "no TLS but a version of it": "tls_server_config:\n  min_version: TLS13\n",
    "pair": TLS,
    "pair in the folder below": "tls_server_config:\n  cert_file: below/one.pem\n  key_file: ./below/../one.key\n",
    "key behind its parameters": "tls_server_config:\n  cert_file: one.pem\n  key_file: parameters.key\n",
    "no client auth": f'{TLS}  client_auth_type: ""\n',
    "every client auth": ASKS,
    "any client": f"{TLS}  client_auth_type: RequireAnyClientCert\n",
    "any client, in the old word": f"{TLS}  client_auth_type: RequireClientCert\n",
    "authority": f"{ASKS}  client_ca_file: two.pem\n",
    "authority that is none": f"{ASKS}  client_ca_file: one.key\n",
    "authority that is only asked for": f"{TLS}  client_ca_file: two.pem\n  client_auth_type: RequestClientCert\n",
    "old versions": f"{TLS}  min_version: TLS10\n  max_version: TLS11\n",
    "versions in the wrong order": f"{TLS}  min_version: TLS13\n  max_version: TLS12\n",
    "all ciphers": f"{TLS}  cipher_suites: [{', '.join(CIPHERS)}]\n",
    "old curves": f"{TLS}  curve_preferences: [{', '.join(OLD_CURVES)}]\n",
    "curve twice": f"{TLS}  curve_preferences: [X25519, X25519]\n",
    "no ciphers and curves": f"{TLS}  cipher_suites: []\n  curve_preferences:\n",
    "YAML 1.1's yes": f"{TLS}  prefer_server_cipher_suites: yes\n",
    "no HTTP/2": "http_server_config:\n  http2: off\n",
    "HTTP/2 of nothing": "http_server_config:\n  http2:\n",
    "headers": "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    X-XSS-Protection: 1\n    Content-Security-Policy:\n",
    "users": f'basic_auth_users:\n  alice: {HASH}\n  1: {HASH}\n  "a:b": {HASH}\n',
    "hash that is longer": f"basic_auth_users:\n  alice: {HASH}XXXX\n",
    "hash of the first kind": f"basic_auth_users:\n  alice: {HASH.replace('$2y$', '$2$')}\n",
    "hash that cannot be one": f"basic_auth_users:\n  alice: {HASH.replace('QO', '!!')}\n",
    "anchor": f"{TLS.replace('one.pem', '&x one.pem')}  client_ca_file: *x\n  client_auth_type: RequestClientCert\n",
}
BAD = {  # and what we say of it
    "list": ("- a\n", f"web.yml:1:1: a list is not a mapping (expected some of the keys {SECTIONS})"),
    "text": ("hello\n", f"web.yml:1:1: hello is not a mapping (expected some of the keys {SECTIONS})"),
    "unknown section": (
        "tls_config: {}\n",
        f"web.yml:1:1: tls_config: is not a known key, did you mean tls_server_config? (expected some of {SECTIONS})",
    ),
    "unknown key": (
        "http_server_config:\n  htttp2: true\n",
        "web.yml:2:3: http_server_config.htttp2: is not a known key, did you mean http2? (expected some of http2, headers)",
    ),
    "key twice": (
        f"{TLS}  key_file: one.key\n",
        "web.yml:4:3: tls_server_config.key_file: the key appears twice (first in line 3)",
    ),
    "no pair": ("tls_server_config:\n  client_auth_type: NoClientCert\n", f"{NO_CERT}\n{NO_KEY}"),
    "no key": ("tls_server_config:\n  cert_file: one.pem\n", NO_KEY),
    "no certificate": ("tls_server_config:\n  key_file: one.key\n", NO_CERT),
    "certificate that is not there": (
        TLS.replace("one.pem", "nowhere.pem"),
        "web.yml:2:3: tls_server_config.cert_file: nowhere.pem cannot be read: No such file or directory (expected a PEM file)",
    ),
    "certificate that is a folder": (
        TLS.replace("one.pem", "below"),
        "web.yml:2:3: tls_server_config.cert_file: below cannot be read: Is a directory (expected a PEM file)",
    ),
    "certificate that is none": (
        TLS.replace("one.pem", "one.key"),
        "web.yml:2:3: tls_server_config.cert_file: one.key holds no certificate that can be read (expected PEM)",
    ),
    "key that is none": (
        TLS.replace("one.key", "one.pem"),
        "web.yml:3:3: tls_server_config.key_file: one.pem holds no private key that can be read (expected PEM)",
    ),
    "key of another": (
        TLS.replace("one.key", "two.key"),
        "web.yml:3:3: tls_server_config.key_file: two.key is not the key of one.pem (expected the two to match)",
    ),
    "key that is encrypted": (
        TLS.replace("one.key", "encrypted.key"),
        "web.yml:3:3: tls_server_config.key_file: encrypted.key is encrypted (expected a key without a passphrase)",
    ),
    "key of a kind that TLS has not": (
        TLS.replace("one.key", "dsa.key"),
        "web.yml:3:3: tls_server_config.key_file: dsa.key is of a kind that TLS does not use (expected RSA, EC or Ed25519)",
    ),
    "variable": (
        TLS.replace("one.pem", "${HOME}/one.pem"),
        "web.yml:2:3: tls_server_config.cert_file: ${HOME}/one.pem cannot be read: No such file or directory (expected a PEM file)",
    ),
    "client auth": (
        f"{TLS}  client_auth_type: requireandverifyclientcert\n",
        (
            "web.yml:4:3: tls_server_config.client_auth_type: requireandverifyclientcert is not a client_auth_type "
            "(expected one of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert)"
        ),
    ),
    "authority without a policy": (
        f"{TLS}  client_ca_file: two.pem\n",
        "web.yml:4:3: tls_server_config.client_ca_file: is for client_auth_type, which is not there (expected RequireAndVerifyClientCert in it)",
    ),
    "authority that is not there": (
        f"{ASKS}  client_ca_file: nowhere.pem\n",
        "web.yml:5:3: tls_server_config.client_ca_file: nowhere.pem cannot be read: No such file or directory (expected a PEM file)",
    ),
    "version": (
        f"{TLS}  min_version: tls13\n",
        "web.yml:4:3: tls_server_config.min_version: tls13 is not a TLS version (expected one of TLS10, TLS11, TLS12, TLS13)",
    ),
    "cipher of a weak kind": (
        f"{TLS}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
        (
            "web.yml:4:19: tls_server_config.cipher_suites[0]: TLS_RSA_WITH_RC4_128_SHA is not a cipher suite "
            "(expected Go's name of one, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)"
        ),
    ),
    "curve": (
        f"{TLS}  curve_preferences: [X448]\n",
        f"web.yml:4:23: tls_server_config.curve_preferences[0]: X448 is not a curve (expected one of {', '.join(CURVES)})",
    ),
    "switch": (
        "http_server_config:\n  http2: 1\n",
        "web.yml:2:3: http_server_config.http2: 1 is not a switch (expected true or false)",
    ),
    "header": (
        "http_server_config:\n  headers:\n    x-frame-options: deny\n",
        f"web.yml:3:5: http_server_config.headers.x-frame-options: x-frame-options is not a header that may be set (expected one of {HEADERS})",
    ),
    "value of a header": (
        "http_server_config:\n  headers:\n    X-Frame-Options: DENY\n",
        "web.yml:3:5: http_server_config.headers.X-Frame-Options: DENY is no value of X-Frame-Options (expected deny or sameorigin)",
    ),
    "no value of a header": (
        "http_server_config:\n  headers:\n    X-Content-Type-Options:\n",
        "web.yml:3:5: http_server_config.headers.X-Content-Type-Options: '' is no value of X-Content-Type-Options (expected nosniff)",
    ),
    "users in a list": (
        "basic_auth_users: [alice]\n",
        "web.yml:1:1: basic_auth_users: a list is not a mapping (expected for example {team: web})",
    ),
    "no password": (
        "basic_auth_users:\n  alice:\n",
        f"web.yml:2:3: basic_auth_users.alice: an empty value {NO_HASH}",
    ),
    "password and no hash": (
        "basic_auth_users:\n  alice: swordfish\n",
        f"web.yml:2:3: basic_auth_users.alice: the value {NO_HASH}",
    ),
    "hash of another kind": (
        f"basic_auth_users:\n  alice: {HASH.replace('$2', '$3')}\n",
        f"web.yml:2:3: basic_auth_users.alice: the value {NO_HASH}",
    ),
    "cost too high": (
        f"basic_auth_users:\n  alice: {HASH.replace('$10$', '$99$')}\n",
        "web.yml:2:3: basic_auth_users.alice: the hash has the cost 99 (expected 4 to 31)",
    ),
    "cost too low": (
        f"basic_auth_users:\n  alice: {HASH.replace('$10$', '$03$')}\n",
        "web.yml:2:3: basic_auth_users.alice: the hash has the cost 03 (expected 4 to 31)",
    ),
}
NEWER_GOOD = {  # than Debian's promtool, which knows none of these keys
    "inline": f"tls_server_config:\n  cert: {indented(ONE.chain_pem)}  key: {indented(ONE.key_pem)}",
    "file above inline": f"{TLS}  cert: junk\n  key: junk\n",
    "inline authority": f"{ASKS}  client_ca: {indented(TWO.chain_pem)}",
    "names": f"{ASKS}  client_allowed_sans: [prometheus.example.com]\n",
    "no names": f"{ASKS}  client_allowed_sans: []\n",
    "rate": "rate_limit:\n  interval: 1.5s\n  burst: 3\n",
    "new curves": f"{TLS}  curve_preferences: [{', '.join(CURVES)}]\n",
}
NEWER_BAD = {
    "inline certificate that is none": (
        f"tls_server_config:\n  cert: junk\n  key: {indented(ONE.key_pem)}",
        "web.yml:2:3: tls_server_config.cert: cert holds no certificate that can be read (expected PEM)",
    ),
    "names of nobody": (
        f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: [a]\n",
        "web.yml:5:3: tls_server_config.client_allowed_sans: is for clients that must have a certificate (expected client_auth_type: RequireAndVerifyClientCert)",
    ),
    "rate": (
        "rate_limit:\n  interval: often\n  burst: x\n",
        (
            "web.yml:2:3: rate_limit.interval: often is not a duration (expected for example 1s, 100ms or 1m30s)\n"
            "web.yml:3:3: rate_limit.burst: x is not a number of requests (expected 0 to 2147483647)"
        ),
    ),
    "key that is small": (
        TLS.replace("one.", "small."),
        "web.yml:3:3: tls_server_config.key_file: small.key is too small (expected at least 1024 bits)",
    ),
}
STRICTER = {  # we refuse, promtool does not look
    "second document": (f"{TLS}---\nx: 1\n", "web.yml:4:1: a second document begins here (expected one)"),
    "tag": (
        TLS.replace("one.pem", "!!str one.pem"),
        "web.yml:2:14: tls_server_config.cert_file: the tag !!str is not allowed (expected a plain value)",
    ),
}
LOOSER = {"switch in quotes": 'http_server_config:\n  http2: "true"\n'}  # our tree of texts has no quotes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with all that the files name."""
    made = tmp_path_factory.mktemp("web")
    below = made / "below"
    below.mkdir()
    for name, issued in (("one", ONE), ("two", TWO)):
        (made / f"{name}.pem").write_bytes(issued.chain_pem)
        (made / f"{name}.key").write_bytes(issued.key_pem)
    (below / "one.pem").write_bytes(ONE.chain_pem)
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    (made / "parameters.key").write_bytes(parameters + ONE.key_pem)
    pem, form = Encoding.PEM, PrivateFormat.PKCS8
    (made / "encrypted.key").write_bytes(ONE.key.private_bytes(pem, form, BestAvailableEncryption(b"x")))
    old = dsa.generate_private_key(1024)
    (made / "dsa.key").write_bytes(old.private_bytes(pem, form, NoEncryption()))
    return made


def test_promtool_agrees(folder: Path) -> None:
    """Every file has the same verdict from both."""
    texts = GOOD | {name: text for name, (text, _) in BAD.items()}
    files = {name: folder / f"{number}.yml" for number, name in enumerate(texts)}
    for name, file in files.items():
        file.write_text(texts[name])
    command = [need("promtool"), "check", "web-config", *map(str, files.values())]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    fine = {line.split()[0] for line in (said.stdout + said.stderr).splitlines() if line.endswith(" SUCCESS")}
    assert {name: str(file) in fine for name, file in files.items()} == dict.fromkeys(
        GOOD, True
    ) | dict.fromkeys(BAD, False)


def loaded(folder: Path, text: str) -> WebSettings:
    """Load a text."""
    file = folder / "web.yml"
    file.write_text(text)
    return load_web(file)


@pytest.mark.parametrize(
    "text", [*GOOD.values(), *NEWER_GOOD.values(), *LOOSER.values()], ids=[*GOOD, *NEWER_GOOD, *LOOSER]
)
def test_good_file(text: str, folder: Path) -> None:
    """What the toolkit takes is taken."""
    assert isinstance(loaded(folder, text), WebSettings)


@pytest.mark.parametrize(
    ("text", "says"),
    [*BAD.values(), *NEWER_BAD.values(), *STRICTER.values()],
    ids=[*BAD, *NEWER_BAD, *STRICTER],
)
def test_bad_file(text: str, says: str, folder: Path) -> None:
    """Whoever makes a mistake reads what is wrong, where, and what was expected."""
    if "small." in text:
        small(folder)
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    assert str(caught.value).replace(f"{folder}/", "") == says


def small(folder: Path) -> None:
    """Write a pair that is too small, which takes another library's consent to make."""
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:512",
            "-nodes",
            "-keyout",
            folder / "small.key",
            "-out",
            folder / "small.pem",
            "-subj",
            "/CN=x",
        ],
        capture_output=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr


def test_what_is_read(folder: Path) -> None:
    """Every key has its place in the settings, and no secret is in what they look like."""
    text = (
        f"{ASKS}  client_ca_file: two.pem\n  client_allowed_sans: [a.example.com, 192.0.2.1]\n"
        "  min_version: TLS13\n  max_version: TLS13\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"
        "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP256]\n"
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: ''\n"
        f"rate_limit:\n  interval: 1m0.5s\n  burst: 10\nbasic_auth_users:\n  alice: {HASH}\n"
    )
    settings = loaded(folder, text)
    assert settings == WebSettings(
        Tls(
            ONE.chain_pem,
            ONE.key_pem,
            ClientAuth.REQUIRE_AND_VERIFY,
            TWO.chain_pem,
            ("a.example.com", "192.0.2.1"),
            "TLS13",
            "TLS13",
            ("TLS_AES_128_GCM_SHA256",),
            prefer_server_cipher_suites=False,
            curves=("CurveP256",),
        ),
        {"X-Frame-Options": "deny"},
        {"alice": HASH.encode()},
        RateLimit(60.5, 10),
        tuple(folder / name for name in ("web.yml", "one.pem", "one.key", "two.pem")),
    )
    assert HASH not in repr(settings)
    assert "BEGIN" not in repr(settings)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1s", 1.0),
        ("100ms", 0.1),
        ("1h1m1.5s", 3661.5),
        ("2us", 2e-6),
        ("2µs", 2e-6),
        ("5", 5e-9),
        ("0", None),
        ("0s", None),
    ],
)
def test_durations_are_gos(written: str, seconds: float | None, folder: Path) -> None:
    """As time.ParseDuration reads them; none at all means no limit."""
    limit = loaded(folder, f"rate_limit: {{interval: {written}, burst: 1}}").rate_limit
    assert (None if limit is None else round(limit.interval, 12)) == seconds
