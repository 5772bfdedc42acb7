"""What somebody asks of /probe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.expose.request import HEADER, Request, parse

EXPECTED = "(expected HOST, HOST:PORT, [ADDRESS]:PORT or https://HOST:PORT/)"


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("www.example.com", "www.example.com", 443),
        ("WWW.Example.com.:8443", "www.example.com", 8443),
        ("bücher.example", "xn--bcher-kva.example", 443),
        ("192.0.2.1", "192.0.2.1", 443),
        ("192.0.2.1:8443", "192.0.2.1", 8443),
        ("2001:DB8::1", "2001:db8::1", 443),
        ("[2001:db8::1]", "2001:db8::1", 443),
        ("[2001:db8:0::1]:8443", "2001:db8::1", 8443),
        ("https://www.example.com", "www.example.com", 443),
        ("https://www.example.com/", "www.example.com", 443),
        ("HTTPS://www.example.com:8443/health?deep=1#top", "www.example.com", 8443),
        ("https://[2001:db8::1]:8443/", "2001:db8::1", 8443),
    ],
)
def test_target(target: str, host: str, port: int) -> None:
    """A target is written as for blackbox_exporter's TCP and HTTP modules, and comes out in one form."""
    assert parse({"target": target}, {}) == Request(host, port)


def test_everything() -> None:
    """All parameters of blackbox_exporter that mean something to a look over TLS."""
    query = {"target": "[2001:db8::1]:8443", "hostname": "WWW.example.com", "module": "tls", "debug": "true"}
    request = parse({**query, "starttls": "smtp"}, {HEADER: "10"})
    assert request == Request("2001:db8::1", 8443, "www.example.com", "tls", "smtp", debug=True, patience=9.5)
    assert request.place == "[2001:db8::1]:8443"


def test_usual_port() -> None:
    """A target without a port means that of the protocol."""
    assert parse({"target": "db.example", "starttls": "postgres"}, {}).place == "db.example:5432"


@pytest.mark.parametrize(
    ("header", "patience"), [("15", 14.5), ("1.5", 1.0), ("1", 0.5), ("0.5", 0.25), ("1e3", 999.5)]
)
def test_patience(header: str, patience: float) -> None:
    """Half a second of Prometheus's timeout is left for the answer, or half of it where that is more."""
    assert parse({"target": "x.example"}, {HEADER: header}).patience == patience


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, f"target is missing {EXPECTED}"),
        ({"target": ""}, f"target is missing {EXPECTED}"),
        ({"target": "a b"}, f"target: 'a b' is not a target {EXPECTED}"),
        ({"target": "www.example.com/"}, f"target: www.example.com/ is not a target {EXPECTED}"),
        ({"target": "www.example.com:x"}, f"target: www.example.com:x is not a target {EXPECTED}"),
        ({"target": "me@www.example.com"}, f"target: me@www.example.com is not a target {EXPECTED}"),
        ({"target": "https://"}, f"target: https:// is not a target {EXPECTED}"),
        ({"target": "https://a:b@x.example"}, f"target: https://…@x.example is not a target {EXPECTED}"),
        ({"target": "fe80::1%eth0"}, f"target: fe80::1%eth0 is not a target {EXPECTED}"),
        (
            {"target": "http://www.example.com/"},
            f"target: http://www.example.com/ is no place that speaks TLS {EXPECTED}",
        ),
        ({"target": "www.example.com:0"}, "target: 0 is not a port (expected 1 to 65535)"),
        ({"target": "www.example.com:65536"}, "target: 65536 is not a port (expected 1 to 65535)"),
        ({"target": "1.2"}, "target: 1.2 is not a host name (expected for example www.example.com)"),
        (
            {"target": "*.example.com"},
            (
                "target: *.example.com is a wildcard, which is looked at through names under it"
                " (expected for example www.example.com)"
            ),
        ),
        (
            {"target": "x.example", "hostname": "192.0.2.1"},
            (
                "hostname: 192.0.2.1 is not a host name"
                " (expected a name to be sent as SNI, which an IP address cannot be)"
            ),
        ),
        (
            {"target": "x.example", "starttls": "smpt"},
            (
                "starttls: smpt is not a protocol that leads to TLS"
                " (expected smtp, imap, pop3, ftp, postgres, mysql, ldap, xmpp)"
            ),
        ),
        (
            {"target": "x.example", "hostname": "a..b"},
            "hostname: a..b is not a host name (expected for example www.example.com)",
        ),
    ],
)
def test_garbled(query: dict[str, str], says: str) -> None:
    """Whoever mistypes reads what is wrong and what was expected."""
    with pytest.raises(ValueError, match="expected") as caught:
        parse(query, {})
    assert str(caught.value) == says


@pytest.mark.parametrize("header", ["x", "0", "-1", "nan", "5s"])
def test_garbled_patience(header: str) -> None:
    """A header that is no number of seconds is refused."""
    with pytest.raises(ValueError, match=f"^{HEADER}: {header} is not a number of seconds"):
        parse({"target": "x.example"}, {HEADER: header})


@given(st.text(max_size=30) | st.text("ax.:[]/@%#?0", max_size=12))
def test_any_target(target: str) -> None:
    """No text does anything but name one place or be refused."""
    try:
        request = parse({"target": target}, {})
    except ValueError:
        return
    assert parse({"target": request.place}, {}) == request
