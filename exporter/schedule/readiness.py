"""Whether everything was looked at once; both answers stay yes once they are."""

from __future__ import annotations

import asyncio
from typing import Protocol

from exporter.schedule.fleet import Fleet

PATIENCE = 60.0  # seconds that readiness waits for the descriptions of a large inventory
LIST_PATIENCE = 900.0  # seconds that the list of targets waits for an inventory that cannot be read


class Pending(Protocol):
    """What knows how much of it was never looked at."""

    @property
    def pending(self) -> int:
        """How many were never looked at so far."""


class Readiness:
    """Watches the inventories and rotas for the first time that all of them are through."""

    def __init__(
        self,
        fleet: Fleet,
        domains: Pending,
        questions: Pending,
        files: Pending,
        *,
        swept: bool = False,
        listed: bool = False,
    ) -> None:
        """Take what is waited for, and what was reached before by the same process."""
        self.is_swept = swept
        self.is_listed = listed
        self._fleet = fleet
        self._domains = domains
        self._questions = questions
        self._files = files
        self._started: float | None = None

    def start(self) -> None:
        """Be patient from now on."""
        self._started = asyncio.get_running_loop().time()

    def swept(self) -> bool:
        """Whether everything was looked at once by this process.

        It is patient with descriptions only so long, and with the records that keep coming of them.
        """
        if self.is_swept or self._started is None:
            return self.is_swept
        late = asyncio.get_running_loop().time() - self._started > PATIENCE
        self.is_swept = (
            self._fleet.asked
            and all(one.swept for one in self._fleet.inventories)
            and not self._domains.pending
            and not self._files.pending
            and (late or not (self._questions.pending or any(one.pending for one in self._fleet.inventories)))
        )
        return self.is_swept

    def listed(self) -> bool:
        """Whether no target is missing for want of an inventory.

        Whoever follows the list would lose the targets of an inventory that was never read, so it waits for
        all of them; but one that stays broken may not hide the others for ever.
        """
        if self.is_listed or self._started is None:
            return self.is_listed
        late = asyncio.get_running_loop().time() - self._started > LIST_PATIENCE
        inventories = self._fleet.inventories
        enough = any if late and inventories else all
        self.is_listed = (late or self._fleet.complete) and enough(
            one.source.last_success is not None for one in inventories
        )
        return self.is_listed
