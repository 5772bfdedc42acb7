"""The page of one certificate: all that is known of it, the worst first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from exporter.expose.page import filed
from exporter.expose.page.markup import NOTHING, Markup, address, element, join, quoted
from exporter.expose.page.parts import (
    OUTCOMES,
    copyable,
    endpoints,
    facts,
    moment,
    notable,
    prose,
    records,
    renewal_mark,
    section,
    served_mark,
    table,
)
from exporter.facts import Certificate, Description, Details, Resource, Seen, Sight, Unseen, Validation
from exporter.judge.resources import is_foreign, told, used_by
from exporter.judge.rule import Finding, Outcome, Rule
from exporter.judge.serving import where
from exporter.judge.verdict import RULES
from exporter.snapshot import Case, Change, Snapshot

CHANGES = 50  # that are shown
_ANSWERS = {True: "yes", False: "no", None: ""}


def title(case: Case) -> str:
    """Say which certificate, and how it stands."""
    return f"{case.certificate.domain}: {case.verdict.word}"


def body(case: Case, snapshot: Snapshot) -> Markup:
    """Write the page."""
    one = case.certificate
    return join(
        [
            element("p", element("a", "All certificates", href="/"), class_="back"),
            element("h1", one.domain),
            element("p", element("code", one.arn)),
            element(
                "ul",
                element("li", "Renewal ", renewal_mark(case)),
                element("li", "Visitors ", served_mark(case)),
                element("li", "Ends ", moment(one.not_after, snapshot.taken_at, "unknown")),
                class_="verdict",
            ),
            _conditions(case, snapshot),
            _endpoints(case, snapshot),
            filed.of_certificate(case, snapshot),
            _validation(case),
            _renewal(case, snapshot),
            _certificate(case, snapshot),
            _history(case, snapshot),
        ]
    )


def _conditions(case: Case, snapshot: Snapshot) -> Markup:
    told = [rule for rule, _ in notable(case, snapshot.rules)]
    found = case.verdict.findings
    rest = [rule for rule in RULES if rule not in told]
    shown = [*told, *(rule for rule in rest if found[rule.code].outcome is not Outcome.MOOT)]
    moot = ", ".join(rule.code for rule in rest if found[rule.code].outcome is Outcome.MOOT)
    head = ("Condition", "Outcome", "What was found, and what to do", "Costs")
    rows = (_condition(rule, found[rule.code], snapshot) for rule in shown)
    return section(
        "Conditions",
        table("Conditions, worst first", "conditions", head, rows),
        *([element("p", f"Not applicable: {moot}.", class_="quiet")] if moot else []),
    )


def _condition(rule: Rule, finding: Finding, snapshot: Snapshot) -> Markup:
    does = [element("span", f"Do: {finding.remedy}", class_="do")] if finding.remedy else []
    return element(
        "tr",
        element("th", rule.code, scope="row"),
        element("td", finding.outcome, class_=OUTCOMES[finding.outcome]),
        element("td", finding.says or prose(rule.text), *does),
        element("td", rule.scopes[snapshot.rules]),
    )


def _endpoints(case: Case, snapshot: Snapshot) -> Markup:
    own = {look.endpoint for look in case.evidence.looks}
    spots = [spot for spot in snapshot.spots if spot.look.endpoint in own]
    if not spots:
        advice = (
            "No endpoint is looked at for this certificate. Name the domains that serve it under domains in "
            "the configuration, above all those of a wildcard."
        )
        return section("Endpoints", element("p", advice, class_="empty"))
    return section("Endpoints", endpoints("Endpoints and what they serve", spots, snapshot))


def _validation(case: Case) -> Markup:
    details = case.certificate.details
    validations = details.value.validations if isinstance(details, Seen) else ()
    parts = [*_records(case), *(part for one in validations for part in _other(one))]
    return section("Validation", *parts) if parts else NOTHING


def _records(case: Case) -> Iterable[Markup]:
    stands = {name.rstrip("."): good for name, good in case.records}
    for name, line in records(case).items():
        words = {
            True: ("as ACM wants it", "good"),
            False: ("to be created", "bad"),
            None: ("not seen", "unsure"),
        }
        word, kind = words[stands.get(name)]
        yield element("p", "Record ", element("span", word, class_=kind))
        yield copyable([line])


def _other(one: Validation) -> Iterable[Markup]:
    """Tell how a name is validated by mail or by HTTP."""
    if one.mailboxes or one.mail_domain:
        boxes = ", ".join(one.mailboxes) or f"the mailboxes of {one.mail_domain}"
        yield element("p", f"{one.name}: mail goes to {boxes} ({one.status or 'no status'})")
    if one.redirect_from:
        yield element("p", f"{one.name}: this page must lead to the one below ({one.status or 'no status'})")
        yield copyable([one.redirect_from, one.redirect_to])


def _renewal(case: Case, snapshot: Snapshot) -> Markup:
    one, now = case.certificate, snapshot.taken_at
    details = _details(case)
    return section(
        "Renewal",
        facts(
            (
                ("Window opens", moment(case.window_start, now, "")),
                ("Status", one.renewal_status or "none yet"),
                ("Reason", details.renewal_reason),
                ("Changed", moment(details.renewal_updated_at, now, "")),
                ("Eligible", one.eligibility),
                ("First issued", f"{(now - case.first_issue).days} days ago" if case.first_issue else ""),
                ("Switching to", details.switching_to),
            )
        ),
    )


def _certificate(case: Case, snapshot: Snapshot) -> Markup:
    one, now = case.certificate, snapshot.taken_at
    details = _details(case)
    unseen = one.details if isinstance(one.details, Unseen) else None
    return section(
        "Certificate",
        facts(
            (
                ("Not told by ACM", f"{unseen.why}: {unseen.detail}" if unseen else ""),
                ("Status", one.status),
                ("Failure", details.failure_reason),
                ("Type", one.type),
                ("Names", _lines(one.names)),
                ("Serial", "" if one.serial is None else element("code", f"{one.serial:x}")),
                ("Issuer", details.issuer),
                ("Private CA", details.ca_arn),
                ("Valid from", moment(one.not_before, now, "")),
                ("Valid until", moment(one.not_after, now, "")),
                ("Requested", moment(one.created_at, now, "")),
                ("Issued", moment(one.issued_at, now, "")),
                ("Imported", moment(one.imported_at, now, "")),
                ("Validation", one.validation_method),
                ("Key", " ".join(part for part in (one.key_algorithm, one.key_pair_origin) if part)),
                ("Managed by", one.managed_by),
                ("In use", _ANSWERS[one.in_use]),
                ("Used by", join(_user(one, *used) for used in used_by(one))),
                ("Exported", _ANSWERS[one.exported]),
                ("Account", one.account),
                ("Region", one.region),
                ("Tags", _lines(f"{key}={value}" for key, value in sorted(one.tags.items()))),
            )
        ),
        element("p", element("a", "This certificate in the AWS console", href=_console(one))),
    )


def _history(case: Case, snapshot: Snapshot) -> Markup:
    own = {look.endpoint for look in case.evidence.looks}
    spots = [spot for spot in snapshot.spots if spot.look.endpoint in own]
    changes = [("ACM", one) for one in case.history.changes]
    changes += [(where(spot.look), one) for spot in spots for one in spot.history.changes]
    seen = facts([("First seen", moment(case.history.first_seen, snapshot.taken_at, ""))])
    if not changes:
        return section("History", seen, element("p", "No change was seen so far.", class_="quiet"))
    latest = sorted(changes, key=lambda told: told[1].at, reverse=True)[:CHANGES]
    head = ("Where", "When", "What", "Was", "Is")
    rows = (_change(place, one, snapshot.taken_at) for place, one in latest)
    return section("History", seen, table("What changed, the latest first", "history", head, rows))


def _change(place: str, one: Change, now: datetime) -> Markup:
    return element(
        "tr",
        element("th", place, scope="row"),
        element("td", moment(one.at, now)),
        element("td", one.what),
        element("td", element("code", one.was)),
        element("td", element("code", one.now)),
    )


def _details(case: Case) -> Details:
    details = case.certificate.details
    return details.value if isinstance(details, Seen) else Details()


def _lines(texts: Iterable[str]) -> Markup:
    return join(element("span", text, class_="line") for text in texts)


def _user(certificate: Certificate, resource: Resource, sight: Sight[Description] | None) -> Markup:
    """Say which resource it is, with its ARN below."""
    foreign = f", of account {resource.account}" if is_foreign(resource, certificate) else ""
    text = told(resource, sight) + foreign
    return element("span", text, element("small", resource.arn), class_="line")


def _console(one: Certificate) -> str:
    home = address("https://console.aws.amazon.com/acm/home", region=one.region)
    return f"{home}#/certificates/{quoted(one.arn.rpartition('/')[2])}"
