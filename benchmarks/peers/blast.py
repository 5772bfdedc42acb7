"""Asks a blackbox_exporter for probes over HTTP connections that are kept, at a pace or as fast as it can.

It is told a port, a file of targets, probes per second (0: no pace), how many at once, and how many in all;
prints what it took as JSON.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from itertools import count, cycle
from pathlib import Path

from benchmarks.scrape import ACCEPT

HEADERS = f"Host: 127.0.0.1\r\nAccept: {ACCEPT}\r\nAccept-Encoding: gzip\r\n"
HEADERS += "User-Agent: Prometheus/2.42.0\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"


async def blast(port: int, targets: list[str], pace: float, abreast: int, total: int) -> dict[str, float]:
    """Share the targets out among workers, each with a connection."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    numbers, names = count(), cycle(targets)
    failed = 0

    async def work() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (number := next(numbers)) < total:
            if pace:
                await asyncio.sleep(began + number / pace - loop.time())
            writer.write(f"GET /probe?module=tls&target={next(names)} HTTP/1.1\r\n{HEADERS}".encode())
            failed += b"\nprobe_success 1" not in await answer(reader)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(abreast):
            group.create_task(work())
    return {"probes": total, "failed": failed, "seconds": loop.time() - began}


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Read one answer whole, as far as net/http's ways go."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"\r\ncontent-length: " in head:
        length = int(head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
    else:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return gzip.decompress(body) if b"\r\ncontent-encoding: gzip" in head else body


def main(port: str, targets: str, pace: str, abreast: str, total: str) -> None:
    """Run it and tell."""
    names = Path(targets).read_text().split()
    told = asyncio.run(blast(int(port), names, float(pace), int(abreast), int(total)))
    print(json.dumps(told | {"ended": time.time()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
