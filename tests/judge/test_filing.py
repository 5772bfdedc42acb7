"""Which certificate a file belongs to, and what that means for the certificate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from exporter.facts import Certificate, Evidence, FileLook, Held, Seen, Unseen, Why
from exporter.judge.filing import EXPORT, WRITE, owners
from exporter.judge.names import normal
from exporter.judge.rule import HOLDS, MOOT, Finding, Outcome, Policy
from exporter.judge.verdict import judge
from tests.evidence import (
    ARN,
    CERTIFICATE,
    DAY,
    ENDS,
    HEALTHY,
    IMPORTED,
    ISSUED,
    NAMES,
    NOON,
    OTHER_ARN,
    SERIAL,
    blind,
    broken,
    look,
    served,
)

PATH = "/etc/nginx/tls/www.pem"
HELD = Held(SERIAL, NAMES, ISSUED, ENDS, "CN=Amazon RSA 2048 M02,O=Amazon,C=US", "CN=example.com", "ab" * 32)
OLD = replace(
    HELD, serial=0x99, not_before=ISSUED - 150 * DAY, not_after=datetime(2026, 11, 8, tzinfo=NOON.tzinfo)
)
NEW = replace(HELD, serial=0x77, not_before=ISSUED + DAY)
HERE = f"the file {PATH}"


def filed(held: Held = HELD, *, at: datetime = NOON, arn: str = "") -> FileLook:
    """Make a look that saw a file."""
    return FileLook(PATH, Seen(held), at, held, at, arn)


def lost(why: Why, detail: str = "", held: Held | None = None) -> FileLook:
    """Make a look that failed, perhaps after one that did not."""
    success = None if held is None else NOON - timedelta(minutes=5)
    return FileLook(PATH, Unseen(why, detail), NOON, held, success)


def holding(*files: FileLook, base: Evidence = HEALTHY, **changes: Any) -> Evidence:
    """Change what lies in files; no endpoint is looked at."""
    return replace(base, **{"looks": (), "files": files, **changes})


EXPECTED: dict[str, tuple[Evidence, Finding]] = {
    "the issue that ACM has": (holding(filed()), HOLDS),
    "the previous issue": (
        holding(filed(OLD)),
        broken(
            f"{HERE} holds serial 99, an older issue of the same names (until 2026-11-08): not redeployed yet",
            EXPORT,
        ),
    ),
    "the previous issue beside an endpoint that serves ACM's": (
        holding(filed(OLD), looks=HEALTHY.looks),
        broken(
            f"{HERE} holds serial 99, an older issue of the same names (until 2026-11-08): not redeployed yet",
            EXPORT,
        ),
    ),
    "a newer issue than ACM's": (
        holding(filed(NEW)),
        broken(
            f"{HERE} holds serial 77, a newer issue of the same names (from 2026-10-02) than ACM's",
            "wait for the next inventory; then export again",
        ),
    ),
    "a newer issue than the imported one": (
        holding(filed(NEW), base=IMPORTED),
        broken(
            f"{HERE} holds serial 77, a newer issue of the same names (from 2026-10-02) than ACM's",
            "import it into ACM",
        ),
    ),
    "a newer issue, and ACM was not read for long": (
        holding(filed(NEW), read_at=NOON - DAY),
        blind(
            Why.STALE,
            f"{HERE} holds serial 77, newer than ACM's when ACM was last read",
            "let the exporter read ACM again: see its log and acm_exporter_source_success",
        ),
    ),
    "another certificate of the inventory": (
        holding(filed(replace(HELD, serial=7), arn=ARN), siblings={7: OTHER_ARN}),
        broken(f"{HERE} holds serial 7, which is {OTHER_ARN}", f"export {ARN} instead"),
    ),
    "one of another authority where ACM's must be": (
        holding(filed(replace(HELD, serial=7, issuer="CN=R11,O=Let's Encrypt"), arn=ARN)),
        broken(f"{HERE} holds serial 7 issued by CN=R11,O=Let's Encrypt", EXPORT),
    ),
    "a stranger": (
        holding(filed(replace(HELD, serial=7, names=("example.com",)), arn=ARN)),
        broken(f"{HERE} holds serial 7, a certificate that is not in this inventory", EXPORT),
    ),
    "read before ACM renewed": (
        holding(filed(OLD, at=ISSUED - DAY)),
        blind(
            Why.NOT_YET,
            f"{HERE}: not read since this certificate was issued",
            "wait for the next look",
        ),
    ),
    "unreadable, and known from before": (
        holding(lost(Why.FILE_UNREADABLE, "Permission denied", HELD)),
        HOLDS,
    ),
    "unreadable from the beginning": (
        holding(replace(lost(Why.FILE_UNREADABLE, "Permission denied"), arn=ARN)),
        blind(
            Why.FILE_UNREADABLE,
            f"{HERE}: what it holds is not known: Permission denied",
            "let the exporter's user read the file and the directories above it",
        ),
    ),
    "broken from the beginning": (
        holding(replace(lost(Why.BAD_CERTIFICATE), arn=ARN)),
        blind(Why.BAD_CERTIFICATE, f"{HERE}: what it holds is not known: bad certificate", WRITE),
    ),
    "gone": (holding(lost(Why.FILE_NOT_FOUND, "No such file or directory", OLD)), MOOT),
}


@pytest.mark.parametrize(("evidence", "expected"), EXPECTED.values(), ids=EXPECTED)
def test_serial_match(evidence: Evidence, expected: Finding) -> None:
    """Whoever redeploys by hand learns which file still holds which issue, and what to do."""
    assert judge(evidence, Policy(), NOON).findings["serial_match"] == expected


def test_files_and_endpoints_are_told_together() -> None:
    """One certificate that is old on a server's disk and at its address says both."""
    seen = look(sight=served(serial=0x99, not_before=OLD.not_before, not_after=OLD.not_after))
    finding = judge(holding(filed(OLD), looks=(seen,)), Policy(), NOON).findings["serial_match"]
    assert finding.says == (
        "www.example.com at 192.0.2.10 serves serial 99, an older issue of the same names (until 2026-11-08): "
        f"not deployed yet; {HERE} holds serial 99, an older issue of the same names (until 2026-11-08): "
        "not redeployed yet"
    )


def test_name_match() -> None:
    """A pinned file must be for all names of its certificate; whatever it holds else is no matter here."""

    def found(*files: FileLook, base: Evidence = HEALTHY) -> Finding:
        return judge(holding(*files, base=base), Policy(), NOON).findings["name_match"]

    assert found(filed(OLD)) == HOLDS
    assert found(filed(replace(HELD, names=("*.example.com", "example.com")))) == HOLDS
    other = filed(replace(HELD, names=("www.example.com",)), arn=ARN)
    assert found(other) == broken(f"{HERE} holds a certificate that does not cover example.com", EXPORT)
    many = replace(CERTIFICATE, names=tuple(f"{letter}.test" for letter in "abcdefg"))
    assert found(other, base=replace(HEALTHY, certificate=many)) == broken(
        f"{HERE} holds a certificate that does not cover a.test, b.test, c.test, d.test, e.test and 2 more",
        EXPORT,
    )
    assert found(other, base=replace(HEALTHY, certificate=replace(CERTIFICATE, names=()))) == MOOT
    assert found(lost(Why.FILE_NOT_FOUND)) == MOOT
    assert found(lost(Why.BAD_PASSWORD, "it is wrong")).outcome is Outcome.UNKNOWN


WILD = replace(CERTIFICATE, arn=OTHER_ARN, names=("*.example.com", "example.com"), serial=7)
TWIN = replace(CERTIFICATE, arn=OTHER_ARN, serial=7)


@pytest.mark.parametrize(
    ("seen", "certificates", "expected"),
    [
        (filed(), [CERTIFICATE, WILD], [ARN]),
        (filed(OLD), [CERTIFICATE, WILD], [ARN]),
        (filed(replace(OLD, names=("WWW.example.com", "example.com."))), [CERTIFICATE], [ARN]),
        (filed(), [TWIN, CERTIFICATE], [ARN]),
        (filed(OLD), [CERTIFICATE, TWIN], [ARN, OTHER_ARN]),
        (filed(replace(OLD, names=("www.example.com",))), [CERTIFICATE], []),
        (filed(replace(OLD, issuer="CN=R11,O=Let's Encrypt")), [CERTIFICATE], []),
        (filed(replace(OLD, names=())), [CERTIFICATE], []),
        (filed(replace(OLD, names=("a.test",)), arn=ARN), [CERTIFICATE], [ARN]),
        (filed(), [], []),
        (replace(lost(Why.BAD_PASSWORD), arn=ARN), [CERTIFICATE], [ARN]),
        (lost(Why.BAD_PASSWORD), [CERTIFICATE], []),
        (lost(Why.BAD_PASSWORD, held=OLD), [CERTIFICATE], [ARN]),
    ],
    ids=[
        *("its serial", "an older issue", "in other spelling", "of twins the one with its serial"),
        *("of twins both", "only some of the names", "another authority", "no names", "pinned"),
        *("nobody's", "pinned and unread", "unread", "unread now"),
    ],
)
def test_owners(seen: FileLook, certificates: Iterable[Certificate], expected: list[str]) -> None:
    """A file belongs to the certificate that it is an issue of, and to no other that shares a name."""

    def named(name: str) -> list[Certificate]:
        return [one for one in certificates if name in map(normal, one.names)]

    assert owners(seen, named) == expected
