"""The targets: bytes in, and an AssertionError or any other exception where a law is broken.

They need nothing but what the exporter itself needs, so that atheris can have an environment of its own.
"""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.parsers
import botocore.session
import dns.exception
import dns.message
import dns.nameserver
import dns.rcode
from cryptography import x509
from cryptography.x509 import ocsp as responses
from OpenSSL import crypto

from exporter.facts import Ask, Proxy, Question, Seen, Why
from exporter.observe import acm_parse, datagram, leaf, trust
from exporter.observe.aws_errors import translate
from exporter.observe.conversation import Conversation
from exporter.observe.dns import Resolver
from exporter.observe.ocsp import STATUSES, stapled
from exporter.observe.quick import Found, _Lookup
from exporter.observe.records import DnsEye
from exporter.observe.sight import Blind
from exporter.observe.starttls import PROTOCOLS, starttls
from exporter.observe.tunnel import tunnel

CORPUS = Path(__file__).parent / "corpus"
PKI = Path(__file__).parent / "pki"  # root.der, middle.der and leaf.der, whose keys are gone
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAME = "www.example.com"
QUERIES = datagram.questions(NAME, b"\x12\x34\x56\x78")
WAYS = (*sorted(PROTOCOLS), "proxy")
QUESTIONS = tuple(Question(ask, NAME) for ask in (Ask.CAA, Ask.CNAME, Ask.MX))
Law = Callable[[bytes], None]


def certificate(data: bytes) -> None:
    """Law: a leaf or Blind; the names are those that cryptography reads, wherever it reads any."""
    try:
        found = leaf.read(data)
    except Blind:
        return
    assert len(found.names) <= leaf.MOST_NAMES
    assert max(map(len, (found.issuer, found.subject))) <= leaf.MOST_TEXT
    assert found.not_before.tzinfo is not None
    theirs = _names(data)
    assert theirs is None or found.names == theirs[: leaf.MOST_NAMES]


def _names(der: bytes) -> tuple[str, ...] | None:
    """Read the names by cryptography; None where it finds a fault in any extension."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            extensions = x509.load_der_x509_certificate(der).extensions
            found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        except leaf.UNREADABLE:
            return None
    names = (
        one.value.lower() if isinstance(one, x509.DNSName) else str(one.value)
        for one in found
        if isinstance(one, (x509.DNSName, x509.IPAddress))
    )
    return tuple(dict.fromkeys(one for one in names if one and len(one) <= 253))


def chain(data: bytes) -> None:
    """Law: an answer or Blind, and nobody is trusted but what our root's authorities signed."""
    served = tuple(_split(data))
    if not served:
        return
    verifier = trust.Trust([_pki("root")], lambda: NOW, links=True)
    try:
        trusted, error, end = verifier.verify(served)
        links = verifier.links(served)
    except Blind:
        return
    assert trusted in (True, False)
    assert trusted == (error == "")
    assert end.tzinfo is not None
    assert len(links) <= trust.MOST_LINKS
    if trusted:
        assert _body(served[0]) in {*map(_body, _signed("certificate")), _body(_pki("middle"))}


@cache
def _signed(target: str) -> list[bytes]:
    """Return the seeds that our root's authorities signed."""
    return [one.read_bytes() for one in sorted((CORPUS / target).glob("signed-*"))]


def _body(der: bytes) -> bytes:
    """Return what is signed of a certificate, as OpenSSL reads it."""
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der).to_cryptography().tbs_certificate_bytes


def ocsp(data: bytes) -> None:
    """Law: a status; one that tells of the leaf is only in what the issuer signed."""
    status = stapled(data, (_pki("leaf"), _pki("middle")), NOW)
    assert status == "none" or status in STATUSES
    if status not in ("none", "invalid"):
        told = responses.load_der_ocsp_response(data).tbs_response_bytes
        signed = map(responses.load_der_ocsp_response, _signed("ocsp"))
        assert told in {one.tbs_response_bytes for one in signed}


def datagrams(data: bytes) -> None:
    """Law: what is found in replies, of whatever order and number, is what dnspython finds in them."""
    assert QUERIES is not None
    received = [one if one[:1] != b"+" else _reply(one[1:]) for one in _split(data)][:8]
    found = _loop().run_until_complete(_receive(QUERIES, received))
    if found is not None:
        told = [_first(received, query) for query in QUERIES]
        assert found == Found(told[0][0], told[0][1] + told[1][1])


def _reply(data: bytes) -> bytes:
    """Put a reply's beginning before what follows: the question of an even first byte's kind."""
    assert QUERIES is not None
    query = QUERIES[data[0] % 2] if data else b""
    return query[:2] + data[1:11] + query[12:] + data[11:]


async def _receive(queries: tuple[bytes, bytes], received: list[bytes]) -> Found | None:
    """Let what was received come by a socket."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        ours.setblocking(False)
        lookup = _Lookup(queries, lambda _: None)
        for one in received:
            if lookup._over:  # and so not read any more
                break
            theirs.send(one)
            lookup._read(ours)
        return lookup.found


def _first(received: list[bytes], query: bytes) -> tuple[bool, tuple[str, ...]]:
    """Read the first reply to a question by dnspython."""
    wire = next(one[:512] for one in received if datagram.belongs(one[:512], query))
    answer = by_dnspython(wire)
    return answer.exists, answer.addresses


def by_dnspython(wire: bytes) -> datagram.Answer:
    """Read a reply as the resolver does."""
    message = dns.message.from_wire(wire)
    assert isinstance(message, dns.message.QueryMessage)
    end = message.resolve_chaining()
    addresses = tuple(sorted(one.to_text() for one in end.answer or ()))
    return datagram.Answer(message.rcode() != dns.rcode.NXDOMAIN, addresses, end.minimum_ttl)


def records(data: bytes) -> None:
    """Law: every answer to CAA, CNAME and MX is read or is Unseen for a reason, and none is our bug."""
    seen = _loop().run_until_complete(_ask(data))
    for one in seen:
        assert isinstance(one, Seen) or one.why is not Why.BUG, one


async def _ask(data: bytes) -> list[Any]:
    resolver = Resolver(["192.0.2.1"], 5.0, None)
    resolver._servers = (_Wire(data),)

    async def nothing(_: Question) -> Any:
        raise AssertionError

    eye = DnsEye(resolver, nothing, 5.0)
    return [await eye.look(one) for one in QUESTIONS]


class _Wire(dns.nameserver.Do53Nameserver):
    """Answers whatever is asked with the same bytes behind the header."""

    def __init__(self, data: bytes) -> None:
        super().__init__("192.0.2.1")
        self._data = data

    async def async_query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> Any:
        message = dns.message.from_wire(self._data)
        if not isinstance(message, dns.message.QueryMessage) or not message.flags & dns.flags.QR:
            raise dns.exception.FormError
        message.id, message.question = request.id, request.question
        return message


def conversations(data: bytes) -> None:
    """Law: the end of a conversation, or a reason; and however the network cuts it, it comes to the same."""
    if len(data) < 2:
        return
    way, heard = WAYS[data[0] % len(WAYS)], data[2:]
    width = data[1] % 16 + 1
    parts = [heard[at : at + width] for at in range(0, len(heard), width)]
    whole, cut = _talk(_begin(way), [heard] if heard else []), _talk(_begin(way), parts)
    if isinstance(whole, Why) or isinstance(cut, Why):
        assert whole == cut
    else:
        assert cut == whole


def _begin(way: str) -> Conversation:
    if way == "proxy":
        return tunnel(Proxy("proxy.test", 3128, "Basic dTpw"), "192.0.2.9", 443)
    return starttls(way, "a.test", "192.0.2.1")


def _talk(conversation: Conversation, heard: list[bytes]) -> Why | tuple[bytes, bool, bytes]:
    try:
        all_said, done = conversation.begin()
        rest = b""
        for one in heard:
            if done:
                rest += one
                continue
            said, done = conversation.hear(one)
            all_said += said
        return all_said, done, conversation.rest + rest
    except Blind as blind:
        return blind.why


def acm(data: bytes) -> None:
    """Law: whatever AWS sends is malformed, or a certificate, or one without an ARN, which is ValueError."""
    operation, body = ("search", "list", "describe")[data[:1] == b"l" or 2 * (data[:1] == b"d")], data[1:]
    row = _parsed(operation, body)
    if row is None:
        return
    read = {"search": acm_parse.from_search, "list": acm_parse.from_list, "describe": acm_parse.from_describe}
    try:
        found = read[operation](row)
    except ValueError:
        arn = row.get("CertificateArn")
        assert not isinstance(arn, str) or arn.count(":") < 5
        return
    assert found.certificate.arn.count(":") >= 5
    assert found.certificate.serial is None or found.certificate.serial >= 0
    assert acm_parse.merge(found.certificate, found.certificate) is not None


def _parsed(operation: str, body: bytes) -> Mapping[str, Any] | None:
    """Read JSON as botocore does, by the service's model; None where it cannot, or no certificate is told."""
    wire = {"body": body, "headers": {}, "status_code": 200}
    try:
        parsed = botocore.parsers.create_parser("json").parse(wire, _shape(operation))
    except Exception as error:
        if translate(error).why is not Why.MALFORMED:
            raise
        return None
    inside = {"search": "Results", "list": "CertificateSummaryList", "describe": "Certificate"}[operation]
    found = parsed.get(inside)
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, dict) else None


@cache
def _shape(operation: str) -> Any:
    model = botocore.session.get_session().get_service_model("acm")
    names = {
        "search": "SearchCertificates",
        "list": "ListCertificates",
        "describe": "DescribeCertificate",
    }
    return model.operation_model(names[operation]).output_shape


@cache
def _pki(name: str) -> bytes:
    return (PKI / f"{name}.der").read_bytes()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _split(data: bytes) -> list[bytes]:
    """Take the parts apart that `joined` put together; the last may be shorter than it says."""
    parts = []
    while len(data) > 2:
        length = int.from_bytes(data[:2]) or 1
        parts.append(data[2 : 2 + length])
        data = data[2 + length :]
    return parts


def joined(*parts: bytes) -> bytes:
    """Put parts together, each behind its length in two bytes."""
    return b"".join(len(one).to_bytes(2) + one for one in parts)


TARGETS: Mapping[str, Law] = {
    law.__name__: law for law in (certificate, chain, ocsp, datagrams, records, conversations, acm)
}

if __name__ == "__main__":
    print(*TARGETS)  # noqa: T201 - for `make fuzz`
