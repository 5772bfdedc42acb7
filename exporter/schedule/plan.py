"""What a watch is given: what looks, what to look at, and how often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exporter.facts import (
    Answer,
    Certificate,
    Description,
    Domain,
    FileLook,
    Location,
    Look,
    Member,
    Organization,
    Question,
    Sight,
)
from exporter.judge.membership import Filter
from exporter.judge.sharding import ALONE, Shard
from exporter.snapshot import Change, Delivery, Keeping, WebFile
from exporter.snapshot.past import Door


class AwsEye(Protocol):
    """What every eye for AWS tells of itself."""

    @property
    def account(self) -> str:
        """The id of the account that asks, "" until it is known."""

    @property
    def region(self) -> str:
        """The region's name."""

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """HTTP requests so far by operation and code."""


class InventoryEye(AwsEye, Protocol):
    """What the schedule needs of observe.acm.AcmEye."""

    async def sweep(self) -> Sight[tuple[Certificate, ...]]:
        """Read all certificates, without their details."""

    async def describe(self, arn: str) -> Sight[Certificate]:
        """Read one certificate with its details."""

    async def tags(self, arn: str) -> Sight[Mapping[str, str]]:
        """Read one certificate's tags."""

    async def resource(self, arn: str) -> Sight[Description]:
        """Read what its service tells of an AWS resource."""

    async def api_domains(self) -> Sight[Mapping[str, Description]]:
        """Read all domain names of API Gateway, by ARN."""


async def _no_files(_: Location) -> tuple[FileLook, ...]:
    raise NotImplementedError


class OrganizationEye(AwsEye, Protocol):
    """What the schedule needs of observe.organization.OrganizationEye."""

    async def look(self) -> Sight[Organization]:
        """Read which accounts there are."""


@dataclass(frozen=True, slots=True)
class Membership:
    """An organization to be followed: what sees it, who of it counts, and the eyes for each account."""

    eye: OrganizationEye
    enter: Callable[[Member], Sequence[tuple[Door, InventoryEye]]]
    filter: Filter
    interval: float = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Eyes:
    """What looks: ACM by account and region, TLS, DNS, files, and the organization with further accounts."""

    acm: Sequence[tuple[Door, InventoryEye]]
    tls: Callable[[Domain], Awaitable[tuple[Look, ...]]]
    dns: Callable[[Question], Awaitable[Sight[Answer]]]
    files: Callable[[Location], Awaitable[tuple[FileLook, ...]]] = _no_files
    membership: Membership | None = None


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
    files: tuple[Location, ...] = ()
    certificate_names: bool = True
    scheduled: bool = True  # whether `run` looks at endpoints; `once` always does
    tags: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()  # the services that are asked for what uses certificates
    look_behind: bool = False  # whether such resources are looked at where no name is
    acm_interval: float = 600.0
    tls_interval: float = 300.0
    dns_interval: float = 3600.0
    abreast: int = 256
    room: int | None = None  # for looks that wait for silent peers too; by default a multiple of the former
    shard: Shard = ALONE  # whose share of all that is looked at
