"""An ACM account that does as a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from exporter.facts import Certificate, Description, Details, Seen, Sight, Unseen, Why
from tests.evidence import CERTIFICATE, DETAILS

PLACE = "arn:aws:acm:us-east-1:111122223333:certificate/"


def row(name: str, **changes: object) -> Certificate:
    """Make a row of the sweep; the ARN ends with the name."""
    fresh = replace(CERTIFICATE, arn=PLACE + name, details=Unseen(Why.NOT_YET))
    return replace(fresh, **changes)  # type: ignore[arg-type]


def whole(name: str, **changes: object) -> Certificate:
    """Make the same certificate with its details."""
    return row(name, **{"details": Seen(DETAILS), **changes})


class Acm:
    """An account that answers as it is told and notes what it was asked, by the names of certificates."""

    def __init__(self, *rows: Certificate) -> None:
        self.account = "111122223333"
        self.region = "us-east-1"
        self.requests: Mapping[tuple[str, str], int] = {}
        self.sight: Sight[tuple[Certificate, ...]] = Seen(rows)
        self.details: dict[str, Sight[Details] | Exception] = {}
        self.tagged: dict[str, Sight[Mapping[str, str]]] = {}
        self.swept: list[float] = []
        self.described: list[str] = []
        self.asked_for_tags: list[str] = []
        self.resources: dict[str, Sight[Description]] = {}
        self.domains: Sight[Mapping[str, Description]] = Seen({})
        self.asked_for_resources: list[str] = []
        self.takes = 0.0  # seconds per request
        self.sweep_takes = 0.0

    async def sweep(self) -> Sight[tuple[Certificate, ...]]:
        """Answer with all rows."""
        self.swept.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.sweep_takes)
        return self.sight

    async def describe(self, arn: str) -> Sight[Certificate]:
        """Answer with the row as it is now and its details."""
        name = arn.removeprefix(PLACE)
        self.described.append(name)
        await asyncio.sleep(self.takes)
        details = self.details.get(name, Seen(DETAILS))
        match details:
            case Exception():
                raise details
            case Unseen():
                return details
            case Seen():
                assert isinstance(self.sight, Seen)
                return Seen(replace(next(r for r in self.sight.value if r.arn == arn), details=details))

    async def tags(self, arn: str) -> Sight[Mapping[str, str]]:
        """Answer with the tags."""
        name = arn.removeprefix(PLACE)
        self.asked_for_tags.append(name)
        await asyncio.sleep(self.takes)
        return self.tagged.get(name, Seen({"team": name, "secret": "x"}))

    async def resource(self, arn: str) -> Sight[Description]:
        """Answer with what is told of a resource."""
        self.asked_for_resources.append(arn)
        return self.resources.get(arn, Unseen(Why.NOT_FOUND))

    async def api_domains(self) -> Sight[Mapping[str, Description]]:
        """Answer with all domain names of API Gateway."""
        self.asked_for_resources.append("api_domains")
        return self.domains

    def now_has(self, *rows: Certificate) -> None:
        """Change what the next sweep finds."""
        self.sight = Seen(rows)
