"""What was known before: under the former configuration, or by the process that ran before this one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from exporter.facts import (
    Answer,
    Certificate,
    Description,
    Domain,
    FileLook,
    Location,
    Look,
    Member,
    Question,
    Sight,
    Unseen,
    Why,
)
from exporter.snapshot import Change, History, Place, Source, Subject, What


class Door(NamedTuple):
    """How one account and region is reached, as configured."""

    name: str = ""
    profile: str = ""
    role_arn: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate of an inventory: its row of the sweep, and its description with when it was read."""

    row: Certificate
    described: Sight[Certificate] | None = None
    then: Certificate | None = None  # the row that the description was read for
    at: datetime | None = None
    tags: Mapping[str, str] | None = None  # None: not read


@dataclass(frozen=True, slots=True)
class Told:
    """What the service of an AWS resource told of it, and when it was last asked."""

    sight: Sight[Description]  # the latest that was seen, else the failure
    at: datetime
    failure: Unseen | None = None  # of the latest time


@dataclass(frozen=True, slots=True)
class Stock:
    """What one account and region had, and how the reading of it fared."""

    source: Source
    entries: tuple[Entry, ...] = ()
    tags: tuple[str, ...] = ()  # the keys of tags that were kept
    why: Why = Why.NOT_YET  # why a certificate that is missing here is missing
    resources: Mapping[str, Told] = field(default_factory=dict)  # by ARN
    behind: Source | None = None  # how the services of those resources fared
    listed_at: datetime | None = None  # when the domain names of APIs were


@dataclass(frozen=True, slots=True)
class Process:
    """What only the same process may hand on: its counters, its turns on the loop's clock, its readiness."""

    requests: Mapping[Door, Mapping[tuple[str, str], int]] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)
    recent: Mapping[str, Mapping[Hashable, bool]] = field(default_factory=dict)  # source -> its latest looks
    sweeps: Mapping[Door, float] = field(default_factory=dict)  # when the next one is due
    looks: Mapping[Domain, float] = field(default_factory=dict)  # likewise
    questions: Mapping[Question, float] = field(default_factory=dict)
    files: Mapping[Location, float] = field(default_factory=dict)
    swept: bool = False  # everything was looked at once
    listed: bool = False  # no target was missing for want of an inventory
    listings: Mapping[tuple[str, str], int] = field(default_factory=dict)  # requests to Organizations


@dataclass(frozen=True, slots=True)
class Past:
    """All that a watch hands to the one that comes after it; true ages stay what they were."""

    stocks: Mapping[Door, Stock] = field(default_factory=dict)
    domains: tuple[Domain, ...] = ()  # as configured; a place that is not among them was looked at plainly
    looks: Mapping[Place, tuple[Look, ...]] = field(default_factory=dict)
    answers: Mapping[Question, Sight[Answer]] = field(default_factory=dict)
    remembered: Mapping[Question, Answer] = field(default_factory=dict)
    files: Mapping[str, tuple[FileLook, ...]] = field(default_factory=dict)  # by the path of their location
    sources: tuple[Source, ...] = ()  # of TLS, DNS, files and the organization
    members: tuple[Member, ...] | None = None  # chosen of the organization; None: it was never listed
    histories: Mapping[Subject, History] = field(default_factory=dict)  # the longest gone first
    changed: Mapping[tuple[str, What], int] = field(default_factory=dict)  # counted so far
    undelivered: tuple[Change, ...] = ()  # what the webhook was not told yet
    process: Process = field(default_factory=Process)


NOTHING = Past()


def comparable(past: Past, domains: Iterable[Domain]) -> Past:
    """Leave out the looks at places that are looked at in another way now, say with another server name."""
    before = {(one.name, one.port): _how(one) for one in past.domains}
    now = {(one.name, one.port): _how(one) for one in domains}
    looks = {
        place: looks
        for place, looks in past.looks.items()
        if before.get(place, _how(Domain(*place))) == now.get(place, _how(Domain(*place)))
    }
    return replace(past, looks=looks)


def _how(domain: Domain) -> Domain:
    """Keep of a domain what decides over what is seen there."""
    return replace(domain, labels={}, arn="", tentative=False, found=False)
