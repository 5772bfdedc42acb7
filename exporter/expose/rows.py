"""From one subject of a snapshot to the rows of one metric family: small pure functions.

A fact that is not known gives no row. The identity labels of a subject are written here once and come first
on every row; what changes is never a label of another value.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeAlias, TypeVar

from exporter import __version__
from exporter.facts import Seen, Served, Unseen, Why
from exporter.judge.resources import used_by
from exporter.judge.rule import Outcome
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Delivery, Keeping, Snapshot, Source, Spot, WebFile, What

S = TypeVar("S")
T = TypeVar("T")
Row: TypeAlias = tuple[tuple[str, ...], float]  # values of the labels beyond identity; the number
Rows: TypeAlias = Callable[[S, Snapshot], Iterable[Row]]
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Subject(Generic[S]):
    """What a family tells of: its identity labels, and all of its kind in a snapshot."""

    labels: tuple[str, ...]
    identity: Callable[[S], tuple[str, ...]]
    all: Callable[[Snapshot], Iterable[S]]

    def each(self, snapshot: Snapshot) -> Mapping[tuple[str, ...], S]:
        """Give all by identity: two of the same would be two equal rows, so the latter stands."""
        return {self.identity(one): one for one in self.all(snapshot)}


@dataclass(frozen=True, slots=True)
class Aspect(Generic[S]):
    """What of a subject a family tells of: while that stays the same, so do the family's rows.

    A `steady` one changes rarely; one that `ages` is told anew with time.
    """

    of: Callable[[S], object]
    steady: bool = True
    ages: bool = False


ITSELF: Aspect[object] = Aspect(lambda subject: subject, steady=False)

WHAT: Aspect[Case] = Aspect(lambda case: (case.certificate, case.window_start))
AGE: Aspect[Case] = Aspect(lambda case: (case.certificate, case.first_issue), steady=False, ages=True)
RECORDS: Aspect[Case] = Aspect(lambda case: case.records)
VERDICT: Aspect[Case] = Aspect(lambda case: case.verdict)
PAST: Aspect[Case] = Aspect(lambda case: case.history)

SHOWN: Aspect[Spot] = Aspect(lambda spot: (spot.look.last, spot.name_match, spot.serial_matches))
SHOWN_AGE: Aspect[Spot] = Aspect(lambda spot: spot.look.last, steady=False, ages=True)
OUTCOME: Aspect[Spot] = Aspect(lambda spot: (spot.look.reached, failure(spot)))
TIMING: Aspect[Spot] = Aspect(lambda spot: spot.look.timing, steady=False)
SUCCESS: Aspect[Spot] = Aspect(lambda spot: spot.look.last_success, steady=False)
LABELS: Aspect[Spot] = Aspect(lambda spot: spot.labels)
SPOT_PAST: Aspect[Spot] = Aspect(lambda spot: spot.history)


def _certificate(case: Case) -> tuple[str, ...]:
    one = case.certificate
    return (one.arn, one.account, one.region, one.domain)


def _endpoint(spot: Spot) -> tuple[str, ...]:
    one = spot.look.endpoint
    return (one.domain, str(one.port), one.address)


CERTIFICATE = Subject(("arn", "account", "region", "domain"), _certificate, lambda snapshot: snapshot.cases)
ENDPOINT = Subject(("domain", "port", "address"), _endpoint, lambda snapshot: snapshot.spots)
SOURCE: Subject[Source] = Subject(
    ("source", "account", "region"),
    lambda source: (source.source, source.account, source.region),
    lambda snapshot: snapshot.sources,
)
ACCOUNT: Subject[tuple[str, str]] = Subject(  # an account's id and name
    ("account",), lambda one: (one[0],), lambda snapshot: snapshot.roll.names.items()
)
KEEPING: Subject[Keeping] = Subject(
    (), lambda _: (), lambda snapshot: () if snapshot.keeping is None else (snapshot.keeping,)
)
DELIVERY: Subject[Delivery] = Subject(
    (), lambda _: (), lambda snapshot: () if snapshot.delivery is None else (snapshot.delivery,)
)
WEB_FILE: Subject[WebFile] = Subject(
    (), lambda _: (), lambda snapshot: () if snapshot.web_file is None else (snapshot.web_file,)
)
EXPORTER: Subject[Snapshot] = Subject((), lambda _: (), lambda snapshot: (snapshot,))


def number(of: Callable[[S], float | None]) -> Rows[S]:
    """Make the row of a number or a boolean."""

    def rows(subject: S, _: Snapshot) -> Iterable[Row]:
        value = of(subject)
        return () if value is None else (((), float(value)),)

    return rows


def moment(of: Callable[[S], datetime | None]) -> Rows[S]:
    """Make the row of a moment, in seconds since 1970."""

    def seconds(subject: S) -> float | None:
        when = of(subject)
        return None if when is None else when.timestamp()

    return number(seconds)


def days_left(of: Callable[[S], datetime | None]) -> Rows[S]:
    """Make the row of the days between the snapshot and a moment, fractional."""

    def rows(subject: S, snapshot: Snapshot) -> Iterable[Row]:
        end = of(subject)
        return () if end is None else (((), days(end - snapshot.taken_at)),)

    return rows


def days_since(of: Callable[[S], datetime | None]) -> Rows[S]:
    """Make the row of the days between a moment and the snapshot, fractional."""

    def rows(subject: S, snapshot: Snapshot) -> Iterable[Row]:
        begin = of(subject)
        return () if begin is None else (((), days(snapshot.taken_at - begin)),)

    return rows


def days(span: timedelta) -> float:
    """Return days to a tenth of a second: further digits are noise that does not compress."""
    return round(span.total_seconds() / DAY, 6)


def state(of: Callable[[S], str]) -> Rows[S]:
    """Make the row of a state that is 1 for the current one."""

    def rows(subject: S, _: Snapshot) -> Iterable[Row]:
        current = of(subject)
        return (((current,), 1.0),) if current else ()

    return rows


def info(case: Case, _: Snapshot) -> Iterable[Row]:
    """Tell what the certificate is."""
    one = case.certificate
    issuer = one.details.value.issuer if isinstance(one.details, Seen) else ""
    serial = "" if one.serial is None else f"{one.serial:x}"
    what = (one.type, one.validation_method, one.key_algorithm, one.key_pair_origin, one.managed_by)
    return (((*what, issuer, serial), 1.0),)


def resources(case: Case) -> float | None:
    """Count the AWS resources that use it."""
    details = case.certificate.details
    return float(len(details.value.in_use_by)) if isinstance(details, Seen) else None


def users(case: Case, _: Snapshot) -> Iterable[Row]:
    """Name the AWS resources that use it; two ARNs of one kind and name are one row."""
    used = (resource for resource, _ in used_by(case.certificate))
    return (((kind, name), 1.0) for kind, name in dict.fromkeys((one.type, one.name) for one in used))


def hosts(case: Case, _: Snapshot) -> Iterable[Row]:
    """Give the DNS names of those resources that their services have described."""
    for resource, sight in used_by(case.certificate):
        if isinstance(sight, Seen) and sight.value.dns_name:
            yield (resource.type, resource.name, sight.value.dns_name), 1.0


def found(code: str) -> Callable[[Case], float | None]:
    """Make the value of one condition: 1 holds, 0 breaks."""
    values = {Outcome.HOLDS: 1.0, Outcome.BREAKS: 0.0}
    return lambda case: values.get(case.verdict.findings[code].outcome)


def conditions(case: Case, snapshot: Snapshot) -> Iterable[Row]:
    """Tell of each condition that is known whether it holds."""
    for rule in RULES:
        value = found(rule.code)(case)
        if value is not None:
            yield (rule.code, rule.scopes[snapshot.rules].value), value


def unknowns(case: Case, snapshot: Snapshot) -> Iterable[Row]:
    """Tell of each condition that is not known why."""
    for rule in RULES:
        finding = case.verdict.findings[rule.code]
        if finding.outcome is Outcome.UNKNOWN:
            scope = rule.scopes[snapshot.rules].value
            yield (rule.code, scope, (finding.why or Why.BUG).value), 1.0


def verdicts(case: Case, _: Snapshot) -> Iterable[Row]:
    """Give all four words, one of them 1."""
    return (((word.value,), float(word is case.verdict.word)) for word in Word)


def label_name(text: str) -> str:
    """Turn an AWS tag's key into what a label may be called."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


def tags(case: Case, snapshot: Snapshot) -> Iterable[Row]:
    """Give the certificate's tags, in the order of the snapshot's keys."""
    own = case.certificate.tags
    return ((tuple(own.get(tag, "") for tag in snapshot.tags), 1.0),) if own else ()


def labels(spot: Spot, snapshot: Snapshot) -> Iterable[Row]:
    """Give the endpoint's configured labels, in the order of the snapshot's names."""
    return ((tuple(spot.labels.get(name, "") for name in snapshot.labels), 1.0),) if spot.labels else ()


def failure(spot: Spot) -> str:
    """Name the closed reason of a failed look; "" where the look was fine or is still to come."""
    sight = spot.look.sight
    return sight.why.value if isinstance(sight, Unseen) and sight.why is not Why.NOT_YET else ""


def last(of: Callable[[Served], T]) -> Callable[[Spot], T | None]:
    """Ask something of what an endpoint served when it last answered."""
    return lambda spot: None if spot.look.last is None else of(spot.look.last)


def served(spot: Spot, _: Snapshot) -> Iterable[Row]:
    """Tell what the endpoint serves."""
    one = spot.look.last
    if one is None:
        return ()
    what = (f"{one.serial:x}", one.issuer, one.subject, one.fingerprint, one.tls_version, one.cipher)
    return ((what, 1.0),)


def phases(spot: Spot, _: Snapshot) -> Iterable[Row]:
    """Give the seconds of each phase that was reached."""
    timing = spot.look.timing
    reached = (
        ("resolve", timing.resolve),
        ("connect", timing.connect),
        ("starttls", timing.starttls),
        ("handshake", timing.handshake),
    )
    return (((phase,), round(seconds, 6)) for phase, seconds in reached if seconds is not None)


def serial_matches(spot: Spot, _: Snapshot) -> Iterable[Row]:
    """Tell of each certificate that the endpoint counts for whether its serial is served."""
    return (((arn,), float(equal)) for arn, equal in spot.serial_matches)


def changed(what: What) -> Rows[Case | Spot]:
    """Make the row of the moment of the latest change of one kind."""
    return moment(
        lambda one: next((change.at for change in reversed(one.history.changes) if change.what is what), None)
    )


def changes(snapshot: Snapshot, _: Snapshot) -> Iterable[Row]:
    """Count the changes of each kind."""
    return (((subject, what.value), float(n)) for (subject, what), n in snapshot.changed.items())


def ordinal(snapshot: Snapshot, _: Snapshot) -> Iterable[Row]:
    """Tell which shard this is, as kube-state-metrics does: as a label and as the value."""
    return (((str(snapshot.shard.index),), float(snapshot.shard.index)),)


def build(_: Snapshot, __: Snapshot) -> Iterable[Row]:
    """Tell which versions run."""
    return (((__version__, platform.python_version()), 1.0),)
