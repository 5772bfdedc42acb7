"""Looks that somebody asks for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from exporter.facts import Domain, Look, Unseen, Way, Why
from exporter.judge.admission import Errand, Forbidden, Probed
from exporter.schedule.ondemand import OnDemand, Resolve
from tests.evidence import ADDRESS, look, missed
from tests.schedule.virtual import virtual

WWW = Errand(Domain("www.example.com"), "www.example.com", 5.0)


class World:
    """What is looked at takes a second; each name has the addresses that a test gives it."""

    def __init__(self) -> None:
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.looked: list[tuple[str, float, tuple[str, ...]]] = []  # name, deadline, addresses
        self.counted: Counter[str] = Counter()

    async def look(self, domain: Domain, seconds: float, resolve: Resolve) -> tuple[Look, ...]:
        """Resolve, take a second, and see what is healthy."""
        addresses = domain.addresses or await resolve(domain.name)
        self.looked.append((domain.name, seconds, addresses))
        if not addresses:
            return (missed(Why.NO_ADDRESS, name=domain.name, address=""),)
        await asyncio.sleep(1)
        return tuple(look(domain.name, address=one) for one in addresses)

    async def resolve(self, name: str) -> tuple[str, ...]:
        """Give the addresses of a name."""
        return self.addresses.get(name, (ADDRESS,))

    def count(self, looks: Sequence[Look]) -> None:
        """Count what was looked at."""
        self.counted.update(one.endpoint.domain for one in looks)

    def on_demand(self, most: int = 64) -> OnDemand:
        """Make what is tested."""
        return OnDemand(self.look, self.resolve, self.count, most)


@virtual
async def test_what_comes_of_an_errand() -> None:
    """All addresses with what was seen there, whether they were reached, and how long it took."""
    world = World()
    world.addresses["www.example.com"] = (ADDRESS, "192.0.2.11")
    found = await world.on_demand().run(WWW)
    seen = tuple(replace(look(address=one), reached=True) for one in (ADDRESS, "192.0.2.11"))
    assert found == Probed(seen, 1.0)
    assert world.looked == [("www.example.com", 5.0, (ADDRESS, "192.0.2.11"))]
    assert world.counted == {"www.example.com": 2}


@virtual
async def test_as_somebody_else_at_the_addresses_of_the_host() -> None:
    """The name that TLS asks for and the name that is resolved may be two."""
    world = World()
    world.addresses["lb.example.com"] = ("192.0.2.99",)
    errand = Errand(Domain("www.example.com"), "lb.example.com", 5.0)
    found = await world.on_demand().run(errand)
    assert found == Probed((replace(look(address="192.0.2.99"), reached=True),), 1.0)


@virtual
async def test_one_at_a_time_for_each_way() -> None:
    """Who asks for another protocol does not get the answer of the one under way."""
    world = World()
    on_demand = world.on_demand()
    mail = replace(WWW, domain=replace(WWW.domain, way=Way("smtp")))
    await asyncio.gather(on_demand.run(WWW), on_demand.run(mail), on_demand.run(mail))
    assert len(world.looked) == 2


@virtual
async def test_one_at_a_time_for_each_target() -> None:
    """Two Prometheus servers that ask at the same time cost the target one handshake, and both get its result."""
    world = World()
    demand = world.on_demand()
    other = replace(WWW, domain=Domain("www.example.com", 8443))
    first, second, third = await asyncio.gather(demand.run(WWW), demand.run(WWW), demand.run(other))
    assert first is second
    assert third is not first
    assert len(world.looked) == 2
    assert await demand.run(WWW) == first
    assert len(world.looked) == 3


@virtual
async def test_whoever_goes_away_takes_nothing_from_the_others() -> None:
    """A client that hangs up does not end the look that another one waits for."""
    world = World()
    demand = world.on_demand()
    going, staying = asyncio.create_task(demand.run(WWW)), asyncio.create_task(demand.run(WWW))
    await asyncio.sleep(0.5)
    going.cancel()
    with suppress(asyncio.CancelledError):
        await going
    assert isinstance(await staying, Probed)
    assert len(world.looked) == 1


@virtual
async def test_only_so_many_at_once() -> None:
    """Whoever comes too many is told so; who shares a look that is under way is not; then there is room again."""
    world = World()
    demand = world.on_demand(most=2)
    errands = [Errand(Domain(f"h{n}.example.com"), f"h{n}.example.com", 5.0) for n in (1, 2, 3, 1)]
    found = await asyncio.gather(*(demand.run(one) for one in errands))
    assert [one is None for one in found] == [False, False, True, False]
    assert isinstance(await demand.run(errands[2]), Probed)


@virtual
async def test_a_name_is_not_followed_to_a_closed_address() -> None:
    """No name may lead to the metadata service, known or allowed, also not as one of two addresses."""
    world = World()
    world.addresses["www.example.com"] = (ADDRESS, "169.254.169.254")
    for errand in (WWW, replace(WWW, guarded=True)):
        assert await world.on_demand().run(errand) == Forbidden("169.254.169.254")
    assert world.looked == [("www.example.com", 5.0, ())] * 2
    assert world.counted == {}


@virtual
async def test_what_fails_is_a_value() -> None:
    """A name without an address is a look that failed, with its reason, and was not reached."""
    world = World()
    world.addresses["www.example.com"] = ()
    found = await world.on_demand().run(replace(WWW, guarded=True))
    failed = missed(Why.NO_ADDRESS, address="")
    assert found == Probed((replace(failed, reached=False),), 0.0)
    assert isinstance(failed.sight, Unseen)


@virtual
async def test_what_stands_behind_a_name_is_resolved_by_its_own_name() -> None:
    """A load balancer is found, and guarded, as any host."""
    world = World()
    world.addresses = {"lb-1": ("192.0.2.20",), "www.example.com": ()}

    async def look_behind(domain: Domain, seconds: float, resolve: Resolve) -> tuple[Look, ...]:
        (host,) = domain.hosts
        return await world.look(replace(domain, addresses=await resolve(host)), seconds, resolve)

    errand = replace(WWW, domain=Domain("www.example.com", hosts=("lb-1",)))
    await OnDemand(look_behind, world.resolve, world.count).run(errand)
    assert world.looked == [("www.example.com", 5.0, ("192.0.2.20",))]
    world.addresses["lb-1"] = ("169.254.169.254",)
    assert await OnDemand(look_behind, world.resolve, world.count).run(errand) == Forbidden("169.254.169.254")
