"""The first page: how things stand, what to do about it, and whether the exporter itself is well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from exporter.expose.page import filed, worst
from exporter.expose.page.markup import NOTHING, Markup, element, join
from exporter.expose.page.parts import (
    BAD,
    GOOD,
    NONE,
    UNSURE,
    endpoints,
    facts,
    section,
    sources,
)
from exporter.expose.page.selection import REFRESH, SHOWN, Selection, has_failed
from exporter.facts import Seen
from exporter.judge.rule import Scope
from exporter.judge.verdict import RULES
from exporter.snapshot import Snapshot, Source

Counts = Counter[str]  # by what the form offers to show

LATEST = 50  # failed looks that are listed

_TILES = (("blocked", BAD), ("not-served", BAD), ("unknown", UNSURE), ("renews", GOOD), ("unmanaged", NONE))
_IN_TITLE = {"blocked": "will not renew", "not-served": "not served", "unknown": "unknown"}


def count(snapshot: Snapshot) -> Counts:
    """Count what each tile leads to."""
    tests = [(show, SHOWN[show][1]) for show in ("", *dict(_TILES))]
    return Counter(show for case in snapshot.cases for show, test in tests if test(case, snapshot.rules))


def title(snapshot: Snapshot, counts: Counts) -> str:
    """Say the worst in the tab of the browser."""
    bad = [f"{counts[show]} {word}" for show, word in _IN_TITLE.items() if counts[show]]
    return ", ".join(bad) or ("all is well" if snapshot.ready and snapshot.cases else "certificates")


def body(snapshot: Snapshot, selection: Selection, counts: Counts) -> Markup:
    """Write the page; sources stand on top where one fails, and below where all is well."""
    failing = [source for source in snapshot.sources if source.success is False]
    return join(
        [
            element("h1", "Certificates"),
            _under_way(snapshot),
            _share(snapshot),
            _failing(failing, snapshot),
            _tiles(selection, counts),
            _form(selection),
            worst.section_of(snapshot, selection),
            _strangers(snapshot, selection),
            filed.of_all(snapshot),
            _failed_looks(snapshot),
            _health(snapshot),
            _rules(snapshot),
        ]
    )


def _under_way(snapshot: Snapshot) -> Markup:
    if snapshot.ready:
        return NOTHING
    return element(
        "p",
        element("strong", "The first sweep is under way."),
        " Not everything has been looked at yet: what is missing here is no good news. ",
        element("a", "Look again in 30 seconds", href="/?refresh=30"),
        ".",
        class_="notice",
    )


def _share(snapshot: Snapshot) -> Markup:
    shard = snapshot.shard
    if shard.total == 1:
        return NOTHING
    told = f"This is shard {shard.index} of {shard.total}, counted from 0; the others show their own share."
    return element("p", told, class_="notice")


def _failing(failing: Sequence[Source], snapshot: Snapshot) -> Markup:
    if not failing:
        return NOTHING
    what = (
        "Mend these first: what they tell is missing or old. acm is AWS, tls the endpoints, dns the zones, "
        "file the certificates in files."
    )
    return section(
        "Sources that fail",
        element("p", what),
        sources("Sources that fail", failing, snapshot.taken_at),
        class_="alarm",
    )


def _tiles(selection: Selection, counts: Counts) -> Markup:
    tiles = [("", "certificates", ""), *((show, SHOWN[show][0], kind) for show, kind in _TILES)]
    return element(
        "nav",
        element(
            "ul",
            *(
                element(
                    "li",
                    element(
                        "a",
                        element("strong", str(counts[show])),
                        element("span", words, class_=(counts[show] and kind) or False),
                        href=selection.address(show),
                        aria_current="true" if show == selection.show else False,
                    ),
                )
                for show, words, kind in tiles
            ),
        ),
        aria_label="Certificates by verdict",
        class_="tiles",
    )


def _form(selection: Selection) -> Markup:
    shown = {value: words for value, (words, _) in SHOWN.items()}
    return element(
        "form",
        _field("q", "Find", _search(selection.text)),
        _field("show", "Show", _select("show", shown, selection.show)),
        _field("refresh", "Reload", _select("refresh", REFRESH, selection.refresh)),
        element("button", "Apply"),
        method="get",
        action="/",
        role="search",
        aria_label="Certificates",
    )


def _search(text: str) -> Markup:
    hint = "name, ARN, account, region, tag"
    return element("input", id="q", name="q", type="search", value=text, placeholder=hint)


def _field(name: str, words: str, control: Markup) -> Markup:
    return element("div", element("label", words, for_=name), control)


def _select(name: str, options: Mapping[str, str], current: str) -> Markup:
    return element(
        "select",
        *(
            element("option", words, value=value, selected=value == current)
            for value, words in options.items()
        ),
        id=name,
        name=name,
    )


def _strangers(snapshot: Snapshot, selection: Selection) -> Markup:
    counted = {look.endpoint for case in snapshot.cases for look in case.evidence.looks}
    lonely = (s for s in snapshot.spots if not s.serial_matches and s.look.endpoint not in counted)
    spots = [one for one in lonely if selection.takes_spot(one)]
    title = "Endpoints that belong to no certificate"
    return section(title, endpoints(title, spots, snapshot)) if spots else NOTHING


def _failed_looks(snapshot: Snapshot) -> Markup:
    failed = sorted(filter(has_failed, snapshot.spots), key=lambda spot: spot.look.at, reverse=True)
    tally: defaultdict[str, list[str]] = defaultdict(list)
    for (source, outcome), number in sorted(snapshot.tally.items(), key=lambda item: -item[1]):
        if number:
            tally[source].append(f"{number} {outcome.replace('_', ' ')}")
    more = len(failed) - LATEST
    return section(
        "Latest looks that failed",
        endpoints("Latest looks that failed", failed[:LATEST], snapshot)
        if failed
        else element("p", _none_failed(snapshot), class_="empty"),
        *([element("p", f"{more} more failed; /api/v1/certificates has them all.")] if more > 0 else []),
        facts((f"{source} looks since the start", ", ".join(told)) for source, told in tally.items()),
    )


def _none_failed(snapshot: Snapshot) -> str:
    if any(isinstance(spot.look.sight, Seen) for spot in snapshot.spots):
        return "None: each endpoint answered when it was last looked at."
    return "No endpoint was looked at so far."


def _health(snapshot: Snapshot) -> Markup:
    return section("Sources", sources("Sources", snapshot.sources, snapshot.taken_at))


def _rules(snapshot: Snapshot) -> Markup:
    policy = snapshot.policy
    deciding = ", ".join(r.code for r in RULES if r.scopes[policy.rules] is Scope.RENEWAL)
    return section(
        "Rules in force",
        facts(
            (
                ("Rule set", policy.rules),
                ("Conditions that decide on renewal", deciding),
                ("Age limit of a validation", f"{policy.validation_limit.days} days"),
                ("Renewal window", f"{policy.window.days} days" if policy.window else "by the lifetime"),
                ("Grace period", f"{policy.grace.total_seconds() / 86400:g} days"),
                ("Last day of renewal by e-mail", f"{policy.email_ends:%Y-%m-%d}"),
            )
        ),
    )
