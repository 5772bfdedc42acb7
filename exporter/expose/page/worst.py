"""The table of certificates, worst first; those with a problem open in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from exporter.expose.page.markup import Markup, element
from exporter.expose.page.parts import (
    OUTCOMES,
    copyable,
    days,
    link,
    look_mark,
    notable,
    records,
    renewal_mark,
    section,
    served_mark,
    table,
)
from exporter.expose.page.selection import Selection
from exporter.expose.text import worst_first
from exporter.facts import Endpoint, Look
from exporter.judge.rule import Finding, Outcome, Rule, Scope
from exporter.judge.serving import where
from exporter.snapshot import Case, Snapshot, Spot

Spots = Mapping[Endpoint, Spot]

AT_ONCE = 6  # endpoints of a certificate that open in place; its own page has them all


def section_of(snapshot: Snapshot, selection: Selection) -> Markup:
    """Make the section with those that are to be shown."""
    cases = [one for one in snapshot.cases if selection.takes(one, snapshot.rules)]
    if not snapshot.cases:
        return section("Worst first", element("p", _nothing(snapshot), class_="empty"))
    everything = element("a", "Show everything", href=selection.address())
    if not cases:
        return section(
            "Worst first", element("p", "No certificate is like that. ", everything, class_="empty")
        )
    spots = {spot.look.endpoint: spot for spot in snapshot.spots}
    head = ("Renewal", "Served", "Days left", "Domain", "What to know", "Account, region")
    rows = (_row(case, snapshot, spots) for case in worst_first(cases, snapshot.taken_at))
    narrowed = [element("p", f"{len(cases)} of {len(snapshot.cases)} are shown. ", everything)]
    return section(
        "Worst first",
        *(narrowed if selection.narrows else []),
        table("Certificates, worst first", "certificates", head, rows),
    )


def _nothing(snapshot: Snapshot) -> str:
    asked = [source for source in snapshot.sources if source.source == "acm"]
    if not snapshot.ready:
        return "No certificate was seen so far: wait for the first sweep to end."
    if any(one.success is False for one in snapshot.sources if one.source in {"acm", "organization"}):
        return "No certificate could be read: see the sources that fail, above."
    places = ", ".join(f"{one.account} {one.region}".strip() for one in asked) or "no account"
    return (
        f"ACM has no certificate here ({places}). Name the accounts and regions that have some under "
        "aws.accounts in the configuration."
    )


def _row(case: Case, snapshot: Snapshot, spots: Spots) -> Markup:
    one = case.certificate
    more = len(set(one.names) - {one.domain})
    others = [element("small", f" and {more} more {'name' if more == 1 else 'names'}")] if more else []
    return element(
        "tr",
        renewal_mark(case, "td"),
        served_mark(case, "td"),
        element("td", days(one.not_after, snapshot.taken_at)),
        element("th", element("a", one.domain, href=link(case)), *others, scope="row"),
        element("td", *_told(case, snapshot, spots)),
        element("td", one.account, element("br"), " ", one.region),
    )


def _told(case: Case, snapshot: Snapshot, spots: Spots) -> Iterable[Markup]:
    """Open a problem in place; good advice and good news are short."""
    told = notable(case, snapshot.rules)
    if not told:
        return
    (rule, first), *rest = told
    if rule.scopes[snapshot.rules] is Scope.ADVISORY:
        yield element("small", f"{rule.code}: {first.says}")
        return
    more = element("small", f" and {len(rest)} more") if rest else ""
    yield element(
        "details",
        element("summary", first.says or rule.text, more),
        element(
            "ul",
            _finding(rule, replace(first, says=""), snapshot),  # the summary says it
            *(_finding(rule, finding, snapshot) for rule, finding in rest),
            class_="findings",
        ),
        *_wrong_records(case),
        *_places(case.evidence.looks, snapshot, spots),
        element("p", element("a", f"All about {case.certificate.domain}", href=link(case))),
    )


def _finding(rule: Rule, finding: Finding, snapshot: Snapshot) -> Markup:
    word = "is unknown" if finding.outcome is Outcome.UNKNOWN else "breaks"
    return element(
        "li",
        element("strong", f"{rule.code} {word}", class_=OUTCOMES[finding.outcome]),
        f" ({rule.scopes[snapshot.rules]})" + (f": {finding.says}" if finding.says else ""),
        *([element("span", f"Do: {finding.remedy}", class_="do")] if finding.remedy else []),
    )


def _wrong_records(case: Case) -> Iterable[Markup]:
    lines = _to_create(case)
    if lines:
        yield element("p", "Records to create:")
        yield copyable(lines)


def _to_create(case: Case) -> list[str]:
    """Write the validation records that are not as ACM wants them."""
    wrong = {name.rstrip(".") for name, stands in case.records if not stands}
    return [line for name, line in records(case).items() if name in wrong]


def _places(looks: Sequence[Look], snapshot: Snapshot, spots: Spots) -> Iterable[Markup]:
    """Tell in a line each of the first few endpoints what they serve."""
    known = [spots[look.endpoint] for look in looks if look.endpoint in spots]
    if known:
        more = len(known) - AT_ONCE
        yield element(
            "ul",
            *(_place(spot, snapshot) for spot in known[:AT_ONCE]),
            *([element("li", f"and {more} more endpoints")] if more > 0 else []),
            class_="places",
        )


def _place(spot: Spot, snapshot: Snapshot) -> Markup:
    one = spot.look.last
    told = [] if one is None else [
        f", serves serial {one.serial:x} of {one.issuer}, {days(one.not_after, snapshot.taken_at)} days left"
    ]  # fmt: skip
    return element("li", where(spot.look), " ", look_mark(spot), *told)
