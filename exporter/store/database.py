"""The state file itself: an SQLite database of one table, which one process at a time may have.

Each row carries a checksum of itself, since SQLite notices damage to its own structure only. Whatever goes
wrong is a Trouble with a closed reason. Only one thread at a time may use an open file.
https://www.sqlite.org/wal.html, https://www.sqlite.org/fileformat2.html
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from exporter.store.rows import Difference, Row

APPLICATION_ID = 0x41434D45  # "ACME", as `file` shows it
Migration: TypeAlias = tuple[str, ...]  # SQL statements
MIGRATIONS: tuple[Migration, ...] = (  # from each version to the next one; only ever appended to
    (
        """
        CREATE TABLE facts (
            kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, checksum BLOB NOT NULL,
            UNIQUE (kind, key)
        )
        """,
    ),
)
WAL_LIMIT = 8 * 1024 * 1024  # bytes that the write-ahead log keeps once it was written back
_MAGIC = b"SQLite format 3\0"
_UPSERT = (
    "INSERT INTO facts (kind, key, value, checksum) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)


class Reason(StrEnum):
    """Why the state file cannot be used: a closed set."""

    NEWER = "newer"  # written by a later version of this program
    FOREIGN = "foreign"  # another program's database
    LOCKED = "locked"  # another process has it
    DAMAGED = "damaged"
    FULL = "full"  # no space left, or a limit on the size of files
    UNWRITABLE = "unwritable"  # permissions, a read-only file system, no such directory
    FAILING = "failing"  # the disk, or what stands for one


FINAL = {Reason.NEWER, Reason.FOREIGN}  # no later attempt would go better


class TroubleError(Exception):
    """The state file cannot be used now; `detail` is for people."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Database:
    """An open state file."""

    path: Path
    connection: sqlite3.Connection
    inode: int

    def rows(self) -> Iterator[Row | None]:
        """Read all rows, None for one that is not as it was written; ends early where the file is damaged."""
        with contextlib.suppress(sqlite3.DatabaseError, OverflowError):
            for kind, key, value, checksum in self.connection.execute(
                "SELECT CAST(kind AS BLOB), CAST(key AS BLOB), CAST(value AS BLOB), checksum"
                " FROM facts NOT INDEXED ORDER BY rowid"
            ):
                yield _row(kind, key, value, checksum)

    def is_whole(self) -> bool:
        """Tell whether SQLite finds its own structure in order, the index too: rows are removed by it."""
        with contextlib.suppress(sqlite3.DatabaseError):
            return bool(self.connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
        return False

    def write(self, difference: Difference) -> None:
        """Write all of it or nothing; TroubleError where that fails."""
        with _troubles(self.path):
            if not self._is_still_there():
                raise TroubleError(Reason.FAILING, "the file was removed")
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                if difference.afresh:
                    self.connection.execute("DELETE FROM facts")
                self.connection.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", difference.gone)
                self.connection.executemany(_UPSERT, ((*row, _checksum(*row)) for row in difference.written))
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    self.connection.execute("ROLLBACK")
                raise

    @property
    def size(self) -> int:
        """Bytes on the disk, with the write-ahead log."""
        sizes = 0
        for name in (self.path, _beside(self.path, "-wal")):
            with contextlib.suppress(OSError):
                sizes += name.stat().st_size
        return sizes

    def close(self) -> None:
        """Write the log back and let others have the file."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()

    def _is_still_there(self) -> bool:
        try:
            return self.path.stat().st_ino == self.inode
        except OSError:
            return False


def connect(path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
    """Open a state file, or begin one; TroubleError where that cannot be, and then the file is as it was."""
    with _troubles(path):
        _look_at_header(path, len(migrations))
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, migrations)
            return Database(path, connection, path.stat().st_ino)
        except BaseException:
            connection.close()
            raise


@contextlib.contextmanager
def borrowed(path: Path) -> Iterator[Database]:
    """Open a copy of a file that may be read but not written."""
    with _troubles(path), tempfile.TemporaryDirectory(prefix="acm-exporter-") as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(_beside(path, suffix), _beside(copy, suffix))
        database = connect(copy)
        try:
            yield database
        finally:
            database.close()


def move_aside(path: Path, stamp: str, most: int) -> Path:
    """Move a damaged file out of the way, and remove all but the latest such files; returns its new name."""
    prefix = f"{path.name}.corrupt-"
    target = path.with_name(prefix + stamp)
    with _troubles(path):
        for suffix in ("-wal", ""):
            with contextlib.suppress(FileNotFoundError):
                _beside(path, suffix).rename(_beside(target, suffix))
        aside = sorted(one for one in path.parent.iterdir() if one.name.startswith(prefix))
        former = sorted({one.name.removesuffix("-wal") for one in aside})[:-most]
        for one in aside:
            if one.name.removesuffix("-wal") in former:
                one.unlink(missing_ok=True)
    return target


def _look_at_header(path: Path, version: int) -> None:
    """Refuse what is not ours to touch, before SQLite touches it (file format, section 1.3)."""
    if not path.exists():
        return
    if not path.is_file():
        raise TroubleError(Reason.UNWRITABLE, "it is not a file (expected a file of its own)")
    with path.open("rb") as file:
        header = file.read(100)
    if not header:
        return
    if len(header) < 100 or not header.startswith(_MAGIC):
        raise TroubleError(Reason.DAMAGED, "it is not an SQLite database")
    application, written = int.from_bytes(header[68:72]), int.from_bytes(header[60:64])
    if application != APPLICATION_ID:
        raise TroubleError(Reason.FOREIGN, "it is another program's database (expected one of ours)")
    if written > version:
        raise TroubleError(
            Reason.NEWER, f"it is of version {written}, by a later release (expected at most {version})"
        )


def _prepare(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Take the file for this process alone and bring it to the present version.

    A new file gets its header before there is a write-ahead log, so that the header tells at any time.
    """
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute(
        "PRAGMA secure_delete = ON"
    )  # what is left of old rows is never taken for present ones
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < len(migrations):
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
        for statement in chain.from_iterable(migrations[version:]):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    connection.execute("BEGIN IMMEDIATE")  # whoever has the file has it from here on
    connection.execute("COMMIT")


def _row(kind: object, key: object, value: object, checksum: object) -> Row | None:
    try:
        row = Row(*(part.decode() for part in (kind, key, value) if isinstance(part, bytes)))
    except (TypeError, UnicodeDecodeError):
        return None
    return row if checksum == _checksum(*row) else None


def _checksum(kind: str, key: str, value: str) -> bytes:
    return hashlib.blake2b(f"{kind}\0{key}\0{value}".encode(), digest_size=16).digest()


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


_REASONS = {
    sqlite3.SQLITE_BUSY: Reason.LOCKED,
    sqlite3.SQLITE_LOCKED: Reason.LOCKED,
    sqlite3.SQLITE_CORRUPT: Reason.DAMAGED,
    sqlite3.SQLITE_NOTADB: Reason.DAMAGED,
    sqlite3.SQLITE_FULL: Reason.FULL,
    sqlite3.SQLITE_READONLY: Reason.UNWRITABLE,
    sqlite3.SQLITE_PERM: Reason.UNWRITABLE,
    sqlite3.SQLITE_AUTH: Reason.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: Reason.UNWRITABLE,
}
_TOO_LARGE = {errno.EFBIG, errno.ENOSPC, errno.EDQUOT}


@contextlib.contextmanager
def _troubles(path: Path) -> Iterator[None]:
    """Turn whatever SQLite or the system says into a TroubleError."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise TroubleError(_REASONS.get(code, Reason.FAILING), str(error)) from None
    except OSError as error:
        full = error.errno in _TOO_LARGE
        raise TroubleError(
            Reason.FULL if full else Reason.UNWRITABLE, error.strerror or f"{path} cannot be used"
        ) from None
