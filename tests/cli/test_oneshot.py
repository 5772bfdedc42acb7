"""What `check` exits with."""

from __future__ import annotations

import pytest

from exporter.cli.oneshot import FINE, RENEWAL, SERVING, UNKNOWN, exit_code
from exporter.facts import Why
from exporter.judge.rule import Outcome, RuleSet
from exporter.snapshot import Case, Source
from tests.expose.snapshots import blank, case, finding, snapshot

NO = finding(Outcome.BREAKS, "no", "do")
BLIND = finding(Outcome.UNKNOWN, "?", why=Why.TIMEOUT)
WELL = Source("acm", success=True)


@pytest.mark.parametrize(
    ("title", "cases", "rules", "sources", "code"),
    [
        ("nothing at all", [], RuleSet.CURRENT, [WELL], FINE),
        ("all is well", [case(), case()], RuleSet.CURRENT, [WELL], FINE),
        ("a source that was never asked", [case()], RuleSet.CURRENT, [Source("dns")], FINE),
        ("advice", [case(validation_age=NO)], RuleSet.CURRENT, [WELL], FINE),
        ("advice that is not known", [case(validation_age=BLIND)], RuleSet.CURRENT, [WELL], FINE),
        (
            "advice under current decides under classic",
            [case(validation_age=NO)],
            RuleSet.CLASSIC,
            [WELL],
            RENEWAL,
        ),
        ("not served", [case(), case(serial_match=NO)], RuleSet.CURRENT, [WELL], SERVING),
        ("not served decides under classic", [case(serial_match=NO)], RuleSet.CLASSIC, [WELL], RENEWAL),
        ("will not renew", [case(), case(caa=NO)], RuleSet.CURRENT, [WELL], RENEWAL),
        (
            "both, of two certificates",
            [case(serial_match=NO), case(caa=NO)],
            RuleSet.CURRENT,
            [WELL],
            RENEWAL,
        ),
        ("not known", [case(), case(caa=BLIND)], RuleSet.CURRENT, [WELL], UNKNOWN),
        ("nothing known", [blank()], RuleSet.CURRENT, [WELL], UNKNOWN),
        ("not known what is served", [case(serial_match=BLIND)], RuleSet.CURRENT, [WELL], UNKNOWN),
        (
            "a break is worse than a blind spot",
            [case(caa=BLIND), case(name_match=NO)],
            RuleSet.CURRENT,
            [WELL],
            SERVING,
        ),
        ("a source failed", [case()], RuleSet.CURRENT, [WELL, Source("acm", success=False)], UNKNOWN),
        (
            "a source failed and nothing is there",
            [],
            RuleSet.CURRENT,
            [Source("acm", success=False)],
            UNKNOWN,
        ),
        (
            "a break and a failed source",
            [case(caa=NO)],
            RuleSet.CURRENT,
            [Source("acm", success=False)],
            RENEWAL,
        ),
    ],
)
def test_exit_code(title: str, cases: list[Case], rules: RuleSet, sources: list[Source], code: int) -> None:
    """As monitoring plugins have it: the worst known break, else 3 for what is not known, else 0."""
    assert exit_code(snapshot(rules=rules, sources=tuple(sources)), cases) == code, title


def test_codes_are_those_of_the_contract() -> None:
    """Scripts compare with the numbers."""
    assert (FINE, SERVING, RENEWAL, UNKNOWN) == (0, 1, 2, 3)
