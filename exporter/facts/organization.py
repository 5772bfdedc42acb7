"""An AWS organization and its accounts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One active account; `own` is the one that the exporter's own credentials are of."""

    id: str
    name: str = ""  # for people; may change
    partition: str = "aws"
    own: bool = False
    units: tuple[str, ...] | None = None  # of the units asked for, those that it is under; None: none were


@dataclass(frozen=True, slots=True)
class Organization:
    """What one listing gave: the active accounts, and those to which another way is configured."""

    members: tuple[Member, ...]
    elsewhere: tuple[str, ...] = ()
