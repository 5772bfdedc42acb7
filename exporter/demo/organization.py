"""AWS Organizations as far as accounts are found by it; part of the ACM stand-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from exporter.demo.acm_validation import AwsError
from exporter.demo.pages import page

Json = dict[str, Any]

TARGET = "AWSOrganizationsV20161128"
ID = "o-exampleorgid"
ROWS = 20  # of a page, at most


@dataclass(slots=True)
class Account:
    """One account; `parent` is the id of the unit that it is in, or of the root."""

    id: str
    name: str
    parent: str = "r-root"
    state: str = "ACTIVE"


@dataclass(slots=True)
class Organization:
    """One organization, which only some accounts may list; all of it may be edited while it is served."""

    accounts: list[Account] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)  # id of a unit -> that of the one above it
    listers: list[str] = field(default_factory=list)  # the management account first; [] is no organization
    status: bool = True  # whether rows still have Status beside State

    def answer(self, operation: str, asked: Json, account: str) -> Json:
        """Answer a call of an account."""
        if not self.listers:
            message = "Your account is not a member of an organization."
            raise AwsError("AWSOrganizationsNotInUseException", message)
        if account not in self.listers:
            raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.")
        limit = asked.get("MaxResults", ROWS)
        match operation:
            case "ListAccounts":
                return page([self._row(one) for one in self.accounts], "Accounts", asked, limit, ROWS)
            case "ListAccountsForParent":
                parent = self._parent(asked)
                there = [self._row(one) for one in self.accounts if one.parent == parent]
                return page(there, "Accounts", asked, limit, ROWS)
            case "ListOrganizationalUnitsForParent":
                parent = self._parent(asked)
                units = [self._unit(one) for one, above in self.units.items() if above == parent]
                return page(units, "OrganizationalUnits", asked, limit, ROWS)
            case _:
                raise AwsError("UnknownOperationException", "")

    def _parent(self, asked: Json) -> str:
        parent = str(asked.get("ParentId"))
        if parent != "r-root" and parent not in self.units:
            message = "You specified a root or organizational unit that doesn't exist."
            raise AwsError("ParentNotFoundException", message)
        return parent

    def _arn(self, what: str) -> str:
        return f"arn:aws:organizations::{self.listers[0]}:{what}"

    def _row(self, one: Account) -> Json:
        told = {
            "Id": one.id,
            "Arn": self._arn(f"account/{ID}/{one.id}"),
            "Email": f"aws+{one.id}@example.com",
            "Name": one.name,
            "State": one.state,
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": 1_700_000_000,
        }
        return told | ({"Status": one.state} if self.status else {})

    def _unit(self, one: str) -> Json:
        return {"Id": one, "Arn": self._arn(f"ou/{ID}/{one}"), "Name": one.rpartition("-")[2]}
