"""The certificates of all inventories as one, and what changed of them since it was last asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from exporter.facts import Certificate, Domain, Seen, Unseen, Why
from exporter.schedule.behind import Behind
from exporter.schedule.fleet import Fleet
from exporter.schedule.inventory import Inventory
from exporter.snapshot import Source


class Estate:
    """All that is known of all certificates, each ARN once."""

    def __init__(self, fleet: Fleet, domains: Iterable[Domain]) -> None:
        """Take the configured domains for the certificates that they are pinned to."""
        self._fleet = fleet
        self._pinned = {one.arn: one.name for one in domains if one.arn}
        self._certificates: dict[str, Certificate] = {}
        self._holders: dict[str, tuple[Inventory, ...]] = {}  # of each ARN
        self._asking: defaultdict[str, list[Behind]] = defaultdict(list)  # of each account
        self.reshaped = False  # whether the last update brought or took certificates, names or resources

    @property
    def certificates(self) -> Mapping[str, Certificate]:
        """The certificates by ARN, as of the last update."""
        return self._certificates

    def update(self) -> dict[str, Certificate | None]:
        """Take in what changed, and return it; None for a certificate that is gone."""
        self._asking.clear()
        for one in self._fleet.inventories:
            if one.behind.services:
                self._asking[one.source.account].append(one.behind)
        changed: dict[str, Certificate | None] = {}
        for arn in dict.fromkeys((*self._news(), *self._pinned)):
            new = self._find(arn)
            if new != self._certificates.get(arn):
                changed[arn] = new
        self.reshaped = False
        for arn, new in changed.items():
            old = self._certificates.pop(arn, None) if new is None else self._certificates.get(arn)
            self.reshaped |= old is None or new is None or (old.names, old.behind) != (new.names, new.behind)
            if new is not None:
                self._certificates[arn] = new
        return changed

    def _news(self) -> Iterable[str]:
        """Note who holds what by now, and list the ARNs of it."""
        news: dict[str, None] = {}
        for inventory in self._fleet.left():
            for arn in (*inventory.news(), *(one.arn for one in inventory.certificates)):
                self._hold(arn, inventory, held=False)
                news[arn] = None
        for inventory in self._fleet.inventories:
            for arn in inventory.news():
                self._hold(arn, inventory, held=inventory.get(arn) is not None)
                news[arn] = None
        return news

    def _hold(self, arn: str, inventory: Inventory, *, held: bool) -> None:
        before = self._holders.pop(arn, ())
        holders = tuple(one for one in before if one is not inventory) + ((inventory,) if held else ())
        if holders:
            self._holders[arn] = holders

    def _find(self, arn: str) -> Certificate | None:
        """Return the most that is known of a certificate, which two ways to an account may both hold."""
        found = [one for inventory in self._holders.get(arn, ()) if (one := inventory.get(arn))]
        whole = [one for one in found if isinstance(one.details, Seen)]
        if found:
            return self._with_what_is_behind(whole[-1] if whole else found[0])
        return self._missing(arn) if arn in self._pinned else None

    def _with_what_is_behind(self, one: Certificate) -> Certificate:
        """Add what services tell, also those of other regions: certificates of us-east-1 serve everywhere."""
        behind = {arn: sight for each in self._asking[one.account] for arn, sight in each.of(one).items()}
        return replace(one, behind=behind) if behind else one

    def _missing(self, arn: str) -> Certificate:
        """Stand in for a pinned certificate that no inventory holds: everything of it is unknown."""
        _, _, _, region, account, _ = arn.split(":", 5)
        places = [one for one in self._fleet.inventories if one.eye.region == region]
        mine = [one for one in places if one.eye.account == account] or [
            p for p in places if not p.eye.account
        ]
        unlisted = not mine and not self._fleet.asked
        why = mine[0].why if mine else Why.NOT_YET if unlisted else Why.NOT_FOUND
        details = Unseen(why, f"{arn} is not in the inventory")
        return Certificate(arn, account, region, self._pinned[arn], (), details=details)

    def sources(self) -> tuple[Source, ...]:
        """Tell how each account and region fared; of two ways to one place a failure is told."""
        told: dict[tuple[str, str, str], Source] = {}
        inventories = self._fleet.inventories
        asking = (one.behind for one in inventories if one.behind.services)
        for one in (*(one.source for one in inventories), *(each.source for each in asking)):
            place = (one.source, one.account, one.region)
            if place not in told or one.success is False:
                told[place] = one
        return (*self._fleet.sources, *told.values())
