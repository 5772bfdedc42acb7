"""Which accounts of an organization are chosen."""

from __future__ import annotations

import pytest

from exporter.facts import Member, Organization
from exporter.judge.membership import Choice, Filter

WEB, DATA, LAB = "ou-ab12-webwebwe", "ou-ab12-datadata", "ou-ab12-lablabla"
ONE = Member("111111111111", "production-web", units=(WEB,))
TWO = Member("222222222222", "production-data", units=(DATA,))
THREE = Member("333333333333", "sandbox", units=())
ALL = (ONE, TWO, THREE)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (Filter(), ALL),
        (Filter(Choice(names=("production-*",))), (ONE, TWO)),
        (Filter(Choice(names=("PRODUCTION-*", "*-dat?"))), (TWO,)),
        (Filter(Choice(("333333333333",), units=(WEB, LAB))), (ONE, THREE)),
        (Filter(Choice(names=("production-*",)), Choice(("111111111111",))), (TWO,)),
        (Filter(exclude=Choice(names=("sand*",), units=(DATA,))), (ONE,)),
        (Filter(Choice(("111111111111",)), Choice(("111111111111",))), ()),
    ],
)
def test_choice(chosen: Filter, expected: tuple[Member, ...]) -> None:
    """An account is in by any of what is included, and out by any of what is excluded."""
    assert chosen.among(ALL) == expected
    assert chosen.of(Organization(ALL, elsewhere=("222222222222",))) == tuple(
        one for one in expected if one is not TWO
    )


def test_nobody_leaves_for_units_that_are_not_known() -> None:
    """Where nobody looked into the units, who could only be told by them stays; the rest is decided."""
    unknown = tuple(Member(one.id, one.name) for one in ALL)
    assert Filter(Choice(units=(WEB,))).among(unknown) == unknown
    assert Filter(exclude=Choice(("111111111111",), units=(DATA,))).among(unknown) == unknown[1:]


def test_units_that_have_to_be_looked_into() -> None:
    """Each once."""
    assert Filter(Choice(units=(WEB, DATA)), Choice(units=(WEB, LAB))).units == (WEB, DATA, LAB)
    assert Filter().units == ()
