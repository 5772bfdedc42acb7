"""The register of rules, and the fold from findings to one word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exporter.facts import Evidence
from exporter.judge import renewal, serving, validation
from exporter.judge.rule import WEIGHT, Finding, Outcome, Policy, Rule, Scope, managed

RULES: tuple[Rule, ...] = (
    serving.reachable,
    serving.name_match,
    serving.serial_match,
    renewal.in_use,
    renewal.validation_age,
    renewal.eligible,
    renewal.status,
    validation.validation_records,
    validation.caa,
    validation.approval_mail,
    renewal.email_sunset,
    validation.http_token,
    renewal.private_ca,
    renewal.renewal_progress,
)


class Word(StrEnum):
    """The verdict: whether ACM's managed renewal will succeed."""

    RENEWS = "renews"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"
    UNMANAGED = "unmanaged"


WORDS = {
    Outcome.MOOT: Word.UNKNOWN,  # nothing applied, so nothing is promised
    Outcome.HOLDS: Word.RENEWS,
    Outcome.UNKNOWN: Word.UNKNOWN,
    Outcome.BREAKS: Word.BLOCKED,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word and what every rule found, by code, in the order of the register."""

    word: Word
    findings: Mapping[str, Finding]


def judge(evidence: Evidence, policy: Policy, now: datetime) -> Verdict:
    """Judge one certificate: one break blocks, and one blind spot is enough not to promise."""
    findings = {rule.code: rule.judge(evidence, policy, now) for rule in RULES}
    if managed(evidence.certificate) is False:
        return Verdict(Word.UNMANAGED, findings)
    deciding = (findings[rule.code].outcome for rule in RULES if rule.scopes[policy.rules] is Scope.RENEWAL)
    return Verdict(WORDS[max(deciding, key=WEIGHT.__getitem__)], findings)
