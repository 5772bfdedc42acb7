"""What was seen so far, endpoint by endpoint and question by question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from exporter.facts import Answer, Domain, Endpoint, Look, Question, Seen, Sight, Unseen, Why
from exporter.snapshot import Source

OK = "ok"  # the outcome of a look that gave a value

_LOCAL = (Why.BUG, Why.TIMEOUT)
_RESOLVER = (Why.BAD_NAME, Why.RESOLVER_FAILURE, Why.RESOLVER_TIMEOUT, Why.DNSSEC_BOGUS)
_AWS = (Why.DENIED, Why.NO_CREDENTIALS, Why.EXPIRED_TOKEN, Why.THROTTLED, Why.NOT_FOUND)
_ELSEWHERE = {*_AWS, Why.MALFORMED, Why.ABSENT, Why.AWS_UNREACHABLE, Why.AWS_ERROR, Why.NOT_YET, Why.STALE}
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "acm": (OK, *_LOCAL, *_AWS, Why.MALFORMED, Why.AWS_UNREACHABLE, Why.AWS_ERROR),
    "tls": (OK, *(why for why in Why if why not in _ELSEWHERE)),
    "dns": (OK, *_LOCAL, *_RESOLVER, Why.NO_ROUTE, Why.MALFORMED, Why.HTTP_ERROR),
}


RECENT = 20  # looks at different keys that tell whether a source works


class Pulse:
    """Whether a source of many small looks works: a peer's failure is no failure of ours."""

    def __init__(self, source: str) -> None:
        """Begin without any look."""
        self.source = Source(source)
        self._recent: dict[Hashable, bool] = {}

    def note(self, key: Hashable, failure: Unseen | None, now: datetime, duration: float) -> None:
        """Take in one look; the source fails when all of the latest looks failed for reasons of ours."""
        self._recent.pop(key, None)
        self._recent[key] = failure is None
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        success = any(self._recent.values())
        last = now if failure is None else self.source.last_success
        error = "" if success or failure is None else f"{failure.why}: {failure.detail}"
        self.source = replace(self.source, success=success, duration=duration, last_success=last, error=error)

    def keep(self, keys: Container[Hashable]) -> None:
        """Forget the looks at what is not looked at any more, lest they speak for the source for ever."""
        self._recent = {key: fine for key, fine in self._recent.items() if key in keys}


class Memory:
    """The looks and answers gathered so far; only the event loop's thread touches it."""

    def __init__(self) -> None:
        """Begin with nothing seen, and with every outcome counted as 0."""
        self.looks: dict[tuple[str, int], tuple[Look, ...]] = {}
        self.answers: dict[Question, Sight[Answer]] = {}
        self.remembered: dict[Question, Answer] = {}
        self.tls = Pulse("tls")
        self.dns = Pulse("dns")
        self.tally = Counter({(s, str(o)): 0 for s, outcomes in OUTCOMES.items() for o in outcomes})

    def count(self, source: str, sight: Sight[object]) -> None:
        """Count one look by its outcome."""
        self.tally[source, OK if isinstance(sight, Seen) else str(sight.why)] += 1

    def see(self, domain: Domain, fresh: tuple[Look, ...], duration: float) -> bool:
        """Take in the looks at one domain; answers whether it may rest for a whole interval."""
        for look in fresh:
            self.count("tls", look.sight)
        known = self.looks.get((domain.name, domain.port))
        if known is None:
            return True  # it left while it was looked at
        self.looks[domain.name, domain.port] = carry(known, fresh, tentative=domain.tentative)
        blind = [look.sight for look in fresh if isinstance(look.sight, Unseen) and look.sight.why.ours]
        failure = blind[0] if len(blind) == len(fresh) else None
        self.tls.note((domain.name, domain.port), failure, fresh[-1].at, duration)
        return failure is None

    def hear(self, question: Question, sight: Sight[Answer], now: datetime, duration: float) -> bool:
        """Take in the answer to one question; answers whether it may rest for a whole interval."""
        self.count("dns", sight)
        if question not in self.answers:
            return True  # it left while it was asked
        self.answers[question] = sight
        if isinstance(sight, Seen):
            self.remembered[question] = sight.value
        failure = sight if isinstance(sight, Unseen) and sight.why.ours else None
        self.dns.note(question, failure, now, duration)
        return failure is None

    def keep(self, domains: Iterable[Domain], questions: Iterable[Question], now: datetime) -> None:
        """Forget what is not asked for any more; what is new is not looked at yet, and says so."""
        unseen = Unseen(Why.NOT_YET)
        self.looks = {
            (one.name, one.port): self.looks.get((one.name, one.port))
            or (() if one.tentative else (Look(Endpoint(one.name, one.port, ""), unseen, now),))
            for one in domains
        }
        self.answers = {q: self.answers.get(q, unseen) for q in questions}
        self.remembered = {q: answer for q, answer in self.remembered.items() if q in self.answers}
        self.tls.keep(self.looks)
        self.dns.keep(self.answers)


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
    match look.sight:
        case Seen():
            return replace(look, reached=True)
        case Unseen(why=why):
            reached = (old.reached if old else None) if why.ours else False
            last, success = (old.last, old.last_success) if old else (None, None)
            return replace(look, last=last, last_success=success, reached=reached)
