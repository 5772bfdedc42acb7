"""A process that writes one generation of facts after the other into a state file, until it is killed.

python -m tests.store.writer FILE FIRST
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

import structlog

from exporter.snapshot import History
from exporter.snapshot.past import Past
from exporter.store.keeper import Keeper
from tests.evidence import DAY, NOON

SUBJECTS = 200


def generation(number: int) -> Past:
    """Make a past in which everything is of one day."""
    return Past(histories={f"arn:{one}": History(NOON + number * DAY) for one in range(SUBJECTS)})


async def _write(file: Path, first: int) -> None:
    keeper = Keeper(file, lambda: NOON)
    await keeper.open()
    for number in itertools.count(first):
        await keeper.save(generation(number))
        assert keeper.keeping.healthy
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_write(Path(sys.argv[1]), int(sys.argv[2])))
