"""Tables for people: what `check`, `rules` and `metrics` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from exporter.expose.families import FAMILIES
from exporter.facts import Unseen
from exporter.judge.rule import Outcome, Rule, RuleSet, Scope
from exporter.judge.serving import where
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Snapshot, Source, Spot

Paint = Callable[[str, str], str]  # text and colour; the plain one gives the text back

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
    return max((case.verdict.findings[code].outcome for code in _SERVING), key=list(Outcome).index)


def check(snapshot: Snapshot, cases: Iterable[Case], paint: Paint = plain) -> str:
    """Write the table of `check`: worst first, with the reason and the remedy under each."""
    cases = worst_first(cases, snapshot.taken_at)
    header = ("RENEWAL", "SERVED", "DAYS", "DOMAIN", "ACCOUNT", "REGION", "CERTIFICATE")
    rows = [_row(case, snapshot.taken_at) for case in cases]
    lines = _columns([header, *rows])
    out = [paint(lines[0], "bold")] if cases else []
    for case, line in zip(cases, lines[1:], strict=True):
        out.append(paint(line, _WORD_COLOURS[case.verdict.word]))
        out.extend(_findings(case, snapshot.policy.rules, paint))
    lonely = _lonely(snapshot)
    if lonely:
        out += ["", "Endpoints that no certificate of the inventory counts for:"]
        out += [f"  {line}" for line in _columns([_spot_row(spot, snapshot.taken_at) for spot in lonely])]
    failed = [source for source in snapshot.sources if source.success is False]
    if failed:
        out += ["", "Sources that failed:"]
        out += [paint(f"  {_source(source)}", "red") for source in failed]
    return "\n".join([*out, *([""] if out else []), _summary(cases)]) + "\n"


def _row(case: Case, now: datetime) -> tuple[str, ...]:
    one = case.certificate
    days = "-" if one.not_after is None else f"{_days(case, now):.1f}"
    short = one.arn.rpartition("/")[2] or one.arn
    return (case.verdict.word, _SERVED[served(case)], days, one.domain, one.account, one.region, short)


def _days(case: Case, now: datetime) -> float:
    end = case.certificate.not_after
    return _NEVER if end is None else (end - now).total_seconds() / 86400


def _findings(case: Case, rules: RuleSet, paint: Paint) -> Iterable[str]:
    unreachable = case.verdict.findings["reachable"].outcome is Outcome.BREAKS
    for rule in RULES:
        finding = case.verdict.findings[rule.code]
        if unreachable and rule.code in _SERVING and finding.outcome is Outcome.UNKNOWN:
            continue  # what a dead address serves is not known, of course
        if finding.outcome in _OUTCOME_COLOURS:
            mark = "unknown" if finding.outcome is Outcome.UNKNOWN else "breaks"
            scope = rule.scopes[rules]
            advice = " (advisory)" if scope is Scope.ADVISORY else ""
            colour = "dim" if scope is Scope.ADVISORY else _OUTCOME_COLOURS[finding.outcome]
            yield paint(f"  {mark} {rule.code}{advice}: {finding.says}", colour)
            if finding.remedy:
                yield f"    do: {finding.remedy}"


def _lonely(snapshot: Snapshot) -> list[Spot]:
    counted = {look.endpoint for case in snapshot.cases for look in case.evidence.looks}
    return [spot for spot in snapshot.spots if spot.look.endpoint not in counted]


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


def _source(source: Source) -> str:
    place = " ".join(part for part in (source.source, source.account, source.region) if part)
    return f"{place}: {source.error}"


def _summary(cases: Sequence[Case]) -> str:
    if not cases:
        return "No certificate was found."
    words = Counter(case.verdict.word for case in cases)
    parts = [f"{words[word]} {word}" for word in _RANK if words[word]]
    wrong = sum(served(case) is Outcome.BREAKS for case in cases)
    noun = "certificate" if len(cases) == 1 else "certificates"
    return f"{len(cases)} {noun}: {', '.join(parts)}; {wrong} not served as ACM has it."


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*(_pad(rows)), strict=True)]
    return ["  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip() for row in _pad(rows)]


def _pad(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    longest = max((len(row) for row in rows), default=0)
    return [[*row, *[""] * (longest - len(row))] for row in rows]


def _markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    head, *body = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return [head, "|" + " --- |" * len(rows[0]), *body]


def rules_table(*, markdown: bool = False) -> str:
    """Write the table of conditions: code, scope in both rule sets, text, remedy, source."""
    header = ("CONDITION", "CURRENT", "CLASSIC", "HOLDS WHEN", "IF NOT", "SOURCE")
    rows = [header, *(_rule(rule, code=markdown) for rule in RULES)]
    return "\n".join(_markdown(rows) if markdown else _columns(rows)) + "\n"


def _rule(rule: Rule, *, code: bool) -> tuple[str, ...]:
    name = f"`{rule.code}`" if code else rule.code
    scopes = (rule.scopes[RuleSet.CURRENT].value, rule.scopes[RuleSet.CLASSIC].value)
    return (name, *scopes, rule.text.removesuffix("."), rule.remedy, rule.cites)


def metrics_table(*, markdown: bool = False) -> str:
    """Write the table of metric families: name, type, labels, help."""
    quote = "`{}`" if markdown else "{}"
    rows = [("METRIC", "TYPE", "LABELS", "MEANING")]
    for family in FAMILIES:
        labels = ", ".join((*family.subject.labels, *family.labels))
        rows.append((quote.format(family.name), family.kind, labels and quote.format(labels), family.help))
    return "\n".join(_markdown(rows) if markdown else _columns(rows)) + "\n"
