"""What `check --watch` shows, as a whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from exporter.expose import watching
from exporter.facts import Endpoint
from exporter.judge.rule import Outcome
from exporter.snapshot import Source
from exporter.snapshot.comparing import Difference, Sweep
from tests.evidence import NOON
from tests.expose.snapshots import SEEN, case, finding, snapshot
from tests.expose.test_text import CNAME, FINE, WAF, whole

SECOND = timedelta(seconds=1)
PLACE = Endpoint("www.example.com", 8443, "192.0.2.10")
LOOKED = case(looks=(replace(SEEN, endpoint=PLACE),))
CASES = (FINE, WAF, CNAME, LOOKED)
FIRST = Sweep(1, NOON, snapshot(*CASES), CASES, (), (), (), NOON + 10 * SECOND)
ARN = CNAME.certificate.arn
THIRD = replace(
    FIRST,
    number=3,
    since=NOON - 20 * SECOND,
    missing=("nobody.example.org: no certificate of the inventory covers this name",),
    latest=(
        Difference(NOON, ARN, "cname.example.com", "verdict", "renews", "blocked"),
        Difference(NOON, ARN, "cname.example.com", "validation_records", "holds", "breaks"),
    ),
    former=(
        Difference(NOON - 10 * SECOND, "acm 111122223333 us-east-1", "", "source", "fails", "works"),
        Difference(NOON - 10 * SECOND, PLACE, "www.example.com", "serial", "a1b2c3", "a1b2c4"),
    ),
)

WHOLE = whole("""
    Watching since 11:59:40: sweep 3 at 12:00:00, the next at 12:00:10 (UTC). Ctrl-C ends it.

    Changed (* by this sweep, + before):
    * 12:00:00  cname.example.com (cname)  verdict: renews -> blocked
    * 12:00:00  cname.example.com (cname)  validation_records: holds -> breaks
    + 11:59:50  acm 111122223333 us-east-1  source: fails -> works
    + 11:59:50  www.example.com:8443 at 192.0.2.10  serial: a1b2c3 -> a1b2c4

      RENEWAL  SERVED    DAYS  DOMAIN             ACCOUNT       REGION     CERTIFICATE
    * blocked  yes       30.0  cname.example.com  111122223333  us-east-1  cname
        validation_records breaks: no CNAME
          do: create it
      renews   no       144.5  waf.example.com    111122223333  us-east-1  waf
        serial_match breaks: a WAF serves its own
          do: put ACM's there
    + renews   yes      144.5  example.com        111122223333  us-east-1  00000000-0000-4000-8000-000000000001
      renews   yes      144.5  fine.example.com   111122223333  us-east-1  fine

    4 certificates: 1 blocked, 3 renew; 1 not served as ACM has it.
    nobody.example.org: no certificate of the inventory covers this name
    """)


def test_a_screen() -> None:
    """Since when, the next look, what changed and when, and the table, where marks say which rows changed."""
    assert watching.screen(THIRD, 200, 60) == WHOLE


def test_nothing_has_changed() -> None:
    """Then nothing is said of changes, and no row is marked."""
    one = replace(FIRST, snapshot=snapshot(FINE), cases=(FINE,))
    assert watching.screen(one, 200, 60) == whole("""
        Watching since 12:00:00: sweep 1 at 12:00:00, the next at 12:00:10 (UTC). Ctrl-C ends it.

          RENEWAL  SERVED    DAYS  DOMAIN            ACCOUNT       REGION     CERTIFICATE
          renews   yes      144.5  fine.example.com  111122223333  us-east-1  fine

        1 certificate: 1 renews.
        """)


def test_a_small_terminal_has_the_beginning_and_the_summary() -> None:
    """Lines that do not fit, wrapped ones counted as often, would push away what matters; nothing scrolls."""
    rows = WHOLE.count("\n")
    assert watching.screen(THIRD, 200, rows) != WHOLE  # the cursor needs a line too
    assert watching.screen(THIRD, 200, rows + 1) == WHOLE
    beginning = WHOLE.splitlines()[:6]
    summary = "4 certificates: 1 blocked, 3 renew; 1 not served as ACM has it."
    assert watching.screen(THIRD, 100, 8).splitlines() == [*beginning, f"… {rows - 6} more lines. {summary}"]
    assert watching.screen(THIRD, 45, 8).splitlines() == [
        *beginning[:4],
        f"… {rows - 4} more lines. {summary}"[:45],
    ]


def test_only_so_many_changes_on_a_screen() -> None:
    """The table matters more; older changes are counted."""
    many = tuple(replace(THIRD.latest[0], at=NOON - n * SECOND) for n in range(30, 0, -1))
    lines = watching.screen(replace(FIRST, former=many), 200, 60).splitlines()
    assert [line[:10] for line in lines[3:5]] == ["+ 11:59:59", "+ 11:59:58"]
    assert lines[12][:10] == "+ 11:59:50"
    assert lines[13:15] == ["  … and 20 more", ""]


def test_lines() -> None:
    """Where there is no terminal: the beginning, then one line for each change of a sweep and none for none."""
    failed = Source("acm", "111122223333", "us-east-1", success=False, error="denied: not allowed")
    blind = replace(FIRST, snapshot=replace(FIRST.snapshot, sources=(failed,)), missing=THIRD.missing)
    assert watching.begun(blind) == whole("""
        2026-11-23T12:00:00Z watching 4 certificates: 1 blocked, 3 renew; 1 not served as ACM has it.
        acm 111122223333 us-east-1: denied: not allowed
        nobody.example.org: no certificate of the inventory covers this name
        """)
    assert watching.changes(FIRST) == ""
    assert watching.changes(THIRD) == whole("""
        2026-11-23T12:00:00Z cname.example.com (cname)  verdict: renews -> blocked
        2026-11-23T12:00:00Z cname.example.com (cname)  validation_records: holds -> breaks
        """)


def test_texts_from_outside_command_no_terminal() -> None:
    """An issuer or a record's text may hold control characters."""
    evil = "a\x1b[2J\nb"
    one = replace(THIRD.latest[0], domain=evil, was=evil, now=evil)
    broken = case(FINE.certificate, caa=finding(Outcome.BREAKS, evil))
    sweep = replace(FIRST, snapshot=snapshot(broken), cases=(broken,), latest=(one,))
    for shown in (watching.screen(sweep, 200, 60), watching.changes(sweep)):
        assert all(line.isprintable() for line in shown.split("\n"))
    assert watching.changes(sweep).count("\n") == 1
