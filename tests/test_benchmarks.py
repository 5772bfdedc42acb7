"""Each benchmark runs at a tiny size and gives all its rows, lest they rot; what they measure is no test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Row, number, table
from benchmarks.plot import svg
from benchmarks.scrape import quantile, rows
from tests.servers import need

ROOT = Path(__file__).parents[1]
TLS = ("nginx", "unbound")
ROWS = {
    "cpu": (3, (*TLS, "prometheus-blackbox-exporter")),
    "rate": (2, (*TLS, "prometheus-blackbox-exporter")),
    "dead": (6, TLS),
    "fleet": (11, (*TLS, "prometheus")),
    "growth": (4, (*TLS, "prometheus")),
    "inventory": (10, ("unbound",)),
    "startup": (3, TLS),
    "soak": (5, ()),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_benchmark_gives_all_its_rows(name: str, tmp_path: Path) -> None:
    """Every row of it has real numbers, and the exporter logged no trouble."""
    count, programs = ROWS[name]
    for one in programs:
        need(one)
    file = tmp_path / "figures.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--size",
        "tiny",
        "--json",
        str(file),
        "--out",
        str(tmp_path),
    ]
    ended = subprocess.run([*command, name], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(file.read_text())
    figures = {row["figure"]: row["exporter"] for row in told["rows"]}
    assert len(told["rows"]) == count, figures
    assert all(math.isfinite(value) and value >= 0 for value in figures.values()), figures
    assert {row["benchmark"] for row in told["rows"]} == {name}
    assert all(figure in ended.stdout for figure in figures)
    assert told["complaints"] == []
    assert told["commit"]
    if name == "growth":
        assert len(list(tmp_path.glob("growth-*.svg"))) == 3


def test_a_row_holds_its_ratio_against_the_target_where_it_has_a_peer() -> None:
    """Else its own figure."""
    beside = Row("cpu", "CPU per probe", "ms", 1.0, 2.0, "blackbox", at_most=0.6)
    alone = Row("fleet", "RSS", "MB", 500.0, at_most=400)
    free = Row("fleet", "CPU", "%", 3.0)
    assert [(one.ratio, one.reached) for one in (beside, alone, free)] == [
        (0.5, True),
        (None, False),
        (None, None),
    ]
    assert table([beside, alone]).splitlines() == [
        "BENCHMARK  FIGURE         EXPORTER  PEER  RATIO  TARGET     REACHED  NOTE",
        "cpu        CPU per probe      1 ms  2 ms   0.50  <= 0.6 x   yes      peer: blackbox",
        "fleet      RSS              500 MB               <= 400 MB  NO",
    ]


def test_rows_of_one_metric_are_read() -> None:
    """And of no other whose name begins alike."""
    text = '# TYPE a gauge\na{x="1",y="2"} 3\na{x="2"} 4\n# TYPE a_b gauge\na_b{x="1"} 5\n'
    assert list(rows(text, "a", x="1")) == [({"x": "1", "y": "2"}, 3.0)]
    assert [value for _, value in rows(text, "a_b")] == [5.0]
    assert list(rows(text, "c")) == []


def test_small_tools() -> None:
    """Numbers as people read them, nearest ranks, and a plot of two points."""
    assert [number(one) for one in (0.12345, 12, 1234.5, 10_000)] == ["0.123", "12", "1,234", "10,000"]
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert svg("CPU", {10: 1.0, 20: 2.0}).count("<circle") == 2
