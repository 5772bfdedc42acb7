"""What all tests share."""

from __future__ import annotations

import sys

import pytest
import structlog
from hypothesis import settings
from structlog._config import BoundLoggerLazyProxy

# No property has a deadline: machines are noisy, and none of these tests is timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _logs_as_at_the_start() -> None:
    """Undo that a test has set up logging for the whole process, lest the next ones hear nothing."""
    if structlog.is_configured():
        structlog.reset_defaults()
        for name, module in list(sys.modules.items()):
            log = vars(module).get("log")
            if name.startswith("exporter.") and isinstance(log, BoundLoggerLazyProxy):
                vars(log).pop("bind", None)  # where a logger keeps what it was set up with at its first use
