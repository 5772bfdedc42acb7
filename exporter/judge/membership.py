"""Which accounts of an organization are chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from exporter.facts import Member, Organization


@dataclass(frozen=True, slots=True)
class Choice:
    """Accounts by their ids, by patterns of their names, and by organizational units above them."""

    accounts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # *, ? and [abc] as in a shell; capitals count
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """What is chosen, and what is left out of it."""

    include: Choice | None = None  # None: all
    exclude: Choice = Choice()

    @property
    def units(self) -> tuple[str, ...]:
        """The organizational units that have to be looked into."""
        return tuple(dict.fromkeys((*(self.include.units if self.include else ()), *self.exclude.units)))

    def of(self, organization: Organization) -> tuple[Member, ...]:
        """Choose, but none that is reached in another way."""
        return tuple(one for one in self.among(organization.members) if one.id not in organization.elsewhere)

    def among(self, members: Iterable[Member]) -> tuple[Member, ...]:
        """Choose of some; nobody is left out where only units could tell and they are not known."""
        return tuple(
            one
            for one in members
            if (self.include is None or _fits(one, self.include) is not False)
            and _fits(one, self.exclude) is not True
        )


def _fits(one: Member, choice: Choice) -> bool | None:
    """Tell whether an account is one of a choice; None where only its units could tell."""
    if one.id in choice.accounts or any(fnmatchcase(one.name, pattern) for pattern in choice.names):
        return True
    if one.units is None and choice.units:
        return None
    return not set(choice.units).isdisjoint(one.units or ())
