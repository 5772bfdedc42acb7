"""Names of files: text in, path out, or ValueError with the sentence that people read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationInfo

from exporter.config.kinds import show, text


def reader(read: Callable[[str, Path], Path]) -> Callable[[object, ValidationInfo], object]:
    """Make a reader of a file's name, which is meant from the folder of the configuration."""

    def check(value: object, info: ValidationInfo) -> object:
        folder = (info.context or {}).get("folder", Path())
        return value if isinstance(value, Path) else read(text(value), folder)

    return check


def state_file(value: str, folder: Path) -> Path:
    """Return where to keep a file that may still be made; a relative name is meant from `folder`."""
    expected = "(expected a file of its own)"
    if "\0" in value:
        raise ValueError(f"{show(value)} is not the name of a file {expected}")
    path = folder / value
    if path.is_dir():
        raise ValueError(f"{show(value)} is a directory {expected}")
    return path


def location(value: str, folder: Path) -> Path:
    """Return where files are that may still come: a file, a directory or a glob."""
    return _later(value, folder, "(expected a file, a directory or a pattern, for example /etc/ssl/*.pem)")


def later(value: str, folder: Path) -> Path:
    """Return a file that may still come."""
    return _later(value, folder, "(expected a file)")


def _later(value: str, folder: Path, expected: str) -> Path:
    if "\0" in value:
        raise ValueError(f"{show(value)} is not the name of a file {expected}")
    return Path.cwd() / folder / value
