"""What a monitoring system reads of `check --format nagios`, as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exporter.expose import plugin
from exporter.judge.grading import Grade
from exporter.judge.rule import Outcome
from exporter.judge.verdict import Word
from exporter.snapshot import Source
from tests.evidence import DAY, NOON, SERVED
from tests.expose.snapshots import SEEN, snapshot, spot
from tests.expose.test_text import BLIND, CNAME, FINE, GONE, OLD, WAF, named, whole

PLACE = "arn:aws:acm:us-east-1:111122223333:certificate"
SPOTS = (spot(replace(SEEN, last=replace(SERVED, not_after=NOON + 12.345 * DAY))), spot())


def test_all_is_well() -> None:
    """One line, with the counts; advice is no trouble."""
    cases = (FINE, OLD, named("import.example.com", Word.UNMANAGED, 7.5))
    assert plugin.write(snapshot(*cases, spots=SPOTS), cases, Grade.OK) == (
        "ACM OK - 3 certificates: 2 renew, 1 unmanaged | certificates=3;;;0 not_renewing=0;;;0;3 "  # noqa: ISC003
        + "not_served=0;;;0;3 unknown=0;;;0;3 days_to_expiry=7.50 served_days_to_expiry=12.35\n"
    )


def test_every_trouble_worst_first() -> None:
    """The line of status counts and names, each certificate below has its grade, its reason and the remedy."""
    cases = (FINE, BLIND, WAF, CNAME, GONE)
    assert plugin.write(snapshot(*cases), cases, Grade.CRITICAL) == whole(
        f"""
        ACM CRITICAL - 2 of 5 certificates do not renew: gone.example.com, cname.example.com; 1 of 5 certificates is not served as ACM has it: waf.example.com; 1 of 5 certificates cannot be judged: blind.example.com | certificates=5;;;0 not_renewing=2;;;0;5 not_served=1;;;0;5 unknown=1;;;0;5 days_to_expiry=-2.25
        CRITICAL gone.example.com {PLACE}/gone, -2.2 days left
          status breaks: its status is EXPIRED; do: request a new one
        CRITICAL cname.example.com {PLACE}/cname, 30.0 days left
          validation_records breaks: no CNAME; do: create it
        WARNING waf.example.com {PLACE}/waf, 144.5 days left
          serial_match breaks: a WAF serves its own; do: put ACM's there
        UNKNOWN blind.example.com {PLACE}/blind, 144.5 days left
          caa is unknown: the resolver says SERVFAIL; do: check the resolver
        """
    )


def test_only_some_names_on_the_line_of_status() -> None:
    """A pager shows one line: three names are enough, the rest is counted."""
    cases = [named(f"{name}.example.com", caa=(Outcome.BREAKS, "no", "")) for name in "abcde"]
    first, _, _ = plugin.write(snapshot(*cases), cases, Grade.CRITICAL).partition(" | ")
    assert first == (
        "ACM CRITICAL - 5 of 5 certificates do not renew: a.example.com, b.example.com, c.example.com and 2 more"
    )


def test_what_could_not_be_read_and_what_is_not_there() -> None:
    """A source that failed and a name without a certificate are the reason for UNKNOWN, so they are told first."""
    failed = Source("acm", "111122223333", "us-east-1", success=False, error="denied: not allowed")
    missing = ["nobody.example.org: no certificate of the inventory covers this name"]
    assert plugin.write(snapshot(sources=(failed,)), [], Grade.UNKNOWN, missing) == (
        "ACM UNKNOWN - acm 111122223333 us-east-1: denied: not allowed; nobody.example.org: no certificate of the "
        "inventory covers this name | certificates=0;;;0 not_renewing=0;;;0;0 not_served=0;;;0;0 unknown=0;;;0;0\n"
    )


@pytest.mark.parametrize("evil", ["a|x=1\nOK - all is well", "a\u2028b\x1b[2J|"])
def test_texts_from_outside_cannot_pretend(evil: str) -> None:
    """A record's text with a bar or a line break neither begins performance data nor a line of its own."""
    cases = [named("a.example.com", caa=(Outcome.BREAKS, evil, evil))]
    told = plugin.write(snapshot(*cases), cases, Grade.CRITICAL)
    assert len(told.splitlines()) == 3
    assert told.count("|") == 1
    assert all(line.isprintable() for line in told.split("\n"))


def test_failure() -> None:
    """Whatever keeps us from looking is UNKNOWN, and the rest of it is below."""
    assert plugin.failure(["a.yaml:1: bad", "a.yaml:2: bad | too"]) == (
        "ACM UNKNOWN - a.yaml:1: bad\na.yaml:2: bad / too\n"
    )
