"""Stands where a server is handed what probes: it answers what a test wants, and remembers what it was asked."""

from __future__ import annotations

from dataclasses import replace

from exporter.expose.ondemand import Probing
from exporter.judge.admission import Errand, Forbidden, Probed, allowance
from tests.evidence import look

SECONDS = 10.0  # probe.timeout


class Asked:
    """Sees the healthy certificate wherever it is sent, if a test does not say otherwise."""

    def __init__(self) -> None:
        self.errands: list[Errand] = []
        self.answer: Probed | Forbidden | None = Probed((replace(look(), reached=True),), 0.125)

    async def run(self, errand: Errand) -> Probed | Forbidden | None:
        """Answer."""
        self.errands.append(errand)
        return self.answer

    def probing(self, *allow: str) -> Probing:
        """Make what a server is handed."""
        return Probing(self.run, tuple(allowance(text) for text in allow), SECONDS)
