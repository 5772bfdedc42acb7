"""The one border where exceptions become values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from exporter.facts import Seen, Sight, Unseen, Why

T = TypeVar("T")
log = structlog.get_logger("acm_exporter.observe")


class Blind(Exception):  # noqa: N818 - not an error: the look gave no value
    """Raised inside this room by whoever knows why nothing was seen; never leaves it."""

    def __init__(self, why: Why, detail: str = "") -> None:
        """Keep the closed reason and the free text."""
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail


async def sight(look: Callable[[], Awaitable[T]], deadline: float, late: Why = Why.TIMEOUT) -> Sight[T]:
    """Run one look for at most `deadline` seconds and turn whatever happens into a value.

    `late` is the reason given when the time is over. What nobody foresaw is our bug: it is logged with its
    traceback and becomes Why.BUG, so that one broken look never ends the others.
    """
    try:
        async with asyncio.timeout(deadline):
            return Seen(await look())
    except Blind as blind:
        return Unseen(blind.why, blind.detail)
    except TimeoutError:
        return Unseen(late, f"no answer within {deadline:g} s")
    except Exception as error:
        log.exception("bug in a look")
        return Unseen(Why.BUG, f"{type(error).__name__}: {error}")
