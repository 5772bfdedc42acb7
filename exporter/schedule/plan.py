"""What a watch is given: what looks, what to look at, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.facts import Answer, Certificate, Domain, Look, Question, Sight
from exporter.judge.sharding import ALONE, Shard
from exporter.snapshot import Change, Delivery, Keeping, WebFile
from exporter.snapshot.past import Door


class InventoryEye(Protocol):
    """What the schedule needs of observe.acm.AcmEye."""

    @property
    def account(self) -> str:
        """The account's id, "" until it is known."""

    @property
    def region(self) -> str:
        """The region's name."""

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """HTTP requests so far by operation and code."""

    async def sweep(self) -> Sight[tuple[Certificate, ...]]:
        """Read all certificates, without their details."""

    async def describe(self, arn: str) -> Sight[Certificate]:
        """Read one certificate with its details."""

    async def tags(self, arn: str) -> Sight[Mapping[str, str]]:
        """Read one certificate's tags."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks: ACM by account and region, TLS and DNS."""

    acm: Sequence[tuple[Door, InventoryEye]]
    tls: Callable[[Domain], Awaitable[tuple[Look, ...]]]
    dns: Callable[[Question], Awaitable[Sight[Answer]]]


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Aside:
    """What stands beside a watch: who is told of changes, and how files and the webhook fare."""

    tell: Callable[[Sequence[Change]], None] = lambda _: None
    keeping: Callable[[], Keeping | None] = _nothing
    delivery: Callable[[], Delivery | None] = _nothing
    web_file: Callable[[], WebFile | None] = _nothing


NOBODY = Aside()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look at and how often; intervals in seconds."""

    domains: tuple[Domain, ...] = ()
    asked: tuple[Domain, ...] = ()  # domains named on the command line
    certificate_names: bool = True
    scheduled: bool = True  # whether `run` looks at endpoints; `once` always does
    tags: tuple[str, ...] = ()
    acm_interval: float = 600.0
    tls_interval: float = 300.0
    dns_interval: float = 3600.0
    abreast: int = 256
    room: int | None = None  # for looks that wait for silent peers too; by default a multiple of the former
    shard: Shard = ALONE  # whose share of all that is looked at
