"""The certificates of all inventories as one, and what changed of them since it was last asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exporter.facts import Certificate, Domain, Seen, Unseen, Why
from exporter.schedule.inventory import Inventory
from exporter.snapshot import Source


class Estate:
    """All that is known of all certificates, each ARN once."""

    def __init__(self, inventories: Sequence[Inventory], domains: Iterable[Domain]) -> None:
        """Take the configured domains for the certificates that they are pinned to."""
        self._inventories = inventories
        self._pinned = {one.arn: one.name for one in domains if one.arn}
        self._certificates: dict[str, Certificate] = {}
        self.reshaped = False  # whether the last update brought or took certificates, names or resources

    @property
    def certificates(self) -> Mapping[str, Certificate]:
        """The certificates by ARN, as of the last update."""
        return self._certificates

    def update(self) -> dict[str, Certificate | None]:
        """Take in what changed, and return it; None for a certificate that is gone."""
        changed: dict[str, Certificate | None] = {}
        for arn in dict.fromkeys((*(arn for one in self._inventories for arn in one.news()), *self._pinned)):
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

    def _find(self, arn: str) -> Certificate | None:
        """Return the most that is known of a certificate, which two accounts entries may both hold."""
        found = [one for inventory in self._inventories if (one := inventory.get(arn))]
        whole = [one for one in found if isinstance(one.details, Seen)]
        if found:
            return self._with_what_is_behind(whole[-1] if whole else found[0])
        return self._missing(arn) if arn in self._pinned else None

    def _with_what_is_behind(self, one: Certificate) -> Certificate:
        """Add what services tell, also those of other regions: certificates of us-east-1 serve everywhere."""
        asking = (inventory.behind for inventory in self._inventories if inventory.behind.services)
        behind = {arn: sight for each in asking for arn, sight in each.of(one).items()}
        return replace(one, behind=behind) if behind else one

    def _missing(self, arn: str) -> Certificate:
        """Stand in for a pinned certificate that no inventory holds: everything of it is unknown."""
        _, _, _, region, account, _ = arn.split(":", 5)
        places = [one for one in self._inventories if one.eye.region == region]
        mine = [one for one in places if one.eye.account == account] or [
            p for p in places if not p.eye.account
        ]
        why = mine[0].why if mine else Why.NOT_FOUND
        details = Unseen(why, f"{arn} is not in the inventory")
        return Certificate(arn, account, region, self._pinned[arn], (), details=details)

    def sources(self) -> tuple[Source, ...]:
        """Tell how each account and region fared; of two ways to one place a failure is told."""
        told: dict[tuple[str, str, str], Source] = {}
        asking = (one.behind for one in self._inventories if one.behind.services)
        for one in (*(one.source for one in self._inventories), *(each.source for each in asking)):
            place = (one.source, one.account, one.region)
            if place not in told or one.success is False:
                told[place] = one
        return tuple(told.values())

    def requests(self) -> dict[tuple[str, str, str, str], int]:
        """Count the requests to AWS by account, region, operation and code."""
        counts: Counter[tuple[str, str, str, str]] = Counter()
        for one in self._inventories:
            for (operation, code), number in one.requests.items():
                counts[one.source.account, one.source.region, operation, code] += number
        return dict(counts)
