"""The shipped alert rules: complete, fresh, of existing metrics, and proved by promtool."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from exporter.expose.families import FAMILIES
from exporter.facts import Why
from exporter.judge.rule import RuleSet, Scope
from exporter.judge.verdict import RULES
from grafana.source import alerts
from tests.servers import need

ROOT = Path(__file__).parents[2]
TESTS = sorted((Path(__file__).parent / "alerts").glob("*_test.yaml"))
SHIPPED: list[dict[str, Any]] = yaml.safe_load(alerts.FILE.read_text())["groups"][0]["rules"]

# What users route by, and what the runbooks are named after.
SEVERITIES = {
    "AcmRenewalBlocked": ["critical", "warning"],
    "AcmRenewalOverdue": ["critical", "warning"],
    "AcmValidationTooOld": ["critical", "warning"],
    "AcmEmailValidationEnding": ["warning"],
    "AcmCertificateExpiring": ["critical", "warning"],
    "AcmCertificateExpired": ["critical"],
    "AcmNameUnreachable": ["critical", "warning"],
    "AcmServedNameMismatch": ["critical"],
    "AcmServedCertificateDiffers": ["critical", "warning"],
    "TlsEndpointExpiring": ["critical", "warning"],
    "TlsEndpointExpired": ["critical"],
    "TlsEndpointUntrusted": ["warning"],
    "TlsEndpointUnreachable": ["critical", "warning"],
    "CertificateFileExpiring": ["critical", "warning"],
    "CertificateFileUnreadable": ["warning"],
    "AcmConditionUnknown": ["warning"],
    "AcmSourceFailing": ["warning"],
    "AcmSnapshotStale": ["critical"],
    "AcmExporterDown": ["critical", "warning"],
    "AcmConfigNotReloaded": ["warning"],
    "AcmWebConfigNotReloaded": ["warning"],
    "AcmStateNotWritten": ["warning"],
    "AcmWebhookFailing": ["warning"],
    "AcmExporterShardingMismatch": ["critical"],
    "AcmExporterShardsMissing": ["critical"],
}
TARGET = {"job", "instance"}
PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity", "arn", "condition", "scope"}}


def test_the_shipped_file_is_what_the_generator_writes() -> None:
    """Whoever changes a threshold and forgets `make grafana` is told."""
    assert alerts.FILE.read_text() == alerts.document(alerts.RULES)


def test_names_and_severities_are_the_agreed_ones() -> None:
    """Routes and runbooks may rely on them."""
    found: dict[str, list[str]] = {}
    for rule in _alerts():
        found.setdefault(rule["alert"], []).append(rule["labels"]["severity"])
    assert found == SEVERITIES


def test_every_alert_says_what_to_do_and_where_to_read() -> None:
    """At 3 a.m. the text has a first step, and the runbook is that of the alert or of the condition."""
    for rule in _alerts():
        told = rule["annotations"]
        assert list(told) == ["summary", "description", "runbook_url"]
        assert "First: " in told["description"]
        page = "{{ $labels.condition }}" if rule["alert"] == "AcmRenewalBlocked" else rule["alert"]
        assert told["runbook_url"].endswith(f"/docs/runbooks/{page}.md")


def test_every_condition_that_costs_something_has_an_alert() -> None:
    """A new condition is not forgotten: it is paged by name, or falls to AcmRenewalBlocked with its own words."""
    text = alerts.FILE.read_text()
    own = set(re.findall(r'broken\{[^}]*condition="(\w+)"', text))
    told = set(re.findall(r'eq \$labels\.condition "(\w+)" \}\}Should be', text))
    costly = {rule.code for rule in RULES if Scope.ADVISORY is not rule.scopes[RuleSet.CLASSIC]}
    costly |= {rule.code for rule in RULES if Scope.ADVISORY is not rule.scopes[RuleSet.CURRENT]}
    assert costly - own - told == set()


def test_expressions_name_only_what_exists() -> None:
    """Every expression and every query of an annotation parses, with metrics and labels of the exporter's own."""
    families = {one.name: {*one.subject.labels, *one.labels} for one in FAMILIES}
    recorded = {rule["record"]: set.union(*families.values()) for rule in SHIPPED if "record" in rule}
    known = families | recorded | PROMETHEUS
    strange = [
        (name, label)
        for expression in _expressions()
        for name, labels in _named(promql_parser.parse(expression))
        for label in labels
        if name not in {*known, ""}
        or label not in (known.get(name) or set.union(*families.values())) | TARGET
    ]
    assert strange == []
    assert not {name for text in _expressions() for name, _ in _named(promql_parser.parse(text))} - {
        *known,
        "",
    }


def test_words_in_matchers_are_words_that_the_exporter_says() -> None:
    """A misspelt condition, scope or source would match nothing and so never alert."""
    words = {
        "condition": {rule.code for rule in RULES},
        "scope": {scope.value for scope in Scope},
        "source": {"acm", "tls", "dns", "file"},
        "reason": {why.value for why in Why},
    }
    said = [
        (label, word)
        for label, value in re.findall(r'(\w+)[!=]=?~?"([^"]*)"', "\n".join(_expressions()))
        if label in words
        for word in value.split("|")
        if not word.startswith("%")
    ]
    assert said
    assert [pair for pair in said if pair[1] not in words[pair[0]] | {"x"}] == []


def test_promtool_finds_nothing_to_object_to() -> None:
    """The file can be loaded as it is, with no duplicate rule."""
    done = _promtool("check", "rules", str(alerts.FILE))
    assert f"SUCCESS: {len(SHIPPED)} rules found" in done


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_and_stay_silent_as_promtool_plays_it(file: Path) -> None:
    """Each alert fires with its words, and keeps silent in the nearest innocent case."""
    assert "SUCCESS" in _promtool("test", "rules", str(file))


def test_every_alert_is_played_both_ways() -> None:
    """Each alert and severity has a case in which it fires, each alert one with all its words and one of silence."""
    firing: Counter[tuple[str, str]] = Counter()
    silent: Counter[str] = Counter()
    worded: Counter[str] = Counter()
    for test in (test for file in TESTS for test in yaml.safe_load(file.read_text())["tests"]):
        for case in test.get("alert_rule_test", []):
            silent[case["alertname"]] += not case["exp_alerts"]
            for alert in case["exp_alerts"]:
                worded[case["alertname"]] += 1
                firing[case["alertname"], alert["exp_labels"]["severity"]] += 1
        for case in test.get("promql_expr_test", []):
            for sample in case["exp_samples"]:
                labels = dict(re.findall(r'(\w+)="([^"]*)"', sample["labels"]))
                firing[labels["alertname"], labels["severity"]] += 1
    tiers = [(name, severity) for name, severities in SEVERITIES.items() for severity in severities]
    assert [one for one in tiers if not firing[one]] == []
    assert [name for name in SEVERITIES if not worded[name]] == []
    assert [name for name in SEVERITIES if not silent[name]] == []


def test_one_switch_hastens_everything(tmp_path: Path) -> None:
    """`--pace` divides each `for` and each range, and leaves no hour behind."""
    file = tmp_path / "hasty.yaml"
    command = ["-m", "grafana.source.alerts", "--pace", "3600", "--output", str(file)]
    subprocess.run([sys.executable, *command], check=True, cwd=ROOT)
    hasty = yaml.safe_load(file.read_text())["groups"][0]["rules"]
    assert {rule["for"] for rule in hasty if "for" in rule} == {"5s", "6s"}
    assert {found for rule in hasty for found in re.findall(r"\[(\w+)\]", rule["expr"])} == {"5s"}
    assert [{**rule, "for": 0, "expr": 0} for rule in hasty] == [
        {**rule, "for": 0, "expr": 0} for rule in SHIPPED
    ]


def test_the_shipped_routes_are_what_amtool_accepts() -> None:
    """The example can be used as it is, and its receivers and inhibitions are there."""
    done = subprocess.run(
        [need("amtool"), "check-config", str(ROOT / "deploy/alertmanager.example.yml")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert " - 4 inhibit rules\n - 2 receivers\n" in done.stdout


def _alerts() -> list[dict[str, Any]]:
    return [rule for rule in SHIPPED if "alert" in rule]


def _expressions() -> list[str]:
    """List all expressions, and the queries of the annotations with some word for each %q."""
    queries = [
        query.replace("%q", '"x"')
        for rule in _alerts()
        for text in rule["annotations"].values()
        for query in re.findall(r'query \(printf "([^"]*)"', text)
    ]
    return [rule["expr"] for rule in SHIPPED] + queries


def _named(node: Any) -> Iterator[tuple[str, list[str]]]:
    """Walk an expression: metrics with the labels of their matchers, and "" with those of `on` and `by`."""
    match node:
        case promql_parser.VectorSelector():
            yield node.name or "", [matcher.name for matcher in node.matchers.matchers]
        case promql_parser.MatrixSelector():
            yield from _named(node.vector_selector)
        case promql_parser.BinaryExpr():
            if node.modifier and node.modifier.matching:
                yield "", node.modifier.matching.labels
            yield from _named(node.lhs)
            yield from _named(node.rhs)
        case promql_parser.AggregateExpr():
            if node.modifier:
                yield "", node.modifier.labels
            yield from _named(node.expr)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            yield from _named(node.expr)
        case promql_parser.Call():
            for argument in node.args:
                yield from _named(argument)
        case _:
            assert isinstance(node, promql_parser.NumberLiteral | promql_parser.StringLiteral)


def _promtool(*arguments: str) -> str:
    done = subprocess.run([need("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
