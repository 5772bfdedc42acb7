"""What becomes of a bug in an eye of AWS, which should have made a value of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import structlog

from exporter.facts import Sight, Unseen, Why

T = TypeVar("T")
log = structlog.get_logger("acm_exporter.schedule")

HOPELESS = {Why.DENIED, Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN}  # the next call would fail likewise


async def survived(look: Awaitable[Sight[T]]) -> Sight[T]:
    """Survive a bug in the eye."""
    try:
        return await look
    except Exception as error:
        log.exception("bug in a look")
        return Unseen(Why.BUG, f"{type(error).__name__}: {error}")
