"""A client that scrapes as Prometheus does, and a reader of what it gets."""

from __future__ import annotations

import gzip
import http.client
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

# What Prometheus 2.42 sends.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
_LABEL = re.compile(r'([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: when the question was sent, and how long the last byte took."""

    at: float  # seconds since the epoch
    status: int
    seconds: float
    body: bytes

    @property
    def text(self) -> str:
        """The body, unzipped where it is gzip."""
        return (gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body).decode()

    def rows(self, name: str, **wanted: str) -> Iterator[tuple[dict[str, str], float]]:
        """Give the rows of one metric that have these label values, as labels and value."""
        return rows(self.text, name, **wanted)

    def total(self, name: str, **wanted: str) -> float:
        """Add up the rows of one metric."""
        return sum(value for _, value in self.rows(name, **wanted))


def rows(text: str, name: str, **wanted: str) -> Iterator[tuple[dict[str, str], float]]:
    """Read the rows of one metric, which stand together after its TYPE line."""
    family = name.removesuffix("_total")
    start = max(text.find(f"# TYPE {family} "), text.find(f"# TYPE {name} "))
    for line in _lines(text, start) if start >= 0 else ():
        if line.startswith("# TYPE ") and line.split(" ")[2] not in (name, family):
            return
        if not line.startswith((f"{name}{{", f"{name} ")):
            continue
        labels, _, value = line.rpartition(" ")
        found = dict(_LABEL.findall(labels))
        if wanted.items() <= found.items():
            yield found, float(value)


def _lines(text: str, start: int) -> Iterator[str]:
    """Give lines from an offset on, without splitting megabytes that nobody reads."""
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


class Client:
    """One connection that is kept, as Prometheus keeps it."""

    def __init__(self, port: int) -> None:
        """Connect when first asked."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str = "/metrics", *, zipped: bool = True) -> Page:
        """Get a page and time it to the last byte."""
        headers = {"Accept": ACCEPT, "User-Agent": "Prometheus/2.42.0"}
        headers["Accept-Encoding"] = "gzip" if zipped else "identity"
        at, began = time.time(), time.monotonic()
        try:
            self._connection.request("GET", path, headers=headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        return Page(at, response.status, time.monotonic() - began, body)

    def try_get(self, path: str) -> int:
        """Return the status, 0 where nobody answers."""
        try:
            return self.get(path).status
        except (OSError, http.client.HTTPException):
            return 0

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def quantile(values: list[float], share: float) -> float:
    """Return the value below which this share of them lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
