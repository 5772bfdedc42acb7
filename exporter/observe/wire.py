"""One TCP connection, driven by callbacks of the event loop: a task at each step costs half as much as TLS.

Its times are the peer's and not those of our own queue. The kernel stamps what arrives and measures the round
trip of the connection, so that a busy event loop makes no server look slow. Where the kernel tells nothing,
the loop's clock serves.
"""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import socket
import struct
import sys
import time
from collections.abc import Callable

READ = 16 * 1024
_STAMP = struct.Struct("@ll")  # struct timespec
_STAMP_SPACE = socket.CMSG_SPACE(_STAMP.size)
# SO_TIMESTAMPNS of asm-generic/socket.h, which Python does not name; some architectures number it otherwise.
_STAMPED = 35 if sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"} else None
_TCP_INFO = getattr(socket, "TCP_INFO", None)
_RTT = struct.Struct("@68xI28xI")  # tcpi_rtt in microseconds and tcpi_total_retrans of struct tcp_info


def stamped(sock: socket.socket) -> socket.socket:
    """Have the kernel stamp what arrives; let one such socket stay open, as the first and the last cost much.

    Linux rewrites its own code when it begins to stamp and when nobody wants it any more: together 0.2 ms.
    """
    if _STAMPED is not None:
        sock.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
    return sock


class Wire:
    """One connection to an IP address.

    `connected` is how many seconds that took so far or took, `waited` how many the peer took to answer since.
    """

    __slots__ = (
        *("_descriptor", "_done", "_hear", "_loop", "_pending", "_reading", "_sent", "_sent_at", "_sock"),
        *("_writing", "connected", "waited"),
    )

    def __init__(self, family: socket.AddressFamily) -> None:
        """Open a socket; OSError where there is none to be had."""
        self._loop = asyncio.get_running_loop()
        self._sock = stamped(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
        self._descriptor = self._sock.fileno()  # selectors write a socket's whole text at each turn
        self._reading = self._writing = False  # what the loop watches for
        self._pending = b""
        self._sent = self._sent_at = 0.0
        self.connected = self.waited = 0.0

    async def connect(self, address: str, port: int) -> None:
        """Connect, without asking a resolver; raises OSError."""
        start = self._loop.time()
        try:
            code = self._sock.connect_ex((address, port))
            if code == errno.EINPROGRESS:
                self._done = self._loop.create_future()
                self._loop.add_writer(self._descriptor, _settle, self._done)
                self._writing = True
                await self._done
                self._stop_writing()
                code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code))
        finally:
            self.connected = self._loop.time() - start
        self.connected = min(self.connected, self._round_trip())

    @property
    def own_address(self) -> str:
        """The IP address that we come from."""
        return str(self._sock.getsockname()[0]).partition("%")[0]

    def _round_trip(self) -> float:
        """Return what the kernel measured from SYN to SYN-ACK; infinite where it sent more than one."""
        if _TCP_INFO is None:
            return float("inf")
        told = self._sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT.size)
        microseconds, again = _RTT.unpack(told) if len(told) == _RTT.size else (0, 0)
        return microseconds / 1e6 if microseconds and not again else float("inf")

    async def converse(self, begin: Callable[[], bool], hear: Callable[[bytes], bool]) -> None:
        """Let `begin` speak, then `hear` everything that arrives, b"" at the end, until one of them is True.

        What either of them raises, or the socket does, is raised here.
        """
        self._done = self._loop.create_future()
        self._hear = hear
        self._sent_at = self._loop.time()
        try:
            if not begin():
                self._loop.add_reader(self._descriptor, self._arrived)
                self._reading = True
                await self._done
        except asyncio.CancelledError:
            self.waited += self._loop.time() - self._sent_at
            raise
        finally:
            del self._done, self._hear  # which may lead to an exception whose traceback leads back here

    def send(self, data: bytes) -> None:
        """Send, what does not fit later; raises OSError."""
        if self._pending:
            self._pending += data
            return
        try:
            self._pending = data[self._sock.send(data) :]
        except BlockingIOError:
            self._pending = data
        if self._pending:
            self._loop.add_writer(self._descriptor, self._flush)
            self._writing = True
        self._sent, self._sent_at = time.clock_gettime(time.CLOCK_REALTIME), self._loop.time()

    def close(self) -> None:
        """Close the socket, whatever is under way."""
        self._stop_reading()
        self._stop_writing()
        self._sock.close()

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._descriptor)

    def _flush(self) -> None:
        data, self._pending = self._pending, b""
        self._stop_writing()
        try:
            self.send(data)
        except OSError as error:
            self._end(error)

    def _arrived(self) -> None:
        try:
            data, notes, _, _ = self._sock.recvmsg(READ, _STAMP_SPACE)
            self._clock(notes)
            if self._hear(data):
                self._end(None)
        except (BlockingIOError, InterruptedError):
            pass
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            self._end(error)

    def _clock(self, notes: list[tuple[int, int, bytes]]) -> None:
        """Add what the peer took: up to the kernel's stamp, if it is one of this time, else until now."""
        now = self._loop.time()
        waited = now - self._sent_at
        for _, kind, stamp in notes:
            if kind == _STAMPED and len(stamp) == _STAMP.size:
                seconds, nanoseconds = _STAMP.unpack(stamp)
                waited = min(waited, max(0.0, seconds + nanoseconds / 1e9 - self._sent))
        self.waited += waited
        self._sent_at = now  # of two arrivals in a row, the latter took from here
        self._sent += waited

    def _end(self, error: Exception | None) -> None:
        self._stop_reading()
        if error is None:
            _settle(self._done)
        elif not self._done.done():
            self._done.set_exception(error)


def _settle(done: asyncio.Future[None]) -> None:
    """Wake whoever waits, unless it was woken or cancelled already."""
    if not done.done():
        done.set_result(None)
