"""The rota: who is looked at when."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from exporter.schedule.rota import PATIENCE, Rota
from tests.schedule.virtual import at_work, virtual


class Looks:
    """What a rota did: the moments of each key's looks, and the most looks under way at once."""

    def __init__(
        self, takes: Callable[[str], float] = lambda _: 0.0, rests: Callable[[str], bool] = lambda _: True
    ) -> None:
        self.moments: dict[str, list[float]] = defaultdict(list)
        self.under_way: Counter[str] = Counter()
        self.most = 0
        self._takes = takes
        self._rests = rests

    async def __call__(self, key: str) -> bool:
        """Look at one key."""
        self.moments[key].append(asyncio.get_running_loop().time())
        self.under_way[key] += 1
        self.most = max(self.most, self.under_way.total())
        await asyncio.sleep(self._takes(key))
        self.under_way[key] -= 1
        return self._rests(key)


@pytest.mark.parametrize("takes", [0.0, 0.2, 3.0])
@virtual
async def test_every_key_is_looked_at_once_per_interval_evenly_spread(takes: float) -> None:
    """A thousand endpoints cost the same load in every second, however quick they are."""
    looks = Looks(lambda _: takes)
    rota = Rota(300.0, 256, looks)
    keys = [f"host{number}.example.com" for number in range(1000)]
    rota.keep(keys)
    async with at_work(rota.run()):
        await asyncio.sleep(1200)
    settled = {key: [at for at in moments if 300 <= at < 1200] for key, moments in looks.moments.items()}
    rounds = Counter(int(at) for moments in settled.values() for at in moments)
    assert set(settled) == set(keys)
    assert {round(two - one, 6) for moments in settled.values() for one, two in pairwise(moments)} == {300.0}
    assert {len(moments) for moments in settled.values()} == {3}
    assert max(rounds.values()) <= 3 * 1000 / 300


@virtual
async def test_a_look_that_takes_no_time_is_not_repeated_at_the_same_moment() -> None:
    """An interval that binary fractions cannot express causes no second look a nanosecond later."""
    looks = Looks()
    rota = Rota(7.3, 8, looks)
    rota.keep(f"host{number}" for number in range(20))
    async with at_work(rota.run()):
        await asyncio.sleep(730)
    assert all(100 <= len(moments) <= 101 for moments in looks.moments.values())


@virtual
async def test_those_that_stay_keep_their_moments_when_others_leave() -> None:
    """Removing half of the endpoints delays none of the other half."""
    looks = Looks()
    rota = Rota(300.0, 8, looks)
    keys = [f"host{number}" for number in range(200)]
    rota.keep(keys)
    async with at_work(rota.run()):
        await asyncio.sleep(400)
        rota.keep(keys[::2])
        await asyncio.sleep(1000)
    settled = [[at for at in looks.moments[key] if at >= 300] for key in keys[::2]]
    assert {round(two - one, 6) for moments in settled for one, two in pairwise(moments)} == {300.0}


@virtual
async def test_new_keys_are_looked_at_at_once_and_gone_ones_never_again() -> None:
    """A certificate that appears has its names looked at now; one that is deleted causes no traffic."""
    looks = Looks()
    rota = Rota(300.0, 8, looks)
    async with at_work(rota.run()):
        await asyncio.sleep(50)
        rota.keep(["a", "b"])
        assert rota.pending == 2
        await asyncio.sleep(50)
        assert rota.pending == 0
        rota.keep(["b", "c"])
        await asyncio.sleep(3000)
    assert {key: moments[0] for key, moments in looks.moments.items()} == {"a": 50, "b": 50, "c": 100}
    assert len(looks.moments["a"]) == 1
    assert all(len(looks.moments[key]) in (11, 12) for key in "bc")


@virtual
async def test_a_key_that_leaves_before_its_turn_is_not_looked_at() -> None:
    """Nothing waits in line for a free slot after it has left the plan."""
    looks = Looks(lambda _: 5.0)
    rota = Rota(300.0, 1, looks)
    rota.keep(["a", "b"])
    async with at_work(rota.run()):
        await asyncio.sleep(PATIENCE / 2)
        rota.keep(["a"])
        await asyncio.sleep(20)
    assert list(looks.moments) == ["a"]


@virtual
async def test_a_key_that_comes_back_during_its_look_goes_on_once_per_interval() -> None:
    """A certificate that flickers in the inventory is not looked at twice as often for ever."""
    looks = Looks(lambda _: 5.0)
    rota = Rota(300.0, 8, looks)
    rota.keep(["a"])
    async with at_work(rota.run()):
        await asyncio.sleep(1)
        rota.keep([])
        await asyncio.sleep(1)
        rota.keep(["a"])
        await asyncio.sleep(3100)
    assert len([at for at in looks.moments["a"] if at >= 310]) == pytest.approx(9, abs=1)


@virtual
async def test_keys_that_come_and_go_leave_nothing_behind() -> None:
    """An inventory that flickers for months costs no memory."""
    rota = Rota(3600.0, 8, Looks())
    async with at_work(rota.run()):
        for number in range(1000):
            rota.keep([f"host{number}"])
            await asyncio.sleep(1)
    assert len(rota._heap) <= 1


@pytest.mark.parametrize(("interval", "retry"), [(3600.0, 180.0), (300.0, 15.0), (60.0, 10.0), (5.0, 5.0)])
@virtual
async def test_what_failed_for_our_reasons_is_tried_again_sooner(interval: float, retry: float) -> None:
    """An outage of our resolver is over soon after it ends, not an interval later."""
    looks = Looks(rests=lambda _: False)
    rota = Rota(interval, 8, looks)
    rota.keep(["a"])
    async with at_work(rota.run()):
        await asyncio.sleep(3.5 * retry)
    assert looks.moments["a"] == [0, retry, 2 * retry, 3 * retry]


@pytest.mark.parametrize(("takes", "most"), [(PATIENCE / 2, 7), (1.0, 20)])
@virtual
async def test_no_more_looks_are_under_way_than_allowed(takes: float, most: int) -> None:
    """`probe.concurrency` bounds processor time, and sockets and memory have a bound of their own."""
    looks = Looks(lambda _: takes)
    rota = Rota(300.0, 7, looks, room=20)
    rota.keep(f"host{number}" for number in range(100))
    async with at_work(rota.run()):
        await asyncio.sleep(20)
    assert (len(looks.moments), looks.most) == (100, most)


@virtual
async def test_dead_peers_cost_the_others_no_turn() -> None:
    """A thousand hosts that never answer leave a thousand healthy ones done within two seconds."""
    looks = Looks(lambda key: 3.0 if "dead" in key else 0.01)
    rota = Rota(300.0, 256, looks)
    rota.keep(f"{kind}{number}" for number in range(1000) for kind in ("dead", "fine"))
    async with at_work(rota.run()):
        await asyncio.sleep(20)
    begun = {kind: max(looks.moments[f"{kind}{n}"][0] for n in range(1000)) for kind in ("dead", "fine")}
    assert begun["fine"] < 1.0
    assert begun["dead"] < 1.0


@virtual
async def test_a_slow_look_delays_no_other() -> None:
    """A host that drips its handshake until the deadline leaves all others on time."""
    looks = Looks(lambda key: 1000.0 if key == "slow" else 0.0)
    rota = Rota(300.0, 2, looks)
    rota.keep(["slow", "a", "b"])
    async with at_work(rota.run()):
        await asyncio.sleep(900)
    assert [len(looks.moments[key]) for key in ("slow", "a", "b")] == [1, 4, 4]


@virtual
async def test_a_bug_in_a_look_ends_neither_the_others_nor_its_key() -> None:
    """One broken look is logged and tried again; the daemon goes on."""
    moments = defaultdict[str, list[float]](list)

    async def look(key: str) -> bool:
        moments[key].append(asyncio.get_running_loop().time())
        if key == "broken":
            raise LookupError(key)
        if key == "cancelled":
            raise asyncio.CancelledError  # by something that it awaited
        return True

    rota = Rota(300.0, 2, look)
    rota.keep(["broken", "cancelled", "fine"])
    with capture_logs() as logs:
        async with at_work(rota.run()):
            await asyncio.sleep(31)
    assert {key: moments[key] for key in ("broken", "cancelled")} == {
        "broken": [0, 15, 30],
        "cancelled": [0, 15, 30],
    }
    assert moments["fine"][0] == 0
    assert [(log["log_level"], log["event"], log["key"]) for log in logs] == [
        ("error", "bug in a look", "broken")
    ] * 3
    assert rota.pending == 0


@virtual
async def test_stopping_ends_the_looks_under_way() -> None:
    """SIGTERM does not wait for a host that never answers."""
    looks = Looks(lambda _: 1000.0)
    rota = Rota(300.0, 8, looks)
    rota.keep(["a"])
    async with at_work(rota.run()):
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_once_looks_at_everything_and_counts() -> None:
    """`check` sees every name once and can show how far it is."""
    looks = Looks(lambda _: PATIENCE / 2)
    rota = Rota(300.0, 2, looks)
    rota.keep(["a", "b", "c"])
    done: list[int] = []
    await rota.once(lambda: done.append(1))
    assert {key: len(moments) for key, moments in looks.moments.items()} == {"a": 1, "b": 1, "c": 1}
    assert (len(done), looks.most, rota.pending) == (3, 2, 0)
    assert asyncio.get_running_loop().time() == PATIENCE
