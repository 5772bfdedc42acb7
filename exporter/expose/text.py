"""Tables for people: what `check`, `rules` and `metrics` print."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from exporter.expose.families import FAMILIES
from exporter.expose.family import Family
from exporter.expose.files import fault, lonely
from exporter.expose.probes import PROBES
from exporter.facts import Unseen
from exporter.judge.rule import WEIGHT, Finding, Outcome, Rule, RuleSet, Scope
from exporter.judge.serving import where
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Snapshot, Source, Spot

Paint = Callable[[str, str], str]  # text and colour; the plain one gives the text back

WIDTH = 120  # columns that sentences are wrapped at; a long name or record stays whole

_RANK = (Word.BLOCKED, Word.UNKNOWN, Word.RENEWS, Word.UNMANAGED)
_WORD_COLOURS = {Word.BLOCKED: "red", Word.UNKNOWN: "yellow", Word.RENEWS: "green", Word.UNMANAGED: "cyan"}
_OUTCOME_COLOURS = {Outcome.BREAKS: "red", Outcome.UNKNOWN: "yellow"}
_SERVED = {Outcome.BREAKS: "no", Outcome.UNKNOWN: "unknown", Outcome.HOLDS: "yes", Outcome.MOOT: "-"}
_SERVING = ("reachable", "name_match", "serial_match")  # shown in the SERVED column under both rule sets
_NEVER = float("inf")


def plain(text: str, _: str) -> str:
    """Paint nothing."""
    return text


def worst_first(cases: Iterable[Case], now: datetime) -> list[Case]:
    """Sort: what will not renew, what is not served, what is not known, what is fine; then by days left."""

    def urgency(case: Case) -> int:
        if case.verdict.word is Word.BLOCKED:
            return 0
        if served(case) is Outcome.BREAKS:
            return 1
        return 2 if case.verdict.word is Word.UNKNOWN or served(case) is Outcome.UNKNOWN else 3

    return sorted(cases, key=lambda c: (urgency(c), _days(c, now), c.certificate.domain, c.certificate.arn))


def served(case: Case) -> Outcome:
    """Fold the three serving conditions: whether visitors get ACM's certificate."""
    return max((case.verdict.findings[code].outcome for code in _SERVING), key=WEIGHT.__getitem__)


def check(
    snapshot: Snapshot, cases: Iterable[Case], paint: Paint = plain, marks: Mapping[str, str] | None = None
) -> str:
    """Write the table of `check`: worst first, with the reason and the remedy under each.

    With `marks`, one character by ARN, there is a column for them.
    """
    cases = worst_first(cases, snapshot.taken_at)
    parts = [
        _certificates(snapshot, cases, paint, marks),
        _lonely(snapshot),
        _files(snapshot) if len(cases) == len(snapshot.cases) else [],  # not where some were asked for
        _failed(snapshot, paint),
        [summary(cases)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _certificates(
    snapshot: Snapshot, cases: Sequence[Case], paint: Paint, marks: Mapping[str, str] | None
) -> list[str]:
    header = ("RENEWAL", "SERVED", "  DAYS", "DOMAIN", "ACCOUNT", "REGION", "CERTIFICATE")
    lines = _columns([header, *(_row(case, snapshot.taken_at) for case in cases)])
    indent = "" if marks is None else "  "
    if marks is not None:
        column = [" ", *(marks.get(case.certificate.arn, " ") for case in cases)]
        lines = [f"{mark} {line}" for mark, line in zip(column, lines, strict=True)]
    out = [paint(lines[0], "bold")] if cases else []
    for case, line in zip(cases, lines[1:], strict=True):
        out.append(paint(line, _WORD_COLOURS[case.verdict.word]))
        out.extend(indent + told for told in _findings(case, snapshot.rules, paint))
    return out


def _row(case: Case, now: datetime) -> tuple[str, ...]:
    one = case.certificate
    days = "-" if one.not_after is None else f"{_days(case, now):.1f}"
    short = one.arn.rpartition("/")[2] or one.arn
    return (
        case.verdict.word,
        _SERVED[served(case)],
        f"{days:>6}",
        one.domain,
        one.account,
        one.region,
        short,
    )


def _days(case: Case, now: datetime) -> float:
    end = case.certificate.not_after
    return _NEVER if end is None else (end - now).total_seconds() / 86400


def troubles(case: Case) -> Iterator[tuple[Rule, Finding]]:
    """Yield what breaks and what is not known, but for what a dead address serves: nobody expects to know."""
    unreachable = case.verdict.findings["reachable"].outcome is Outcome.BREAKS
    for rule in RULES:
        finding = case.verdict.findings[rule.code]
        hidden = unreachable and rule.code in _SERVING and finding.outcome is Outcome.UNKNOWN
        if finding.outcome in _OUTCOME_COLOURS and not hidden:
            yield rule, finding


def _findings(case: Case, rules: RuleSet, paint: Paint) -> Iterable[str]:
    for rule, finding in troubles(case):
        mark = "is unknown" if finding.outcome is Outcome.UNKNOWN else "breaks"
        scope = rule.scopes[rules]
        advice = " (advisory)" if scope is Scope.ADVISORY else ""
        colour = "dim" if scope is Scope.ADVISORY else _OUTCOME_COLOURS[finding.outcome]
        for line in _wrap(f"{rule.code} {mark}{advice}: {finding.says}", 2):
            yield paint(line, colour)
        if finding.remedy:
            yield from _wrap(f"do: {finding.remedy}", 4)


def _lonely(snapshot: Snapshot) -> list[str]:
    counted = {look.endpoint for case in snapshot.cases for look in case.evidence.looks}
    spots = [spot for spot in snapshot.spots if spot.look.endpoint not in counted]
    rows = [_spot_row(spot, snapshot.taken_at) for spot in spots]
    lines = [f"  {line}" for line in _columns(rows)]
    return ["Endpoints that belong to no certificate of the inventory:", *lines] if lines else []


def _files(snapshot: Snapshot) -> list[str]:
    found = ((one.look.path, fault(one, snapshot.taken_at)) for one in lonely(snapshot))
    lines = [f"  {line}" for line in _columns([row for row in found if row[1]])]
    return (
        ["Files that belong to no certificate of the inventory, and need somebody:", *lines] if lines else []
    )


def _failed(snapshot: Snapshot, paint: Paint) -> list[str]:
    failed = [one for one in snapshot.sources if one.success is False]
    lines = [paint(line, "red") for one in failed for line in _wrap(source(one), 2)]
    return [paint("Sources that failed:", "bold"), *lines] if lines else []


def _spot_row(spot: Spot, now: datetime) -> tuple[str, ...]:
    one = spot.look.last
    sight = spot.look.sight
    if one is None:
        return (where(spot.look), f"{sight.why}: {sight.detail}" if isinstance(sight, Unseen) else "")
    left = (one.not_after - now).total_seconds() / 86400
    faults = [
        *(["not for this name"] if spot.name_match is False else []),
        *([f"not trusted: {one.trust_error}"] if one.trusted is False else []),
        *([f"failing: {sight.why}"] if isinstance(sight, Unseen) else []),
    ]
    return (where(spot.look), f"{left:.1f} days", "; ".join(faults) or "fine")


def source(one: Source) -> str:
    """Say which source failed, and why."""
    place = " ".join(part for part in (one.source, one.account, one.region) if part)
    return f"{place}: {one.error}"


def summary(cases: Sequence[Case]) -> str:
    """Count certificates by their verdicts."""
    if not cases:
        return "No certificate was found."
    words = Counter(case.verdict.word for case in cases)
    parts = [_count(words[word], word) for word in _RANK if words[word]]
    wrong = sum(served(case) is Outcome.BREAKS for case in cases)
    noun = "certificate" if len(cases) == 1 else "certificates"
    otherwise = f"; {wrong} not served as ACM has it" if wrong else ""
    return f"{len(cases)} {noun}: {', '.join(parts)}{otherwise}."


def _count(number: int, word: Word) -> str:
    return f"{number} {'renew' if word is Word.RENEWS and number > 1 else word}"


def _wrap(text: str, indent: int) -> list[str]:
    """Break a sentence over lines of some width, the later ones further in."""
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def printable(text: str) -> str:
    """Make text safe for a terminal: a name from outside may hold control characters."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    longest = max((len(row) for row in rows), default=0)
    table = [[*map(printable, row), *[""] * (longest - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in table]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + " --- |" * len(rows[0]), *body]) + "\n"


def _paragraphs(entries: Iterable[Sequence[str]]) -> str:
    """Write a title and what is to be said of it, for each entry."""
    return "\n".join(
        "\n".join([title, *(line for text in texts for line in _wrap(text, 4))]) + "\n"
        for title, *texts in entries
    )


def rules_table(*, markdown: bool = False) -> str:
    """Write all conditions: code, scope in both rule sets, text, remedy, source, runbook."""
    if markdown:
        header = ("CONDITION", "CURRENT", "CLASSIC", "HOLDS WHEN", "IF NOT", "SOURCE")
        linked = ((f"[`{one.code}`]({runbook(one)})", one) for one in RULES)
        return _markdown([header, *((link, *_scopes(one), *_texts(one)) for link, one in linked)])
    return _paragraphs(_rule(one) for one in RULES)


def runbook(rule: Rule) -> str:
    """Name the page that leads from a broken condition to a mended one."""
    return f"docs/runbooks/{rule.code}.md"


def _scopes(rule: Rule) -> tuple[str, str]:
    return (rule.scopes[RuleSet.CURRENT].value, rule.scopes[RuleSet.CLASSIC].value)


def _texts(rule: Rule) -> tuple[str, str, str]:
    return (rule.text.removesuffix("."), rule.remedy, rule.cites)


def _rule(rule: Rule) -> tuple[str, ...]:
    current, classic = _scopes(rule)
    text, remedy, source = _texts(rule)
    scope = f"scope: {current}" + (f" ({classic} under the classic rules)" if classic != current else "")
    return (
        rule.code,
        f"holds when: {text}",
        f"if not: {remedy}",
        scope,
        f"source: {source}",
        f"runbook: {runbook(rule)}",
    )


def metrics_table(*, markdown: bool = False) -> str:
    """Write all metric families, those of /probe last: name, type, labels, help."""
    families = (*FAMILIES, *PROBES)
    if markdown:
        header = ("METRIC", "TYPE", "LABELS", "MEANING")
        return _markdown(
            [header, *((f"`{one.name}`", one.kind, _labels(one, "`"), one.help) for one in families)]
        )
    return _paragraphs(
        (f"{one.name} ({one.kind})", one.help, *([f"labels: {_labels(one)}"] if _labels(one) else []))
        for one in families
    )


def _labels(family: Family, quote: str = "") -> str:
    labels = ", ".join((*family.subject.labels, *family.labels))
    return labels and f"{quote}{labels}{quote}"
