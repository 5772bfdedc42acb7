"""Everything known at one moment, judged and immutable; the only thing that is exposed.

Law of this room: no clock, network or log, like the rules it applies. `taking` turns all knowledge into a
Snapshot, `ledger` does so piece by piece as news come in. The Board is the house's one mutable cell, written
by one assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from exporter.facts import (
    Answer,
    Certificate,
    Domain,
    Endpoint,
    Evidence,
    FileLook,
    Look,
    Question,
    Sight,
)
from exporter.judge.rule import Policy, RuleSet
from exporter.judge.sharding import ALONE, Shard
from exporter.judge.verdict import Verdict

Place: TypeAlias = tuple[str, int]  # a domain and a port


@dataclass(frozen=True, slots=True)
class Source:
    """How one source (acm, organization, resources, tls, dns, file) fared of late; `error` is text."""

    source: str
    account: str = ""
    region: str = ""
    success: bool | None = None  # None: not asked yet
    duration: float | None = None  # seconds
    last_success: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the state file fares."""

    healthy: bool  # the latest attempt to open or write it succeeded
    last_write: datetime | None = None
    size: int | None = None  # bytes on the disk
    dropped: int = 0  # rows that were not as they had been written


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the webhook fares."""

    success: bool | None = None  # of the latest request; None: there was none
    last_success: datetime | None = None
    requests: Mapping[str, int] = field(default_factory=dict)  # outcome -> requests
    delivered: int = 0  # changes
    dropped: int = 0  # changes that waited too long or found no room
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Roll:
    """The accounts as people know them."""

    names: Mapping[str, str] = field(default_factory=dict)  # account id -> name
    members: int | None = None  # chosen of the organization; None: there is none, or it was never listed


@dataclass(frozen=True, slots=True)
class WebFile:
    """How the web configuration fares."""

    loaded_at: datetime  # the one in use
    refused: bool = False  # a later one cannot be used


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that the schedule has gathered so far: the raw material of a snapshot."""

    certificates: tuple[Certificate, ...] = ()
    domains: tuple[Domain, ...] = ()
    looks: tuple[Look, ...] = ()
    answers: Mapping[Question, Sight[Answer]] = field(default_factory=dict)  # the latest
    remembered: Mapping[Question, Answer] = field(default_factory=dict)  # the latest that were seen
    sources: tuple[Source, ...] = ()
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (source, outcome) -> looks
    swept: bool = False  # everything was looked at once
    targets: tuple[Domain, ...] = ()  # the configured domains and the names of the certificates
    listed: bool = False  # the inventories were read, so that no target is missing
    files: tuple[FileLook, ...] = ()
    roll: Roll = Roll()


@dataclass(frozen=True, slots=True)
class News:
    """What changed since the snapshot before, with None for what is gone; the rest is as of now."""

    certificates: Mapping[str, Certificate | None] = field(default_factory=dict)  # by ARN
    looks: Mapping[Place, tuple[Look, ...] | None] = field(default_factory=dict)
    answers: Mapping[Question, Sight[Answer] | None] = field(default_factory=dict)
    remembered: Mapping[Question, Answer] = field(default_factory=dict)  # the latest seen, of these answers
    sources: tuple[Source, ...] = ()
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)
    swept: bool = False
    targets: tuple[Domain, ...] = ()
    listed: bool = False
    refused: bool = False
    keeping: Keeping | None = None
    delivery: Delivery | None = None
    web_file: WebFile | None = None
    files: tuple[FileLook, ...] = ()
    roll: Roll = Roll()


class What(StrEnum):
    """What of a certificate or of an endpoint changed: a closed set, safe as a label."""

    SERIAL = "serial"
    ISSUER = "issuer"
    VERDICT = "verdict"  # of certificates only


Subject: TypeAlias = str | Endpoint  # a certificate's ARN, or an endpoint


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was when it was last known; serials as lower-case hex."""

    at: datetime  # when that was seen
    subject: Subject
    domain: str
    what: What
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class History:
    """What became of one certificate or endpoint since it was first seen."""

    first_seen: datetime | None = None
    known: Mapping[What, str] = field(default_factory=dict)  # the latest of each
    changes: tuple[Change, ...] = ()  # the latest last


UNTOLD = History()


@dataclass(frozen=True, slots=True)
class Case:
    """One certificate with its evidence and its verdict."""

    evidence: Evidence
    verdict: Verdict
    window_start: datetime | None
    first_issue: datetime | None  # of this ARN, which the limit of 825 days counts from
    records: tuple[tuple[str, bool], ...]  # validation record -> as ACM wants it; unseen ones are left out
    history: History = UNTOLD

    @property
    def certificate(self) -> Certificate:
        """The certificate that the case is about."""
        return self.evidence.certificate


@dataclass(frozen=True, slots=True)
class Spot:
    """One endpoint with what is judged of it alone; None where nothing was ever seen."""

    look: Look
    labels: Mapping[str, str]
    name_match: bool | None
    serial_matches: tuple[tuple[str, bool], ...]  # ARN -> serves that certificate's serial
    history: History = UNTOLD


@dataclass(frozen=True, slots=True)
class Filed:
    """One file with what is judged of it alone."""

    look: FileLook
    serial_matches: tuple[tuple[str, bool], ...] = ()  # ARN -> holds that certificate's serial


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment; every number and every word that users see comes from here.

    Cases, spots and files are this shard's; targets are everybody's.
    """

    taken_at: datetime
    policy: Policy
    cases: tuple[Case, ...] = ()
    spots: tuple[Spot, ...] = ()
    sources: tuple[Source, ...] = ()
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()  # the keys of all cases' tags
    labels: tuple[str, ...] = ()  # the names of all spots' labels
    ready: bool = False
    targets: tuple[Domain, ...] = ()  # what there is to look at, by whomever
    listed: bool = False  # no target is missing because an inventory was not read yet
    configured_at: datetime | None = None  # when the configuration in force was loaded
    refused: bool = False  # a later one was refused
    shard: Shard = ALONE
    others: tuple[Certificate, ...] = ()  # the certificates of the other shards
    changes: tuple[Change, ...] = ()  # of everything, the latest last
    changed: Mapping[tuple[str, What], int] = field(default_factory=dict)  # counted so far
    keeping: Keeping | None = None  # None: there is no state file
    delivery: Delivery | None = None  # None: there is no webhook
    web_file: WebFile | None = None  # None: there is no web configuration
    files: tuple[Filed, ...] = ()
    roll: Roll = Roll()

    @property
    def rules(self) -> RuleSet:
        """The rule set that decided the verdicts."""
        return self.policy.rules


@dataclass(slots=True)
class Board:
    """The one mutable cell; readers take `latest` once and read it at leisure."""

    latest: Snapshot
