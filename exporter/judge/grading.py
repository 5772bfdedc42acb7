"""How bad it is, as monitoring plugins say it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from exporter.judge.rule import Outcome, RuleSet, Scope
from exporter.judge.verdict import RULES, Verdict


class Grade(IntEnum):
    """The exit codes of `check`, those of the Monitoring Plugins Development Guidelines."""

    OK = 0
    WARNING = 1  # a serving condition breaks
    CRITICAL = 2  # a renewal condition breaks
    UNKNOWN = 3  # something could not be judged


_RISING = (Grade.OK, Grade.UNKNOWN, Grade.WARNING, Grade.CRITICAL)  # a known break beats a blind spot
_BROKEN = {Scope.RENEWAL: Grade.CRITICAL, Scope.SERVING: Grade.WARNING}


def grade(verdict: Verdict, rules: RuleSet) -> Grade:
    """Grade one certificate; what is only advisory is no matter."""
    grades = []
    for rule in RULES:
        broken = _BROKEN.get(rule.scopes[rules], Grade.OK)
        outcome = verdict.findings[rule.code].outcome
        if outcome is Outcome.BREAKS:
            grades.append(broken)
        elif outcome is Outcome.UNKNOWN and broken:
            grades.append(Grade.UNKNOWN)
    return worst(grades)


def worst(grades: Iterable[Grade]) -> Grade:
    """Return the worst known break, else UNKNOWN for what is not known, else OK."""
    return max(grades, key=_RISING.index, default=Grade.OK)
