"""The hand: calls of AWS for one account and region, and the only place that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.observe.aws import Access, Clients
from exporter.observe.aws_errors import Refused, service_of
from exporter.observe.sight import sight

log = structlog.get_logger("acm_exporter.remedy")

DEADLINE = 90.0  # seconds for one call, over all of botocore's attempts


@dataclass(frozen=True, slots=True)
class Call:
    """One write that is planned: an operation of AWS, what it is about and its exact parameters."""

    operation: str
    resource: str  # ARN
    parameters: Mapping[str, Any]
    shown: str = ""  # the parameters in short, for people

    @property
    def action(self) -> str:
        """The IAM action that the call needs, by which people know it too: acm:ResendValidationEmail."""
        return f"{service_of(self.operation)}:{self.operation}"


@dataclass(frozen=True, slots=True)
class Deed:
    """A write that was begun; `error` is "" where AWS accepted it."""

    call: Call
    error: str = ""


class Hand:
    """Reads and writes as one identity; `deeds` tells of every write so far, for whoever is interrupted."""

    def __init__(
        self, clients: Clients, executor: ThreadPoolExecutor, access: Access, account: str, region: str
    ) -> None:
        """Prepare without touching the network."""
        self.account = account
        self.region = region
        self.deeds: list[Deed] = []
        self._clients = clients
        self._executor = executor
        self._access = access

    async def read(self, operation: str, resource: str = "*", **parameters: Any) -> Sight[dict[str, Any]]:
        """Make one call that changes nothing; a refusal names the action and the resource."""
        seen = await sight(lambda: self._call(operation, parameters), DEADLINE, late=Why.AWS_UNREACHABLE)
        return _located(seen, resource)

    async def write(self, call: Call) -> Sight[dict[str, Any]]:
        """Make one call that changes something; once begun, its outcome is awaited, even when interrupted."""
        writing = asyncio.create_task(self._write(call))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    async def _write(self, call: Call) -> Sight[dict[str, Any]]:
        about = {"action": call.action, "account": self.account, "region": self.region}
        about |= {"resource": call.resource, "parameters": call.shown}
        refused: list[Refused] = []

        async def ask() -> dict[str, Any]:
            try:
                return await self._call(call.operation, call.parameters)
            except Refused as error:
                refused.append(error)
                raise

        log.info("writing", **about)
        seen = _located(await sight(ask, DEADLINE, late=Why.AWS_UNREACHABLE), call.resource)
        match seen:
            case Seen(value=answer):
                told = answer.get("ResponseMetadata", {})
                log.info("written", **about, outcome="ok", request_id=told.get("RequestId", ""))
                self.deeds.append(Deed(call))
            case Unseen(why=why, detail=detail):
                code, request_id = (refused[0].code, refused[0].request_id) if refused else (why.value, "")
                log.error("not written", **about, outcome=code, request_id=request_id, error=detail)
                self.deeds.append(Deed(call, detail))
        return seen

    async def _call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            return self._clients.call(self._access, self.region, operation, **parameters)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _located(seen: Sight[dict[str, Any]], resource: str) -> Sight[dict[str, Any]]:
    """Name the resource of a denial where AWS's own words do not."""
    match seen:
        case Unseen(why=Why.DENIED, detail=detail) if resource not in detail:
            return Unseen(Why.DENIED, f"{detail} on {resource}")
        case _:
            return seen


@dataclass(frozen=True, slots=True)
class Hands:
    """The ways into the configured accounts, from which the one that holds a certificate is taken."""

    clients: Clients
    executor: ThreadPoolExecutor
    accesses: Sequence[Access]
    elsewhere: Callable[[str], Access] | None = None  # the way to the account of any ARN
    _known: dict[Access, Sight[str]] = field(default_factory=dict)

    async def of(self, arn: str) -> Sight[Hand]:
        """Find the way into the account of a certificate: a role says which it leads to, else STS does."""
        _, _, _, region, account, *_ = arn.split(":")
        unknown: list[str] = []
        for access in self.accesses:
            match await self._account(access, region):
                case Seen(value=found) if found == account:
                    return Seen(Hand(self.clients, self.executor, access, account, region))
                case Seen(value=found):
                    unknown.append(f"one is {found}")
                case Unseen(detail=detail):
                    unknown.append(f"one could not be asked ({detail})")
        if self.elsewhere is not None:
            return Seen(Hand(self.clients, self.executor, self.elsewhere(arn), account, region))
        says = f"none of the configured accounts is {account}, whose {arn} is"
        return Unseen(Why.NOT_FOUND, f"{says}: {_listed(unknown)}; see aws.accounts")

    async def _account(self, access: Access, region: str) -> Sight[str]:
        if access.role_arn:
            return Seen(access.role_arn.split(":")[4])
        if access not in self._known:
            hand = Hand(self.clients, self.executor, access, "", region)
            seen = await hand.read("GetCallerIdentity")
            told = Seen(str(seen.value.get("Account", ""))) if isinstance(seen, Seen) else seen
            self._known[access] = told
        return self._known[access]


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(parts) or "there are none"
