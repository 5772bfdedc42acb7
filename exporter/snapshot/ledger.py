"""A snapshot kept up to date: only what news touch is judged anew, so that a look costs what it changes.

What it gives is what `taking.take` gives of the same knowledge; a test holds the two equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Generic, TypeVar

from exporter.facts import Answer, Certificate, Domain, Evidence, FileLook, Look, Question, Sight
from exporter.judge import counting, validation
from exporter.judge.leaves import leaves, serials
from exporter.judge.names import names_over, normal
from exporter.judge.rule import Policy
from exporter.judge.sharding import ALONE, Shard
from exporter.snapshot import Case, Filed, News, Place, Snapshot, Spot, filing, taking
from exporter.snapshot.chronicle import Chronicle

K = TypeVar("K")
V = TypeVar("V")

REVIEW = timedelta(minutes=5)  # time alone changes a finding too: a window opens, a limit passes
PORTION = 10  # so many snapshots share a review of everything


class Ledger:
    """Everything known, sorted by what depends on what; one thread at a time may touch it."""

    def __init__(
        self,
        policy: Policy,
        domains: Iterable[Domain] = (),
        configured_at: datetime | None = None,
        shard: Shard = ALONE,
        chronicle: Chronicle | None = None,
    ) -> None:
        """Begin with nothing known but the chronicle; of the configured domains pins and labels count."""
        domains = tuple(domains)
        self._chronicle = chronicle or Chronicle()
        self._chronicle.retire()
        self._policy = policy
        self._configured_at = configured_at
        self._shard = shard
        self._labels = {(one.name, one.port): one.labels for one in domains}
        self._pins = {(one.name, one.port): one.arn for one in domains if one.arn}
        self._certificates: dict[str, Certificate] = {}
        self._own: set[str] = set()  # the ARNs of those that are judged here
        self._by_name = _Index[str, str]()  # name -> ARNs
        self._by_serial = _Index[int, str]()  # serial -> ARNs
        self._asking = _Index[Question, str]()  # question -> ARNs
        self._looks: dict[Place, tuple[Look, ...]] = {}
        self._ranks: dict[Place, int] = {}  # the order in which places came
        self._numbers = count()
        self._places = _Index[str, Place]()  # a name that a certificate may have, or a pin -> places
        self._serving = _Index[int, Place]()  # serial -> where it is served
        self._owners: dict[Place, tuple[str, ...]] = {}  # place -> the ARNs it counts for
        self._counting: dict[str, dict[Place, tuple[Look, ...]]] = defaultdict(dict)  # ARN -> its looks
        self._answers: dict[Question, Sight[Answer]] = {}
        self._remembered: dict[Question, Answer] = {}
        self._cases: dict[str, Case] = {}
        self._judged: dict[str, datetime] = {}  # ARN -> when, the longest ago first
        self._spots: dict[Place, tuple[Spot, ...]] = {}
        self._moved: dict[Place, None] = {}  # to be assigned anew
        self._touched: dict[str, None] = {}  # ARNs to be judged anew
        self._retimed: dict[str, None] = {}  # ARNs with later looks that tell nothing new
        self._file_looks: tuple[FileLook, ...] = ()
        self._filed: dict[str, tuple[FileLook, ...]] = {}  # ARN -> the files that count for it
        self._files: tuple[Filed, ...] = ()
        self._tags: tuple[str, ...] = ()
        self._label_names: tuple[str, ...] = ()

    def take(self, news: News, now: datetime) -> Snapshot:
        """Take in the news and judge what they touch."""
        for arn, certificate in news.certificates.items():
            self._certificate(arn, certificate)
        for place, looks in news.looks.items():
            self._place(place, looks)
        for question, sight in news.answers.items():
            self._answer(question, sight, news.remembered.get(question))
        for place in self._moved:
            self._assign(place, now)
        moved = bool(self._moved)
        if news.certificates or news.files is not self._file_looks:
            self._file(news)
        self._judge(news, now)
        if news.certificates:
            self._tags = taking.tags(self._cases.values())
        spots = tuple([spot for spots in self._spots.values() for spot in spots])
        if moved:
            self._label_names = taking.label_names(spots)
        return Snapshot(
            taken_at=now,
            policy=self._policy,
            cases=tuple(self._cases.values()),
            spots=spots,
            sources=news.sources,
            requests=news.requests,
            tally=news.tally,
            tags=self._tags,
            labels=self._label_names,
            ready=news.swept,
            targets=news.targets,
            listed=news.listed,
            configured_at=self._configured_at,
            refused=news.refused,
            shard=self._shard,
            changes=self._chronicle.book.changes,
            changed=self._chronicle.book.counts,
            keeping=news.keeping,
            delivery=news.delivery,
            files=self._files,
            roll=news.roll,
            web_file=news.web_file,
            others=tuple(one for arn, one in self._certificates.items() if arn not in self._own),
        )

    def _certificate(self, arn: str, new: Certificate | None) -> None:
        old = self._certificates.pop(arn, None) if new is None else self._certificates.get(arn)
        if old == new:
            return
        self._by_name.change(arn, _names(old), _names(new))
        self._by_serial.change(arn, _serial(old), _serial(new))
        self._asking.change(arn, _questions(old), _questions(new))
        if new is not None:
            self._certificates[arn] = new
            if self._shard.has(arn):
                self._own.add(arn)
                self._touched[arn] = None
        for name in (arn, *_names(old), *_names(new)):
            self._moved |= dict.fromkeys(self._places.get(name))
        for serial in (*_serial(old), *_serial(new)):
            for place in self._serving.get(serial):  # where it is, or was, somebody's sibling
                self._touched |= dict.fromkeys(self._owners.get(place, ()))
        if new is None:
            self._own.discard(arn)
            self._chronicle.leave([arn])
            for kept in (self._counting, self._cases, self._judged):
                kept.pop(arn, None)

    def _place(self, place: Place, looks: tuple[Look, ...] | None) -> None:
        names = (*names_over(place[0]), *filter(None, [self._pins.get(place)]))
        before = self._looks.get(place, ())
        if looks is None:
            self._looks.pop(place, None)
            self._ranks.pop(place, None)
            self._places.change(place, names, ())
        else:
            if place not in self._looks:
                self._ranks[place] = next(self._numbers)
                self._places.change(place, (), names)
            self._looks[place] = looks
        self._serving.change(place, serials(before), serials(looks or ()))
        self._moved[place] = None

    def _answer(self, question: Question, sight: Sight[Answer] | None, remembered: Answer | None) -> None:
        same = self._answers.get(question) == sight and self._remembered.get(question) == remembered
        if sight is None:
            self._answers.pop(question, None)
            self._remembered.pop(question, None)
        else:
            self._answers[question] = sight
            if remembered is not None:
                self._remembered[question] = remembered
        if not same:
            self._touched |= dict.fromkeys(self._asking.get(question))

    def _assign(self, place: Place, now: datetime) -> None:
        """Say anew for which certificates the endpoints of a place count."""
        names = names_over(place[0])
        covering = {arn for name in names for arn in self._by_name.get(name)}
        candidates = [self._certificates[arn] for arn in sorted(covering)]
        pin = self._pins.get(place)
        exposed = self._shard.owns(place[0], [pin] if pin else covering)
        counted: dict[str, list[Look]] = {}
        spots = []
        for look in self._looks.get(place, ()):
            pairs = []
            for leaf in leaves(look):
                arns = [pin] if pin else counting.owners(leaf, candidates)
                pairs += [(leaf, self._certificates[arn]) for arn in arns if arn in self._certificates]
            for leaf, one in pairs:
                counted.setdefault(one.arn, []).append(leaf)
            if exposed:
                history = self._chronicle.endpoint(look, now)
                spots.append(taking.spot(look, pairs, self._labels.get(place, {}), history))
        for arn in {**dict.fromkeys(self._owners.get(place, ())), **counted}:
            if arn in self._own:
                self._count(arn, place, tuple(counted.get(arn, ())))
        shown = {spot.look.endpoint for spot in spots}
        gone = [spot.look.endpoint for spot in self._spots.get(place, ())]
        self._chronicle.leave([endpoint for endpoint in gone if endpoint not in shown])
        if place in self._looks:
            self._owners[place], self._spots[place] = tuple(counted), tuple(spots)
        else:
            self._owners.pop(place, None)
            self._spots.pop(place, None)

    def _count(self, arn: str, place: Place, looks: tuple[Look, ...]) -> None:
        before = self._counting[arn].pop(place, ())
        if looks:
            self._counting[arn][place] = looks
        if counting.tells_nothing_new(looks, before, self._certificates[arn]):
            self._retimed[arn] = None
        else:
            self._touched[arn] = None

    def _file(self, news: News) -> None:
        """Say anew for which certificates files count; what a file holds may be another one's by now."""
        before, self._file_looks = self._filed, news.files
        self._filed, self._files = filing.file(news.files, self._named, self._certificates.get, self._shard)
        for arn in {**before, **self._filed}:
            if news.certificates or before.get(arn) != self._filed.get(arn):
                self._touched[arn] = None

    def _named(self, name: str) -> list[Certificate]:
        return [self._certificates[arn] for arn in self._by_name.get(name)]

    def _judge(self, news: News, now: datetime) -> None:
        """Judge what is touched and what was not judged for long; the rest only gets its later looks."""
        read = taking.read_at(news.sources)
        for arn in {**self._touched, **dict.fromkeys(self._due(now))}:
            if arn not in self._own:  # gone since it was touched, or judged by another shard
                continue
            one, looks = self._certificates[arn], self._looks_of(arn)
            answers = {q: self._answers[q] for q in validation.questions(one) if q in self._answers}
            files = self._filed.get(arn, ())
            siblings = counting.siblings(one, (*looks, *files), self._by_serial.get)
            evidence = Evidence(one, looks, answers, siblings, read.get((one.account, one.region)), files)
            case = taking.case(evidence, self._remembered, self._policy, now)
            self._cases[arn] = replace(case, history=self._chronicle.certificate(case, now))
            self._judged.pop(arn, None)
            self._judged[arn] = now
        for arn in self._retimed.keys() - self._touched.keys():
            self._cases[arn] = taking.retimed(self._cases[arn], self._looks_of(arn))
        for done in (self._moved, self._touched, self._retimed):
            done.clear()

    def _due(self, now: datetime) -> Iterator[str]:
        """Yield what was judged too long ago, a portion of everything at most."""
        for arn, _ in zip(self._judged, range(len(self._judged) // PORTION + 1), strict=False):
            if abs(now - self._judged[arn]) >= REVIEW:  # a clock may be set back
                yield arn

    def _looks_of(self, arn: str) -> tuple[Look, ...]:
        looks = self._counting[arn]
        return tuple([look for place in sorted(looks, key=self._ranks.__getitem__) for look in looks[place]])


class _Index(Generic[K, V]):
    """Values by key; most keys have one, which costs no set."""

    def __init__(self) -> None:
        self._one: dict[K, V] = {}
        self._more: dict[K, set[V]] = {}  # of at least two

    def get(self, key: K) -> Collection[V]:
        """Return the values of a key."""
        return self._more.get(key) or ((self._one[key],) if key in self._one else ())

    def change(self, value: V, old: Iterable[K], new: Iterable[K]) -> None:
        """Move a value from some keys to others."""
        for key in old:
            self._drop(key, value)
        for key in new:
            self._add(key, value)

    def _drop(self, key: K, value: V) -> None:
        if key in self._more:
            values = self._more[key]
            values.discard(value)
            if len(values) == 1:
                (self._one[key],) = self._more.pop(key)
        elif self._one.get(key) == value:
            del self._one[key]

    def _add(self, key: K, value: V) -> None:
        if key in self._more:
            self._more[key].add(value)
        elif self._one.setdefault(key, value) != value:
            self._more[key] = {self._one.pop(key), value}


def _names(one: Certificate | None) -> tuple[str, ...]:
    return tuple(map(normal, one.names)) if one else ()


def _serial(one: Certificate | None) -> tuple[int, ...]:
    return () if one is None or one.serial is None else (one.serial,)


def _questions(one: Certificate | None) -> tuple[Question, ...]:
    return validation.questions(one) if one else ()
