"""What one watch hands to the next: a reload of the configuration, or a restart with what was stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from exporter.facts import Ask, Domain, Endpoint, Question, Seen, Unseen, Why
from exporter.schedule.plan import Plan
from exporter.snapshot import Snapshot, Source
from exporter.snapshot.past import Door, Past, Process
from tests.evidence import ADDRESS, DAY, NOON, SERVED
from tests.schedule.account import Acm, row, whole
from tests.schedule.test_watch import WWW, World
from tests.schedule.virtual import at_work, now, virtual

PLAIN = Domain("plain.example.com")
THROTTLED = Unseen(Why.THROTTLED, "Rate exceeded")


async def lived(world: World, seconds: float = 100) -> Past:
    """Let a watch run for a while, and take what it hands over."""
    async with at_work(world.watch.run()):
        await asyncio.sleep(seconds)
        return world.watch.past()


def known(snapshot: Snapshot) -> Snapshot:
    """Leave out of a snapshot when it was taken and under which configuration."""
    return replace(snapshot, taken_at=NOON, configured_at=None)


@virtual
async def test_after_a_reload_everything_is_known_and_nothing_is_looked_at_again() -> None:
    """The first snapshot of the next watch is the last one of the watch before, counters and readiness included."""
    plan = Plan(domains=(WWW, PLAIN), tags=("team",))
    acm = Acm(row("a"), row("b"))
    acm.requests = {("SearchCertificates", "OK"): 3}
    before = World(acm, plan=plan)
    past = await lived(before)
    acm.requests = {}  # new clients count anew
    after = World(acm, plan=plan, past=past)
    asked = (list(acm.swept), list(acm.described), list(acm.asked_for_tags))
    async with at_work(after.watch.run()):
        await asyncio.sleep(0.1)
        assert known(after.latest) == known(before.latest)
        assert (acm.swept, acm.described, acm.asked_for_tags) == asked
        assert (after.looked, after.asked) == ([], [])
        assert after.latest.ready
        assert after.latest.listed


@virtual
async def test_after_a_reload_everything_keeps_its_turn() -> None:
    """Reloads, however many, neither delay a look nor add one."""
    plan = Plan(domains=(WWW, PLAIN), acm_interval=900, tls_interval=100, dns_interval=600)
    acm = Acm(row("a"))
    worlds = [World(acm, plan=plan)]
    for _ in range(35):
        past = await lived(worlds[-1], 99.9)
        worlds.append(World(acm, plan=plan, past=past))
    looks = Counter(domain.name for world in worlds for domain in world.looked)
    questions = Counter(question for world in worlds for question in world.asked)
    assert acm.swept == [0, 900, 1800, 2700]
    assert set(looks) == {WWW.name, PLAIN.name, "example.com"}
    assert all(35 <= number <= 36 for number in looks.values())
    assert all(6 <= number <= 7 for number in questions.values())


@virtual
async def test_a_shorter_interval_holds_at_once() -> None:
    """Nobody waits for the end of the former hour."""
    acm = Acm(row("a"))
    past = await lived(World(acm, plan=Plan(acm_interval=3600, tls_interval=3600, dns_interval=3600)))
    after = World(acm, plan=Plan(acm_interval=60, tls_interval=60, dns_interval=60), past=past)
    async with at_work(after.watch.run()):
        await asyncio.sleep(65)
    assert acm.swept == [0, 160]
    assert {domain.name for domain in after.looked} == set(row("a").names)
    assert {question.ask for question in after.asked} == {Ask.CNAME, Ask.CAA}


@virtual
async def test_what_was_under_way_or_failed_comes_first() -> None:
    """A look that a reload cut off is begun again, and so is a sweep; readiness waits for it as before."""
    acm = Acm(row("a"))
    acm.sweep_takes = 5.0
    before = World(acm, plan=Plan(domains=(WWW,)))
    before.takes = 5.0
    past = await lived(before, 1)
    assert past.process == Process(
        requests={Door("production", region="0"): {}},
        tally=past.process.tally,
        recent={"tls": {}, "dns": {}, "file": {}},
    )
    after = World(acm, plan=Plan(domains=(WWW,)), past=past)
    async with at_work(after.watch.run()):
        await asyncio.sleep(1)
        assert (acm.swept, after.looked, after.latest.ready) == ([0, 1], [WWW], False)


@virtual
async def test_what_left_the_configuration_is_forgotten() -> None:
    """Domains, accounts and tags that are no longer configured have no rows; what stays keeps them."""
    first, second = Acm(row("a")), Acm(row("b", arn="arn:aws:acm:eu-west-1:444455556666:certificate/b"))
    second.account, second.region = "444455556666", "eu-west-1"
    past = await lived(World(first, second, plan=Plan(domains=(WWW, PLAIN), tags=("team", "secret"))))
    assert past.stocks.keys() == {Door("production", region="0"), Door("production", region="1")}
    after = World(first, plan=Plan(domains=(WWW,), tags=("team",)), past=past)
    async with at_work(after.watch.run()):
        await asyncio.sleep(0.1)
        assert after.rows.keys() == {"a"}
        assert after.rows["a"].certificate == whole("a", tags={"team": "a"})
        assert {endpoint.domain for endpoint in after.looks} == {WWW.name, "example.com"}
        assert [one.source for one in after.latest.sources] == ["acm", "tls", "dns"]
        assert after.looked == []


@virtual
async def test_what_is_new_is_looked_at_at_once() -> None:
    """A domain, an account and a tag that a reload brings are there within two seconds."""
    first, second = Acm(row("a")), Acm(row("b", arn="arn:aws:acm:eu-west-1:444455556666:certificate/b"))
    second.account, second.region = "444455556666", "eu-west-1"
    past = await lived(World(first, plan=Plan(tags=("team",))))
    after = World(first, second, plan=Plan(domains=(PLAIN,), tags=("team", "secret")), past=past)
    async with at_work(after.watch.run()):
        await asyncio.sleep(0.1)
        assert after.latest.ready  # as before: the process is not new
        await asyncio.sleep(2)
        assert after.rows.keys() == {"a", "b"}
        assert after.rows["a"].certificate.tags == {"team": "a", "secret": "x"}
        assert after.looks[Endpoint(PLAIN.name, 443, ADDRESS)].sight == Seen(SERVED)
    assert (len(first.swept), len(second.swept)) == (1, 1)


@pytest.mark.parametrize(
    "changed",
    [Domain(WWW.name, server_name="else.example.com"), Domain(WWW.name, addresses=("192.0.2.99",))],
    ids=["another server name", "other addresses"],
)
@virtual
async def test_what_is_looked_at_in_another_way_is_not_known(changed: Domain) -> None:
    """What another server name was answered says nothing of this one."""
    past = await lived(World(plan=Plan(domains=(WWW, PLAIN))))
    after = World(plan=Plan(domains=(changed, PLAIN)), past=past)
    after.takes = 5.0
    async with at_work(after.watch.run()):
        await asyncio.sleep(1)
        assert after.looks.keys() == {Endpoint(WWW.name, 443, ""), Endpoint(PLAIN.name, 443, ADDRESS)}
        assert after.looked == [changed]


@virtual
async def test_failures_after_a_reload_leave_what_was_known() -> None:
    """An account and an address that fail from the moment of a reload on keep their last values and their ages."""
    acm = Acm(row("a"))
    past = await lived(World(acm, plan=Plan(acm_interval=120, tls_interval=120)))
    acm.sight = THROTTLED
    acm.account = ""  # new clients do not know yet whose they are
    after = World(acm, plan=Plan(acm_interval=120, tls_interval=120), past=past)
    for name in row("a").names:
        after.served[name] = Unseen(Why.RESOLVER_TIMEOUT)
    async with at_work(after.watch.run()):
        await asyncio.sleep(125)
        assert after.rows["a"].certificate == whole("a")
        assert {look.last for look in after.looks.values()} == {SERVED}
        assert max(look.last_success for look in after.looks.values() if look.last_success) < NOON + DAY / 800
        acm_source, tls_source, _ = after.latest.sources
        assert acm_source == Source(
            "acm",
            "111122223333",
            "us-east-1",
            success=False,
            duration=0.0,
            last_success=NOON,
            error="throttled: Rate exceeded",
        )
        assert tls_source.success is False
    assert after.latest.tally["acm", "ok"] == past.process.tally["acm", "ok"]


@virtual
async def test_after_a_restart_everything_is_known_and_everything_is_looked_at() -> None:
    """What was stored shows at once with its true age; ready means that this process has looked itself."""
    plan = Plan(domains=(WWW,))
    acm = Acm(row("a"))
    acm.sweep_takes = 10.0
    stored = replace(await lived(World(acm, plan=plan)), process=Process())
    after = World(acm, plan=plan, past=stored)
    async with at_work(after.watch.run()):
        await asyncio.sleep(0.1)
        assert after.rows["a"].certificate == whole("a")
        assert {look.last for look in after.looks.values()} == {SERVED}
        assert max(look.at for look in after.looks.values()) < now()
        assert (after.latest.listed, after.latest.ready) == (True, False)
        assert after.latest.tally["acm", "ok"] == 0
        assert {domain.name for domain in after.looked} == set(row("a").names)
        assert {question.ask for question in after.asked} == {Ask.CNAME, Ask.CAA}
        await asyncio.sleep(9)
        assert not after.latest.ready
        await asyncio.sleep(3)
        assert after.latest.ready
    assert len(acm.swept) == 2
    assert acm.described == ["a"]  # six hours are not over, and its row is the same


@virtual
async def test_a_question_that_is_no_longer_asked_is_forgotten() -> None:
    """The past grows with what there is, not with what there was."""
    acm = Acm(row("a"))
    past = await lived(World(acm))
    gone = Question(Ask.CNAME, "_token.gone.example.com")
    past = replace(past, answers={**past.answers, gone: Unseen(Why.NOT_YET)})
    after = World(acm, past=past)
    assert gone not in (await lived(after, 1)).answers
