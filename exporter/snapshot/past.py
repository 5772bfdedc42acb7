"""What was known before: under the former configuration, or by the process that ran before this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exporter.facts import Answer, Certificate, Look, Question, Sight
from exporter.snapshot import Change, History, Place, Source, Subject, What


@dataclass(frozen=True, slots=True)
class Entry:
    """One certificate of an inventory: its row of the sweep, and its description with when it was read."""

    row: Certificate
    described: Certificate | None = None
    then: Certificate | None = None  # the row that the description was read for
    at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stock:
    """What one account and region had, and how the reading of it fared."""

    source: Source
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """All that a watch hands to the one that comes after it."""

    stocks: Mapping[tuple[str, str, str, str], Stock] = field(default_factory=dict)
    """By the way there: name, profile, role ARN and region, as configured."""

    looks: Mapping[Place, tuple[Look, ...]] = field(default_factory=dict)
    answers: Mapping[Question, Sight[Answer]] = field(default_factory=dict)
    remembered: Mapping[Question, Answer] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()  # of TLS and DNS
    requests: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)  # counted so far
    tally: Mapping[tuple[str, str], int] = field(default_factory=dict)
    histories: Mapping[Subject, History] = field(default_factory=dict)  # the longest gone first
    changed: Mapping[tuple[str, What], int] = field(default_factory=dict)  # counted so far
    undelivered: tuple[Change, ...] = ()  # what the webhook was not told yet


NOTHING = Past()
