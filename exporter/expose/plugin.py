"""One sweep as monitoring plugins tell it: a line of status, performance data, then the details.

The Monitoring Plugins Development Guidelines give the form. The performance data stand on the first line, as
Nagios cuts long outputs at their end; `|`, which begins them, may stand nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from exporter.expose import text
from exporter.expose.rows import DAY
from exporter.judge.grading import Grade, grade
from exporter.judge.rule import Outcome, RuleSet, Scope
from exporter.snapshot import Case, Snapshot

NAMED = 3  # domains on the first line

_SAYS = {
    Grade.CRITICAL: ("does not renew", "do not renew"),
    Grade.WARNING: ("is not served as ACM has it", "are not served as ACM has them"),
    Grade.UNKNOWN: ("cannot be judged", "cannot be judged"),
}


def write(snapshot: Snapshot, cases: Iterable[Case], of_all: Grade, missing: Sequence[str] = ()) -> str:
    """Write the output of a plugin that exits with this grade; `missing` are sentences that belong to it."""
    cases = text.worst_first(cases, snapshot.taken_at)
    graded = [(grade(case.verdict, snapshot.rules), case) for case in cases]
    failed = [text.source(one) for one in snapshot.sources if one.success is False]
    parts = [*_counted(graded), *failed, *missing] or [text.summary(cases).removesuffix(".")]
    first = f"{_line(of_all, '; '.join(parts))} | {' '.join(_performance(snapshot, graded))}"
    details = [line for one, case in graded if one for line in _details(one, case, snapshot)]
    return "\n".join([first, *details]) + "\n"


def failure(says: Sequence[str]) -> str:
    """Write the output of a plugin that could not look: a reason, and whatever else is to be said."""
    first, *others = says
    return "\n".join([_line(Grade.UNKNOWN, first), *map(_safe, others)]) + "\n"


def _line(one: Grade, says: str) -> str:
    return f"ACM {one.name} - {_safe(says)}"


def _counted(graded: Sequence[tuple[Grade, Case]]) -> Iterator[str]:
    """Tell how many certificates have each grade, and name some."""
    for one, (alone, several) in _SAYS.items():
        domains = [case.certificate.domain for its, case in graded if its is one]
        if domains:
            noun = "certificate" if len(graded) == 1 else "certificates"
            says = alone if len(domains) == 1 else several
            more = f" and {len(domains) - NAMED} more" if len(domains) > NAMED else ""
            yield f"{len(domains)} of {len(graded)} {noun} {says}: {', '.join(domains[:NAMED])}{more}"


def _performance(snapshot: Snapshot, graded: Sequence[tuple[Grade, Case]]) -> Iterator[str]:
    yield f"certificates={len(graded)};;;0"
    for label, one in {
        "not_renewing": Grade.CRITICAL,
        "not_served": Grade.WARNING,
        "unknown": Grade.UNKNOWN,
    }.items():
        yield f"{label}={sum(its is one for its, _ in graded)};;;0;{len(graded)}"
    ends = [case.certificate.not_after for _, case in graded]
    served = [spot.look.last.not_after for spot in snapshot.spots if spot.look.last is not None]
    yield from _nearest("days_to_expiry", filter(None, ends), snapshot.taken_at)
    yield from _nearest("served_days_to_expiry", served, snapshot.taken_at)


def _nearest(label: str, ends: Iterable[datetime], now: datetime) -> Iterator[str]:
    nearest = min(ends, default=None)
    if nearest is not None:
        yield f"{label}={(nearest - now).total_seconds() / DAY:.2f}"


def _details(one: Grade, case: Case, snapshot: Snapshot) -> Iterator[str]:
    certificate = case.certificate
    end = certificate.not_after
    left = f", {(end - snapshot.taken_at).total_seconds() / DAY:.1f} days left" if end else ""
    yield _safe(f"{one.name} {certificate.domain} {certificate.arn}{left}")
    yield from (_safe(f"  {line}") for line in _deciding(case, snapshot.rules))


def _deciding(case: Case, rules: RuleSet) -> Iterator[str]:
    for rule, finding in text.troubles(case):
        if rule.scopes[rules] is not Scope.ADVISORY:
            mark = "is unknown" if finding.outcome is Outcome.UNKNOWN else "breaks"
            remedy = f"; do: {finding.remedy}" if finding.remedy else ""
            yield f"{rule.code} {mark}: {finding.says}{remedy}"


def _safe(says: str) -> str:
    return text.printable(says).replace("|", "/")
