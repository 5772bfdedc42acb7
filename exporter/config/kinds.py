"""What a text may mean: ports, durations, names, ARNs.

Law of this module: text in, meaning out, or ValueError with the sentence that people read.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TypeVar
from urllib.parse import urlsplit

import idna

T = TypeVar("T")

LONGEST = timedelta(days=3650)
UNITS = {  # in milliseconds, in the order in which they are written
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
DURATION = re.compile("".join(rf"(?:([0-9]{{1,18}}){unit}(?![a-z]))?" for unit in UNITS))
USER_OF_URL = re.compile(
    r"(//(?=[^/?#]*@)|^(?=[^/?#]*:[^/?#]*@))[^/?#]*@"
)  # of one with a scheme, or without
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
ARN_OF_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+")
ARN_OF_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)


def show(value: object) -> str:
    """Write a value as people may read it: on one line, shortened, and without the user of a URL."""
    if value is None:
        return "an empty value"
    if not isinstance(value, str):
        return "a list" if isinstance(value, tuple) else "a mapping"
    value = USER_OF_URL.sub(r"\1…@", value)
    short = value if len(value) <= 60 else f"{value[:59]}…"
    return short if short and short.isprintable() and " " not in short else repr(short)


def kind(noun: str, *, secret: bool = False) -> Callable[[Callable[[str], T | None]], Callable[[object], T]]:
    """Make a reader of text refuse everything else, and whatever it reads as None, by the words of `noun`.

    A value that is no text, list or mapping was read before, and passes.
    """

    def decorate(read: Callable[[str], T | None]) -> Callable[[object], T]:
        @wraps(read)
        def check(value: object) -> T:
            is_text = isinstance(value, str)
            if not is_text and value is not None and type(value) not in (tuple, dict):
                return value  # type: ignore[return-value]  # its type is checked after us
            meaning = read(value) if isinstance(value, str) else None
            if meaning is None:
                raise ValueError(f"{'the value' if secret and is_text else show(value)} is not {noun}")
            return meaning

        return check

    return decorate


@kind("text (expected at least one character)")
def text(value: str) -> str | None:
    """Any text that can be written as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value if value.strip() else None


def spell(duration: timedelta) -> str:
    """Write a duration as it is read: 1h30m."""
    rest = duration // timedelta(milliseconds=1)
    words = ""
    for unit, size in UNITS.items():
        if unit != "w" and rest >= size:  # 825d reads better than 117w6d
            words += f"{rest // size}{unit}"
            rest %= size
    return words or "0s"


def duration(at_least: timedelta, also: str = "") -> Callable[[object], timedelta]:
    """Make a reader of durations that are not shorter; `also` names what else the key takes."""
    expected = f"(expected {also}for example 30s, 10m, 1h30m or 825d)"

    @kind(f"a duration {expected}")
    def read(value: str) -> timedelta | None:
        if re.fullmatch(r"[0-9]+", value):
            raise ValueError(f"{show(value)} has no unit {expected}")
        match = DURATION.fullmatch(value)
        if not match or not value:
            return None
        length = sum(
            int(count or 0) * size for count, size in zip(match.groups(), UNITS.values(), strict=True)
        )
        if length < at_least // timedelta(milliseconds=1):
            raise ValueError(f"{show(value)} is too short (expected at least {spell(at_least)})")
        if length > LONGEST // timedelta(milliseconds=1):
            raise ValueError(f"{show(value)} is too long (expected at most {spell(LONGEST)})")
        return timedelta(milliseconds=length)

    return read


@kind("a switch (expected true or false)")
def boolean(value: str) -> bool | None:
    """YAML 1.2's booleans, 10.3.2: yes, no, on and off are none."""
    words = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
    return words.get(value)


def whole(lowest: int, highest: int, noun: str) -> Callable[[object], int]:
    """Make a reader of whole numbers between two bounds."""

    @kind(f"{noun} (expected {lowest} to {highest})")
    def read(value: str) -> int | None:
        number = int(value) if re.fullmatch(r"[1-9][0-9]{0,9}|0", value) else -1
        return number if lowest <= number <= highest else None

    return read


port = whole(1, 65535, "a port")


@kind("a number of requests per second (expected more than 0, for example 4 or 0.5)")
def rate(value: str) -> float | None:
    """Decimal notation, more than 0."""
    return (float(value) or None) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) else None


@kind("a rule set (expected current or classic)")
def rules(value: str) -> str | None:
    """Read the name of a rule set."""
    return value if value in {"current", "classic"} else None


def shaped(noun: str, shape: re.Pattern[str], *, secret: bool = False) -> Callable[[object], str]:
    """Make a reader of texts of one shape."""

    @kind(noun, secret=secret)
    def read(value: str) -> str | None:
        return value if shape.fullmatch(value) else None

    return read


region = shaped(
    "a region (expected for example us-east-1)", re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}", re.ASCII)
)
certificate_arn = shaped(
    "a certificate's ARN (expected arn:aws:acm:REGION:ACCOUNT:certificate/ID)", ARN_OF_CERTIFICATE
)
role_arn = shaped("a role's ARN (expected arn:aws:iam::ACCOUNT:role/NAME)", ARN_OF_ROLE)
external_id = shaped(  # STS, AssumeRole, ExternalId
    "an external id (expected 2 to 1224 letters, digits and _+=,.@:/-)",
    re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII),
    secret=True,
)
label_name = shaped(  # Prometheus, data model
    "a label name (expected letters, digits and _, not beginning with a digit or __)",
    re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*"),
)


def tag_label(tag: str) -> str:
    """Return the label under which an ACM tag is exported."""
    return "tag_" + re.sub(r"[^a-zA-Z0-9_]", "_", tag)


@kind("an IP address (expected for example 192.0.2.10 or 2001:db8::1)")
def address(value: str) -> str | None:
    """IPv4 or IPv6 in its shortest form, without a zone."""
    try:
        return None if "%" in value else str(ipaddress.ip_address(value))
    except ValueError:
        return None


@kind("a nameserver (expected an IP address, perhaps with a port: 127.0.0.1:5353 or [::1]:5353)")
def nameserver(value: str) -> str | None:
    """Read ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; what is read always has its port."""
    match = re.fullmatch(r"\[(.+)\](?::(.+))?|([^:]+):(.+)", value)
    where, which = (value, None) if match is None else (match[1] or match[3], match[2] or match[4])
    try:
        name, number = address(where), port(which or "53")
    except ValueError:
        return None
    return f"[{name}]:{number}" if ":" in name else f"{name}:{number}"


@kind("something to allow (expected a host name, *.example.com or a network, perhaps with :PORT or :*)")
def allowance(value: str) -> str | None:
    """Read HOST, *.DOMAIN or NETWORK, perhaps with :PORT or :*; what is read always has its port."""
    match = re.fullmatch(r"\[(.+)\](?::(.+))?|([^:]+):([^:]+)", value)
    where, which = (value, None) if match is None else (match[1] or match[3], match[2] or match[4])
    try:
        number = "*" if which == "*" else port(which or "443")
        if "/" in where or _is_address(where):
            name = str(ipaddress.ip_network(where, strict=False))
        else:
            name = f"*.{host(where[2:])}" if where.startswith("*.") else host(where)
    except ValueError:
        return None
    if "/" in where and ipaddress.ip_interface(where).ip != ipaddress.ip_network(name).network_address:
        raise ValueError(f"{show(where)} is an address within a network (expected {name})")
    return f"[{name}]:{number}" if ":" in name else f"{name}:{number}"


def _is_address(text: str) -> bool:
    try:
        return bool(address(text))
    except ValueError:
        return False


@kind("a host name (expected for example www.example.com)")
def host(value: str) -> str | None:
    """Read a host name or an IP address: lower-case A-labels (RFC 5891, UTS 46), no trailing dot."""
    try:
        return address(value)
    except ValueError:
        pass
    if "/" in value:
        alone = re.sub(r"^.*?://|^//", "", value).split("/")[0].rpartition("@")[2]
        raise ValueError(f"a URL is not a host name (expected the name alone{alone and f': {show(alone)}'})")
    if value.startswith("*."):
        expected = f"(expected for example {show(f'www{value[1:]}')})"
        raise ValueError(f"{show(value)} is a wildcard, which is looked at through names under it {expected}")
    if match := re.fullmatch(r"(\[.*\]|[^:]*):([0-9]+)", value):
        raise ValueError(
            f"{show(value)} holds a port (expected the name alone and the key port: {match[2][:5]})"
        )
    if len(value) > 254:
        return None
    return _ascii_name(value)


@kind("a host name (expected a name to be sent as SNI, which an IP address cannot be)")
def server_name(value: str) -> str | None:
    """Read a host name that TLS may ask for (RFC 6066, section 3)."""
    name = host(value)
    try:
        address(name)
    except ValueError:
        return name
    return None


def _ascii_name(name: str) -> str | None:
    """Turn a name into A-labels; None where it is no name."""
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except ValueError:
            return None
    labels = name.lower().removesuffix(".").split(".")
    if not all(LABEL.fullmatch(label) for label in labels) or labels[-1].isdecimal():
        return None
    whole_name = ".".join(labels)
    return whole_name if len(whole_name) <= 253 else None


@kind("a web address (expected for example https://hooks.example.com/path)", secret=True)
def web_address(value: str) -> str | None:
    """Read an http or https URL, which may hold a secret."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return value if sound and re.fullmatch(r"[!-~]+", value) else None


authorization = shaped(  # RFC 9110, section 11.6.2
    "the value of a header (expected for example Bearer TOKEN)",
    re.compile(r"[!-~]+(?: [!-~]+)*"),
    secret=True,
)
