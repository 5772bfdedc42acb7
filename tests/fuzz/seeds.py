"""python -m tests.fuzz.seeds: the corpus and the certificates behind it, made anew with other keys.

Real messages of each kind, healthy and broken, small enough to be read and changed byte by byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from exporter.demo import pki
from tests.fuzz.targets import CORPUS, NAME, NOW, PKI, QUERIES, WAYS, joined
from tests.observe import test_acm_parse, test_starttls

DAY = timedelta(days=1)
FOUND = "found-"  # how files are called that the fuzzer found; they stay


def main() -> None:
    """Write everything."""
    for file in (*CORPUS.rglob("*"), *PKI.glob("*")):
        if file.is_file() and not file.name.startswith(FOUND):
            file.unlink()
    root = pki.root("Root", NOW - 100 * DAY)
    middle = root.intermediate("Middle", NOW - 90 * DAY)
    leaf = middle.issue([NAME, "*.example.com", "192.0.2.1", "2001:db8::1"], NOW - DAY)
    for name, one in (("root", root), ("middle", middle), ("leaf", leaf)):
        write(PKI / f"{name}.der", der(one))
    for name, data in (
        *certificates(root, middle, leaf),
        *staples(middle, leaf),
        *replies(),
        *answers(),
        *transcripts(),
        *rows(),
    ):
        write(CORPUS / name, data)


def write(path: Path, data: bytes) -> None:
    """Write one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def der(one: pki.Issued) -> bytes:
    """Write a certificate as it is sent."""
    return one.certificate.public_bytes(Encoding.DER)


def certificates(root: pki.Authority, middle: pki.Authority, leaf: pki.Issued) -> Iterator[tuple[str, bytes]]:
    """Make leaves and chains."""
    expired = middle.issue([NAME], NOW - 9 * DAY, DAY)
    stranger = pki.self_signed([NAME], NOW - DAY)
    leaves = {
        "leaf": leaf,
        "root": root,
        "expired": expired,
        "nameless": middle.issue([], NOW - DAY, common_name=NAME),
        "rsa": middle.issue([NAME], NOW - DAY, key=pki.new_key("rsa")),
        "client": middle.issue([NAME], NOW - DAY, usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        "many-names": middle.issue([f"n{number}.example.com" for number in range(40)], NOW - DAY),
        "serial-one": middle.issue([NAME], NOW - DAY, serial=1),
    }
    for name, one in leaves.items():
        yield f"certificate/signed-{name}", der(one)
        yield f"chain/{name}", joined(der(one), der(middle))
    yield "certificate/cut", der(leaf)[:-40]
    yield "certificate/noise", b"\x30\x82\x01\x00junk"
    yield "chain/trusted", joined(der(leaf), der(middle), der(root))
    yield "chain/alone", joined(der(leaf))
    yield "chain/stranger", joined(der(stranger))
    yield "chain/twice", joined(der(leaf), der(middle), der(middle))
    yield "chain/cut", joined(der(leaf), der(middle)[:-9])


def staples(middle: pki.Authority, leaf: pki.Issued) -> Iterator[tuple[str, bytes]]:
    """Make OCSP responses; those that the issuer signed about the leaf are called so."""
    responder = middle.issue(["ocsp.example.com"], NOW - DAY, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,))
    good, revoked = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
    yield "ocsp/signed-good", staple(middle, middle, leaf, good)
    yield "ocsp/signed-revoked", staple(middle, middle, leaf, revoked)
    yield "ocsp/signed-unknown", staple(middle, middle, leaf, ocsp.OCSPCertStatus.UNKNOWN)
    yield "ocsp/signed-delegated", staple(responder, middle, leaf, good)
    yield "ocsp/stranger", staple(pki.self_signed(["x.example.com"], NOW - DAY), middle, leaf, good)
    yield "ocsp/another", staple(middle, middle, responder, good)
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    yield "ocsp/later", later.public_bytes(Encoding.DER)
    yield "ocsp/cut", staple(middle, middle, leaf, good)[:-9]
    yield "ocsp/empty", b""


def staple(signer: pki.Issued, issuer: pki.Issued, leaf: pki.Issued, status: ocsp.OCSPCertStatus) -> bytes:
    """Sign a response about a leaf."""
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate,
        issuer.certificate,
        hashes.SHA1(),
        status,
        NOW - DAY,
        NOW + DAY,
        NOW - DAY if revoked else None,
        x509.ReasonFlags.key_compromise if revoked else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, signer.certificate)
    if signer is not issuer:
        builder = builder.certificates([signer.certificate])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def replies() -> Iterator[tuple[str, bytes]]:
    """Make pairs of replies to the questions for addresses."""
    assert QUERIES is not None
    owner = f"{NAME}."
    alias = (owner, 60, "IN", "CNAME", "edge.example.net.")
    v4, v6 = (dns.message.from_wire(query) for query in QUERIES)
    both: dict[str, list[tuple[Any, ...]]] = {
        "address": [(owner, 60, "IN", "A", "192.0.2.1", "192.0.2.2")],
        "alias": [alias, ("edge.example.net.", 30, "IN", "A", "192.0.2.1")],
        "dangling": [alias],
        "loop": [alias, ("edge.example.net.", 30, "IN", "CNAME", owner)],
        "nothing": [],
    }
    six = reply(v6, [(owner, 60, "IN", "AAAA", "2001:db8::1")])
    for name, told in both.items():
        yield f"datagrams/{name}", joined(reply(v4, told), six)
    yield "datagrams/reverse", joined(six, reply(v4, both["address"]))
    nobody = [reply(one, [], dns.rcode.NXDOMAIN) for one in (v4, v6)]
    yield "datagrams/nxdomain", joined(*nobody)
    yield "datagrams/servfail", joined(reply(v4, [], dns.rcode.SERVFAIL), six)
    yield "datagrams/forged", joined(b"\0\0" + six[2:], six[:30], reply(v4, both["address"]), six)
    for number, query in enumerate(QUERIES):
        body = (reply(v4, both["alias"]), six)[number]
        yield f"datagrams/behind-{number}", joined(b"+" + bytes([number]) + body[2:12] + body[len(query) :])


def answers() -> Iterator[tuple[str, bytes]]:
    """Make answers to the questions about records."""
    query, owner = dns.message.make_query(NAME, "CAA"), f"{NAME}."
    soa = ("example.com.", 60, "IN", "SOA", "ns.example.com. host.example.com. 1 2 3 4 5")
    told: dict[str, list[tuple[Any, ...]]] = {
        "caa": [(owner, 60, "IN", "CAA", '0 issue "amazon.com"', '128 tbs "x"', '0 issuewild ";"')],
        "cname": [(owner, 60, "IN", "CNAME", "_x.acm-validations.aws.")],
        "mx": [(owner, 60, "IN", "MX", "10 mx.example.com.", "0 .")],
        "txt": [(owner, 60, "IN", "TXT", '"words"')],
        "all": [
            (owner, 60, "IN", "CNAME", "a.example.com."),
            ("a.example.com.", 60, "IN", "CAA", '0 issue "amazontrust.com"'),
            ("a.example.com.", 60, "IN", "MX", "10 mx.example.com."),
        ],
        "nothing": [],
    }
    for name, records in told.items():
        yield f"records/{name}", reply(query, records, soa=soa)
    yield "records/nxdomain", reply(query, [], dns.rcode.NXDOMAIN, soa=soa)
    yield "records/servfail", reply(query, [], dns.rcode.SERVFAIL)
    extended = dns.message.make_response(query)
    extended.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "bogus")])
    extended.set_rcode(dns.rcode.SERVFAIL)
    yield "records/bogus", extended.to_wire()


def reply(
    query: dns.message.Message,
    records: list[tuple[Any, ...]],
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    soa: tuple[Any, ...] = (),
) -> bytes:
    """Answer a question."""
    message = dns.message.make_response(query, recursion_available=True)
    message.set_rcode(rcode)
    message.answer = [dns.rrset.from_text(*one) for one in records]
    message.authority = [dns.rrset.from_text(*soa)] if soa else []
    return message.to_wire()


def transcripts() -> Iterator[tuple[str, bytes]]:
    """Take what the tests of STARTTLS hear."""
    told = [(protocol, b"".join(heard)) for protocol, heard, _ in test_starttls.FINE.values()]
    told += [(protocol, heard) for protocol, heard, *_ in test_starttls.FAILURES.values() if len(heard) < 500]
    told += [
        ("proxy", b"HTTP/1.1 200 OK\r\n\r\n\x16"),
        ("proxy", b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n"),
        ("proxy", b"HTTP/1.0 503 Service Unavailable\r\n\r\n"),
    ]
    for number, (way, heard) in enumerate(told):
        yield f"conversations/{way}-{number}", bytes([WAYS.index(way), number % 16]) + heard


def rows() -> Iterator[tuple[str, bytes]]:
    """Take ACM's answers of the tests, as JSON of the wire."""
    kinds = {
        "search": ("s", "Results", test_acm_parse.SEARCH_ROW),
        "list": ("l", "CertificateSummaryList", test_acm_parse.LIST_ROW),
        "describe": ("d", "Certificate", test_acm_parse.DESCRIPTION),
    }
    for name, (first, inside, row) in kinds.items():
        for kind, one in (("whole", row), ("bare", {"CertificateArn": row["CertificateArn"]}), ("none", {})):
            told = json.dumps(
                {inside: one if name == "describe" else [one]}, default=lambda at: at.timestamp()
            )
            yield f"acm/{name}-{kind}", f"{first}{told}".encode()
    odd = json.dumps(
        {"Certificate": {"CertificateArn": 7, "Serial": "zz", "InUseBy": {}, "RenewalSummary": []}}
    )
    yield "acm/odd", f"d{odd}".encode()


if __name__ == "__main__":
    main()
