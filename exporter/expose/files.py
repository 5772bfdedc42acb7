"""The families of certificates in files, and how people name what was seen of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from exporter.expose import rows
from exporter.expose.family import Family
from exporter.expose.rows import Aspect, Row, Rows, Subject
from exporter.facts import Held, Unseen, Why
from exporter.snapshot import Filed, Snapshot

T = TypeVar("T")
FILE: Subject[Filed] = Subject(("path",), lambda one: (one.look.path,), lambda snapshot: snapshot.files)

_HELD: Aspect[Filed] = Aspect(lambda one: (one.look.last, one.serial_matches))
_AGE: Aspect[Filed] = Aspect(lambda one: one.look.last, steady=False, ages=True)
_SUCCESS: Aspect[Filed] = Aspect(lambda one: one.look.last_success, steady=False)


def failure(one: Filed) -> str:
    """Name the closed reason of a failed look; "" where the look was fine or is still to come."""
    sight = one.look.sight
    return sight.why.value if isinstance(sight, Unseen) and sight.why is not Why.NOT_YET else ""


_OUTCOME: Aspect[Filed] = Aspect(failure)


def lonely(snapshot: Snapshot) -> list[Filed]:
    """List the files that belong to no certificate that is shown."""
    counted = {look.path for case in snapshot.cases for look in case.evidence.files}
    return [one for one in snapshot.files if one.look.path not in counted]


def fault(one: Filed, now: datetime) -> str:
    """Say what is wrong with a file by itself; "" for nothing."""
    sight, held = one.look.sight, one.look.last
    if isinstance(sight, Unseen):
        return f"{sight.why}: {sight.detail}"
    return f"ended on {held.not_after:%Y-%m-%d}" if held is not None and held.not_after <= now else ""


def _last(of: Callable[[Held], T]) -> Callable[[Filed], T | None]:
    return lambda one: None if one.look.last is None else of(one.look.last)


def _end(held: Held) -> datetime:
    return held.not_after


def _info(one: Filed, _: Snapshot) -> Iterable[Row]:
    held = one.look.last
    if held is not None:
        yield (f"{held.serial:x}", held.issuer, held.subject, held.fingerprint), 1.0


def _file(name: str, help_: str, of: Rows[Filed], *labels: str, aspect: Aspect[Filed] = _HELD) -> Family:
    return Family(name, help_, FILE, of, labels, aspect)


FILES = (
    _file(
        "certificate_file_not_before_timestamp_seconds",
        "Start of the validity of the leaf in the file.",
        rows.moment(_last(lambda held: held.not_before)),
    ),
    _file(
        "certificate_file_not_after_timestamp_seconds",
        "End of the validity of the leaf in the file.",
        rows.moment(_last(_end)),
    ),
    _file(
        "certificate_file_days_to_expiry",
        "Days until the leaf in the file ends, as of the snapshot; negative once it has ended.",
        rows.days_left(_last(_end)),
        aspect=_AGE,
    ),
    _file(
        "certificate_file_info",
        "What the file holds; always 1.",
        _info,
        *("serial", "issuer", "subject", "fingerprint_sha256"),
    ),
    _file(
        "certificate_file_serial_match",
        "1 if the file holds the serial number of that ACM certificate, 0 if not.",
        lambda one, _: (((arn,), float(equal)) for arn, equal in one.serial_matches),
        "arn",
    ),
    _file(
        "certificate_file_failure",
        "1 for the reason for which the latest look at the file, or at its directory or pattern, failed.",
        rows.state(failure),
        "reason",
        aspect=_OUTCOME,
    ),
    _file(
        "certificate_file_last_success_timestamp_seconds",
        "When the file was last read.",
        rows.moment(lambda one: one.look.last_success),
        aspect=_SUCCESS,
    ),
)
