"""What the sweeps of a watch changed: nothing of the first, and later each thing that is not as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.facts import Endpoint
from exporter.judge.rule import Outcome
from exporter.judge.verdict import Word
from exporter.snapshot import Case, Snapshot, Source
from exporter.snapshot.comparing import Comparison, Difference
from tests.evidence import ARN, CERTIFICATE, NOON, OTHER_ARN, SERVED
from tests.expose.snapshots import SEEN, case, finding, snapshot, spot

LATER = NOON + timedelta(seconds=10)
OTHER = case(replace(CERTIFICATE, arn=OTHER_ARN, domain="other.example.com"))
NO = finding(Outcome.BREAKS, "no")
FAILED = Source("acm", "111122223333", "us-east-1", success=False)


def at(second: float, *cases: Case, **changes: object) -> Snapshot:
    """Take a snapshot so many seconds after noon."""
    return replace(snapshot(*cases, spots=(spot(),)), taken_at=NOON + timedelta(seconds=second), **changes)  # type: ignore[arg-type]


def of(
    what: str, was: str, now: str, subject: str | Endpoint = ARN, domain: str = "example.com"
) -> Difference:
    """Expect a difference, by default of the certificate."""
    return Difference(LATER, subject, domain, what, was, now)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        pytest.param(at(10, case()), [], id="the same"),
        pytest.param(
            at(10, case(replace(CERTIFICATE, serial=7))), [of("serial", "a1b2c3", "7")], id="another serial"
        ),
        pytest.param(
            at(10, case(word=Word.BLOCKED, caa=NO)),
            [of("verdict", "renews", "blocked"), of("caa", "moot", "breaks")],
            id="a condition, and with it the verdict",
        ),
        pytest.param(
            at(10, case(in_use=finding(Outcome.UNKNOWN, "?"))),
            [of("in_use", "holds", "unknown")],
            id="a condition that is not known any more",
        ),
        pytest.param(
            at(10, case(), OTHER),
            [of("inventory", "absent", "present", OTHER_ARN, "other.example.com")],
            id="one more certificate",
        ),
        pytest.param(at(10), [of("inventory", "present", "absent")], id="a certificate less"),
        pytest.param(
            at(10, case(), spots=(spot(replace(SEEN, last=replace(SERVED, serial=8))),)),
            [of("serial", "a1b2c3", "8", SEEN.endpoint, "www.example.com")],
            id="what an endpoint serves",
        ),
        pytest.param(
            at(10, case(), sources=(FAILED,)),
            [of("source", "works", "fails", "acm 111122223333 us-east-1", "")],
            id="a source",
        ),
    ],
)
def test_each_difference_is_told_once(later: Snapshot, expected: list[Difference]) -> None:
    """By the sweep that sees it, with what it was before, and not by the next one."""
    comparison = Comparison()
    assert comparison.take(at(0, case()), [case()]) == ()
    assert list(comparison.take(later, later.cases)) == expected
    again = replace(later, taken_at=LATER + timedelta(seconds=10))
    assert comparison.take(again, again.cases) == ()


def test_a_certificate_that_comes_back_is_compared_with_what_it_was() -> None:
    """Gone and back with another serial: both are told."""
    comparison = Comparison()
    comparison.take(at(0, case()), [case()])
    comparison.take(at(5), [])
    back = case(replace(CERTIFICATE, serial=7))
    assert list(comparison.take(at(10, back), [back])) == [
        of("serial", "a1b2c3", "7"),
        of("inventory", "absent", "present"),
    ]


def test_an_inventory_that_was_empty_is_compared_too() -> None:
    """The first sweep found nothing: what comes later is news."""
    comparison = Comparison()
    comparison.take(at(0), [])
    assert list(comparison.take(at(10, case()), [case()])) == [of("inventory", "absent", "present")]
