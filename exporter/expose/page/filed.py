"""The table of certificates in files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from exporter.expose.page.markup import NOTHING, Markup, element
from exporter.expose.page.parts import BAD, GOOD, NONE, UNSURE, days, moment, section, small, table
from exporter.facts import Held, Seen, Unseen, Why
from exporter.snapshot import Case, Filed, Snapshot


def of_certificate(case: Case, snapshot: Snapshot) -> Markup:
    """Show the files that count for a certificate; nothing where there are none."""
    own = {look.path for look in case.evidence.files}
    return _section("Files", [one for one in snapshot.files if one.look.path in own], snapshot)


def of_all(snapshot: Snapshot) -> Markup:
    """Show all files."""
    return _section("Certificates in files", snapshot.files, snapshot)


def _section(title: str, files: Iterable[Filed], snapshot: Snapshot) -> Markup:
    rows = [_file(one, snapshot.taken_at) for one in files]
    head = ("File", "Last look", "Holds", "Days left")
    return section(title, table(title, "endpoints", head, rows)) if rows else NOTHING


def _file(one: Filed, now: datetime) -> Markup:
    held = one.look.last
    nothing = element("td", "nothing read so far", class_="quiet")
    return element(
        "tr",
        element("th", one.look.path, scope="row"),
        _look(one, now),
        nothing if held is None else _holds(one, held),
        element("td", days(held.not_after if held else None, now)),
    )


def _look(one: Filed, now: datetime) -> Markup:
    look = one.look
    match look.sight:
        case Seen():
            parts = [element("span", "readable", class_=GOOD)]
        case Unseen(why=Why.NOT_YET):
            parts = [element("span", "not looked at yet", class_=NONE)]
        case Unseen(why=why, detail=detail):
            mark = element("span", why.replace("_", " "), class_=UNSURE if why.ours else BAD)
            before = [element("small", "last read ", moment(look.last_success, now))] if look.last else []
            parts = [mark, *small(detail), *before]
    return element("td", *parts, element("small", moment(look.at, now)))


def _holds(one: Filed, held: Held) -> Markup:
    equal = all(same for _, same in one.serial_matches)
    mark = element("span", "ACM's serial" if equal else "not ACM's serial", class_=GOOD if equal else BAD)
    return element(
        "td",
        "serial ",
        element("code", f"{held.serial:x}"),
        *([element("small", mark)] if one.serial_matches else []),
        *small(f"issued by {held.issuer}"),
        *small(f"for {held.subject}"),
    )
