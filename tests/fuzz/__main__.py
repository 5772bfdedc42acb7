"""python -m tests.fuzz TARGET [FOLDER …] [-libFuzzer flags]: try a target with atheris, beginning with its corpus.

A crash is written to the working directory; put it into the corpus, and every test run replays it.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["exporter"]):
    from tests.fuzz.targets import CORPUS, TARGETS


def main() -> None:
    """Try the target that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in TARGETS:
        sys.exit(f"{name or 'nothing'} is no target (expected {', '.join(TARGETS)})")
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(CORPUS / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
