"""Several watches of one world, each with its share: together they do what one does alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

from exporter.facts import Certificate, Domain
from exporter.judge.sharding import ALONE, Shard
from exporter.judge.validation import questions
from exporter.schedule.plan import Plan
from tests.evidence import SERVED
from tests.schedule.account import PLACE, Acm, row, whole
from tests.schedule.test_watch import World
from tests.schedule.virtual import at_work, virtual

TOTAL = 3
ROWS = (
    *(row(f"{number:02}", names=(f"h{number}.example.com",)) for number in range(12)),
    row("wild", names=("*.example.com",), serial=SERVED.serial + 1),
    row("shop", names=("shop.example.org", "h3.example.com")),
)
DOMAINS = (
    Domain("h1.example.com", 8443, labels={"team": "web"}),
    *(Domain(f"free{number}.example.net") for number in range(9)),
    Domain("pinned.example.net", arn=PLACE + "05"),
    Domain("lost.example.net", arn=PLACE + "gone"),
)
SHARDS = tuple(Shard(index, TOTAL) for index in range(TOTAL))


def _name(one: Certificate) -> str:
    return one.arn.removeprefix(PLACE)


def _world(shard: Shard, *rows: Certificate, domains: tuple[Domain, ...] = DOMAINS) -> tuple[Acm, World]:
    acm = Acm(*rows)
    return acm, World(acm, plan=Plan(domains=domains, tags=("team",), shard=shard))


@virtual
async def test_shards_divide_the_work_and_lose_nothing() -> None:
    """Each describes, tags, asks and looks for its own certificates; the rows of all are those of one."""
    parts, (whole_acm, alone) = [_world(shard, *ROWS) for shard in SHARDS], _world(ALONE, *ROWS)
    async with AsyncExitStack() as running:
        for _, world in (*parts, (whole_acm, alone)):
            await running.enter_async_context(at_work(world.watch.run()))
        await asyncio.sleep(30)
    for shard, (acm, world) in zip(SHARDS, parts, strict=True):
        own = [one for one in ROWS if shard.has(one.arn)]
        assert sorted(acm.described) == sorted(acm.asked_for_tags) == sorted(map(_name, own))
        described = [replace(one, details=whole("x").details) for one in own]
        assert set(world.asked) == {question for one in described for question in questions(one)}
        assert (world.latest.ready, world.latest.shard) == (True, shard)
        assert world.latest.targets == alone.latest.targets
    assert Counter(name for acm, _ in parts for name in acm.described) == Counter(whole_acm.described)
    cases = [(case.certificate, case.verdict) for _, world in parts for case in world.latest.cases]
    assert sorted(cases, key=repr) == sorted(
        ((case.certificate, case.verdict) for case in alone.latest.cases), key=repr
    )
    spots = [spot for _, world in parts for spot in world.latest.spots]
    assert sorted(spots, key=repr) == sorted(alone.latest.spots, key=repr)
    assert min(len(world.latest.cases) * len(world.latest.spots) for _, world in parts) > 0


@virtual
async def test_names_that_several_certificates_cover_are_looked_at_for_each() -> None:
    """A wildcard's roll-up needs the endpoints of other shards, which are looked at and not shown."""
    shard = next(one for one in SHARDS if one.has(PLACE + "wild"))
    _, world = _world(shard, *ROWS, domains=())
    async with at_work(world.watch.run()):
        await asyncio.sleep(30)
    looked = {domain.name for domain in world.looked}
    assert {f"h{number}.example.com" for number in range(12)} <= looked
    shown = {endpoint.domain for endpoint in world.looks}
    smallest = {f"h{number}.example.com": PLACE + f"{number:02}" for number in range(12)}
    assert shown & smallest.keys() == {name for name, arn in smallest.items() if shard.has(arn)}
    counting = {look.endpoint.domain for look in world.rows["wild"].evidence.looks}
    assert counting == {"www.example.com"}  # the others serve the exact certificate


@virtual
async def test_rows_without_serials_are_described_by_all_after_their_own() -> None:
    """ListCertificates gives no serials, without which endpoints count for the wrong certificate."""
    bare = tuple(replace(one, serial=None) for one in ROWS)
    shard = SHARDS[0]
    own = {_name(one) for one in ROWS if shard.has(one.arn)}
    acm, world = _world(shard, *bare)
    acm.takes = 5.0
    async with at_work(world.watch.run()):
        await asyncio.sleep(4 + 5.0 * -(-len(own) // 4))
        assert world.latest.ready
        assert own <= set(acm.described) < set(map(_name, ROWS))
        await asyncio.sleep(60)
    assert Counter(acm.described) == Counter(map(_name, ROWS))
    assert set(acm.asked_for_tags) == own


@virtual
async def test_a_certificate_without_names_in_its_row_is_described_by_all() -> None:
    """What a pending request covers is told to all, lest two shards take its endpoints."""
    nameless = replace(row("new", names=(), status="PENDING_VALIDATION"), serial=None, not_before=None)
    acm, world = _world(next(one for one in SHARDS if not one.has(nameless.arn)), nameless, domains=())
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    assert (acm.described, acm.asked_for_tags, world.latest.cases) == (["new"], [], ())
