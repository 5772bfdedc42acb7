"""What both pages are made of: words with a mark, times, findings, tables of endpoints and sources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from exporter.expose.page.markup import Markup, address, element, join
from exporter.expose.rows import DAY
from exporter.expose.text import served
from exporter.facts import Seen, Served, Unseen, Why
from exporter.judge.rule import Finding, Outcome, Rule, RuleSet, Scope
from exporter.judge.serving import where
from exporter.judge.verdict import RULES, Word
from exporter.snapshot import Case, Snapshot, Source, Spot

# Classes of the style sheet; it puts a mark before each, for the colour alone says nothing.
GOOD, BAD, UNSURE, NONE = "good", "bad", "unsure", "none"

WORDS = {Word.RENEWS: GOOD, Word.BLOCKED: BAD, Word.UNKNOWN: UNSURE, Word.UNMANAGED: NONE}
OUTCOMES = {Outcome.HOLDS: GOOD, Outcome.BREAKS: BAD, Outcome.UNKNOWN: UNSURE, Outcome.MOOT: NONE}
SERVED = {
    Outcome.HOLDS: "served",
    Outcome.BREAKS: "not served",
    Outcome.UNKNOWN: "unknown",
    Outcome.MOOT: "not looked at",
}
_SERVING = ("reachable", "name_match", "serial_match")


def section(title: str, *content: str, class_: str = "") -> Markup:
    """Make a section under its heading."""
    return element("section", element("h2", title), *content, class_=class_ or False)


def renewal_mark(case: Case, name: str = "span") -> Markup:
    """Say the verdict."""
    return element(name, case.verdict.word, class_=WORDS[case.verdict.word])


def served_mark(case: Case, name: str = "span") -> Markup:
    """Say whether visitors get ACM's certificate."""
    outcome = served(case)
    return element(name, SERVED[outcome], class_=OUTCOMES[outcome])


def link(case: Case) -> str:
    """Give the address of a certificate's own page."""
    return address("/certificate", arn=case.certificate.arn)


def days(end: datetime | None, now: datetime) -> str:
    """Give the days that are left, with one decimal."""
    return "-" if end is None else f"{(end - now).total_seconds() / DAY:.1f}"


def moment(when: datetime | None, now: datetime, otherwise: str = "-") -> Markup:
    """Give a time in UTC and how far it is from the snapshot."""
    if when is None:
        return join([otherwise])
    machine = when.isoformat(timespec="seconds").replace("+00:00", "Z")
    stamp = element("time", f"{when:%Y-%m-%d %H:%M} UTC", datetime=machine)
    away = when - now
    return join([stamp, f" (in {_span(away)})" if away > timedelta() else f" ({_span(-away)} ago)"])


def _span(length: timedelta) -> str:
    seconds = length.total_seconds()
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (2 * DAY, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / DAY:.0f} days"


def notable(case: Case, rules: RuleSet) -> list[tuple[Rule, Finding]]:
    """List what breaks or is not known: advice last, breaks before blind spots."""
    dead = case.verdict.findings["reachable"].outcome is Outcome.BREAKS
    found = [(rule, case.verdict.findings[rule.code]) for rule in RULES]
    told = [
        (rule, finding)
        for rule, finding in found
        if finding.outcome is Outcome.BREAKS
        or (finding.outcome is Outcome.UNKNOWN and not (dead and rule.code in _SERVING))
    ]  # what a dead address serves is not known, of course
    return sorted(told, key=lambda t: (advisory(t[0], rules), t[1].outcome is not Outcome.BREAKS))


def advisory(rule: Rule, rules: RuleSet) -> bool:
    """Whether the condition is good to know and changes no verdict."""
    return rule.scopes[rules] is Scope.ADVISORY


def is_problem(case: Case, rules: RuleSet) -> bool:
    """Whether there is something to do or to find out."""
    return any(not advisory(rule, rules) for rule, _ in notable(case, rules))


def copyable(lines: Iterable[str]) -> Markup:
    """Show lines to be copied, each as it is."""
    return join(element("pre", element("code", line)) for line in lines)


def records(case: Case) -> dict[str, str]:
    """Write each validation record as a zone file has it, by its name; names that share one give one line."""
    details = case.certificate.details
    validations = details.value.validations if isinstance(details, Seen) else ()
    return {
        one.record_name.rstrip(".").lower(): f"{one.record_name} CNAME {one.record_value}"
        for one in validations
        if one.record_name and one.record_value
    }


def prose(text: str) -> Markup:
    """Show a sentence of ours, in which backquotes enclose what is typed."""
    return join(element("code", part) if n % 2 else part for n, part in enumerate(text.split("`")))


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Make a list of facts; those without a value are left out."""
    return element(
        "dl",
        *(element("div", element("dt", name), element("dd", value)) for name, value in pairs if value),
    )


def table(caption: str, kind: str, head: Sequence[str], rows: Iterable[Markup]) -> Markup:
    """Make a table with a caption for those who do not see the heading above it."""
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", one, scope="col") for one in head))),
        element("tbody", *rows),
        class_=kind,
    )


def endpoints(caption: str, spots: Iterable[Spot], snapshot: Snapshot) -> Markup:
    """Make the table of endpoints: what each one serves, and how the last look at it went."""
    head = ("Endpoint", "Last look", "Serves", "Days left", "TLS", "Trust")
    return table(caption, "endpoints", head, (_endpoint(spot, snapshot.taken_at) for spot in spots))


def _endpoint(spot: Spot, now: datetime) -> Markup:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(spot.labels.items()) if value)
    name = element("th", where(spot.look), *small(labels), scope="row")
    one = spot.look.last
    if one is None:
        nothing = element("td", "nothing seen so far", class_="quiet")
        return element("tr", name, _look(spot, now), nothing, *[element("td")] * 3)
    client = "wants a client certificate" if one.wants_client_certificate else ""
    return element(
        "tr",
        name,
        _look(spot, now),
        _serves(spot, one),
        element("td", days(one.not_after, now)),
        element("td", one.tls_version, *small(one.cipher), *small(client)),
        _trust(one),
    )


def look_mark(spot: Spot) -> Markup:
    """Say how the last look went; a reason that lies with us tells nothing against the endpoint."""
    match spot.look.sight:
        case Seen():
            return element("span", "answers", class_=GOOD)
        case Unseen(why=Why.NOT_YET):
            return element("span", "not looked at yet", class_=NONE)
        case Unseen(why=why):
            return element("span", why.replace("_", " "), class_=UNSURE if why.ours else BAD)


def _look(spot: Spot, now: datetime) -> Markup:
    look = spot.look
    parts: list[str] = [look_mark(spot)]
    if isinstance(look.sight, Unseen):
        parts += small(look.sight.detail)
        if look.last_success is not None:
            parts.append(element("small", "last answer ", moment(look.last_success, now)))
    return element("td", *parts, element("small", moment(look.at, now)))


def _serves(spot: Spot, one: Served) -> Markup:
    return element(
        "td",
        "serial ",
        element("code", f"{one.serial:x}"),
        *(element("small", mark) for mark in _marks(spot)),
        *small(f"issued by {one.issuer}"),
        *small(f"for {one.subject}"),
    )


def _marks(spot: Spot) -> Iterable[Markup]:
    if spot.serial_matches:
        equal = all(same for _, same in spot.serial_matches)
        yield element("span", "ACM's serial" if equal else "not ACM's serial", class_=GOOD if equal else BAD)
    if spot.name_match is False:
        yield element("span", "not for this name", class_=BAD)


def _trust(one: Served) -> Markup:
    if one.trusted is None:
        return element("td", "no roots to compare with", class_="quiet")
    mark = element("span", "trusted" if one.trusted else "not trusted", class_=GOOD if one.trusted else BAD)
    return element("td", mark, *small(one.trust_error))


def small(text: str) -> Sequence[Markup]:
    """Make a remark below something, if there is one."""
    return [element("small", text)] if text else []


def sources(caption: str, some: Iterable[Source], now: datetime) -> Markup:
    """Make the table of sources and how they fared when they were last asked."""
    head = ("Source", "State", "Last success", "Took", "Error")
    return table(caption, "sources", head, (_source(one, now) for one in some))


def _source(one: Source, now: datetime) -> Markup:
    place = " ".join(part for part in (one.source, one.account, one.region) if part)
    word, kind = {True: ("works", GOOD), False: ("fails", BAD), None: ("not asked yet", NONE)}[one.success]
    return element(
        "tr",
        element("th", place, scope="row"),
        element("td", word, class_=kind),
        element("td", moment(one.last_success, now, "never")),
        element("td", "-" if one.duration is None else f"{one.duration:.2f} s"),
        element("td", one.error or "-"),
    )
