"""The past as rows of a kind, a key and a value, and back.

Each kind of row is one line of a table. What is written twice within a row is written once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from exporter.facts import Answer, Domain, FileLook, Look, Member, Question, Sight, Why
from exporter.snapshot import Change, History, Place, Source, Subject, What
from exporter.snapshot.past import Door, Entry, Past, Stock, Told
from exporter.store.coding import Coding, Json, MalformedError, coding


class Row(NamedTuple):
    """One row of the file; key and value are JSON."""

    kind: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one row tells of an account and region beside its certificates."""

    source: Source
    tags: tuple[str, ...]
    why: Why
    behind: Source | None
    listed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rows: how keys and values are coded, and which of the past they tell."""

    name: str
    key: Coding
    value: Coding
    of: Callable[[Past], Iterable[tuple[Any, Any]]]


def _squeezed_entry() -> Coding:
    """Code the description and the row that it was read for as what differs from the row."""
    plain = coding(Entry)

    def write(entry: Entry) -> Json:
        json = plain.write(entry)
        row, described = json["row"], json["described"]
        if described and "Seen" in described:
            described["Seen"]["value"] = _difference(described["Seen"]["value"], row)
        if json["then"]:
            json["then"]["Certificate"] = _difference(json["then"]["Certificate"], row)
        return json

    def read(json: Json) -> Entry:
        try:
            row, described = json["row"], json["described"]
            if described and "Seen" in described:
                described["Seen"]["value"] = {**row, **described["Seen"]["value"]}
            if json["then"]:
                json["then"]["Certificate"] = {**row, **json["then"]["Certificate"]}
        except (KeyError, TypeError):
            raise MalformedError from None
        entry: Entry = plain.read(json)
        return entry

    return Coding(write, read)


def _difference(json: Json, base: Json) -> Json:
    return {key: value for key, value in json.items() if base[key] != value}


def _squeezed_looks() -> Coding:
    """Code what was served last as `true` where it is what was seen now."""
    plain = coding(tuple[Look, ...])

    def write(looks: tuple[Look, ...]) -> Json:
        written = plain.write(looks)
        for look in written:
            if look["last"] and look["sight"].get("Seen", {}).get("value") == look["last"]["Served"]:
                look["last"] = True
        return written

    def read(written: Json) -> tuple[Look, ...]:
        try:
            for look in written:
                if look["last"] is True:
                    look["last"] = {"Served": look["sight"]["Seen"]["value"]}
        except (KeyError, TypeError):
            raise MalformedError from None
        looks: tuple[Look, ...] = plain.read(written)
        return looks

    return Coding(write, read)


def _way() -> Coding:
    parts = coding(tuple[str, str, str, str])
    return Coding(parts.write, lambda json: Door(*parts.read(json)))


def _entries(past: Past) -> Iterator[tuple[tuple[Door, str], Entry]]:
    for way, stock in past.stocks.items():
        for entry in stock.entries:
            yield (way, entry.row.arn), entry


def _resources(past: Past) -> Iterator[tuple[tuple[Door, str], Told]]:
    for way, stock in past.stocks.items():
        for arn, told in stock.resources.items():
            yield (way, arn), told


def _of_a_place() -> Coding:
    """Code the key of what has an ARN, in an account and region."""
    way, arn = _way(), coding(str)

    def read(json: Json) -> tuple[Door, str]:
        if not isinstance(json, list) or len(json) != 2:
            raise MalformedError
        return way.read(json[0]), arn.read(json[1])

    return Coding(lambda key: [list(key[0]), key[1]], read)


QUESTION = coding(Question)
ANSWERED: TypeAlias = Sight[Answer]
KINDS = (
    Kind(
        "stock",
        _way(),
        coding(Shelf),
        lambda past: (
            (way, Shelf(one.source, one.tags, one.why, one.behind, one.listed_at))
            for way, one in past.stocks.items()
        ),
    ),
    Kind("certificate", _of_a_place(), _squeezed_entry(), _entries),
    Kind("resource", _of_a_place(), coding(Told), _resources),
    Kind(
        "domain",
        coding(tuple[str, int]),
        coding(Domain),
        lambda past: (((one.name, one.port), one) for one in past.domains),
    ),
    Kind("looks", coding(Place), _squeezed_looks(), lambda past: past.looks.items()),
    Kind("files", coding(str), coding(tuple[FileLook, ...]), lambda past: past.files.items()),
    Kind("answer", QUESTION, coding(ANSWERED), lambda past: past.answers.items()),
    Kind("remembered", QUESTION, coding(Answer), lambda past: past.remembered.items()),
    Kind(
        "source",
        coding(str),
        coding(Source),
        lambda past: ((source.source, source) for source in past.sources),
    ),
    Kind("member", coding(str), coding(Member), lambda past: ((one.id, one) for one in past.members or ())),
    Kind("history", coding(Subject), coding(History), lambda past: past.histories.items()),
    Kind("changed", coding(tuple[str, What]), coding(int), lambda past: past.changed.items()),
    Kind(
        "undelivered",
        coding(str),
        coding(tuple[Change, ...]),
        lambda past: [("", past.undelivered)] if past.undelivered else [],
    ),
)
_BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(slots=True)
class Gathered:
    """What was read so far, by kind and key."""

    nouns: dict[str, dict[Any, Any]] = field(default_factory=lambda: {kind.name: {} for kind in KINDS})

    @property
    def count(self) -> int:
        """How many rows were taken in."""
        return sum(map(len, self.nouns.values()))

    def add(self, row: Row) -> bool:
        """Take in one row; False where it is not of its kind's shape."""
        kind = _BY_NAME.get(row.kind)
        if kind is None:
            return False
        try:
            key = kind.key.read(json.loads(row.key))
            self.nouns[kind.name][key] = kind.value.read(json.loads(row.value))
        except (MalformedError, ValueError, RecursionError):
            return False
        return True

    def past(self) -> Past:
        """Put together what the rows tell; what none tells is as if it was never known."""
        nouns = self.nouns
        entries: dict[Door, list[Entry]] = {}
        for (way, _), entry in nouns["certificate"].items():
            entries.setdefault(way, []).append(entry)
        resources: dict[Door, dict[str, Told]] = {}
        for (way, arn), told in nouns["resource"].items():
            resources.setdefault(way, {})[arn] = told
        return Past(
            stocks={
                way: Stock(
                    shelf.source,
                    tuple(entries.get(way, ())),
                    shelf.tags,
                    shelf.why,
                    resources.get(way, {}),
                    shelf.behind,
                    shelf.listed_at,
                )
                for way, shelf in nouns["stock"].items()
            },
            domains=tuple(nouns["domain"].values()),
            looks=nouns["looks"],
            files=nouns["files"],
            answers=nouns["answer"],
            remembered=nouns["remembered"],
            sources=tuple(nouns["source"].values()),
            members=tuple(nouns["member"].values()) or None,
            histories=nouns["history"],
            changed=nouns["changed"],
            undelivered=nouns["undelivered"].get("", ()),
        )


class Difference(NamedTuple):
    """What must be written and what must go, that the file tells the past again."""

    written: list[Row]
    gone: list[tuple[str, str]]  # kind and key
    afresh: bool = False  # whatever else the file holds must go too


class Copy:
    """What the file holds by now: the nouns that its rows were made of, so that only news are written."""

    def __init__(self, gathered: Gathered | None = None) -> None:
        """Begin with what was read; with nothing where the file is to be written afresh."""
        self._afresh = gathered is None
        self._held = {name: dict(held) for name, held in (gathered or Gathered()).nouns.items()}

    def difference(self, past: Past) -> Difference:
        """Tell what the file lacks; `keep` says that it was written."""
        written, gone = [], []
        for kind, now in _nouns(past):
            held = self._held[kind.name]
            for key, value in now.items():
                old = held.get(key)
                if old is not value and old != value:
                    written.append(Row(kind.name, _text(kind.key, key), _text(kind.value, value)))
            gone += [(kind.name, _text(kind.key, key)) for key in held.keys() - now.keys()]
        return Difference(written, gone, self._afresh)

    def keep(self, past: Past) -> None:
        """Take note that the file tells this past."""
        self._afresh = False
        self._held = {kind.name: now for kind, now in _nouns(past)}


def _nouns(past: Past) -> Iterator[tuple[Kind, dict[Any, Any]]]:
    return ((kind, dict(kind.of(past))) for kind in KINDS)


def _text(part: Coding, value: Any) -> str:
    return json.dumps(part.write(value), separators=(",", ":"))
