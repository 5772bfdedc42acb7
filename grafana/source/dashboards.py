"""Writes grafana/dashboards anew: `python -m grafana.source.dashboards`."""

from __future__ import annotations

import json
from pathlib import Path

from grafana.source import certificate, endpoints, fleet, own

FOLDER = Path(__file__).parents[1] / "dashboards"
MAKERS = {"fleet": fleet, "certificate": certificate, "endpoints": endpoints, "exporter": own}


def texts() -> dict[str, str]:
    """Give the text of every file, by its name."""
    return {
        f"{name}.json": json.dumps(module.make(), indent=2, ensure_ascii=False) + "\n"
        for name, module in MAKERS.items()
    }


def main() -> None:
    """Write the files, and remove those of dashboards that are no more."""
    FOLDER.mkdir(exist_ok=True)
    made = texts()
    for stale in FOLDER.glob("*.json"):
        if stale.name not in made:
            stale.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
