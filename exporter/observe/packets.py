"""The binary protocols before TLS: PostgreSQL, MySQL and LDAP."""

from __future__ import annotations

import re

from exporter.observe.conversation import MOST_LINE, Script, broken, refused, shown

_SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"  # PostgreSQL, "Message Formats", SSLRequest: 80877103
_CLIENT_PROTOCOL_41, _CLIENT_SSL, _CLIENT_SECURE_CONNECTION = 0x200, 0x800, 0x8000
_START_TLS_OID = b"1.3.6.1.4.1.1466.20037"
_RESULTS = {  # RFC 4511, section 4.1.9, and 4.14.2.2 for those of StartTLS
    1: "operationsError",
    2: "protocolError",
    10: "referral",
    52: "unavailable",
    53: "unwillingToPerform",
}


def _one_byte(buffer: bytes) -> int:
    return min(1, len(buffer))


def postgres(_: str, __: str) -> Script:
    """PostgreSQL's frontend protocol, "SSL Session Encryption": SSLRequest, and S or N for an answer."""
    answer = yield _SSL_REQUEST, _one_byte
    if answer in (b"N", b"E"):  # E begins an error message, as of servers that know no SSLRequest
        refused("does not offer TLS" if answer == b"N" else "answers with an error")
    if answer != b"S":
        broken(f"answers {shown(answer)} instead of S or N")
    return b""


def _packet(buffer: bytes) -> int:
    """MySQL's packets: three bytes of length, lowest first, and one of sequence."""
    length = 4 + int.from_bytes(buffer[:3], "little")
    if len(buffer) >= 4 and (length > MOST_LINE or buffer[3] != 0):
        broken(f"begins with {shown(buffer)} instead of a MySQL greeting")
    return length if len(buffer) >= max(4, length) else 0


def mysql(_: str, __: str) -> Script:
    """MySQL's client/server protocol, "Connection Phase": Protocol::HandshakeV10, Protocol::SSLRequest."""
    greeting = (yield b"", _packet)[4:]
    if greeting[:1] == b"\xff":  # ERR_Packet: the host is blocked, too many connections
        refused(f"says {shown(greeting[3:])}")
    version, end, after = greeting[1:].partition(b"\0")
    if greeting[:1] != b"\x0a" or not end or len(after) < 15:
        broken(f"begins with {shown(greeting)} instead of a MySQL greeting")
    # After the version: a connection id of 4 bytes, 8 of a nonce, a zero, and the lower half of what it can.
    if not int.from_bytes(after[13:15], "little") & _CLIENT_SSL:
        refused(f"does not offer TLS ({shown(version)})")
    flags = _CLIENT_PROTOCOL_41 | _CLIENT_SSL | _CLIENT_SECURE_CONNECTION
    body = flags.to_bytes(4, "little") + (1 << 24).to_bytes(4, "little") + b"\x2d" + bytes(23)  # utf8mb4
    return len(body).to_bytes(3, "little") + b"\x01" + body


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


def _element(data: bytes) -> tuple[int, int, int]:
    """Return a BER element's tag and where its content begins and ends; all 0 while its head is not whole."""
    width = data[1] - 0x80 if len(data) > 1 and data[1] > 0x7F else 0
    if len(data) < 2 + width:
        return 0, 0, 0
    length = int.from_bytes(data[2 : 2 + width]) if width else data[1]
    return data[0], 2 + width, 2 + width + length


def _ldap_message(buffer: bytes) -> int:
    if buffer[:1] not in (b"", b"\x30"):
        broken(f"begins with {shown(buffer)} instead of an LDAP message")
    _, begin, end = _element(buffer)
    if end - begin > MOST_LINE or buffer[1:2] == b"\x80" or buffer[1:2] > b"\x84":
        broken("an LDAP message that is too long")
    return end if begin and len(buffer) >= end else 0


def ldap(server_name: str, us: str) -> Script:  # noqa: ARG001 - all conversations are told both
    """RFC 4511, section 4.14: an extended request of StartTLS, and its result."""
    answer = yield _tlv(0x30, _tlv(2, b"\x01"), _tlv(0x77, _tlv(0x80, _START_TLS_OID))), _ldap_message
    number, rest = _split(_split(answer)[0][1])
    (kind, response), _ = _split(rest)
    (code_kind, code), _ = _split(response)
    if kind != 0x78 or code_kind != 0x0A:  # ExtendedResponse, which begins with an enumerated result
        broken("an LDAP message that is no answer to StartTLS")
    result = int.from_bytes(code)
    if result or number != (2, b"\x01"):  # number 0 is a notice of disconnection (section 4.4.1)
        texts = re.findall(rb"[ -~]{4,}", response)
        words = f": {shown(texts[0])}" if texts else ""
        refused(f"answers with result {result} {_RESULTS.get(result, '')}".rstrip() + words)
    return b""


def _split(data: bytes) -> tuple[tuple[int, bytes], bytes]:
    """Return the tag and the content of the first element, and what stands behind it."""
    tag, begin, end = _element(data)
    return (tag, data[begin:end]), data[end:]
