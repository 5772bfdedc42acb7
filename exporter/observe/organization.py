"""The organization's eye: which accounts there are, and which of them are under some organizational units."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from exporter.facts import Member, Organization, Seen, Sight, Why
from exporter.observe.aws import Access, Clients
from exporter.observe.pace import Pace
from exporter.observe.sight import Blind, sight

DEADLINE = 600.0  # seconds for a whole listing
CALL_DEADLINE = 60.0
MOST_PAGES = 3000  # of 20 rows: AWS allows 2,000 units, and some thousand accounts


@dataclass(frozen=True, slots=True)
class Credentials:
    """By which credentials: those that list, the exporter's own, and of each other way that is configured."""

    listing: Access
    own: Access
    others: Sequence[Access] = ()


class OrganizationEye:
    """Looks at one organization; `account`, which lists it, is "" until it is known."""

    def __init__(
        self,
        clients: Clients,
        credentials: Credentials,
        region: str,
        executor: ThreadPoolExecutor,
        *,
        requests_per_second: float,
        units: Sequence[str] = (),
    ) -> None:
        """Prepare without touching the network; members under `units` are marked with them."""
        self.region = region
        self.account = _named(credentials.listing)
        self._clients = clients
        self._credentials = credentials
        self._executor = executor
        self._pace = Pace(1 / requests_per_second)
        self._units = units
        self._accounts: dict[Access, str] = {}  # whose credentials they are, once asked
        self._pages = 0

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """The HTTP attempts so far by (operation, code), retries included."""
        return self._clients.requests(self._credentials.listing, self.region)

    async def look(self) -> Sight[Organization]:
        """See all active accounts, or none: half an organization would look like accounts that left."""
        self._pages = 0
        return await sight(self._list, DEADLINE, late=Why.AWS_UNREACHABLE)

    async def _list(self) -> Organization:
        self.account = self.account or await self._whose(self._credentials.listing)
        rows = {_text(row, "Id"): row async for row in self._rows("ListAccounts", "Accounts")}
        under: dict[str, list[str]] = {account: [] for account in rows}
        for unit in self._units:
            async for account in self._below(unit):
                under.setdefault(account, []).append(unit)
        own = await self._whose(self._credentials.own)
        members = tuple(
            Member(
                account,
                name=" ".join(str(row.get("Name", "")).split()),
                partition=str(row.get("Arn", "arn:aws")).split(":")[1],
                own=account == own,
                units=tuple(under[account]) if self._units else None,
            )
            for account, row in rows.items()
            if _state(row) == "ACTIVE"
        )
        elsewhere = [_named(one) or await self._whose(one) for one in self._credentials.others]
        return Organization(members, tuple(filter(None, elsewhere)))

    async def _below(self, unit: str) -> AsyncIterator[str]:
        """Yield the accounts under a unit, those of units within it too."""
        open_ = [unit]
        while open_:
            parent = open_.pop()
            async for row in self._rows("ListAccountsForParent", "Accounts", ParentId=parent):
                yield _text(row, "Id")
            units = self._rows("ListOrganizationalUnitsForParent", "OrganizationalUnits", ParentId=parent)
            open_ += [_text(row, "Id") async for row in units]

    async def _rows(self, operation: str, key: str, **asked: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the rows of all pages; a page may be empty and still lead to the next."""
        more: dict[str, str] = {}
        followed: set[str] = set()
        while True:
            self._pages += 1
            if self._pages > MOST_PAGES:
                raise Blind(Why.MALFORMED, f"more than {MOST_PAGES} pages of an organization")
            await self._pace.slot()
            page = await self._ask(self._credentials.listing, operation, **asked, **more)
            rows, token = page.get(key), page.get("NextToken")
            if not isinstance(rows, list):
                raise Blind(Why.MALFORMED, f"a page of {operation} without {key}")
            for row in rows:
                yield row
            if token is None:
                return
            if not isinstance(token, str) or token in followed:
                raise Blind(Why.MALFORMED, f"a NextToken of {operation} that leads nowhere new")
            followed.add(token)
            more = {"NextToken": token}

    async def _whose(self, access: Access) -> str:
        """Tell the account of some credentials; "" where STS does not."""
        if access not in self._accounts:
            answer = await sight(lambda: self._ask(access, "GetCallerIdentity"), CALL_DEADLINE)
            if not isinstance(answer, Seen):
                return ""
            self._accounts[access] = str(answer.value.get("Account", ""))
        return self._accounts[access]

    async def _ask(self, access: Access, operation: str, **parameters: str) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            self.region = self.region or self._clients.region(self._credentials.own)
            return self._clients.call(access, self.region, operation, **parameters)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)


def _named(access: Access) -> str:
    """Read the account out of a role's ARN."""
    return access.role_arn.split(":")[4] if access.role_arn else ""


def _state(row: Mapping[str, Any]) -> str:
    """Read State, or Status, which AWS retires in September 2026."""
    return str(row.get("State") or row.get("Status") or "")


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise Blind(Why.MALFORMED, f"a row of an organization without {key}")
    return value
