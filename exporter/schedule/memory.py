"""What was seen so far, endpoint by endpoint and question by question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from exporter.facts import Answer, Domain, Endpoint, Look, Question, Seen, Served, Sight, Unseen, Why
from exporter.snapshot import Place, Source
from exporter.snapshot.past import NOTHING, Past

OK = "ok"  # the outcome of a look that gave a value

_LOCAL = (Why.BUG, Why.TIMEOUT)
_RESOLVER = (Why.BAD_NAME, Why.RESOLVER_FAILURE, Why.RESOLVER_TIMEOUT, Why.DNSSEC_BOGUS)
_AWS = (Why.DENIED, Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN, Why.THROTTLED, Why.NOT_FOUND)
_PLACE = (Why.FILE_NOT_FOUND, Why.FILE_UNREADABLE, Why.FILE_TOO_LARGE, Why.TOO_MANY_FILES, Why.BAD_PASSWORD)
_ELSEWHERE = {
    *(*_AWS, Why.MALFORMED, Why.ABSENT, Why.AWS_UNREACHABLE, Why.AWS_ERROR),
    *(*_PLACE, Why.NOT_YET, Why.STALE),
}
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "acm": (OK, *_LOCAL, *_AWS, Why.MALFORMED, Why.AWS_UNREACHABLE, Why.AWS_ERROR),
    "tls": (OK, *(why for why in Why if why not in _ELSEWHERE)),
    "dns": (OK, *_LOCAL, *_RESOLVER, Why.FORBIDDEN_ADDRESS, Why.NO_ROUTE, Why.MALFORMED, Why.HTTP_ERROR),
    "file": (OK, *_LOCAL, *_PLACE, Why.BAD_CERTIFICATE, Why.NO_CERTIFICATE),
}


EMPTY: Mapping[Hashable, bool] = {}
RECENT = 20  # looks at different keys that tell whether a source works


class Pulse:
    """Whether a source of many small looks works: a peer's failure is no failure of ours."""

    def __init__(self, before: Source, recent: Mapping[Hashable, bool] = EMPTY) -> None:
        """Go on from how the source fared, and from the latest looks that told so."""
        self.source = before
        self._recent = dict(recent)

    @property
    def recent(self) -> Mapping[Hashable, bool]:
        """The latest looks, each with whether it gave something."""
        return self._recent

    def note(self, key: Hashable, failure: Unseen | None, now: datetime, duration: float) -> None:
        """Take in one look; the source fails when all of the latest looks failed for reasons of ours."""
        self._recent.pop(key, None)
        self._recent[key] = failure is None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        success = any(self._recent.values())
        self.source = replace(
            self.source,
            success=success,
            duration=duration,
            last_success=now if failure is None else self.source.last_success,
            error="" if success or failure is None else f"{failure.why}: {failure.detail}",
        )

    def keep(self, keys: Container[Hashable]) -> None:
        """Forget the looks at what is not looked at any more, lest they speak for the source for ever."""
        self._recent = {key: fine for key, fine in self._recent.items() if key in keys}


class Memory:
    """The looks and answers gathered so far; only the event loop's thread touches it."""

    def __init__(self, past: Past = NOTHING) -> None:
        """Begin with what was known before, and with every outcome counted, if only as 0."""
        self.looks = dict(past.looks)
        self.answers = dict(past.answers)
        self.remembered = dict(past.remembered)
        before = {one.source: one for one in past.sources}
        self.tls, self.dns = (
            Pulse(before.get(name, Source(name)), past.process.recent.get(name, EMPTY))
            for name in ("tls", "dns")
        )
        self._looked: dict[Place, None] = {}  # what changed since it was last asked
        self._answered: dict[Question, None] = {}
        self.tally = Counter({(s, str(o)): 0 for s, outcomes in OUTCOMES.items() for o in outcomes})
        self.tally.update(past.process.tally)

    def count(self, source: str, sight: Sight[object]) -> None:
        """Count one look by its outcome."""
        self.tally[source, OK if isinstance(sight, Seen) else str(sight.why)] += 1

    def see(self, domain: Domain, fresh: tuple[Look, ...], duration: float) -> bool:
        """Take in the looks at one domain; answers whether it may rest for a whole interval."""
        for look in fresh:
            self.count("tls", look.sight)
        place = (domain.name, domain.port)
        known = self.looks.get(place)
        if known is None:
            return True  # it left while it was looked at
        self.looks[place] = carry(known, fresh, tentative=domain.optional)
        self._looked[place] = None
        blind = [look.sight for look in fresh if isinstance(look.sight, Unseen) and _failed(look.sight)]
        failure = blind[0] if len(blind) == len(fresh) else None
        self.tls.note(place, failure, fresh[-1].at, duration)
        return failure is None

    def hear(self, question: Question, sight: Sight[Answer], now: datetime, duration: float) -> bool:
        """Take in the answer to one question; answers whether it may rest for a whole interval."""
        self.count("dns", sight)
        if question not in self.answers:
            return True  # it left while it was asked
        self.answers[question] = sight
        self._answered[question] = None
        if isinstance(sight, Seen):
            self.remembered[question] = sight.value
        failure = sight if isinstance(sight, Unseen) and _failed(sight) else None
        self.dns.note(question, failure, now, duration)
        return failure is None

    def keep(self, domains: Iterable[Domain], questions: Iterable[Question], now: datetime) -> None:
        """Forget what is not asked for any more; what is new is not looked at yet, and says so."""
        unseen = Unseen(Why.NOT_YET)
        wanted = {(one.name, one.port): one for one in domains}
        for place in self.looks.keys() - wanted.keys():
            del self.looks[place]
            self._looked[place] = None
        for place, one in wanted.items():
            if not self.looks.get(place):
                self.looks[place] = () if one.optional else (Look(Endpoint(*place, ""), unseen, now),)
                self._looked[place] = None
        asked = dict.fromkeys(questions)
        for question in self.answers.keys() - asked.keys():
            del self.answers[question]
            self.remembered.pop(question, None)
            self._answered[question] = None
        self.ask(asked)
        self.tls.keep(self.looks)
        self.dns.keep(self.answers)

    def ask(self, questions: Iterable[Question]) -> None:
        """Keep these questions too."""
        for question in questions:
            if question not in self.answers:
                self.answers[question] = Unseen(Why.NOT_YET)
                self._answered[question] = None

    def news(self) -> tuple[dict[Place, tuple[Look, ...] | None], dict[Question, Sight[Answer] | None]]:
        """Return the looks and answers that changed since the last call, None for what is gone."""
        looks = {place: self.looks.get(place) for place in self._looked}
        answers = {question: self.answers.get(question) for question in self._answered}
        self._looked, self._answered = {}, {}
        return looks, answers


def _failed(unseen: Unseen) -> bool:
    """Tell whether we failed, who do not when we refuse to look."""
    return unseen.why.ours and unseen.why is not Why.FORBIDDEN_ADDRESS


def carry(known: tuple[Look, ...], fresh: tuple[Look, ...], *, tentative: bool = False) -> tuple[Look, ...]:
    """Carry what was known of a domain's endpoints over to the fresh looks at it.

    Where the name could not be resolved, all known addresses keep their rows and share the failure; where
    it could, addresses that it no longer has are forgotten. A tentative name that does not resolve is nobody,
    but one whose lookup failed for reasons of ours is still whoever it was.
    """
    first = fresh[0]
    if first.endpoint.address == "":
        resolved = [look for look in known if look.endpoint.address]
        ours = isinstance(first.sight, Unseen) and first.sight.why.ours
        if tentative and not ours:
            return ()
        if tentative or resolved:
            return tuple(_older(replace(first, endpoint=old.endpoint), old) for old in resolved)
    before = {look.endpoint: look for look in known}
    return tuple(_older(look, before.get(look.endpoint)) for look in fresh)


def _older(look: Look, old: Look | None) -> Look:
    """Carry older evidence over; what is served as before stays the same object."""
    match look.sight:
        case Seen(value=served):
            sight: Sight[Served] = look.sight
            if old is not None and old.last == served:
                sight = old.sight if isinstance(old.sight, Seen) else Seen(old.last)
                served = old.last
            seen_at, ends = look.last_success, look.client_not_after
            return Look(look.endpoint, sight, look.at, look.timing, served, seen_at, True, ends)
        case Unseen(why=why):
            reached = (old.reached if old else None) if why.ours else False
            last, success = (old.last, old.last_success) if old else (None, None)
            return replace(look, last=last, last_success=success, reached=reached)
