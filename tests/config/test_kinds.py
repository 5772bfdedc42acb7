"""What a text means."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import kinds

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("825d", timedelta(days=825)),
        ("2w1d", timedelta(days=15)),
        ("1m1500ms", timedelta(seconds=61.5)),
        ("090s", timedelta(seconds=90)),
    ],
)
def test_duration(text: str, meaning: timedelta) -> None:
    """Durations are written as in Prometheus."""
    assert kinds.duration(SECOND)(text) == meaning


@pytest.mark.parametrize(
    "text", ["", "s", "1", "1.5h", "-5m", "5 m", "5M", "1m1h", "1m1m", "5min", "٣s", "1y"]
)
def test_no_duration(text: str) -> None:
    """What leaves a doubt about its length is refused."""
    with pytest.raises(ValueError, match="expected for example 30s"):
        kinds.duration(SECOND)(text)


@settings(deadline=None)
@given(st.integers(1, 10_000_000_000).map(lambda count: timedelta(milliseconds=count)))
def test_durations_round_trip(duration: timedelta) -> None:
    """A duration in a complaint can be copied into the file."""
    assert kinds.duration(timedelta(milliseconds=1))(kinds.spell(duration)) == duration


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("WWW.Example.COM.", "www.example.com"),
        ("localhost", "localhost"),
        ("my_host.example.com", "my_host.example.com"),
        ("r3---sn-x.example.com", "r3---sn-x.example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("\uff57\uff57\uff57。example。com", "www.example.com"),
        ("faß.example", "xn--fa-hia.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        (".".join(["a" * 63] * 3 + ["b" * 61]), ".".join(["a" * 63] * 3 + ["b" * 61])),
    ],
)
def test_host(text: str, meaning: str) -> None:
    """One name has one form, however it was typed."""
    assert kinds.host(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "192.0.2.300",
        "1.2",
        "a b",
        "a@b",
        "fe80::1%eth0",
        "x.\n",
        "℀.example",
        "*",
        "www.*.example",
        "ü" * 64 + ".example",
        ".".join(["a" * 63] * 3 + ["b" * 62]),
    ],
)
def test_no_host(text: str) -> None:
    """What neither DNS nor TLS can ask for is refused at once, not at every look."""
    with pytest.raises(ValueError, match="is not a host name"):
        kinds.host(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://x.example/", "a URL is not a host name (expected the name alone: x.example)"),
        ("//u:secret@x.example", "a URL is not a host name (expected the name alone: x.example)"),
        ("x.example/login", "a URL is not a host name (expected the name alone: x.example)"),
        ("/", "a URL is not a host name (expected the name alone)"),
        ("x.example:8443", "x.example:8443 holds a port (expected the name alone and the key port: 8443)"),
        ("[::1]:8443", "[::1]:8443 holds a port (expected the name alone and the key port: 8443)"),
        (
            "*.bücher.example",
            (
                "*.bücher.example is a wildcard, which is looked at through names under it"
                " (expected for example www.bücher.example)"
            ),
        ),
    ],
)
def test_host_written_otherwise(text: str, words: str) -> None:
    """The usual slips are answered by what to write instead, and no password is repeated."""
    with pytest.raises(ValueError, match="expected") as caught:
        kinds.host(text)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "ap-northeast-1",
        "us-gov-west-1",
        "cn-northwest-1",
        "us-isob-east-1",
        "eusc-de-east-1",
        "mx-central-1",
    ],
)
def test_region(region: str) -> None:
    """The regions of every partition pass."""
    assert kinds.region(region) == region


@pytest.mark.parametrize("region", ["us-east", "us-east-1a", "US-EAST-1", "us_east_1", "*", "us-east-1 "])
def test_no_region(region: str) -> None:
    """Zones and slips do not."""
    with pytest.raises(ValueError, match="is not a region"):
        kinds.region(region)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::111111111111:role/acm-exporter",
        "arn:aws-us-gov:iam::111111111111:role/teams/web/acm+exporter@x",
    ],
)
def test_role(arn: str) -> None:
    """Roles have paths and partitions."""
    assert kinds.role_arn(arn) == arn


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_switch(text: str) -> None:
    """The switches of YAML 1.2, and no others."""
    assert kinds.boolean(text) is (text.lower() == "true")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "an empty value"),
        ((), "a list"),
        ({}, "a mapping"),
        ("", "''"),
        ("70000", "70000"),
        ("two words", "'two words'"),
        ("two\nlines", r"'two\nlines'"),
        ("x" * 61, "x" * 59 + "…"),
        ("\udcff", r"'\udcff'"),
        ("\u202eevil", r"'\u202eevil'"),
    ],
)
def test_show(value: object, words: str) -> None:
    """A complaint stays on its line whatever was written."""
    assert kinds.show(value) == words


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("WWW.Example.com", "www.example.com:443"),
        ("www.example.com:8443", "www.example.com:8443"),
        ("www.example.com:*", "www.example.com:*"),
        ("*.Example.com", "*.example.com:443"),
        ("*.example.com:*", "*.example.com:*"),
        ("192.0.2.1", "192.0.2.1/32:443"),
        ("192.0.2.0/24:8443", "192.0.2.0/24:8443"),
        ("0.0.0.0/0", "0.0.0.0/0:443"),
        ("2001:DB8::1", "[2001:db8::1/128]:443"),
        ("2001:db8::/32", "[2001:db8::/32]:443"),
        ("[2001:db8::/32]", "[2001:db8::/32]:443"),
        ("[2001:db8::/32]:*", "[2001:db8::/32]:*"),
        ("::/0", "[::/0]:443"),
    ],
)
def test_allowance(text: str, meaning: str) -> None:
    """What may be probed is a host, all hosts under a domain or a network, at one port or at all."""
    assert kinds.allowance(text) == meaning
    assert kinds.allowance(meaning) == meaning


@pytest.mark.parametrize(
    "text",
    [
        *("", "*", "*:443", "*.", "*.*.example.com", "www.*.example.com", "a b", "https://www.example.com"),
        *("www.example.com:", "www.example.com:0", "www.example.com:65536", "www.example.com:https"),
        *("10.0.0.0/33", "10.0.0.0/8:", "10.0.0/8", "fe80::1%eth0", "[::1", "::1]:443", "[]:443", "[::/0]:x"),
        *("example.com/24", "*.10.0.0.0/8"),
    ],
)
def test_no_allowance(text: str) -> None:
    """Whatever might allow more or less than it seems to is refused."""
    with pytest.raises(ValueError, match=r"is not something to allow \(expected a host name"):
        kinds.allowance(text)
