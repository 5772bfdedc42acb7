"""`run`: watch and serve until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Sequence

import structlog

from exporter import __version__
from exporter.cli import build
from exporter.config import Settings
from exporter.expose.follow import Following
from exporter.expose.server import Server
from exporter.judge.sharding import ALONE, Shard

log = structlog.get_logger("acm_exporter")

SELDOM = (20_000, 50, 100)  # collections: nearly all that looks leave behind goes by itself, and most stays

Addresses = Sequence[tuple[str | None, int]]


def run(
    settings: Settings, addresses: Addresses, shard: Shard = ALONE, web_file: Following | None = None
) -> int:
    """Run the daemon; returns the exit code."""
    build.raise_limits()
    gc.set_threshold(*SELDOM)
    return asyncio.run(serve(settings, addresses, shard=shard, web_file=web_file))


async def serve(
    settings: Settings,
    addresses: Addresses,
    greet: Callable[[list[str]], None] = lambda _: None,
    *,
    shard: Shard = ALONE,
    web_file: Following | None = None,
) -> int:
    """Watch and serve until SIGTERM or SIGINT; `greet` is told the URLs once they answer."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(
        signal.SIGHUP, lambda: log.warning("reload is not supported yet; restart instead")
    )
    share = {} if shard.total == 1 else {"shard": shard.index, "shards": shard.total}
    rules = settings.renewal.rules
    log.info("starting", version=__version__, domains=len(settings.domains), rules=rules, **share)
    with build.watch(settings, shard=shard) as (watch, board):
        server = Server(board, build.probing(settings, watch), web_file)
        try:
            urls = await server.start(addresses)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            log.error("cannot listen", addresses=_spell(addresses), error=reason)  # noqa: TRY400 - no bug of ours
            await server.close()
            return 1
        log.info("listening", urls=" ".join(urls))
        greet(urls)
        tasks = [asyncio.create_task(work) for work in (watch.run(), server.keep_rendered(), stop.wait())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.close()
        failures = [task.exception() for task in done if not task.cancelled() and task.exception()]
        if failures:
            log.error("stopped by a bug", exc_info=failures[0])
            return 1
    log.info("stopped")
    return 0


def _spell(addresses: Addresses) -> str:
    return " ".join(
        f"[{host}]:{port}" if host and ":" in host else f"{host or ''}:{port}" for host, port in addresses
    )
