"""What somebody asks of /probe, in the parameters of blackbox_exporter, and of /api/v1/changes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from exporter.config import kinds, ways

OFFSET = 0.5  # seconds of Prometheus's own timeout that are left for the answer, as in blackbox_exporter
HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
EXPECTED = "(expected HOST, HOST:PORT, [ADDRESS]:PORT or https://HOST:PORT/)"

_TARGET = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/?#@\s]+))(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Request:
    """A request that could be read."""

    host: str
    port: int
    hostname: str = ""  # as whom the target is visited; "": as itself
    module: str = ""
    starttls: str = ""  # the protocol that leads to TLS; "": as configured
    debug: bool = False
    patience: float = math.inf  # seconds until whoever asks gives up

    @property
    def place(self) -> str:
        """Write the target as people do."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(query: Mapping[str, str], headers: Mapping[str, str]) -> Request:
    """Read a request; ValueError with the sentence that people read."""
    starttls = query.get("starttls", "")
    try:
        starttls = starttls and ways.starttls(starttls)
    except ValueError as error:
        raise ValueError(f"starttls: {error}") from None
    host, port = _target(query.get("target", ""), ways.STARTTLS.get(starttls, 443))
    hostname = query.get("hostname", "")
    try:
        hostname = hostname and kinds.server_name(hostname)
    except ValueError as error:
        raise ValueError(f"hostname: {error}") from None
    debug = query.get("debug", "") == "true"
    patience = _patience(headers.get(HEADER, ""))
    return Request(host, port, hostname, query.get("module", ""), starttls, debug, patience)


def parse_limit(query: Mapping[str, str]) -> int:
    """Read how many of the latest are wanted; ValueError with the sentence that people read."""
    text = query.get("limit", "100")
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or int(text) < 1:
        raise ValueError(f"limit: {kinds.show(text)} is not a number of changes (expected 1 to 999999)")
    return int(text)


def _target(text: str, usual: int) -> tuple[str, int]:
    if not text:
        raise ValueError(f"target is missing {EXPECTED}")
    scheme, mark, rest = text.rpartition("://")
    if mark and scheme.lower() != "https":
        raise ValueError(f"target: {kinds.show(text)} is no place that speaks TLS {EXPECTED}")
    alone = re.split(r"[/?#]", rest, maxsplit=1)[0] if mark else text
    if alone.count(":") > 1 and not alone.startswith("["):
        alone = f"[{alone}]"  # an IPv6 address alone
    match = _TARGET.fullmatch(alone)
    if match is None:
        raise ValueError(f"target: {kinds.show(text)} is not a target {EXPECTED}")
    try:
        return kinds.host(match[1] or match[2]), kinds.port(match[3] or str(usual))
    except ValueError as error:
        raise ValueError(f"target: {error}") from None


def _patience(text: str) -> float:
    if not text:
        return math.inf
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise ValueError(f"{HEADER}: {kinds.show(text)} is not a number of seconds (expected more than 0)")
    return seconds - OFFSET if seconds > 2 * OFFSET else seconds / 2
