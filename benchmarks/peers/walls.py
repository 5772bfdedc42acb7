"""Listeners that lead nowhere: one never speaks, and one drops every SYN, for its queue is full.

It says their ports, and at each line that it reads how many the silent one has met, and when the last of them
gave up (seconds since the epoch).
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time


class Silent(asyncio.Protocol):
    """Accepts and says nothing."""

    met = 0
    last = 0.0

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        """Count it."""
        Silent.met += 1

    def connection_lost(self, _: Exception | None) -> None:
        """Note when."""
        Silent.last = time.time()


def full(address: str) -> tuple[socket.socket, socket.socket]:
    """Listen with room for one connection, and take it."""
    listener, filler = socket.socket(), socket.socket()
    listener.bind((address, 0))
    listener.listen(0)
    filler.connect(listener.getsockname())
    return listener, filler


async def main(silent: str, dropping: str) -> None:
    """Stand there until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Silent, silent, 0, backlog=4096)
    listener, filler = full(dropping)
    with listener, filler:
        print(server.sockets[0].getsockname()[1], listener.getsockname()[1], flush=True)
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(Silent.met, Silent.last, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
