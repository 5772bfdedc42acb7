"""Rows of figures, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import platform
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exporter import __version__

ROOT = Path(__file__).parents[1]
COLUMNS = ("BENCHMARK", "FIGURE", "EXPORTER", "PEER", "RATIO", "TARGET", "REACHED", "NOTE")
NUMBERS = {"EXPORTER", "PEER", "RATIO"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; a target is about the ratio where there is a peer, else about the exporter's own figure."""

    benchmark: str
    figure: str
    unit: str
    exporter: float
    peer: float | None = None
    peer_name: str = ""
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The exporter's figure over the peer's."""
        return self.exporter / self.peer if self.peer else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        value = self.exporter if self.peer is None else self.ratio
        if value is None or (self.at_most is None and self.at_least is None):
            return None
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    @property
    def target(self) -> str:
        """The target as people read it."""
        unit = "x" if self.peer is not None else self.unit
        if self.at_most is not None:
            return f"<= {number(self.at_most)} {unit}"
        return "" if self.at_least is None else f">= {number(self.at_least)} {unit}"

    def document(self) -> dict[str, Any]:
        """Everything of it, computed figures too."""
        return asdict(self) | {"ratio": self.ratio, "reached": self.reached}


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """Lay the rows out in columns."""
    lines = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in NUMBERS else cell.ljust(width)
            for cell, width, name in zip(line, widths, COLUMNS, strict=True)
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    peer = "" if row.peer is None else f"{number(row.peer)} {row.unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    reached = {True: "yes", False: "NO", None: ""}[row.reached]
    note = "; ".join(part for part in (row.peer_name and f"peer: {row.peer_name}", row.note) if part)
    ours = f"{number(row.exporter)} {row.unit}"
    return (row.benchmark, row.figure, ours, peer, ratio, row.target, reached, note)


@dataclass
class Run:
    """Everything about one run: rows, what the exporters logged, and who else used their core."""

    size: str
    began: str
    cores: int
    rows: list[Row] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    disturbances: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Write it for machines, with the commit that was measured and where."""
        return {
            "commit": commit(),
            "began": self.began,
            "size": self.size,
            "machine": {"cores": self.cores} | machine(),
            "rows": [row.document() for row in self.rows],
            "complaints": self.complaints,
            "disturbances": self.disturbances,
        }


def commit() -> str:
    """Name the commit that is measured, with a + where files differ from it."""
    git = shutil.which("git")
    if git is None:
        return ""
    told = subprocess.run(
        [git, "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip()


def machine() -> dict[str, str | int]:
    """Say where the figures come from."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "exporter": __version__,
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "kernel": platform.release(),
        "python": " ".join(sys.version.split()),  # whose build it is counts for much
        "openssl_of_python": ssl.OPENSSL_VERSION,
    }


def write(path: Path, told: dict[str, Any]) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2) + "\n")
