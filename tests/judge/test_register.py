"""The register has the conditions of the contract, and every one of them is tried."""

from __future__ import annotations

from collections import Counter

import pytest

from exporter.judge.rule import Outcome, Rule, RuleSet
from exporter.judge.verdict import RULES
from tests.judge import test_renewal, test_serving, test_validation

SCOPES = {  # code: scope under `current`, scope under `classic`
    "reachable": ("serving", "renewal"),
    "name_match": ("serving", "renewal"),
    "serial_match": ("serving", "renewal"),
    "in_use": ("renewal", "renewal"),
    "validation_age": ("advisory", "renewal"),
    "eligible": ("renewal", "renewal"),
    "status": ("renewal", "renewal"),
    "validation_records": ("renewal", "renewal"),
    "caa": ("renewal", "renewal"),
    "approval_mail": ("renewal", "renewal"),
    "email_sunset": ("renewal", "advisory"),
    "http_token": ("renewal", "renewal"),
    "private_ca": ("renewal", "renewal"),
    "renewal_progress": ("renewal", "renewal"),
}
TRIALS = (*test_renewal.TRIALS, *test_serving.TRIALS, *test_validation.TRIALS)
ALWAYS_APPLIES = {"status"}  # has no `moot`


def test_codes_and_scopes() -> None:
    """Dashboards and alerts rely on these codes and scopes, in this order."""
    found = {rule.code: tuple(str(rule.scopes[rules]) for rules in RuleSet) for rule in RULES}
    assert list(RuleSet) == [RuleSet.CURRENT, RuleSet.CLASSIC]
    assert list(found.items()) == list(SCOPES.items())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_explains_itself(rule: Rule) -> None:
    """Each condition has a sentence, a remedy and a source for the tables that users read."""
    assert rule.text.endswith(".")
    assert "\n" not in rule.text
    assert rule.remedy
    assert rule.cites


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_tried(rule: Rule) -> None:
    """Each condition is seen to hold, to break, to be unknown and to be moot where it can be."""
    tried = Counter(trial.finding.outcome for trial in TRIALS if trial.code == rule.code)
    can = set(Outcome) - ({Outcome.MOOT} if rule.code in ALWAYS_APPLIES else set())
    assert set(tried) == can


def test_every_row_of_the_tables_is_of_a_rule() -> None:
    """No row is about a condition that does not exist, and no two rows have one title."""
    assert {trial.code for trial in TRIALS} == set(SCOPES)
    assert [title for title, count in Counter(map(str, TRIALS)).items() if count > 1] == []
