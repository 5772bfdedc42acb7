"""The web configuration as it is now: files are looked at every second, and followed when they changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import structlog
from OpenSSL import SSL

from exporter.config.web import ClientAuth, WebSettings
from exporter.expose import tls
from exporter.snapshot import WebFile

log = structlog.get_logger("acm_exporter.expose")

Load: TypeAlias = Callable[[], WebSettings | str]  # the settings, or what is wrong with them
Signature: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]

MUST_HAVE = (ClientAuth.REQUIRE_ANY, ClientAuth.REQUIRE_AND_VERIFY)


class UnusableError(Exception):
    """There is nothing to begin with; says what is wrong."""


@dataclass(frozen=True, slots=True)
class Web:
    """What connections and requests are met with."""

    settings: WebSettings
    context: SSL.Context | None  # None: no TLS
    open_health: bool = False  # the two health paths answer everybody

    @property
    def asks_requests(self) -> bool:
        """Whether it is a request and not its connection that needs a client certificate."""
        return (
            self.open_health and self.settings.tls is not None and self.settings.tls.client_auth in MUST_HAVE
        )


class Following:
    """Keeps the latest configuration that can be used; one that cannot, or opens what was closed, waits."""

    def __init__(self, load: Load, clock: Callable[[], datetime], *, open_health: bool = False) -> None:
        """Begin with what `load` returns now; UnusableError where that cannot be used."""
        self._load = load
        self._clock = clock
        self._open_health = open_health
        first = self._made()
        if isinstance(first, str):
            raise UnusableError(first)
        self.latest = first
        self._used = self._last = _signature(first.settings.files)
        self._told = ""
        self._loaded_at = clock()

    @property
    def state(self) -> WebFile:
        """How it fares."""
        return WebFile(self._loaded_at, refused=bool(self._told))

    def look(self) -> None:
        """Look at the files; what is new is read at the second look that finds it the same, so never torn."""
        seen = _signature(self.latest.settings.files)
        still, self._last = seen == self._last, seen
        if not still or (seen == self._used and not self._told):
            return
        made = self._made()
        if isinstance(made, str):
            if made != self._told:
                log.error("the web configuration cannot be used; the last one stays", error=made)
            self._told = made
            return
        files = made.settings.files
        if files != self.latest.settings.files:
            seen = _signature(files)
        self.latest, self._used, self._last, self._told = made, seen, seen, ""
        self._loaded_at = self._clock()
        log.info("web configuration loaded", files=" ".join(map(str, files)))

    def _made(self) -> Web | str:
        settings = self._load()
        if isinstance(settings, str):
            return settings
        before = self.latest.settings if hasattr(self, "latest") else settings
        if (settings.tls is None) != (before.tls is None):
            return "it turns TLS on or off (expected a restart for that)"
        if before.users and not settings.users:
            return "it has no basic_auth_users any more (expected a restart for that)"
        try:
            lenient = self._open_health
            context = None if settings.tls is None else tls.context(settings.tls, lenient=lenient)
        except tls.TlsError as error:
            return f"{settings.files[0]}: tls_server_config: {error}"
        return Web(settings, context, self._open_health)


def _signature(files: tuple[Path, ...]) -> Signature:
    """Tell the files from later ones in their place, also behind links."""
    return tuple(map(_identity, files))


def _identity(file: Path) -> tuple[int, int, int, int] | None:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
