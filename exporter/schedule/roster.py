"""Who is in the organization: listed once per interval; who was known stays known while that fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from exporter.facts import Member, Seen, Unseen, Why
from exporter.schedule.plan import Membership
from exporter.schedule.surviving import survived
from exporter.snapshot import Source
from exporter.snapshot.past import Past

log = structlog.get_logger("acm_exporter.schedule")

ORGANIZATION = "organization"  # the source
TOLD = 20  # accounts that are logged by their ids


class Roster:
    """The chosen accounts of one organization."""

    def __init__(self, membership: Membership, clock: Callable[[], datetime], past: Past) -> None:
        """Begin with who was chosen before, as far as that is still so."""
        self.source = next((one for one in past.sources if one.source == ORGANIZATION), Source(ORGANIZATION))
        self.asked = False  # whether it was listed by this process, with whatever success
        self.members: tuple[Member, ...] | None = None  # None: it was never listed
        if past.members is not None:
            # They were chosen by the units that were configured then; a listing tells of those of now.
            self.members = membership.filter.among(replace(one, units=None) for one in past.members)
        self._membership = membership
        self._clock = clock
        self._why: Why | None = Why.NOT_YET  # why it is not listed
        self._requests = Counter(past.process.listings)

    @property
    def requests(self) -> Counter[tuple[str, str]]:
        """The requests so far by operation and code."""
        return self._requests + Counter(self._membership.eye.requests)

    @property
    def place(self) -> tuple[str, str]:
        """The account and region of the requests."""
        return self.source.account, self._membership.eye.region

    async def refresh(self) -> None:
        """List the organization."""
        loop, eye = asyncio.get_running_loop(), self._membership.eye
        began = loop.time()
        sight = await survived(eye.look())
        account = eye.account or self.source.account
        self.source = replace(self.source, account=account, duration=loop.time() - began)
        self.asked = True
        match sight:
            case Seen(value=organization):
                self.source = replace(self.source, success=True, last_success=self._clock(), error="")
                before, self.members = self.members or (), self._membership.filter.of(organization)
                self._tell(before, None)
            case Unseen(why=why, detail=detail):
                self.source = replace(self.source, success=False, error=f"{why}: {detail}")
                self._tell(self.members or (), why)

    def _tell(self, before: tuple[Member, ...], why: Why | None) -> None:
        """Log what is new."""
        was, self._why = self._why, why
        members = self.members or ()
        if why is not None:
            if why is not was:
                log.warning("the organization cannot be listed", error=self.source.error, known=len(members))
            return
        came = [one.id for one in members if one.id not in {other.id for other in before}]
        left = [one.id for one in before if one.id not in {other.id for other in members}]
        if was is not None:
            log.info("the organization is listed", account=self.source.account, accounts=len(members))
        if came or left:
            log.info("accounts changed", came=_some(came), left=_some(left))


def _some(accounts: list[str]) -> str:
    more = len(accounts) - TOLD
    return " ".join(accounts[:TOLD]) + (f" and {more} more" if more > 0 else "")
