"""A conversation that comes before TLS, as a pure state machine.

A script yields what to say and how the next message ends, is sent that message, and returns the last words
before the ClientHello. Nothing here has a clock or a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NoReturn, TypeAlias

from exporter.facts import Why
from exporter.observe.sight import Blind

MOST_BYTES = 64 * 1024  # of a whole conversation
MOST_LINE = 8 * 1024
MOST_MESSAGES = 500
_SHOWN = 120  # bytes of a server's words that people are shown

Frame: TypeAlias = Callable[[bytes], int]  # how long the first message is; 0 while it is not whole
Step: TypeAlias = tuple[bytes, Frame]
Script: TypeAlias = Generator[Step, bytes, bytes]


class Conversation:
    """One conversation: bytes in, bytes out, until it is done or Blind says why it never will be."""

    __slots__ = ("_buffer", "_closed", "_frame", "_heard", "_messages", "_say", "_script")

    def __init__(self, script: Script, heard: bytes = b"", closed: Why = Why.RESET) -> None:
        """Take what is to be said, what the peer has said already, and the reason to give if it leaves."""
        self._script = script
        self._buffer = heard
        self._closed = closed
        self._heard = len(heard)
        self._messages = 0
        self._say, self._frame = next(script)

    @property
    def rest(self) -> bytes:
        """What the peer has said beyond the conversation's end."""
        return self._buffer

    def begin(self) -> tuple[bytes, bool]:
        """Return the first words, and whether what was heard before is all there is to hear."""
        said, done = self._turn()
        return self._say + said, done

    def hear(self, data: bytes) -> tuple[bytes, bool]:
        """Take the next bytes, b"" at the end; returns what to say now, and whether that is all."""
        if not data:
            after = f" after {shown(self._buffer)}" if self._buffer else ""
            raise Blind(self._closed, f"closed the connection before TLS began{after}")
        self._heard += len(data)
        self._buffer += data
        said, done = self._turn()
        if not done and self._heard > MOST_BYTES:
            broken(f"more than {MOST_BYTES} bytes before TLS")
        return said, done

    def _turn(self) -> tuple[bytes, bool]:
        """Go on for as long as there are whole messages."""
        said = b""
        while length := self._frame(self._buffer):
            message, self._buffer = self._buffer[:length], self._buffer[length:]
            self._messages += 1
            if self._messages > MOST_MESSAGES:
                broken(f"more than {MOST_MESSAGES} messages before TLS")
            try:
                say, self._frame = self._script.send(message)
            except StopIteration as end:
                return said + end.value, True
            said += say
        return said, False


def broken(what: str) -> NoReturn:
    """End a conversation whose other side does not keep to the protocol."""
    raise Blind(Why.STARTTLS_PROTOCOL_ERROR, what)


def refused(what: str) -> NoReturn:
    """End a conversation whose other side does not want to speak TLS."""
    raise Blind(Why.STARTTLS_REFUSED, what)


def shown(message: bytes) -> str:
    """Return the first line of what a peer says, for people."""
    lines = message.strip()[:_SHOWN].splitlines() or [b""]
    return repr(lines[0].decode("ascii", "backslashreplace"))


def a_line(buffer: bytes) -> int:
    """Frame a line."""
    length = buffer.find(b"\n", 0, MOST_LINE) + 1
    if not length and len(buffer) >= MOST_LINE:
        broken(f"a line of more than {MOST_LINE} bytes: {shown(buffer)}")
    return length
