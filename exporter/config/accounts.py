"""How AWS accounts are reached: one by one, or all that an organization has.

Law of this module: that of `model`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from exporter.config import accountkinds, kinds
from exporter.config.section import Section, Text

LISTS = (  # the paths of lists that may hold nothing twice
    ("aws", "organization", "regions"),
    *(
        ("aws", "organization", choice, what)
        for choice in ("include", "exclude")
        for what in ("accounts", "names", "organizational_units")
    ),
)


class Account(Section):
    """How to reach one AWS account; no regions mean the ambient one."""

    name: Text = ""
    regions: tuple[Annotated[str, BeforeValidator(kinds.region)], ...] = ()
    profile: Text = ""
    role_arn: Annotated[str, BeforeValidator(kinds.role_arn)] = ""
    external_id: Annotated[str, BeforeValidator(kinds.external_id)] = Field("", repr=False)
    fix_role_arn: Annotated[str, BeforeValidator(kinds.role_arn)] = ""

    @field_validator("role_arn")
    @classmethod
    def _role_or_profile(cls, role_arn: str, info: ValidationInfo) -> str:
        if info.data.get("profile"):
            raise ValueError("there is a profile already (expected one of the keys profile and role_arn)")
        return role_arn

    @field_validator("external_id")
    @classmethod
    def _of_a_role(cls, external_id: str, info: ValidationInfo) -> str:
        if info.data.get("role_arn") == "":
            raise ValueError("there is no role to assume with it (expected the key role_arn beside it)")
        return external_id

    @field_validator("fix_role_arn")
    @classmethod
    def _of_the_same_account(cls, fix_role_arn: str, info: ValidationInfo) -> str:
        role_arn = info.data.get("role_arn") or fix_role_arn
        if fix_role_arn and fix_role_arn.split(":")[4] != role_arn.split(":")[4]:
            raise ValueError(
                f"is of another account than role_arn (expected one of {role_arn.split(':')[4]})"
            )
        return fix_role_arn


class Choice(Section):
    """Accounts of an organization: those that any of these lists names."""

    accounts: tuple[Annotated[str, BeforeValidator(accountkinds.account)], ...] = ()
    names: tuple[Text, ...] = ()
    organizational_units: tuple[Annotated[str, BeforeValidator(accountkinds.organizational_unit)], ...] = ()


class Organization(Section):
    """How to find the accounts of an organization, and the role to assume in each."""

    role_name: Annotated[str, BeforeValidator(accountkinds.role_name)]
    fix_role_name: Annotated[str, BeforeValidator(accountkinds.role_name)] = ""
    external_id: Annotated[str, BeforeValidator(kinds.external_id)] = Field("", repr=False)
    profile: Text = ""
    role_arn: Annotated[str, BeforeValidator(kinds.role_arn)] = ""
    regions: tuple[Annotated[str, BeforeValidator(kinds.region)], ...] = ()
    include: Choice | None = None
    exclude: Choice = Choice()
    interval: Annotated[timedelta, BeforeValidator(kinds.duration(timedelta(seconds=1)))] = timedelta(hours=1)

    @field_validator("include")
    @classmethod
    def _somebody(cls, include: Choice | None) -> Choice | None:
        if include == Choice():
            raise ValueError(f"chooses nobody (expected some of the keys {', '.join(Choice.model_fields)})")
        return include
