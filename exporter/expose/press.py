"""Writes the big families of one snapshot after the other, and only what changed of them.

Ten times as quick as through prometheus_client (a test holds the two texts equal). What is kept is compressed
already: a run of rows per family and some neighbouring subjects, good for as long as the aspect that it tells
of stays the same for all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from prometheus_client.utils import floatToGoString

from exporter.expose.deflate import Part, join, part
from exporter.expose.families import CERTIFICATES, ENDPOINTS
from exporter.expose.family import Family
from exporter.expose.files import FILES
from exporter.expose.rows import Aspect, Subject
from exporter.snapshot import Snapshot

NEIGHBOURS = 128  # subjects whose rows are kept together, where they change rarely
_PLAIN = 1e6  # numbers below this are written without an exponent
RECENT = timedelta(seconds=20)  # the days to an expiry may be as old as this


@dataclass(frozen=True, slots=True)
class Rendered:
    """One snapshot's big families, family by family."""

    snapshot: Snapshot
    parts: tuple[Part, ...]

    @property
    def plain(self) -> bytes:
        """The text."""
        return b"".join(one.plain for one in self.parts)


class Press:
    """Renders snapshots; only one thread at a time may use it."""

    def __init__(self) -> None:
        """Begin with nothing rendered."""
        self._forms = (_Form(CERTIFICATES), _Form(ENDPOINTS), _Form(FILES))

    def render(self, snapshot: Snapshot) -> Rendered:
        """Write the big families of a snapshot; takes a while, so not for the event loop's thread."""
        return Rendered(snapshot, tuple(one for form in self._forms for one in form.write(snapshot)))


@dataclass(slots=True)
class _Sheet:
    """The rows of some subjects in the families of one aspect, and what they were made of."""

    identities: list[tuple[str, ...]]
    told: list[object]  # the aspect of each subject
    at: datetime
    parts: dict[str, Part]  # by family

    def serves(self, identities: list[tuple[str, ...]], told: list[object], at: datetime) -> bool:
        return self.told == told and self.identities == identities and at - self.at < RECENT and at >= self.at


class _Form:
    """The families of one kind of subject."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families
        self._kind: Subject[object] = families[0].subject
        self._aspects: dict[Aspect[object], list[Family]] = {}
        for family in families:
            self._aspects.setdefault(family.aspect, []).append(family)
        self._context: Hashable = None
        self._sheets: dict[tuple[Aspect[object], int], _Sheet] = {}
        self._whole: dict[str, tuple[tuple[Part, ...], Part]] = {}  # family -> its parts -> joined
        self._identity_text: dict[tuple[str, ...], str] = {}

    def write(self, snapshot: Snapshot) -> Iterator[Part]:
        """Yield each family."""
        context = (snapshot.policy, snapshot.tags, snapshot.labels)
        if context != self._context:
            self._context, self._sheets = context, {}
        by_identity = self._kind.each(snapshot)
        identities, subjects = list(by_identity), list(by_identity.values())
        self._know(identities)
        parts: dict[str, list[Part]] = {family.name: [] for family in self._families}
        sheets: dict[tuple[Aspect[object], int], _Sheet] = {}
        for aspect, families in self._aspects.items():
            size = NEIGHBOURS if aspect.steady else max(1, len(subjects))
            for start in range(0, len(subjects), size):
                end = start + size
                key = (aspect, start)
                sheets[key] = self._sheet(key, families, identities[start:end], subjects[start:end], snapshot)
                for name, one in sheets[key].parts.items():
                    parts[name].append(one)
        self._sheets = sheets
        for family in self._families:
            yield self._join(family, tuple(parts[family.name]))

    def _know(self, identities: list[tuple[str, ...]]) -> None:
        """Put the identity labels of each subject into text once."""
        known = self._identity_text
        labels = self._kind.labels
        self._identity_text = {one: known.get(one) or _pairs(labels, one) for one in identities}

    def _sheet(
        self,
        key: tuple[Aspect[object], int],
        families: list[Family],
        identities: list[tuple[str, ...]],
        subjects: list[object],
        snapshot: Snapshot,
    ) -> _Sheet:
        aspect, _ = key
        told = [aspect.of(one) for one in subjects]
        at = snapshot.taken_at
        old = self._sheets.get(key)
        if old is not None and old.serves(identities, told, at if aspect.ages else old.at):
            return old
        texts = [self._identity_text[one] for one in identities]
        return _Sheet(
            identities,
            told,
            at,
            {family.name: part(_rows(family, texts, subjects, snapshot)) for family in families},
        )

    def _join(self, family: Family, parts: tuple[Part, ...]) -> Part:
        kept = self._whole.get(family.name)
        if kept is None or kept[0] != parts:
            head = f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.kind}\n"
            kept = self._whole[family.name] = (parts, join((part(head.encode()), *parts)))
        return kept[1]


def _rows(family: Family, identities: list[str], subjects: list[object], snapshot: Snapshot) -> bytes:
    names = family.label_names(snapshot)[len(family.subject.labels) :]
    lines = []
    for identity, one in zip(identities, subjects, strict=True):
        for extra, value in family.rows(one, snapshot):
            if extra:
                more = _pairs(names, extra)
                lines.append(f"{family.name}{{{identity},{more}}} {_number(value)}\n")
            else:
                lines.append(f"{family.name}{{{identity}}} {_number(value)}\n")
    return "".join(lines).encode(errors="replace")  # lone surrogates, as prometheus_client gets them


def _pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join([f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True)])


def _escape(value: str) -> str:
    if "\\" in value or "\n" in value or '"' in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


def _number(value: float) -> str:
    return repr(value) if -_PLAIN < value < _PLAIN else _large(value)


@lru_cache(16_384)
def _large(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]
