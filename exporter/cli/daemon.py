"""`run`: watch and serve until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import structlog

from exporter import __version__
from exporter.cli import build
from exporter.cli.beside import Beside
from exporter.cli.origin import Origin
from exporter.cli.succession import Succession
from exporter.config import Settings
from exporter.expose.follow import Following
from exporter.judge.sharding import ALONE, Shard
from exporter.snapshot.past import NOTHING, Past

log = structlog.get_logger("acm_exporter")

SELDOM = (20_000, 50, 100)  # collections: nearly all that looks leave behind goes by itself, and most stays
STORING = 0.7  # seconds for `keep` at the end; with those of open requests, two seconds are not exceeded
ENDING = (signal.SIGTERM, signal.SIGINT)

Addresses = Sequence[tuple[str | None, int]]
Keep = Callable[[Past], None]


def run(
    settings: Settings,
    addresses: Addresses,
    shard: Shard = ALONE,
    origin: Origin | None = None,
    web_file: Following | None = None,
) -> int:
    """Run the daemon; returns the exit code."""
    build.raise_limits()
    gc.set_threshold(*SELDOM)
    runner = asyncio.Runner()  # not closed: that would wait for a thread that judges or renders
    return runner.run(serve(settings, addresses, shard=shard, origin=origin, web_file=web_file))


async def serve(
    settings: Settings,
    addresses: Addresses,
    greet: Callable[[list[str]], None] = lambda _: None,
    *,
    shard: Shard = ALONE,
    origin: Origin | None = None,
    keep: Keep | None = None,
    clock: Callable[[], datetime] = build.clock,
    web_file: Following | None = None,
) -> int:
    """Watch and serve until SIGTERM or SIGINT, of which the second ends the process at once.

    `greet` is told the URLs once they answer; `keep` is called at the end, in a thread, with what
    is known; by default it writes the state file.
    """
    share = {} if shard.total == 1 else {"shard": shard.index, "shards": shard.total}
    rules = settings.renewal.rules
    log.info("starting", version=__version__, domains=len(settings.domains), rules=rules, **share)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what was loaded just now is new
    beside = Beside(clock, web_file)
    past = await beside.begin(settings)
    with ExitStack() as stack:
        stop = stack.enter_context(_Signals(lambda: succession.reload("SIGHUP")))
        succession = Succession(
            settings, origin, shard=shard, clock=clock, past=past, beside=beside, web_file=web_file
        )
        stack.callback(succession.close)
        server = succession.server
        if past is not NOTHING:
            await succession.begin()
        try:
            urls = await server.start(addresses)
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that cannot be one
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            log.error("cannot listen", addresses=_spell(addresses), error=reason)  # noqa: TRY400 - no bug of ours
            await server.close()
            return 1
        server.renew()
        log.info("listening", urls=" ".join(urls))
        greet(urls)
        keeping = beside.run(lambda: succession.watch)
        work = (succession.run(), succession.follow(), keeping, server.keep_rendered(), stop.wait())
        tasks = [asyncio.create_task(one) for one in work]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        server.stopping = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _store(keep or beside.finish, succession.past)
        await server.close()
        failures = [task.exception() for task in done if not task.cancelled() and task.exception()]
        if failures:
            log.error("stopped by a bug", exc_info=failures[0])
            return 1
    log.info("stopped")
    return 0


class _Signals:
    """Takes signals: SIGHUP reloads, SIGTERM and SIGINT stop; a second one of these ends at once."""

    def __init__(self, reload: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._reload = reload
        self._stop = asyncio.Event()
        self._reloads: set[asyncio.Task[object]] = set()
        self._loop = asyncio.get_running_loop()
        self._before = {number: signal.getsignal(number) for number in ENDING}

    def __enter__(self) -> asyncio.Event:
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        for number in ENDING:
            self._loop.add_signal_handler(number, self._end)
        return self._stop

    def __exit__(self, *_: object) -> None:
        for task in self._reloads:
            task.cancel()
        for number in (signal.SIGHUP, *ENDING):
            self._loop.remove_signal_handler(number)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hang_up(self) -> None:
        task = self._loop.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _end(self) -> None:
        self._stop.set()
        for number in ENDING:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)


async def _store(keep: Keep, past: Callable[[], Past]) -> None:
    """Store what is known; a disk that hangs may not hold up the end."""
    try:
        async with asyncio.timeout(STORING):
            await asyncio.to_thread(keep, past())
    except TimeoutError:
        log.error("what is known could not be stored in time")  # noqa: TRY400 - no bug of ours
    except Exception:
        log.exception("what is known could not be stored")


def _spell(addresses: Addresses) -> str:
    return " ".join(
        f"[{host}]:{port}" if host and ":" in host else f"{host or ''}:{port}" for host, port in addresses
    )
