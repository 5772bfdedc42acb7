"""Names of files: text in, path out, or ValueError with the sentence that people read."""

from __future__ import annotations

from pathlib import Path

from exporter.config.kinds import show


def state_file(value: str, folder: Path) -> Path:
    """Return where to keep a file that may still be made; a relative name is meant from `folder`."""
    expected = "(expected a file of its own)"
    if "\0" in value:
        raise ValueError(f"{show(value)} is not the name of a file {expected}")
    path = folder / value
    if path.is_dir():
        raise ValueError(f"{show(value)} is a directory {expected}")
    return path
