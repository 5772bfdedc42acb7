"""The file that the settings come from, and when to read it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import structlog

from exporter import config
from exporter.config import Settings

log = structlog.get_logger("acm_exporter")

Stat: TypeAlias = tuple[int, int, int, int, int]
PATIENCE = 10  # glances after which a refused file is tried again: what it lacked may have come meanwhile


class Origin:
    """Loads the settings, and glances at the file and at those that it names."""

    def __init__(self, file: Path, environment: Mapping[str, str]) -> None:
        """Nothing is read before `load`."""
        self._file = file
        self._environment = environment
        self._files: tuple[Path, ...] = (file,)
        self._digests: dict[Path, tuple[Stat, str]] = {}
        self._tried: Mapping[Path, str] = {}  # what they held when they were last loaded
        self._seen: Mapping[Path, str] = {}  # … and at the last glance
        self._refused = 0  # glances since the last refusal
        self._vanished: frozenset[Path] = frozenset()

    def load(self) -> Settings:
        """Read everything; ConfigError with what is wrong."""
        self._tried = self._held(self._files)
        self.refuse()
        settings = config.load(self._file, self._environment)
        self._refused = 0
        self._files = (self._file, *filter(None, [settings.probe.ca_file]))
        self._tried = self._held(self._files) | {self._file: self._tried.get(self._file, "")}
        return settings

    def refuse(self) -> None:
        """Try the same again in a while, though nothing changed."""
        self._refused = 1

    def changed(self) -> bool:
        """Glance: whether what is there is worth loading, because it is new and no longer being written.

        Contents count, wherever links lead: an editor's rename and the swap of a ConfigMap's directory are
        changes, a touch is none. A file that vanishes is told once and changes nothing.
        """
        seen = self._held(self._files)
        self._tell_of_vanished(seen)
        settled, self._seen = seen == self._seen, seen
        if not settled or len(seen) < len(self._files):
            return False
        if self._refused:
            self._refused += 1
        return seen != self._tried or self._refused > PATIENCE

    def _tell_of_vanished(self, seen: Iterable[Path]) -> None:
        vanished = frozenset(self._files) - frozenset(seen)
        for file in sorted(vanished - self._vanished):
            log.warning("a file of the configuration cannot be read; what was read stays", file=str(file))
        self._vanished = vanished

    def _held(self, files: Iterable[Path]) -> dict[Path, str]:
        """Tell what each file that can be read holds, by a digest."""
        return {file: digest for file in files if (digest := self._digest(file))}

    def _digest(self, file: Path) -> str:
        try:
            stat = file.stat()
            told = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            known = self._digests.get(file)
            if known is None or known[0] != told:
                known = self._digests[file] = (told, hashlib.sha256(file.read_bytes()).hexdigest())
        except (OSError, ValueError):
            return ""
        return known[1]
