"""How far a single sweep is, told step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # step, done, total


def counter(progress: Progress, step: str, total: int) -> Callable[[], None]:
    """Make what tells, each time it is called, that one more of a step is done."""
    numbers = itertools.count(1)
    return lambda: progress(step, next(numbers), total)
