"""The way through an HTTP proxy: CONNECT (RFC 9110, section 9.3.6)."""

from __future__ import annotations

import re
from typing import NoReturn

from exporter.facts import Proxy, Why
from exporter.observe.conversation import Conversation, Script, shown
from exporter.observe.sight import Blind

MOST_HEAD = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})\b")
# What a proxy says that got no answer itself; Squid's word for that is 503.
_BEYOND = (b"502", b"503", b"504")


def tunnel(proxy: Proxy, address: str, port: int) -> Conversation:
    """Begin to ask a proxy for a connection to an address."""
    return Conversation(
        _connect(proxy, f"[{address}]:{port}" if ":" in address else f"{address}:{port}"),
        closed=Why.PROXY_FAILURE,
    )


def _connect(proxy: Proxy, place: str) -> Script:
    asks = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
    if proxy.authorization:
        asks += f"Proxy-Authorization: {proxy.authorization}\r\n"
    head = yield f"{asks}\r\n".encode("ascii"), _head
    status = _STATUS.match(head)
    if status is None:
        _failed(f"{proxy} answers {shown(head)} instead of HTTP")
    if status[1] in _BEYOND:
        raise Blind(Why.UNREACHABLE, f"{proxy} answers {shown(head)}")
    if status[1][:1] != b"2":
        _failed(f"{proxy} answers {shown(head)}")
    return b""


def _head(buffer: bytes) -> int:
    """Frame the head of an answer; one to CONNECT has no body (RFC 9110, section 9.3.6)."""
    end = buffer.find(b"\r\n\r\n", 0, MOST_HEAD)
    if end < 0 and (len(buffer) >= MOST_HEAD or b"HTTP/1."[: len(buffer)] != buffer[:7]):
        _failed(f"answers {shown(buffer)} instead of HTTP")
    return end + 4 if end >= 0 else 0


def _failed(what: str) -> NoReturn:
    raise Blind(Why.PROXY_FAILURE, what)
