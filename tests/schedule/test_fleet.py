"""Accounts of an organization come and go while a watch runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from structlog.testing import capture_logs

from exporter.facts import Member, Organization, Seen, Sight, Unseen, Why
from exporter.judge.membership import Choice, Filter
from exporter.judge.rule import Policy
from exporter.schedule.fleet import RETRY
from exporter.schedule.plan import Eyes, Membership, Plan
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Roll, Snapshot, Source
from exporter.snapshot.past import NOTHING, Door, Past
from tests.evidence import NOON
from tests.schedule.account import Acm, row
from tests.schedule.virtual import at_work, now, virtual

HUB, WEB, DATA = "111122223333", "444455556666", "777788889999"
HOUR = 3600.0
DENIED = Unseen(Why.DENIED, "no")


class Accounts:
    """An organization whose accounts have a certificate each, in two regions, and a watch of it."""

    def __init__(
        self, *accounts: str, past: Past = NOTHING, chosen: Filter | None = None, listed: Sequence[Acm] = ()
    ) -> None:
        self.account, self.region = HUB, "us-east-1"
        self.requests = {("ListAccounts", "OK"): 1}
        self.sight: Sight[Organization] = Unseen(Why.NOT_YET)
        self.listed: list[float] = []
        self.acm: dict[str, list[Acm]] = {}
        self.denied: set[str] = set()
        self.now_are(*accounts)
        membership = Membership(self, self._enter, chosen or Filter(), HOUR)
        doors = [(Door(f"listed {n}"), acm) for n, acm in enumerate(listed)]
        self.board = Board(Snapshot(NOON, Policy()))
        eyes = Eyes(doors, self._nothing, self._nothing, membership=membership)
        self.watch = Watch(eyes, Plan(certificate_names=False), Policy(), now, self.board, past=past)

    def now_are(self, *accounts: str, elsewhere: tuple[str, ...] = ()) -> None:
        """Change who the next listing finds."""
        members = tuple(Member(one, f"team {one[0]}", own=one == HUB) for one in accounts)
        self.sight = Seen(Organization(members, elsewhere))

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The accounts and regions of the certificates on the board."""
        return sorted((one.certificate.account, one.certificate.region) for one in self.board.latest.cases)

    @property
    def sources(self) -> dict[tuple[str, str], bool | None]:
        """How each account and region on the board fares; the organization has no region."""
        told = self.board.latest.sources
        return {(one.account, one.region): one.success for one in told if one.account}

    async def look(self) -> Sight[Organization]:
        """Answer as told."""
        self.listed.append(asyncio.get_running_loop().time())
        return self.sight

    def _enter(self, member: Member) -> list[tuple[Door, Acm]]:
        made = []
        for region in ("us-east-1", "eu-west-1"):
            arn = f"arn:aws:acm:{region}:{member.id}:certificate/a"
            acm = Acm(replace(row("a"), arn=arn, account=member.id, region=region, names=(), type="IMPORTED"))
            acm.account, acm.region = member.id, region
            if member.id in self.denied:
                acm.sight = DENIED
            made.append((Door(role_arn="" if member.own else member.id, region=region), acm))
        self.acm[member.id] = [acm for _, acm in made]
        return made

    async def _nothing(self, _: object) -> Any:
        raise AssertionError


def places(*accounts: str) -> list[tuple[str, str]]:
    """Write the places of some accounts."""
    return sorted((one, region) for one in accounts for region in ("us-east-1", "eu-west-1"))


@virtual
async def test_accounts_that_come_and_go() -> None:
    """Who comes is watched and who leaves loses all rows with the next listing; who stays is not touched."""
    world = Accounts(HUB, WEB)
    with capture_logs() as log:
        async with at_work(world.watch.run()):
            await asyncio.sleep(10)
            assert (world.rows, world.board.latest.roll) == (
                places(HUB, WEB),
                Roll({HUB: "team 1", WEB: "team 4"}, 2),
            )
            assert world.sources == {**dict.fromkeys(places(HUB, WEB), True), (HUB, ""): True}
            assert world.board.latest.requests[HUB, "us-east-1", "ListAccounts", "OK"] == 1
            stays = world.acm[HUB]
            world.now_are(HUB, DATA)
            await asyncio.sleep(HOUR)
            assert (world.rows, world.board.latest.roll) == (
                places(HUB, DATA),
                Roll({HUB: "team 1", DATA: "team 7"}, 2),
            )
            assert world.sources == {**dict.fromkeys(places(HUB, DATA), True), (HUB, ""): True}
            left = [len(one.swept) for one in world.acm[WEB]]
            await asyncio.sleep(HOUR)
    assert [len(one.swept) for one in world.acm[WEB]] == left
    assert world.acm[HUB] is stays
    assert world.listed == [0, HOUR, 2 * HOUR]
    assert [one for one in log if "account" in one["event"] or "organization" in one["event"]] == [
        {"event": "the organization is listed", "account": HUB, "accounts": 2, "log_level": "info"},
        {"event": "accounts changed", "came": f"{HUB} {WEB}", "left": "", "log_level": "info"},
        {"event": "accounts changed", "came": DATA, "left": WEB, "log_level": "info"},
    ]


@virtual
async def test_a_failed_listing_keeps_who_is_known() -> None:
    """The source fails, said once; all accounts stay and are read as before, until a listing works again."""
    world = Accounts(HUB, WEB)
    with capture_logs() as log:
        async with at_work(world.watch.run()):
            await asyncio.sleep(10)
            world.sight = DENIED
            await asyncio.sleep(2 * HOUR)
            assert (world.rows, world.board.latest.roll.members) == (places(HUB, WEB), 2)
            (source,) = [one for one in world.board.latest.sources if one.source == "organization"]
            assert source == Source("organization", HUB, "", False, 0.0, NOON, "denied: no")
            assert world.acm[WEB][0].swept[-1] > 2 * HOUR - 600
            assert world.listed[:4] == [0, HOUR, HOUR + RETRY, HOUR + 2 * RETRY]
            world.now_are(HUB)
            await asyncio.sleep(RETRY)
            assert world.rows == places(HUB)
    events = [one["event"] for one in log if "organization" in one["event"]]
    assert events == [
        "the organization is listed",
        "the organization cannot be listed",
        "the organization is listed",
    ]


@virtual
async def test_an_account_that_lets_nobody_in() -> None:
    """Its source rows fail, said once for each region and not at each sweep; the others are unharmed."""
    world = Accounts(HUB, WEB)
    world.denied = {WEB}
    with capture_logs() as log:
        async with at_work(world.watch.run()):
            await asyncio.sleep(HOUR / 2)
            assert world.rows == places(HUB)
            fared = {**dict.fromkeys(places(HUB), True), **dict.fromkeys(places(WEB), False), (HUB, ""): True}
            assert world.sources == fared
            assert world.board.latest.ready
            for acm in world.acm[WEB]:
                acm.now_has()
            await asyncio.sleep(600)
            assert world.sources == {**dict.fromkeys(places(HUB, WEB), True), (HUB, ""): True}
    told = [(one["event"], one["account"]) for one in log if one.get("account") == WEB]
    assert told == [("ACM could not be read", WEB)] * 2 + [("ACM is read", WEB)] * 2


@virtual
async def test_nothing_is_ready_before_the_first_listing() -> None:
    """While the organization was never listed, targets may be missing; once it failed, that is all there is."""
    world = Accounts()
    world.sight = DENIED
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
        latest = world.board.latest
        assert (latest.ready, latest.listed, latest.roll) == (True, False, Roll())
        world.now_are(WEB)
        await asyncio.sleep(HOUR)
        assert (world.rows, world.board.latest.listed) == (places(WEB), True)


@virtual
async def test_what_is_reached_in_another_way_is_not_entered_twice() -> None:
    """An account of the list is taken from there, and keeps the name that it has in the configuration."""
    listed = Acm(row("a"))
    world = Accounts(listed=[listed])
    world.now_are(HUB, WEB, elsewhere=(HUB,))
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    assert world.acm.keys() == {WEB}
    assert world.board.latest.roll == Roll({HUB: "listed 0", WEB: "team 4"}, 1)


@virtual
async def test_a_past_is_taken_over() -> None:
    """After a restart all accounts are there at once, though the organization cannot be listed.

    But those that the configuration excludes by now are not; by other units nobody leaves unseen.
    """
    world = Accounts(HUB, WEB, DATA)
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    past = world.watch.past()
    assert past.members == tuple(Member(one, f"team {one[0]}", own=one == HUB) for one in (HUB, WEB, DATA))
    past = replace(past, members=tuple(replace(one, units=("ou-then",)) for one in past.members))
    after = Accounts(past=past, chosen=Filter(Choice(units=("ou-now",)), Choice(accounts=(DATA,))))
    after.sight = DENIED
    async with at_work(after.watch.run()):
        await asyncio.sleep(1.5)
        assert after.rows == places(HUB, WEB)
        assert [acm.swept for acm in after.acm[WEB]] == [[], []]
    (source,) = [one for one in after.board.latest.sources if one.source == "organization"]
    assert (source.success, source.last_success) == (False, NOON)


@virtual
async def test_one_look_lists_first() -> None:
    """`check` reaches the organization's accounts too."""
    world = Accounts(HUB, WEB)
    await world.watch.once()
    assert (world.rows, world.board.latest.roll.members) == (places(HUB, WEB), 2)
