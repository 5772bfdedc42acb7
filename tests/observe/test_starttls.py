"""What is said before TLS, protocol by protocol, as whole transcripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import ways
from exporter.facts import Proxy, Why
from exporter.observe.conversation import MOST_BYTES, MOST_MESSAGES, Conversation
from exporter.observe.sight import Blind
from exporter.observe.starttls import PROTOCOLS, starttls
from exporter.observe.tunnel import tunnel

EHLO = b"EHLO [192.0.2.1]\r\n"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
XMPP = (
    b"<?xml version='1.0'?><stream:stream to='a.test' version='1.0' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams'>"
)
STREAM = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='a.test' id='\"1>' version='1.0'>"
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
LDAP = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"


def mysql(version: bytes, capabilities: int) -> bytes:
    """Write a server's greeting as far as it matters, and some of the rest."""
    body = (
        b"\x0a"
        + version
        + b"\0"
        + bytes(4)
        + b"12345678"
        + b"\0"
        + capabilities.to_bytes(2, "little")
        + bytes(9)
    )
    return len(body).to_bytes(3, "little") + b"\0" + body


MYSQL_REQUEST = bytes.fromhex("20000001008a0000000000012d") + bytes(23)


def ldap(code: int, words: bytes = b"", number: int = 1, kind: int = 0x78, long: bool = False) -> bytes:
    """Write an extended response; OpenLDAP's own libraries like the long form of lengths."""
    operation = b"\x0a\x01" + bytes([code]) + b"\x04\0\x04" + bytes([len(words)]) + words
    operation = bytes([kind]) + (b"\x84\0\0\0" if long else b"") + bytes([len(operation)]) + operation
    message = b"\x02\x01" + bytes([number]) + operation
    return b"\x30" + (b"\x82\0" if long else b"") + bytes([len(message)]) + message


@dataclass
class Outcome:
    """What came of a conversation."""

    said: list[bytes] = field(default_factory=list)
    done: bool = False
    rest: bytes = b""
    blind: tuple[Why, str] | None = None


def talk(conversation: Conversation, *heard: bytes) -> Outcome:
    """Have a conversation, bytes by bytes."""
    outcome = Outcome()
    try:
        said, outcome.done = conversation.begin()
        outcome.said += [said] if said else []
        for data in heard:
            if outcome.done:
                outcome.rest += data
                continue
            said, outcome.done = conversation.hear(data)
            outcome.said += [said] if said else []
        outcome.rest = conversation.rest + outcome.rest
    except Blind as blind:
        outcome.blind = blind.why, blind.detail
    return outcome


def begin(protocol: str) -> Conversation:
    """Begin a conversation from 192.0.2.1 with a.test."""
    return starttls(protocol, "a.test", "192.0.2.1")


FINE: dict[str, tuple[str, list[bytes], list[bytes]]] = {  # what is heard, what is said
    "smtp": ("smtp", [b"220 mx ESMTP\r\n", b"250-mx\r\n250-SIZE 1\r\n250 StartTLS\r\n", b"220 go\r\n"], [EHLO, b"STARTTLS\r\n"]),
    "smtp, long greeting": ("smtp", [b"220-mx\r\n220-no\r\n220 spam\r\n", b"250-mx\r\n250-STARTTLS\r\n250\r\n", b"220\r\n"], [EHLO, b"STARTTLS\r\n"]),
    "imap": ("imap", [b"* OK hi\r\n", b"* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK\r\n", b"a2 OK go\r\n"], [b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"]),
    "imap, lower case": ("imap", [b"* ok hi\n", b"* 1 exists\n* capability starttls\na1 ok\n", b"a2 ok\n"], [b"a1 CAPABILITY\r\n", b"a2 STARTTLS\r\n"]),
    "pop3": ("pop3", [b"+OK hi\r\n", b"+OK\r\nUSER\r\nSTLS\r\n.\r\n", b"+OK go\r\n"], [b"CAPA\r\n", b"STLS\r\n"]),
    "pop3 without CAPA": ("pop3", [b"+OK hi\r\n", b"-ERR what?\r\n", b"+OK go\r\n"], [b"CAPA\r\n", b"STLS\r\n"]),
    "ftp": ("ftp", [b"220 hi\r\n", b"234 go\r\n"], [b"AUTH TLS\r\n"]),
    "ftp, in a while": ("ftp", [b"120 1 minute\r\n220-hi\r\n 250 no\r\n221 x\r\n220 there\r\n", b"234 go\r\n"], [b"AUTH TLS\r\n"]),
    "postgres": ("postgres", [b"S"], [SSL_REQUEST]),
    "mysql": ("mysql", [mysql(b"8.4.0", 0xFFFF)], [MYSQL_REQUEST]),
    "ldap": ("ldap", [ldap(0)], [LDAP]),
    "ldap, long lengths": ("ldap", [ldap(0, long=True)], [LDAP]),
    "xmpp": ("xmpp", [STREAM + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"], [XMPP, STARTTLS]),
    "xmpp, other prefixes": ("xmpp", [b"<s:stream a='>'>\n <s:features><t:starttls></t:starttls><x>text</x></s:features>", b"\n<t:proceed>\n</t:proceed>"], [XMPP, STARTTLS]),
}  # fmt: skip


@pytest.mark.parametrize(("protocol", "heard", "said"), FINE.values(), ids=FINE)
def test_fine(protocol: str, heard: list[bytes], said: list[bytes]) -> None:
    """A server that offers TLS is asked for it in the words of its protocol."""
    assert talk(begin(protocol), *heard) == Outcome(said, done=True)


REFUSED, BROKEN = Why.STARTTLS_REFUSED, Why.STARTTLS_PROTOCOL_ERROR
FAILURES: dict[str, tuple[str, bytes, Why, str]] = {
    "smtp, no TLS": ("smtp", b"220 mx\r\n250-mx\r\n250 SIZE\r\n", REFUSED, "does not offer STARTTLS"),
    "smtp, name alone": ("smtp", b"220 mx\r\n250 STARTTLS\r\n", REFUSED, "does not offer STARTTLS"),
    "smtp, busy": ("smtp", b"421 mx busy\r\n", REFUSED, "says '421 mx busy'"),
    "smtp, EHLO": ("smtp", b"220 mx\r\n502 what?\r\n", REFUSED, "says '502 what?'"),
    "smtp, not now": ("smtp", b"220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 later\r\n", REFUSED, "says '454 later'"),
    "smtp, HTTP": ("smtp", b"HTTP/1.1 400 Bad\r\n", BROKEN, "says 'HTTP/1.1 400 Bad' instead of a reply code"),
    "smtp, SSH": ("smtp", b"SSH-2.0-x\r\n", BROKEN, "says 'SSH-2.0-x' instead of a reply code"),
    "a line without end": ("smtp", b"220 " + b"x" * 9000, BROKEN, f"a line of more than 8192 bytes: '220 {'x' * 116}'"),
    "lines without end": ("smtp", b"220-x\r\n" * 600, BROKEN, f"more than {MOST_MESSAGES} messages before TLS"),
    "bytes without end": ("smtp", (b"220-" + b"x" * 8000 + b"\r\n") * 9, BROKEN, f"more than {MOST_BYTES} bytes before TLS"),
    "imap, no TLS": ("imap", b"* OK\r\n* CAPABILITY X STARTTLSX\r\na1 OK\r\n", REFUSED, "does not offer STARTTLS"),
    "imap, too late": ("imap", b"* PREAUTH hi\r\n", REFUSED, "says '* PREAUTH hi'"),
    "imap, goes": ("imap", b"* BYE full\r\n", REFUSED, "says '* BYE full'"),
    "imap, goes later": ("imap", b"* OK\r\n* BYE idle\r\n", REFUSED, "says '* BYE idle'"),
    "imap, not now": ("imap", b"* OK\r\n* CAPABILITY STARTTLS\r\na1 OK\r\na2 NO sorry\r\n", REFUSED, "says 'a2 NO sorry'"),
    "imap, other tag": ("imap", b"* OK\r\nb7 OK\r\n", BROKEN, "says 'b7 OK' instead of an answer to CAPABILITY"),
    "imap, POP3": ("imap", b"+OK\r\n", BROKEN, "says '+OK' instead of an IMAP greeting"),
    "pop3, no TLS": ("pop3", b"+OK\r\n+OK\r\nUSER\r\n.\r\n", REFUSED, "does not offer STLS"),
    "pop3, refuses": ("pop3", b"-ERR [SYS/TEMP] later\r\n", REFUSED, "says '-ERR [SYS/TEMP] later'"),
    "pop3, noise": ("pop3", b"+OK\r\n\xff\x01\r\n", BROKEN, "says '\\\\xff\\x01' instead of +OK or -ERR"),
    "pop3, IMAP": ("pop3", b"* OK\r\n", BROKEN, "says '* OK' instead of +OK or -ERR"),
    "ftp, no TLS": ("ftp", b"220 hi\r\n530 log in\r\n", REFUSED, "says '530 log in'"),
    "postgres, no TLS": ("postgres", b"N", REFUSED, "does not offer TLS"),
    "postgres, error": ("postgres", b"E\0\0\0\x08oh\0", REFUSED, "answers with an error"),
    "postgres, noise": ("postgres", b"?", BROKEN, "answers '?' instead of S or N"),
    "mysql, no TLS": ("mysql", mysql(b"5.7.1", 0xF7FF), REFUSED, "does not offer TLS ('5.7.1')"),
    "mysql, blocked": ("mysql", b"\x12\0\0\0\xff\x69\x04Host is blocked", REFUSED, "says 'Host is blocked'"),
    "mysql, short": ("mysql", b"\x03\0\0\0\x0a5\0", BROKEN, "begins with '5\\x00' instead of a MySQL greeting"),
    "mysql, SSH": ("mysql", b"SSH-", BROKEN, "begins with 'SSH-' instead of a MySQL greeting"),
    "ldap, no TLS": ("ldap", ldap(2, b"unsupported"), REFUSED, "answers with result 2 protocolError: 'unsupported'"),
    "ldap, other": ("ldap", ldap(80), REFUSED, "answers with result 80"),
    "ldap, disconnects": ("ldap", ldap(52, b"down", number=0), REFUSED, "answers with result 52 unavailable: 'down'"),
    "ldap, another answer": ("ldap", ldap(0, kind=0x61), BROKEN, "an LDAP message that is no answer to StartTLS"),
    "ldap, nothing in it": ("ldap", b"\x30\0", BROKEN, "an LDAP message that is no answer to StartTLS"),
    "ldap, long": ("ldap", b"\x30\x84\x7f\xff\xff\xff", BROKEN, "an LDAP message that is too long"),
    "ldap, no end": ("ldap", b"\x30\x80\0\0", BROKEN, "an LDAP message that is too long"),
    "ldap, SMTP": ("ldap", b"2", BROKEN, "begins with '2' instead of an LDAP message"),
    "xmpp, no TLS": ("xmpp", STREAM + b"<stream:features><m/></stream:features>", REFUSED, "does not offer starttls"),
    "xmpp, no features": ("xmpp", STREAM + b"<stream:features/>", REFUSED, "does not offer starttls"),
    "xmpp, unknown host": ("xmpp", STREAM + b"<stream:error><host-unknown xmlns='x'/></stream:error>", REFUSED, "answers with host-unknown"),
    "xmpp, not now": ("xmpp", STREAM + b"<f:features><starttls/></f:features><failure/>", REFUSED, "answers with failure"),
    "xmpp, goes": ("xmpp", STREAM + b"</stream:stream>", REFUSED, "answers with /stream"),
    "xmpp, HTML": ("xmpp", b"<html><body>", BROKEN, "says '<html>' instead of a stream"),
    "xmpp, other stanza": ("xmpp", STREAM + b"<message/>", BROKEN, "says '<message/>' instead of XMPP"),
    "xmpp, DTD": ("xmpp", b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a>", BROKEN, "begins with '<!DOCTYPE x [<!ENTITY a>' instead of XMPP"),
    "xmpp, no tag": ("xmpp", b"x" * 9000, BROKEN, f"begins with '{'x' * 120}' instead of XMPP"),
}  # fmt: skip


@pytest.mark.parametrize(("protocol", "heard", "why", "detail"), FAILURES.values(), ids=FAILURES)
def test_failure(protocol: str, heard: bytes, why: Why, detail: str) -> None:
    """A server that does not want TLS is told from one that does not keep to the protocol."""
    assert talk(begin(protocol), heard).blind == (why, detail)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_gone(protocol: str) -> None:
    """A server that hangs up before TLS is reset, with what it had begun to say."""
    half = {"mysql": b"\x09", "ldap": b"0", "xmpp": b"<", "postgres": b""}.get(protocol, b"22")
    heard = [half, b""] if half else [b""]
    after = f" after {half.decode().strip()!r}" if half.strip() else " after ''" if half else ""
    assert talk(begin(protocol), *heard).blind == (
        Why.RESET,
        f"closed the connection before TLS began{after}",
    )


def test_injection() -> None:
    """What stands behind the go-ahead is kept, for it has to be refused (CVE-2011-0411, CVE-2021-23222)."""
    assert talk(begin("postgres"), b"Sx").rest == b"x"
    assert talk(begin("mysql"), mysql(b"8", 0x800) + b"\x16\x03").rest == b"\x16\x03"
    _, heard, _ = FINE["smtp"]
    assert talk(begin("smtp"), *heard[:-1], heard[-1] + b"250 injected\r\n").rest == b"250 injected\r\n"


def test_own_address() -> None:
    """An IPv6 address is said as RFC 5321 wants it."""
    assert talk(starttls("smtp", "a.test", "2001:db8::1"), b"220 mx\r\n").said == [
        b"EHLO [IPv6:2001:db8::1]\r\n"
    ]


def test_ports() -> None:
    """Every protocol has its port in the configuration."""
    assert ways.STARTTLS.keys() == PROTOCOLS.keys()


TRANSCRIPTS = [
    *((protocol, b"".join(heard)) for protocol, heard, _ in FINE.values()),
    *((protocol, heard) for protocol, heard, _, _ in FAILURES.values() if len(heard) < 1000),
]


@given(st.sampled_from(TRANSCRIPTS), st.data())
def test_any_split(transcript: tuple[str, bytes], data: st.DataObject) -> None:
    """However the network cuts what a server says, it comes to the same."""
    protocol, heard = transcript
    cuts = sorted(data.draw(st.sets(st.integers(0, len(heard)))) | {0, len(heard)})
    whole = talk(begin(protocol), heard)
    parts = talk(begin(protocol), *(heard[one:other] for one, other in pairwise(cuts) if one < other))
    assert (b"".join(parts.said), parts.done) == (b"".join(whole.said), whole.done) or whole.blind
    assert parts.rest == whole.rest or whole.blind
    assert (parts.blind or (None,))[0] == (whole.blind or (None,))[0]


@given(st.sampled_from(sorted(PROTOCOLS)), st.lists(st.binary(min_size=1)))
def test_noise(protocol: str, heard: list[bytes]) -> None:
    """Whatever is heard, nothing but a reason comes of it."""
    talk(begin(protocol), *heard)


PROXY = Proxy("proxy.test", 3128, "Basic dTpw")
CONNECT = b"CONNECT 192.0.2.9:443 HTTP/1.1\r\nHost: 192.0.2.9:443\r\n"


def test_tunnel() -> None:
    """A proxy is asked for an address, and what stands behind its answer is the server's."""
    assert talk(
        tunnel(Proxy("proxy.test", 3128), "192.0.2.9", 443), b"HTTP/1.1 200 OK\r\n\r\n220 mx\r\n"
    ) == Outcome([CONNECT + b"\r\n"], done=True, rest=b"220 mx\r\n")
    asked = [CONNECT.replace(b"192.0.2.9", b"[2001:db8::9]") + b"Proxy-Authorization: Basic dTpw\r\n\r\n"]
    assert talk(tunnel(PROXY, "2001:db8::9", 443), b"HTTP/1.0 200\r\nVia: x\r\n\r\n") == Outcome(
        asked, done=True
    )


@pytest.mark.parametrize(
    ("heard", "blind"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            (Why.PROXY_FAILURE, "proxy proxy.test:3128 answers 'HTTP/1.1 407 Proxy Authentication Required'"),
        ),
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
            (Why.UNREACHABLE, "proxy proxy.test:3128 answers 'HTTP/1.1 503 Service Unavailable'"),
        ),
        (b"HTTP/1.1 x\r\n\r\n", (Why.PROXY_FAILURE, "proxy proxy.test:3128 answers 'HTTP/1.1 x' instead of HTTP")),
        (b"220 mx\r\n", (Why.PROXY_FAILURE, "answers '220 mx' instead of HTTP")),
        (b"HTTP/1.1 200" + b"x" * 20_000, (Why.PROXY_FAILURE, f"answers 'HTTP/1.1 200{'x' * 108}' instead of HTTP")),
        (b"", (Why.PROXY_FAILURE, "closed the connection before TLS began")),
    ],
)  # fmt: skip
def test_no_tunnel(heard: bytes, blind: tuple[Why, str]) -> None:
    """A proxy that does not let us through is our matter; one that finds nobody there is the endpoint's."""
    assert talk(tunnel(PROXY, "192.0.2.9", 443), heard).blind == blind
    assert "dTpw" not in str(PROXY) + repr(PROXY) + blind[1]
