"""STARTTLS and its kin: what each protocol says before TLS begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from typing import TypeAlias

from exporter.observe.conversation import (
    MOST_LINE,
    Conversation,
    Script,
    Step,
    a_line,
    broken,
    refused,
    shown,
)
from exporter.observe.packets import ldap, mysql, postgres

Scripts: TypeAlias = Callable[[str, str], Script]  # by the server's name and our own address

_CODE = re.compile(rb"[1-5][0-9][0-9](?:[ -]|\r?\n)")
_GREETING = re.compile(rb"\* (OK|PREAUTH|BYE)\b", re.IGNORECASE)
_TAG = re.compile(rb"""[^<]*<(?:[^<>"']|"[^<"]*"|'[^<']*')*+>""")
_DECLARES = re.compile(rb"[^<]*<!")
_NAME = re.compile(rb"<(/?)(?:[\w.-]+:)?([\w.-]+)")


def starttls(protocol: str, server_name: str, us: str, heard: bytes = b"") -> Conversation:
    """Begin the conversation of a protocol; `us` is the address that we come from."""
    return Conversation(PROTOCOLS[protocol](server_name, us), heard)


def _smtp(_: str, us: str) -> Script:
    """RFC 3207: greeting, EHLO (with our address literal, RFC 5321, section 4.1.3), STARTTLS."""
    yield from _wanted(b"220")
    literal = f"IPv6:{us}" if ":" in us else us
    extensions = yield from _wanted(b"250", f"EHLO [{literal}]\r\n".encode())
    if not any(one[4:].upper().split()[:1] == [b"STARTTLS"] for one in extensions[1:]):
        refused("does not offer STARTTLS")
    yield from _wanted(b"220", b"STARTTLS\r\n")
    return b""


def _ftp(_: str, __: str) -> Script:
    """RFC 4217, section 4: greeting, AUTH TLS."""
    yield from _wanted(b"220")
    yield from _wanted(b"234", b"AUTH TLS\r\n")
    return b""


def _wanted(code: bytes, say: bytes = b"") -> Generator[Step, bytes, list[bytes]]:
    """Say something and return the lines of a reply of SMTP or FTP, which has to have this code."""
    reply = yield from _reply(say)
    while reply[0].startswith(b"120"):  # FTP: ready in a while
        reply = yield from _reply()
    if not reply[0].startswith(code):
        refused(f"says {shown(reply[0])}")
    return reply


def _reply(say: bytes = b"") -> Generator[Step, bytes, list[bytes]]:
    """Read one reply: FTP's lines between the first and the last need no code (RFC 959, section 4.2)."""
    first = yield say, a_line
    if not _CODE.match(first):
        broken(f"says {shown(first)} instead of a reply code")
    lines = [first]
    while first[3:4] == b"-" and (lines[-1][:3] != first[:3] or lines[-1][3:4] == b"-"):
        lines.append((yield b"", a_line))
    return lines


def _imap(_: str, __: str) -> Script:
    """RFC 9051, section 6.2.1: greeting, CAPABILITY, STARTTLS."""
    greeting = yield b"", a_line
    match = _GREETING.match(greeting)
    if match is None:
        broken(f"says {shown(greeting)} instead of an IMAP greeting")
    if match[1].upper() != b"OK":  # after PREAUTH it is too late for STARTTLS
        refused(f"says {shown(greeting)}")
    told = yield from _tagged(b"a1", b"CAPABILITY")
    if not any(words[1:2] == [b"CAPABILITY"] and b"STARTTLS" in words for words in told):
        refused("does not offer STARTTLS")
    yield from _tagged(b"a2", b"STARTTLS")
    return b""


def _tagged(tag: bytes, command: bytes) -> Generator[Step, bytes, list[list[bytes]]]:
    """Give an IMAP command and return the words of the untagged lines before its OK."""
    told = []
    answer = yield tag + b" " + command + b"\r\n", a_line
    while answer.startswith(b"* "):
        words = answer.upper().split()
        if words[1:2] == [b"BYE"]:
            refused(f"says {shown(answer)}")
        told.append(words)
        answer = yield b"", a_line
    if not answer.startswith(tag + b" "):
        broken(f"says {shown(answer)} instead of an answer to {command.decode()}")
    if answer.upper().split()[1:2] != [b"OK"]:
        refused(f"says {shown(answer)}")
    return told


def _pop3(_: str, __: str) -> Script:
    """RFC 2595, section 4: greeting, CAPA (RFC 2449), STLS."""
    yield from _ok()
    answer = yield b"CAPA\r\n", a_line
    if answer.startswith(b"+OK"):
        offered = set()
        while (one := (yield b"", a_line).strip().upper()) != b".":
            offered.add(one)
        if b"STLS" not in offered:
            refused("does not offer STLS")
    elif not answer.startswith(b"-ERR"):  # an old server has no CAPA and may know STLS
        broken(f"says {shown(answer)} instead of +OK or -ERR")
    yield from _ok(b"STLS\r\n")
    return b""


def _ok(say: bytes = b"") -> Generator[Step, bytes, None]:
    """Say something of POP3 that has to be answered by +OK."""
    answer = yield say, a_line
    if answer.startswith(b"-ERR"):
        refused(f"says {shown(answer)}")
    if not answer.startswith(b"+OK"):
        broken(f"says {shown(answer)} instead of +OK or -ERR")


def _xmpp(server_name: str, _: str) -> Script:
    """RFC 6120, section 5.4.2: a stream to the domain, its features, starttls, proceed."""
    stream = (
        f"<?xml version='1.0'?><stream:stream to='{server_name}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    name, text = yield from _read_tag(stream.encode())
    if name == "?xml":
        name, text = yield from _read_tag()
    if name != "stream":
        broken(f"says {shown(text)} instead of a stream")
    name, text = yield from _read_tag()
    if name != "features":
        yield from _no(name, text)
    offered = set()
    while name != "/features" and not text.endswith(b"features/>"):
        name, text = yield from _read_tag()
        offered.add(name)
    if "starttls" not in offered:
        refused("does not offer starttls")
    name, text = yield from _read_tag(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    if name != "proceed":
        yield from _no(name, text)
    if not text.endswith(b"/>"):
        yield from _read_tag()
    return b""


def _tag(buffer: bytes) -> int:
    """Frame XML up to the end of a tag; RFC 6120, section 11.1, forbids all that would make this hard."""
    match = _TAG.match(buffer)
    if match is None and (len(buffer) > MOST_LINE or _DECLARES.match(buffer)):
        broken(f"begins with {shown(buffer)} instead of XMPP")
    return match.end() if match else 0


def _read_tag(say: bytes = b"") -> Generator[Step, bytes, tuple[str, bytes]]:
    """Say something and return the next tag: its local name ("/" before that of an end) and its text."""
    text = yield say, _tag
    text = text[text.index(b"<") :]
    if text.startswith(b"<?xml"):
        return "?xml", text
    match = _NAME.match(text)
    if match is None:
        broken(f"says {shown(text)} instead of XMPP")
    return (match[1] + match[2]).decode("ascii", "replace"), text


def _no(name: str, text: bytes) -> Generator[Step, bytes, None]:
    """End with the condition that a stream error names, or with a failure."""
    if name not in ("error", "failure", "/stream"):
        broken(f"says {shown(text)} instead of XMPP")
    if name == "error":
        name, _ = yield from _read_tag()
    refused(f"answers with {name}")


PROTOCOLS: Mapping[str, Scripts] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ftp": _ftp,
    "postgres": postgres,
    "mysql": mysql,
    "ldap": ldap,
    "xmpp": _xmpp,
}
