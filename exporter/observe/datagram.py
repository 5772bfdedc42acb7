"""DNS messages as they usually are, byte by byte: questions for addresses and the replies to them.

Law: pure, and never more lenient than dnspython, to which everything unusual is left.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_IN, _A, _NS, _CNAME, _SOA, _AAAA = 1, 1, 2, 5, 6, 28
_FAMILY = {_A: socket.AF_INET, _AAAA: socket.AF_INET6}
_HEAD = struct.Struct("!HHHHH")  # RFC 1035, section 4.1.1, behind the identifier
_HEAD_END = 12
_ONE_QUESTION = _HEAD.pack(0x0100, 1, 0, 0, 0)  # recursion desired
_RECORD = struct.Struct("!HHIH")  # section 4.1.3, behind the name
_SHAPE, _RESPONSE, _RA, _RCODE = 0xFA00, 0x8000, 0x0080, 0x000F  # _SHAPE: QR, opcode and TC
_NOERROR, _NXDOMAIN = 0, 3
_POINTER, _LABEL_END = 0xC0, 0x40  # section 4.1.4
_MOST_HOPS = 15  # aliases of a reply or pointers of a name; dnspython follows no more
_LONGEST_NAME = 253
_LONGEST_TTL = 0x7FFFFFFF  # what is above counts as 0 (RFC 2181, section 8)
_UNLIMITED_DENIAL = 300  # seconds where no SOA says how long, as dnspython has it
_SOA_NUMBERS = 20  # bytes, the last four of which limit a denial (RFC 2308, section 4)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Answer:
    """The addresses of one type at the end of a name's aliases; `exists` is false for NXDOMAIN."""

    exists: bool
    addresses: tuple[str, ...]
    ttl: int


class _Record(NamedTuple):
    owner: bytes
    rdtype: int
    ttl: int
    start: int
    end: int


def questions(name: str, ids: bytes) -> tuple[bytes, bytes] | None:
    """Ask for the A and the AAAA records of a name in lower case; None for an unusual name."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        return None
    labels = b"".join([b"%c%b" % (len(label), label) for label in name.encode().split(b".")])
    body = _ONE_QUESTION + labels
    return ids[:2] + body + b"\0\0\x01\0\x01", ids[2:] + body + b"\0\0\x1c\0\x01"


def belongs(wire: bytes, query: bytes) -> bool:
    """Tell a reply to this question from what is late or forged (RFC 5452, section 9.1).

    Some name servers refuse with a bare header.
    """
    return wire[:2] == query[:2] and (wire.startswith(query[_HEAD_END:], _HEAD_END) or len(wire) == _HEAD_END)


def read(wire: bytes, query: bytes) -> Answer | None:
    """Read a reply that belongs to this question, whatever its bytes; None for an unusual one."""
    try:
        return _read(wire, query)
    except (ValueError, IndexError, struct.error):
        return None


def _read(wire: bytes, query: bytes) -> Answer:
    """Follow the aliases from record to record, in the order in which they usually come."""
    flags, asked, answers, authorities, additionals = _HEAD.unpack_from(wire, 2)
    rcode = flags & _RCODE
    _expect(flags & _SHAPE == _RESPONSE and asked == 1 and rcode in (_NOERROR, _NXDOMAIN))
    records = list(_records(wire, len(query), answers + authorities + additionals))
    name, rdtype = query[_HEAD_END:-4], query[-3]
    passed, addresses = {name}, set[str]()
    for record in records[:answers]:
        _expect(record.owner == name)
        if record.rdtype == _CNAME:
            name = _target(wire, record)
            _expect(name not in passed and not addresses and len(passed) <= _MOST_HOPS)
            passed.add(name)
        else:
            _expect(record.rdtype == rdtype)
            addresses.add(_address(wire, record))
    ttls = [record.ttl for record in records[:answers]]
    limits = [_limit(wire, record) for record in records[answers:]]
    if addresses:
        _expect(rcode == _NOERROR)
    else:  # a resolver's denial, not a name server's hint where else to ask (RFC 2308, section 2.2)
        _expect(flags & _RA != 0 and (not authorities or records[answers].rdtype == _SOA))
        ttls += limits or [_UNLIMITED_DENIAL]
    return Answer(rcode == _NOERROR, tuple(sorted(addresses)), min(ttls))


def _records(wire: bytes, at: int, count: int) -> Iterator[_Record]:
    """Split what is behind the question, to the last byte, into records of the Internet class."""
    for _ in range(count):
        owner, at = _name(wire, at)
        rdtype, rdclass, ttl, length = _RECORD.unpack_from(wire, at)
        start = at + _RECORD.size
        at = start + length
        _expect(rdclass == _IN)
        yield _Record(owner, rdtype, ttl if ttl <= _LONGEST_TTL else 0, start, at)
    _expect(at == len(wire))


def _name(wire: bytes, at: int) -> tuple[bytes, int]:
    """Return a name in lower case without pointers, and where it ends.

    A pointer leads to a name that stands wholly before the place that it was come from.
    """
    labels, hops, start, end, bound = [], 0, at, 0, len(wire)
    while length := wire[at]:
        if length < _LABEL_END:
            labels.append(wire[at : at + 1 + length])
            at += 1 + length
        else:
            target = (length << 8 | wire[at + 1]) - (_POINTER << 8)
            hops += 1
            _expect(0 <= target < start and at + 1 < bound and hops <= _MOST_HOPS)
            end = end or at + 2
            bound, at, start = start, target, target
        _expect(at < bound)
    name = b"".join(labels)
    _expect(len(name) <= _LONGEST_NAME + 1)
    return name.lower() + b"\0", end or at + 1


def _target(wire: bytes, record: _Record) -> bytes:
    """Return the name that a CNAME or NS record leads to."""
    target, end = _name(wire, record.start)
    _expect(end == record.end)
    return target


def _address(wire: bytes, record: _Record) -> str:
    """Return the address of an A or AAAA record."""
    return socket.inet_ntop(_FAMILY[record.rdtype], wire[record.start : record.end])


def _limit(wire: bytes, record: _Record) -> int:
    """Look through a record behind the answers; return the seconds to which it limits a denial."""
    if record.rdtype == _SOA:
        _, at = _name(wire, record.start)
        _, at = _name(wire, at)
        _expect(at + _SOA_NUMBERS == record.end)
        return min(record.ttl, int.from_bytes(wire[at + _SOA_NUMBERS - 4 : record.end]))
    if record.rdtype == _NS:
        _target(wire, record)
    else:
        _expect(record.rdtype in _FAMILY)
        _address(wire, record)
    return _LONGEST_TTL


def _expect(usual: bool) -> None:
    if not usual:
        raise ValueError
