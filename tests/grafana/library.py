"""Grafana's own data library (npm's @grafana/data), and answers of Prometheus as the frames that it takes."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.grafana.panels import Query
from tests.servers import need

LIBRARY = Path(__file__).parent / "grafana-data"
NOW = 1_795_435_200_000  # milliseconds; the same for all rows of one dashboard


def installed() -> Callable[..., Any]:
    """Install and bundle it once for each lock file; gives a function that runs it.

    It is bundled because its modules are written for bundlers: Node.js 18, Debian's, cannot load them as they are.
    """
    node, npm = need("node"), need("npm")
    lock = (LIBRARY / "package-lock.json").read_text()
    mark = LIBRARY / "node_modules" / ".check" / "lock"
    with (LIBRARY / ".gitignore").open() as alone:  # one of several runs at a time
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text() != lock:
            _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            _run([npm, "run", "--silent", "build"])
            mark.write_text(lock)
        elif mark.stat().st_mtime < (LIBRARY / "check.mjs").stat().st_mtime:
            _run([npm, "run", "--silent", "build"])
            mark.touch()

    def run(*arguments: str, given: Any = None) -> Any:
        return json.loads(_run([node, "node_modules/.check/check.mjs", *arguments], json.dumps(given)))

    return run


def frames(
    panel: dict[str, Any], answers: Callable[[Query], list[dict[str, Any]]], name: str
) -> list[dict[str, Any]]:
    """Make frames of answers as Grafana's Prometheus data source does."""
    found = [(one, answers(Query(name, panel, one))) for one in panel["targets"]]
    if panel["type"] == "table":
        return [_table(target["refId"], rows, len(found)) for target, rows in found if rows]
    return [
        {
            "refId": target["refId"],
            "fields": [
                {"name": "Time", "type": "time", "values": [NOW]},
                {
                    "name": "Value",
                    "type": "number",
                    "labels": row["metric"],
                    "values": [float(row["value"][1])],
                    "config": {"displayNameFromDS": _legend(target["legendFormat"], row["metric"])},
                },
            ],
        }
        for target, rows in found
        for row in rows
    ]


def _table(ref: str, rows: list[dict[str, Any]], queries_: int) -> dict[str, Any]:
    names = sorted({label for row in rows for label in row["metric"]})
    columns = [
        {"name": one, "type": "string", "values": [row["metric"].get(one, "") for row in rows]}
        for one in names
    ]
    value = {
        "name": f"Value #{ref}" if queries_ > 1 else "Value",
        "type": "number",
        "values": [float(row["value"][1]) for row in rows],
    }
    return {
        "refId": ref,
        "fields": [{"name": "Time", "type": "time", "values": [NOW] * len(rows)}, *columns, value],
    }


def _legend(template: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), template)


def _run(command: list[str], given: str = "") -> str:
    ran = subprocess.run(command, cwd=LIBRARY, input=given, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
