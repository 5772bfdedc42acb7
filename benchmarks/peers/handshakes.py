"""The least that a probe can cost with pyOpenSSL: connect, shake hands, close, and nothing else.

It is told an address, a port, a file of names, how many handshakes to make and how many at once. It says
`ready` after a warm-up and `done` at the end, and goes on when it reads a line.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from OpenSSL import SSL

WARM_UP = 200
PATIENCE = 5.0  # seconds without any progress
GROUPS = b"*X25519:P-256:?X448:P-384:P-521:?ffdhe2048:?ffdhe3072"  # one key share, as the exporter offers


def context() -> SSL.Context:
    """Offer what the exporter offers; verify nothing."""
    made = SSL.Context(SSL.TLS_CLIENT_METHOD)
    made.set_verify(SSL.VERIFY_NONE)
    made.set_options(SSL.OP_NO_TICKET)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    lib = getattr(SSL, "_lib", None)
    set_groups = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if set_groups is not None:
        set_groups(made._context, GROUPS)
    return made


class Loop:
    """Handshakes side by side on one epoll."""

    def __init__(self, address: tuple[str, int], names: list[str]) -> None:
        self._address = address
        self._names = cycle([name.encode() for name in names])
        self._context = context()
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, SSL.Connection]] = {}

    def run(self, count: int, abreast: int) -> None:
        """Make so many handshakes, so many at once."""
        names = islice(self._names, count)
        for name in islice(names, abreast):
            self._start(name)
        while self._open:
            events = self._poll.poll(PATIENCE)
            if not events:
                sys.exit("no handshake goes on")
            done = sum(self._advance(descriptor) for descriptor, _ in events)
            for name in islice(names, done):
                self._start(name)

    def _start(self, name: bytes) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            sock.connect(self._address)
        tls = SSL.Connection(self._context, sock)
        tls.set_tlsext_host_name(name)
        tls.set_connect_state()
        self._open[sock.fileno()] = sock, tls
        self._poll.register(sock, select.EPOLLOUT)

    def _advance(self, descriptor: int) -> bool:
        sock, tls = self._open[descriptor]
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            self._poll.modify(descriptor, select.EPOLLIN)
            return False
        self._poll.unregister(descriptor)
        del self._open[descriptor]
        sock.close()
        return True


def main(address: str, port: str, names: str, count: str, abreast: str) -> None:
    """Warm up, wait for a line, do it, wait for another."""
    loop = Loop((address, int(port)), Path(names).read_text().split())
    loop.run(WARM_UP, int(abreast))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    loop.run(int(count), int(abreast))
    print(time.monotonic() - began, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
