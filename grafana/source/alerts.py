"""Writes grafana/alerts/acm-exporter.yaml from the thresholds and from the exporter's own rules.

    python -m grafana.source.alerts                               # anew, as it is shipped
    python -m grafana.source.alerts --pace 3600 --output F.yaml   # an hour becomes a second, to try it out

It is generated because thresholds, label lists and the conditions' sentences occur many times in it: here
each stands once. The result is plain YAML for Prometheus 2.42 or newer, with a reason at each rule.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from grafana.source import thresholds as at
from grafana.source.alerting import exporter, files, records, renewal, serving
from grafana.source.alerting.rule import Alert, Record

FILE = Path(__file__).parents[1] / "alerts" / "acm-exporter.yaml"
RULES: tuple[Record | Alert, ...] = (
    *records.RECORDS,
    *renewal.ALERTS,
    *serving.ALERTS,
    *files.ALERTS,
    *exporter.ALERTS,
)

HEAD = f"""\
# Alert rules of acm-exporter, for `rule_files` of Prometheus 2.42 or newer. Made by `make grafana`: to change
# them, change grafana/source/thresholds.py (numbers) or grafana/source/alerting (all else), and remake it.
# Or copy this file and change the copy.
#
#   expiring        a warning when less than {at.EXPIRING_WARNING:.0%} of its own lifetime is left,
#                   critical at {at.EXPIRING_CRITICAL:.0%}
#   not renewing    a warning, and critical when less than {at.BLOCKED_CRITICAL:.0%} is left
#   critical        wakes somebody: visitors are refused, soon will be, or nobody watches
#   warning         a ticket
#
# All rules stand in one group, for a warning looks whether the critical rule above it fires already.
groups:
  - name: acm-exporter
    rules:
"""

SHORTEST = 5  # seconds; no pace makes a duration shorter, lest it holds less than a few scrapes
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def document(rules: Iterable[Record | Alert]) -> str:
    """Write the file, each rule with its reason above it."""
    lines = [HEAD.rstrip("\n")]
    for one in rules:
        text = yaml.dump([_rule(one)], Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True)
        lines += ["", *(f"      # {line}" for line in one.why.split("\n"))]
        lines += [f"      {line}".rstrip() for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _rule(one: Record | Alert) -> dict[str, object]:
    if isinstance(one, Record):
        return {"record": one.name, "expr": one.expr}
    return {
        "alert": one.name,
        "expr": one.expr,
        **({"for": one.wait} if one.wait else {}),
        "labels": {"severity": one.severity},
        "annotations": {
            "summary": one.summary,
            "description": one.description,
            "runbook_url": f"{at.RUNBOOKS}/{one.runbook or one.name}.md",
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as people do."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def hasten(text: str, pace: float) -> str:
    """Divide every `for` and every range of a rules file: the one switch for trying it out."""

    def shorter(found: re.Match[str]) -> str:
        seconds = int(found["number"]) * SECONDS[found["unit"]] / pace
        return f"{found['before']}{max(SHORTEST, round(seconds))}s{found['after']}"

    duration = r"(?P<before> for: |\[)(?P<number>\d+)(?P<unit>[smhd])(?P<after>\]|$)"
    return re.sub(duration, shorter, text, flags=re.MULTILINE)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m grafana.source.alerts", description="Write the alert rules."
    )
    parser.add_argument("--output", type=Path, default=FILE, help="default: the file that is shipped")
    parser.add_argument("--pace", type=float, default=1.0, help="divide all durations by this")
    given = parser.parse_args()
    text = document(RULES)
    given.output.write_text(text if given.pace == 1 else hasten(text, given.pace))


if __name__ == "__main__":
    main()
