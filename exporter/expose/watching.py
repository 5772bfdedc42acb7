"""What `check --watch` shows: a screen that is painted anew, or a line for each change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from exporter.expose import text
from exporter.expose.text import Paint
from exporter.facts import Endpoint
from exporter.judge.serving import place
from exporter.snapshot.comparing import Difference, Sweep

SHOWN = 10  # changes on a screen
LATEST, FORMER = "*", "+"  # marks what changed by the latest sweep, and by those before


def screen(sweep: Sweep, columns: int, lines: int, paint: Paint = text.plain) -> str:
    """Write what fits on a screen of this size: when, what changed, and the table with marks."""
    both = zip(_lines(sweep, text.plain), _lines(sweep, paint), strict=True)
    sized = [(max(1, -(-len(plain) // columns)), painted) for plain, painted in both]
    room = lines - 1  # the cursor stands on the last one
    if sum(size for size, _ in sized) <= room:
        return "".join(f"{painted}\n" for _, painted in sized)
    shown: list[str] = []
    for size, painted in sized:
        if size >= room:
            break
        room -= size
        shown.append(painted)
    more = f"… {len(sized) - len(shown)} more lines. {text.summary(sweep.cases)}"
    return "".join(f"{line}\n" for line in (*shown, more[:columns]))


def _lines(sweep: Sweep, paint: Paint) -> list[str]:
    snapshot = sweep.snapshot
    head = (
        f"Watching since {_clock(sweep.since)}: sweep {sweep.number} at {_clock(snapshot.taken_at)}, "
        f"the next at {_clock(sweep.next_at)} (UTC). Ctrl-C ends it."
    )
    table = text.check(snapshot, sweep.cases, paint, _marks(sweep))
    return [paint(head, "bold"), "", *_changed(sweep, paint), *table.splitlines(), *sweep.missing]


def _changed(sweep: Sweep, paint: Paint) -> Iterator[str]:
    """Yield the latest changes first."""
    if not (sweep.latest or sweep.former):
        return
    yield paint(f"Changed ({LATEST} by this sweep, {FORMER} before):", "bold")
    former = sorted(sweep.former, key=lambda one: one.at, reverse=True)  # and in their order where at once
    lines = [
        *(paint(f"{LATEST} {_clock(one.at)}  {_says(one)}", "bold") for one in sweep.latest),
        *(f"{FORMER} {_clock(one.at)}  {_says(one)}" for one in former),
    ]
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"  … and {len(lines) - SHOWN} more"
    yield ""


def _marks(sweep: Sweep) -> dict[str, str]:
    """Mark the certificates that changed, also those of which an endpoint changed."""
    former = {one.subject for one in sweep.former}
    latest = {one.subject for one in sweep.latest}
    marks = {}
    for case in sweep.cases:
        own = {case.certificate.arn, *(look.endpoint for look in case.evidence.looks)}
        if own & latest:
            marks[case.certificate.arn] = LATEST
        elif own & former:
            marks[case.certificate.arn] = FORMER
    return marks


def begun(sweep: Sweep) -> str:
    """Write the lines that say what the first sweep found."""
    failed = [text.source(one) for one in sweep.snapshot.sources if one.success is False]
    first = f"{_stamp(sweep.since)} watching {text.summary(sweep.cases)}"
    return _joined([first, *failed, *sweep.missing])


def changes(sweep: Sweep) -> str:
    """Write a line for each change of the latest sweep."""
    return _joined([f"{_stamp(one.at)} {_says(one)}" for one in sweep.latest])


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{text.printable(line)}\n" for line in lines)


def _says(one: Difference) -> str:
    return text.printable(f"{_who(one)}  {one.what}: {one.was} -> {one.now}")


def _who(one: Difference) -> str:
    if isinstance(one.subject, Endpoint):
        return place(one.subject)
    return f"{one.domain} ({one.subject.rpartition('/')[2]})" if one.domain else one.subject


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
