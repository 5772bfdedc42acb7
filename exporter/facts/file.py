"""Certificates that lie in files, where somebody put them by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporter.facts.sight import Sight


@dataclass(frozen=True, slots=True)
class Location:
    """Where files are: the absolute path of one, a directory, or a glob."""

    path: str
    password: str = field(default="", repr=False)  # of PKCS #12 files …
    password_file: str = ""  # … or where it is written
    arn: str = ""  # the certificate that must be there


@dataclass(frozen=True, slots=True)
class Held:
    """The leaf that a file holds."""

    serial: int
    names: tuple[str, ...]  # SAN: DNS names and IP addresses as text
    not_before: datetime
    not_after: datetime
    issuer: str  # RFC 4514 text
    subject: str
    fingerprint: str  # SHA-256 of the leaf, lower-case hex


@dataclass(frozen=True, slots=True)
class FileLook:
    """The latest look at a file, and the latest one that succeeded.

    An eye gives as `last` what it just saw, or None; the schedule carries over. The path is that of the
    location where no file of it can be named.
    """

    path: str
    sight: Sight[Held]
    at: datetime
    last: Held | None = None
    last_success: datetime | None = None
    arn: str = ""  # the certificate that must be there
