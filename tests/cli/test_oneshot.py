"""What `check` exits with."""

from __future__ import annotations

import pytest

from exporter.cli.oneshot import grade_of
from exporter.facts import Why
from exporter.judge.grading import Grade
from exporter.judge.rule import Outcome, RuleSet
from exporter.snapshot import Case, Source
from tests.expose.snapshots import blank, case, finding, snapshot

NO = finding(Outcome.BREAKS, "no", "do")
BLIND = finding(Outcome.UNKNOWN, "?", why=Why.TIMEOUT)
WELL = Source("acm", success=True)


@pytest.mark.parametrize(
    ("title", "cases", "rules", "sources", "code"),
    [
        ("nothing at all", [], RuleSet.CURRENT, [WELL], Grade.OK),
        ("all is well", [case(), case()], RuleSet.CURRENT, [WELL], Grade.OK),
        ("a source that was never asked", [case()], RuleSet.CURRENT, [Source("dns")], Grade.OK),
        ("advice", [case(validation_age=NO)], RuleSet.CURRENT, [WELL], Grade.OK),
        ("advice that is not known", [case(validation_age=BLIND)], RuleSet.CURRENT, [WELL], Grade.OK),
        (
            "advice under current decides under classic",
            [case(validation_age=NO)],
            RuleSet.CLASSIC,
            [WELL],
            Grade.CRITICAL,
        ),
        ("not served", [case(), case(serial_match=NO)], RuleSet.CURRENT, [WELL], Grade.WARNING),
        (
            "not served decides under classic",
            [case(serial_match=NO)],
            RuleSet.CLASSIC,
            [WELL],
            Grade.CRITICAL,
        ),
        ("will not renew", [case(), case(caa=NO)], RuleSet.CURRENT, [WELL], Grade.CRITICAL),
        (
            "both, of two certificates",
            [case(serial_match=NO), case(caa=NO)],
            RuleSet.CURRENT,
            [WELL],
            Grade.CRITICAL,
        ),
        ("not known", [case(), case(caa=BLIND)], RuleSet.CURRENT, [WELL], Grade.UNKNOWN),
        ("nothing known", [blank()], RuleSet.CURRENT, [WELL], Grade.UNKNOWN),
        ("not known what is served", [case(serial_match=BLIND)], RuleSet.CURRENT, [WELL], Grade.UNKNOWN),
        (
            "a break is worse than a blind spot",
            [case(caa=BLIND), case(name_match=NO)],
            RuleSet.CURRENT,
            [WELL],
            Grade.WARNING,
        ),
        ("a source failed", [case()], RuleSet.CURRENT, [WELL, Source("acm", success=False)], Grade.UNKNOWN),
        (
            "a source failed and nothing is there",
            [],
            RuleSet.CURRENT,
            [Source("acm", success=False)],
            Grade.UNKNOWN,
        ),
        (
            "a break and a failed source",
            [case(caa=NO)],
            RuleSet.CURRENT,
            [Source("acm", success=False)],
            Grade.CRITICAL,
        ),
    ],
)
def test_exit_code(title: str, cases: list[Case], rules: RuleSet, sources: list[Source], code: Grade) -> None:
    """As monitoring plugins have it: the worst known break, else 3 for what is not known, else 0."""
    assert grade_of(snapshot(rules=rules, sources=tuple(sources)), cases) is code, title


def test_codes_are_those_of_the_contract() -> None:
    """Scripts compare with the numbers."""
    assert (Grade.OK, Grade.WARNING, Grade.CRITICAL, Grade.UNKNOWN) == (0, 1, 2, 3)


def test_whoever_is_missing_is_not_known() -> None:
    """A name that no certificate covers is no success; a known break is worse."""
    missing = ["nobody.example.org: no certificate of the inventory covers this name"]
    assert grade_of(snapshot(sources=(WELL,)), [case()], missing) is Grade.UNKNOWN
    assert grade_of(snapshot(sources=(WELL,)), [case(caa=NO)], missing) is Grade.CRITICAL
