"""What a rule of Prometheus is, and what the rules share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grafana.source import thresholds as at

CERTIFICATE = "arn, account, region, domain"
ENDPOINT = "domain, port, address"
FILE = "instance, path"
CRITICAL, WARNING = "critical", "warning"

# Conditions with an alert of their own; AcmRenewalBlocked has the others.
APART = ("reachable", "name_match", "serial_match", "validation_age", "email_sunset", "renewal_progress")


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule; `why` becomes the comment above it."""

    name: str
    why: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule; `wait` is its `for`, and a runbook is named where it is not that of the alert."""

    name: str
    severity: str
    why: str
    expr: str
    wait: str
    summary: str
    description: str
    runbook: str = ""


def tiers(alert: Alert, keys: str, urgent: str, wait: str = "") -> tuple[Alert, Alert]:
    """Make two alerts of one: critical where `urgent` applies as well, else a warning.

    The warning fires on until the critical one does, so that nothing seems resolved in between. `wait` is
    that of the critical one, where it differs.
    """
    critical = replace(alert, severity=CRITICAL, expr=f"{alert.expr}\nand {urgent}", wait=wait or alert.wait)
    why, expr = "The same while there is time.", f"{alert.expr}\nunless on ({keys}) {firing(alert.name)}"
    return critical, replace(alert, severity=WARNING, why=why, expr=expr)


def firing(name: str) -> str:
    """Choose the critical alerts of a name that have been sent."""
    return chosen("ALERTS", alertname=name, severity=CRITICAL, alertstate="firing")


def past(metric: str, **labels: str) -> str:
    """Bridge the pauses of a series: a lost scrape, a restart."""
    return f"last_over_time({chosen(metric, **labels)}[{at.LOOKBACK}])"


def latest(metric: str) -> str:
    """Bridge pauses of an endpoint's metric, yet forget at once an address that DNS no longer has."""
    return f"({metric} or {past(metric)} unless on (domain, port) {metric})"


def broken(**labels: str) -> str:
    """Choose from the broken conditions."""
    return chosen("acm:condition:broken", **labels)


def chosen(metric: str, **labels: str) -> str:
    """Write a selector; a value that begins with an operator (`!=`, `=~`, `!~`) brings its own."""
    matchers = []
    for name, value in labels.items():
        operator = value[:2] if value[:2] in {"!=", "=~", "!~"} else "="
        matchers.append(f'{name}{operator}"{value.removeprefix(operator)}"')
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric
