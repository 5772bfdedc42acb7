"""From settings to the eyes for AWS accounts: those of a list, and those of an organization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from exporter import config
from exporter.facts import Member
from exporter.judge.membership import Choice, Filter
from exporter.judge.sharding import Shard
from exporter.observe.acm import AcmEye
from exporter.observe.aws import Access, Clients
from exporter.observe.organization import Credentials, OrganizationEye
from exporter.schedule.plan import Membership
from exporter.snapshot.past import Door

THREADS = (
    6  # that call AWS at once for one account and region: its lanes of descriptions, a sweep and one more
)
MOST_THREADS = 64


@dataclass(frozen=True, slots=True)
class Reach:
    """The eyes for AWS; `close` lets go of sockets and threads, and waits for nothing."""

    acm: tuple[tuple[Door, AcmEye], ...]
    membership: Membership | None
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Means:
    """What all eyes of some accounts share; `pace` in requests per second of each account and region."""

    clients: Clients
    executor: ThreadPoolExecutor
    pace: float

    def eye(self, access: Access, region: str) -> AcmEye:
        return AcmEye(self.clients, access, region, self.executor, self.pace)


def reach(settings: config.Aws, shard: Shard) -> Reach:
    """Build the eyes for all accounts, without touching the network."""
    places = sum(max(1, len(one.regions)) for one in settings.accounts)
    threads = MOST_THREADS if settings.organization else min(MOST_THREADS, max(1, THREADS * places))
    executor = ThreadPoolExecutor(threads, thread_name_prefix="aws")
    pace = settings.requests_per_second / shard.total  # all shards draw on the same quota
    listed = _Means(Clients(threads), executor, pace)
    shared = _Means(Clients(threads, shared=True), executor, pace)

    def close() -> None:
        listed.clients.close()
        shared.clients.close()
        executor.shutdown(wait=False, cancel_futures=True)

    return Reach(tuple(_listed(settings, listed)), _membership(settings, shared), close)


def _listed(settings: config.Aws, means: _Means) -> Iterator[tuple[Door, AcmEye]]:
    for account in settings.accounts:
        access = _access(account)
        for region in account.regions or ("",):
            door = Door(account.name, account.profile, account.role_arn, region)
            yield door, means.eye(access, region)


def _access(account: config.Account) -> Access:
    return Access(account.profile, account.role_arn, account.external_id)


def _membership(settings: config.Aws, means: _Means) -> Membership | None:
    organization = settings.organization
    if organization is None:
        return None
    own, external_id = Access(organization.profile), organization.external_id if organization.role_arn else ""
    listing = Access(organization.profile, organization.role_arn, external_id, use="organization")
    credentials = Credentials(listing, own, tuple(map(_access, settings.accounts)))
    include = None if organization.include is None else _choice(organization.include)
    chosen = Filter(include, _choice(organization.exclude))
    region = next(iter(organization.regions), "")
    eye = OrganizationEye(
        means.clients,
        credentials,
        region,
        means.executor,
        requests_per_second=means.pace,
        units=chosen.units,
    )
    enter = partial(_enter, organization, means)
    return Membership(eye, enter, chosen, organization.interval.total_seconds())


def _choice(one: config.Choice) -> Choice:
    return Choice(one.accounts, one.names, one.organizational_units)


def _enter(
    organization: config.Organization, means: _Means, member: Member
) -> tuple[tuple[Door, AcmEye], ...]:
    """Build the eyes for one account; its own needs no role."""
    role = "" if member.own else _role(member.partition, member.id, organization.role_name)
    access = Access(organization.profile, role, organization.external_id if role else "")
    regions = organization.regions or (means.clients.region(Access(organization.profile)),)
    return tuple(
        (Door("", organization.profile, role, region), means.eye(access, region)) for region in regions
    )


def mender(organization: config.Organization, arn: str) -> Access:
    """Tell how `fix` reaches the account of an ARN."""
    _, partition, _, _, account, *_ = arn.split(":")
    role = _role(partition, account, organization.fix_role_name or organization.role_name)
    return Access(organization.profile, role, organization.external_id)


def _role(partition: str, account: str, name: str) -> str:
    return f"arn:{partition}:iam::{account}:role/{name}"
