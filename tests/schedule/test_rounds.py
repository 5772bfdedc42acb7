"""Sweep after sweep of one watch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from exporter.facts import Certificate, Seen
from exporter.schedule import rounds as module
from exporter.schedule.rounds import Manner, rounds
from exporter.snapshot import Case, Snapshot
from exporter.snapshot.comparing import Difference, Sweep
from tests.evidence import ADDRESS, NOON, SERVED
from tests.schedule.account import PLACE, Acm, row
from tests.schedule.test_watch import World
from tests.schedule.virtual import now, virtual

TEN = timedelta(seconds=10)


def everything(snapshot: Snapshot) -> tuple[list[Case], tuple[str, ...]]:
    """Choose all cases."""
    return list(snapshot.cases), ()


def named(name: str) -> Manner:
    """Go round one certificate only, by the end of its ARN."""

    def wanted(one: Certificate) -> bool:
        return one.arn == PLACE + name

    def choose(snapshot: Snapshot) -> tuple[list[Case], tuple[str, ...]]:
        return [case for case in snapshot.cases if wanted(case.certificate)], ("a sentence",)

    return Manner(wanted, choose, TEN, asyncio.sleep)


ALL = Manner(None, everything, TEN, asyncio.sleep)


async def sweeps(world: World, manner: Manner, number: int) -> list[Sweep]:
    """Take the first sweeps."""
    going = rounds(world.watch, world.board, manner)
    return [await anext(going) for _ in range(number)]


@virtual
async def test_every_sweep_looks_at_everything_anew() -> None:
    """The rest lies between the end of a sweep and the next one, and each tells when that is."""
    acm = Acm(row("a"))
    acm.sweep_takes = 2.0
    world = World(acm)
    found = await sweeps(world, ALL, 3)
    assert acm.swept == [0, 12, 24]
    assert {one.name: world.looked.count(one) for one in world.looked} == {
        "example.com": 3,
        "www.example.com": 3,
    }
    assert len(world.asked) == 3 * len(set(world.asked))
    assert acm.described == ["a"]  # nothing new is told of it
    assert [(one.number, one.since, one.next_at) for one in found] == [
        (number, NOON + timedelta(seconds=2), NOON + timedelta(seconds=12 * number)) for number in (1, 2, 3)
    ]
    assert [one.snapshot.taken_at for one in found] == [NOON + timedelta(seconds=s) for s in (2, 14, 26)]


@virtual
async def test_what_changed_by_a_sweep_and_before() -> None:
    """A difference is of the latest sweep once, and of the former ones from then on."""
    world = World(Acm(row("a")))
    going = rounds(world.watch, world.board, ALL)
    first = await anext(going)
    world.served["www.example.com"] = Seen({ADDRESS: Seen(replace(SERVED, serial=7))})
    second, third = await anext(going), await anext(going)
    assert now() == NOON + 2 * TEN
    at = NOON + TEN
    endpoint = next(one for one in world.looks if one.domain == "www.example.com")
    differences = (
        Difference(at, PLACE + "a", "example.com", "serial_match", "holds", "breaks"),
        Difference(at, endpoint, "www.example.com", "serial", "a1b2c3", "7"),
    )
    assert [(one.latest, one.former) for one in (first, second, third)] == [
        ((), ()),
        (differences, ()),
        ((), differences),
    ]


@virtual
async def test_only_what_is_wanted() -> None:
    """Others are neither described nor looked at nor told of, in any sweep."""
    acm = Acm(row("a"), row("b", names=("b.example.net",), domain="b.example.net"))
    world = World(acm)
    found = await sweeps(world, named("b"), 2)
    assert [[case.certificate.arn for case in one.cases] for one in found] == [[PLACE + "b"]] * 2
    assert found[1].missing == ("a sentence",)
    assert {one.name for one in world.looked} == {"b.example.net"}
    assert acm.described == ["b"]


@virtual
async def test_progress_of_the_first_sweep_only() -> None:
    """Later sweeps are no news; whoever waits sees what the sweep before found."""
    steps: list[str] = []
    world = World(Acm(row("a")))
    going = rounds(world.watch, world.board, ALL, lambda step, *_: steps.append(step))
    await anext(going)
    assert set(steps) == {"accounts and regions", "certificates", "names", "records"}
    steps.clear()
    await anext(going)
    assert steps == []


@virtual
async def test_a_long_watch_does_not_grow() -> None:
    """Neither the rotas nor the changes that are kept grow with the number of sweeps."""
    world = World(Acm(row("a")))
    going = rounds(world.watch, world.board, ALL)
    for number in range(module.MOST + 10):
        world.served["www.example.com"] = Seen({ADDRESS: Seen(replace(SERVED, serial=number + 1))})
        sweep = await anext(going)
    assert len(sweep.former) == module.MOST
    assert len(world.watch._domains._heap) <= 4  # of two names: as due now, and as due next
