"""The eye for files: which ones there are at a place, and which leaf each holds.

A file is read anew at each look, so that whatever a path leads to now is what counts, also after the swap of
a link. Reading has threads of its own: a disk that hangs holds up nobody else.
"""

from __future__ import annotations

import asyncio
import glob
import os
import stat
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from exporter.facts import FileLook, Held, Location, Seen, Sight, Unseen, Why
from exporter.observe.bundle import Bundles
from exporter.observe.sight import Blind, sight

LARGEST = 1024 * 1024  # bytes of a file
MOST_FILES = 1000  # of one location
LISTED = 100_000  # names that are listed to find those
SUFFIXES = (".pem", ".crt", ".cer", ".cert", ".der", ".p12", ".pfx")  # what is looked for in a directory
_LONGEST_PASSWORD = 4096
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

Found: TypeAlias = list[tuple[str, Sight[Held]]]


class FileEye:
    """Looks at the files of a location."""

    def __init__(self, executor: Executor, timeout: float, clock: Callable[[], datetime]) -> None:
        """Read in threads of the executor, each location within so many seconds."""
        self._executor = executor
        self._timeout = timeout
        self._clock = clock
        self._bundles = Bundles()
        self._reading: dict[Location, Future[Found]] = {}

    async def look(self, where: Location) -> tuple[FileLook, ...]:
        """Look at each file there; one look at the location itself where no file of it can be named."""
        before = self._reading.get(where)
        if before is not None and not before.done():
            late = Unseen(Why.TIMEOUT, "the disk has not answered the look before this one")
            return (_look(where, where.path, late, self._clock()),)
        reading = self._reading[where] = self._executor.submit(self._read_all, where)
        found = await sight(lambda: asyncio.wrap_future(reading), self._timeout)
        if reading.done():
            del self._reading[where]
        now = self._clock()
        if isinstance(found, Unseen):
            return (_look(where, where.path, found, now),)
        return tuple(_look(where, path, seen, now) for path, seen in found.value)

    def _read_all(self, where: Location) -> Found:
        try:
            paths, more = _paths(where.path)
        except Blind as blind:
            return [(where.path, Unseen(blind.why, blind.detail))]
        except OSError as error:
            return [(where.path, Unseen(Why.FILE_UNREADABLE, error.strerror or str(error)))]
        found: Found = [(path, self._read(path, where)) for path in paths]
        if more:
            words = f"{len(paths) + more} files are there, of which the first {len(paths)} are read"
            found.append((where.path, Unseen(Why.TOO_MANY_FILES, words)))
        return found

    def _read(self, path: str, where: Location) -> Sight[Held]:
        try:
            return Seen(self._bundles.read(_content(path), lambda: _password(where)))
        except Blind as blind:
            return Unseen(blind.why, blind.detail)


def _look(where: Location, path: str, seen: Sight[Held], now: datetime) -> FileLook:
    last = seen.value if isinstance(seen, Seen) else None
    return FileLook(path, seen, now, last, now if last else None, where.arn)


def _paths(path: str) -> tuple[list[str], int]:
    """List the files of a location by name, and how many more there are; raises Blind and OSError."""
    if os.path.isdir(path):  # noqa: PTH112 - it never raises
        with os.scandir(path) as entries:
            names = [one.path for one in islice(entries, LISTED) if _is_wanted(one.name)]
        words = f"the directory has no file {', '.join('*' + suffix for suffix in SUFFIXES)}"
    elif glob.has_magic(path) and not os.path.lexists(path):
        names = list(islice(glob.iglob(path), LISTED))  # noqa: PTH207 - the pattern is absolute
        words = "no file matches"
    else:
        return [path], 0
    files = sorted(name for name in names if not os.path.isdir(name))  # noqa: PTH112
    if not files:
        raise Blind(Why.FILE_NOT_FOUND, words)
    return files[:MOST_FILES], max(0, len(files) - MOST_FILES)


def _is_wanted(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _content(path: str, largest: int = LARGEST) -> bytes:
    """Read a regular file, and wait for no pipe; raises Blind."""
    try:
        with os.fdopen(os.open(path, _FLAGS), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Blind(Why.FILE_UNREADABLE, "it is not a regular file")
            data = file.read(largest + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        dangling = " (it is a link to nowhere)" if Path(path).is_symlink() else ""
        raise Blind(Why.FILE_NOT_FOUND, f"{error.strerror}{dangling}") from error
    except OSError as error:
        raise Blind(Why.FILE_UNREADABLE, error.strerror or str(error)) from error
    if len(data) > largest:
        raise Blind(Why.FILE_TOO_LARGE, f"it has more than {largest} bytes")
    return data


def _password(where: Location) -> bytes | None:
    """Return the password of a location's PKCS #12 files, without the end of its line; None for none."""
    if not where.password_file:
        return where.password.encode() if where.password else None
    try:
        line = _content(where.password_file, _LONGEST_PASSWORD)
    except Blind as blind:
        words = f"the password file {where.password_file} cannot be read: {blind.detail}"
        raise Blind(Why.BAD_PASSWORD, words) from blind
    return line.rstrip(b"\r\n")
