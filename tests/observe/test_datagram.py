"""The reader of usual replies, held against dnspython."""

from __future__ import annotations

import io
from collections.abc import Sequence

import dns.message
import dns.rcode
import dns.rdata
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.observe.datagram import Answer, belongs, questions, read
from tests.fuzz.targets import by_dnspython

NAME = "www.example.com"
IDS = b"\x12\x34\x56\x78"
MADE = questions(NAME, IDS)
assert MADE is not None
V4, V6 = MADE
POINTER = b"\xc0\x0c"


def reply(
    *records: bytes,
    flags: int = 0x8180,
    authority: Sequence[bytes] = (),
    query: bytes = V4,
    tail: bytes = b"",
) -> bytes:
    """Build a reply by hand; by default it is a usual one."""
    counts = (1, len(records), len(authority), 0)
    head = query[:2] + flags.to_bytes(2) + b"".join(one.to_bytes(2) for one in counts)
    return head + query[12:] + b"".join((*records, *authority)) + tail


def record(
    data: bytes,
    rdtype: int = 1,
    owner: bytes = POINTER,
    ttl: int = 60,
    *,
    rdclass: int = 1,
    length: int | None = None,
) -> bytes:
    """Build a record by hand; by default an address of the name that was asked for."""
    size = len(data) if length is None else length
    return owner + rdtype.to_bytes(2) + rdclass.to_bytes(2) + ttl.to_bytes(4) + size.to_bytes(2) + data


ADDRESS = record(b"\xc0\0\2\1")
EDGE = b"\4Edge\3net\0"
ALIAS = record(EDGE, 5)
SOA = record(b"\2ns\0\0" + (1).to_bytes(4) * 4 + (30).to_bytes(4), 6, b"\0")
FOUND = Answer(True, ("192.0.2.1",), 60)
BEHIND = len(V4)  # where the first record is


def test_questions() -> None:
    """The messages are those that dnspython makes, for every name that is usual."""
    for wire, rdtype, number in ((V4, "A", 0x1234), (V6, "AAAA", 0x5678)):
        assert wire == dns.message.make_query(NAME, rdtype, id=number).to_wire()
    assert questions(".".join(["a" * 63] * 3 + ["b" * 61]), IDS) is not None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a..b",
        "a" * 64,
        ".".join(["a" * 63] * 3 + ["b" * 62]),
        "*.a",
        "a b",
        "a\\.b",
        "é.a",
        "A.a",
        "a.a\n",
    ],
)
def test_unusual_names(name: str) -> None:
    """What dnspython may read in another way, or refuse, is left to it."""
    assert questions(name, IDS) is None


@pytest.mark.parametrize(
    ("wire", "own"),
    [
        pytest.param(reply(), True, id="reply"),
        pytest.param(V4, True, id="echo"),
        pytest.param(V4[:2] + b"\x81\x85" + bytes(8), True, id="bare header"),
        pytest.param(b"\x56\x78" + reply()[2:], False, id="id of the other"),
        pytest.param(reply(query=IDS[:2] + V6[2:]), False, id="question of the other"),
        pytest.param(reply().replace(b"www", b"wwx"), False, id="another name"),
        pytest.param(V4[:11], False, id="short"),
        pytest.param(b"", False, id="empty"),
    ],
)
def test_what_belongs_to_a_question(wire: bytes, own: bool) -> None:
    """Identifier and question have to be ours."""
    assert belongs(wire, V4) == own


@pytest.mark.parametrize(
    ("wire", "answer"),
    [
        pytest.param(reply(ADDRESS), FOUND, id="address"),
        pytest.param(reply(ADDRESS, flags=0x8500), FOUND, id="authoritative"),
        pytest.param(reply(ADDRESS, ADDRESS), FOUND, id="twice"),
        pytest.param(reply(record(b"\xc0\0\2\1", owner=V4[12:-4].upper())), FOUND, id="in full, in capitals"),
        pytest.param(reply(ALIAS, record(b"\xc0\0\2\1", owner=EDGE.lower())), FOUND, id="alias"),
        pytest.param(
            reply(record(b"\xc0\0\2\1", ttl=0x80000000)), Answer(True, ("192.0.2.1",), 0), id="sign"
        ),
        pytest.param(reply(authority=[SOA]), Answer(True, (), 30), id="no data"),
        pytest.param(reply(), Answer(True, (), 300), id="no data, without SOA"),
        pytest.param(
            reply(ALIAS, authority=[SOA], flags=0x8183), Answer(False, (), 30), id="NXDOMAIN behind"
        ),
        pytest.param(reply(flags=0x8183, authority=[SOA]), Answer(False, (), 30), id="NXDOMAIN"),
        pytest.param(reply(ADDRESS, authority=[record(EDGE, 2)]), FOUND, id="authority"),
        # --- unusual
        pytest.param(reply(ADDRESS, flags=0x0180), None, id="a question"),
        pytest.param(reply(ADDRESS, flags=0xA180), None, id="opcode"),
        pytest.param(reply(ADDRESS, flags=0x8380), None, id="truncated"),
        pytest.param(reply(flags=0x8182), None, id="SERVFAIL"),
        pytest.param(reply(flags=0x8185), None, id="REFUSED"),
        pytest.param(reply(flags=0x8500), None, id="no data, without recursion"),
        pytest.param(reply(authority=[record(EDGE, 2)]), None, id="referral"),
        pytest.param(reply(ADDRESS, flags=0x8183), None, id="NXDOMAIN with an address"),
        pytest.param(reply(ADDRESS, ALIAS), None, id="alias behind an address"),
        pytest.param(reply(ALIAS, ADDRESS), None, id="address of another name"),
        pytest.param(reply(record(b"\xc0\0\2\1", rdclass=3)), None, id="class"),
        pytest.param(reply(record(bytes(16), 28)), None, id="type of the other question"),
        pytest.param(reply(record(b"\1x", 16)), None, id="type"),
        pytest.param(reply(record(b"\xc0\0\2")), None, id="three bytes"),
        pytest.param(reply(record(b"\xc0\0\2\1\1")), None, id="five bytes"),
        pytest.param(reply(record(b"\xc0\0\2\1", length=5)), None, id="longer than the message"),
        pytest.param(reply(record(EDGE + b"x", 5)), None, id="behind an alias"),
        pytest.param(reply(ADDRESS, tail=b"x"), None, id="behind the message"),
        pytest.param(reply(ADDRESS)[:-1], None, id="cut"),
        pytest.param(reply(record(b"", 41, b"\0", rdclass=1232)), None, id="EDNS"),
        pytest.param(reply(*[record(POINTER, 5)] * 16, ADDRESS), None, id="alias of itself"),
        pytest.param(V4[:2] + b"\x81\x85" + bytes(8), None, id="bare header"),
        pytest.param(b"", None, id="empty"),
        # --- pointers
        pytest.param(reply(record(b"", owner=bytes([0xC0, BEHIND]))), None, id="to itself"),
        pytest.param(reply(record(b"", owner=b"\xc0\xff")), None, id="forward"),
        pytest.param(reply(record(bytes([0xC0, BEHIND + 12]), 5)), None, id="of an alias to itself"),
        pytest.param(reply(record(bytes([1, 97, 0xC0, BEHIND + 12]), 5)), None, id="round"),
        pytest.param(reply(record(b"", owner=b"\x40a")), None, id="label type"),
        pytest.param(reply(tail=b"\xc0"), None, id="half"),
    ],
)
def test_reading(wire: bytes, answer: Answer | None) -> None:
    """A usual reply says what it says; nothing is made of any other."""
    assert read(wire, V4) == answer
    assert answer is None or answer == by_dnspython(wire)


LABEL = st.text("aB-1", min_size=1, max_size=3)
NAMES = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join((*labels, "example.com.")))
TTLS = st.integers(0, 2**31 - 1)
SIXTEEN = st.builds(
    lambda zeros, rest: bytes(zeros) + rest[zeros:], st.integers(0, 16), st.binary(min_size=16, max_size=16)
)


@settings(deadline=None)
@given(
    names=st.lists(NAMES, max_size=6, unique_by=str.lower),
    addresses=st.lists(SIXTEEN, max_size=4),
    v6=st.booleans(),
    ttls=st.lists(TTLS, min_size=9, max_size=9),
    exists=st.booleans(),
    soa=st.booleans(),
    more=st.booleans(),
    compress=st.booleans(),
)
def test_usual_replies(
    *,
    names: list[str],
    addresses: list[bytes],
    v6: bool,
    ttls: list[int],
    exists: bool,
    soa: bool,
    more: bool,
    compress: bool,
) -> None:
    """What a resolver may well say is read, and as dnspython reads it."""
    query = V6 if v6 else V4
    message = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    owner = f"{NAME}."
    for target, ttl in zip(names, ttls, strict=False):
        message.answer.append(dns.rrset.from_text(owner, ttl, "IN", "CNAME", target))
        owner = target
    rdtype = message.question[0].rdtype
    for packed in addresses:
        rdata = dns.rdata.from_wire("IN", rdtype, packed, 0, 16 if v6 else 4)
        message.answer.append(dns.rrset.from_rdata(owner, ttls[6], rdata))
    if not addresses and not exists:
        message.set_rcode(dns.rcode.NXDOMAIN)
    if soa and not addresses:
        text = f"ns.example.com. host.example.com. 1 2 3 4 {ttls[7]}"
        message.authority.append(dns.rrset.from_text("example.com.", ttls[8], "IN", "SOA", text))
    if more and addresses:
        message.authority.append(dns.rrset.from_text("example.com.", 600, "IN", "NS", "ns.example.com."))
        message.additional.append(dns.rrset.from_text("ns.example.com.", 600, "IN", "AAAA", "::1"))
    wire = message.to_wire() if compress else uncompressed(message)

    assert read(wire, query) == by_dnspython(wire)


def uncompressed(message: dns.message.Message) -> bytes:
    """Write every name in full, as some resolvers do."""
    out = io.BytesIO()
    out.write(message.to_wire()[: len(V4)])
    for one in (*message.answer, *message.authority, *message.additional):
        one.to_wire(out)
    return out.getvalue()


OWNERS = st.one_of(
    st.just(POINTER),
    st.integers(0, 120).map(lambda at: (0xC000 | at).to_bytes(2)),
    st.integers(0, 120).map(lambda at: b"\1a" + (0xC000 | at).to_bytes(2)),
    st.sampled_from([EDGE, V4[12:-4], b"\0", b"\3www" + bytes([0xC0, 16])]),
)
RECORDS = st.one_of(
    st.builds(record, st.binary(min_size=4, max_size=4), st.just(1), OWNERS),
    st.builds(record, OWNERS, st.sampled_from([2, 5]), OWNERS),
    st.builds(
        record,
        st.binary(max_size=20),
        st.sampled_from([1, 2, 5, 6, 28, 41, 46, 250]),
        OWNERS,
        st.integers(0, 255),
    ),
    st.just(SOA),
)
REPLIES = st.builds(
    lambda records, authority, flags, tail: reply(*records, authority=authority, flags=flags, tail=tail),
    st.lists(RECORDS, max_size=4),
    st.lists(RECORDS, max_size=1),
    st.sampled_from([0x8180, 0x8580, 0x8183, 0x8100, 0x8380]),
    st.one_of(st.just(b""), st.binary(max_size=3)),
)
SPLICES = st.lists(st.tuples(st.integers(2, 160), st.integers(0, 3), st.binary(max_size=3)), max_size=3)


@settings(max_examples=1000, deadline=None)
@given(wire=REPLIES, splices=SPLICES)
def test_any_bytes(wire: bytes, splices: list[tuple[int, int, bytes]]) -> None:
    """No bytes raise anything, and none give an address or a denial that they do not give by dnspython."""
    for at, gone, new in splices:
        wire = wire[:at] + new + wire[at + gone :]
    answer = read(wire, V4)

    if answer is not None and belongs(wire, V4):
        theirs = by_dnspython(wire)
        assert (answer.exists, answer.addresses) == (theirs.exists, theirs.addresses)


@settings(deadline=None)
@given(wire=st.binary(max_size=80))
def test_any_garbage(wire: bytes) -> None:
    """Noise does not raise either."""
    read(wire, V4)
    read(V4[:12] + wire, V4)
