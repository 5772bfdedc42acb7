"""What a text of the web configuration may mean, as Go and the exporter-toolkit read it.

Law of this module: as in `kinds`.
"""

from __future__ import annotations

import re

from exporter.config.kinds import kind, show
from exporter.config.web import ClientAuth

HEADERS = {  # that may be set; and where only some values are, which
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
CIPHERS = {  # Go's name -> OpenSSL's; those of TLS 1.3 cannot be chosen, in Go neither
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
CURVES = {  # Go's name -> OpenSSL's
    "CurveP256": "P-256",
    "CurveP384": "P-384",
    "CurveP521": "P-521",
    "X25519": "X25519",
    "X25519MLKEM768": "X25519MLKEM768",
    "SecP256r1MLKEM768": "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024": "SecP384r1MLKEM1024",
}
VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")
NANOSECONDS = {
    "h": 3.6e12,
    "m": 6e10,
    "s": 1e9,
    "ms": 1e6,
    "us": 1e3,
    "µs": 1e3,  # the micro sign
    "μs": 1e3,  # the Greek letter
    "ns": 1.0,
}
_SPAN = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|us|µs|μs|ns|m|s)")
_HASH = re.compile(r"\$[0-2](?:\$|[^$].)(?P<cost>[0-9]{2}).*", re.DOTALL | re.ASCII)
SHORTEST_HASH = 59  # characters


@kind("text (expected a word or a line)")
def plain(value: str) -> str | None:
    """Any text, also none."""
    return value


@kind("text (expected a PEM text)", secret=True)
def secret(value: str) -> str | None:
    """Any text, which nobody is shown."""
    return value


@kind("a switch (expected true or false)")
def switch(value: str) -> bool | None:
    """YAML 1.1's booleans, which Go's library reads."""
    yes, no = ("y", "yes", "on", "true"), ("n", "no", "off", "false")
    known = {form(word): word in yes for word in (*yes, *no) for form in (str.lower, str.upper, str.title)}
    return known.get(value)


@kind(f"a TLS version (expected one of {', '.join(VERSIONS)})")
def version(value: str) -> str | None:
    """Read a version of TLS."""
    return value if value in VERSIONS else None


@kind("a cipher suite (expected Go's name of one, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)")
def cipher_suite(value: str) -> str | None:
    """Read a cipher suite that Go calls secure, or did once."""
    return value if value in CIPHERS else None


@kind(f"a curve (expected one of {', '.join(CURVES)})")
def curve(value: str) -> str | None:
    """Read a group for the exchange of keys."""
    return value if value in CURVES else None


def client_auth(value: object) -> ClientAuth | None:
    """Read what is asked of clients; "" is None."""
    return None if value == "" else _client_auth(value)


@kind(f"a client_auth_type (expected one of {', '.join(one.value for one in ClientAuth)})")
def _client_auth(value: str) -> ClientAuth | None:
    known = {one.value: one for one in ClientAuth} | {"RequireClientCert": ClientAuth.REQUIRE_ANY}
    return known.get(value)


@kind(f"a header that may be set (expected one of {', '.join(HEADERS)})")
def header_name(value: str) -> str | None:
    """Read the name of a header, in the toolkit's own spelling."""
    return value if value in HEADERS else None


def header_value(value: object) -> str:
    """Read a header's value; nothing is "", and what would end the line is a space, as in Go."""
    return re.sub(r"[\x00-\x08\x0a-\x1f\x7f]", " ", "" if value is None else plain(value)).strip()


@kind("a bcrypt hash (expected for example what `htpasswd -nBC 10 NAME` prints after the colon)", secret=True)
def _bcrypt_hash(value: str) -> bytes | None:
    match = _HASH.fullmatch(value)
    if match is None or len(value.encode()) < SHORTEST_HASH:
        return None
    if not 4 <= int(match["cost"]) <= 31:
        raise ValueError(f"the hash has the cost {match['cost']} (expected 4 to 31)")
    return value.encode()


def bcrypt_hash(value: object) -> bytes:
    """Read a hash; that its end can be the end of one is not asked, as in Go."""
    return _bcrypt_hash(value)


@kind("a duration (expected for example 1s, 100ms or 1m30s)")
def go_duration(value: str) -> float | None:
    """Read Go's durations in seconds; a number alone counts nanoseconds, as in the toolkit."""
    if re.fullmatch(r"[0-9]{1,19}", value):
        return int(value) / 1e9
    if value.startswith("-"):
        raise ValueError(f"{show(value)} is negative (expected 0 or more)")
    spans = _SPAN.findall(value)
    if not spans or "".join(f"{number}{unit}" for number, unit in spans) != value.removeprefix("+"):
        return None
    return sum(float(number) * NANOSECONDS[unit] for number, unit in spans) / 1e9
