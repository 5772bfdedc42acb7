"""Where `--output` writes to: a file that is whole at every moment."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import click

READABLE = 0o644  # by node_exporter, which runs as somebody else


def place(_: object, __: object, file: Path | None) -> Path | None:
    """Refuse, before anything is looked at, what cannot be written; BadParameter says why.

    A device or a pipe is refused too: it would be replaced by a file.
    """
    if file is None:
        return None
    target = Path(os.path.realpath(file))
    if not target.parent.is_dir():
        raise click.BadParameter(f"{file}: {target.parent} is no directory (expected one that exists)")
    if target.exists() and not target.is_file():
        raise click.BadParameter(f"{file} is no regular file (expected one, or a name that is free)")
    return file


def write(file: Path, words: str) -> None:
    """Put a text in a file's place at once; what was there stays whole until then, and if that fails.

    Raises ClickException for whatever keeps it from being written.
    """
    target = os.path.realpath(file)
    folder, name = os.path.split(target)
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as writing:
                writing.write(words)
                writing.flush()
                os.fchmod(handle, stat.S_IFREG | READABLE)
                os.fsync(handle)
            Path(beside).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(beside).unlink()
            raise
        _settle(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"{file} cannot be written: {reason} (it stays as it was)") from None


def _settle(folder: str) -> None:
    """Let the name survive a power cut too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
