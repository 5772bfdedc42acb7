"""The whole watch: from what the eyes see to the snapshots on the board."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from exporter.facts import (
    Answer,
    Ask,
    Caa,
    Certificate,
    Cname,
    Description,
    Domain,
    Endpoint,
    Listener,
    Look,
    Question,
    Seen,
    Served,
    Sight,
    Unseen,
    Why,
)
from exporter.judge.rule import Outcome, Policy
from exporter.judge.verdict import Word
from exporter.schedule.memory import Memory
from exporter.schedule.plan import Eyes, Plan
from exporter.schedule.watch import Watch
from exporter.snapshot import Board, Case, Snapshot, Source
from exporter.snapshot.past import NOTHING, Door, Past
from tests.evidence import ADDRESS, BALANCER, NOON, OTHER_ARN, SERVED
from tests.schedule.account import PLACE, Acm, row, whole
from tests.schedule.virtual import at_work, now, virtual

WWW = Domain("www.example.com")
NXDOMAIN = Unseen(Why.NAME_NOT_FOUND)
ELSEWHERE = "arn:aws:acm:eu-west-1:111122223333:certificate/a"


class World:
    """The outside: some accounts, what is served at each name, and a board to look at."""

    def __init__(self, *accounts: Acm, plan: Plan | None = None, past: Past = NOTHING) -> None:
        self.served: dict[str, Sight[Mapping[str, Sight[Served]]]] = {}  # name -> address -> what is there
        self.looked: list[Domain] = []
        self.next_look = asyncio.Event()
        self.asked: list[Question] = []
        self.takes = 0.0
        self.board = Board(Snapshot(NOON, Policy()))
        eyes = Eyes(
            [(Door("production", region=str(n)), acm) for n, acm in enumerate(accounts)], self._tls, self._dns
        )
        self.watch = Watch(eyes, plan or Plan(), Policy(), now, self.board, past=past)

    @property
    def latest(self) -> Snapshot:
        """The snapshot on the board."""
        return self.board.latest

    @property
    def rows(self) -> dict[str, Case]:
        """The certificates on the board by the end of their ARNs."""
        return {case.certificate.arn.rpartition("/")[2]: case for case in self.latest.cases}

    @property
    def looks(self) -> dict[Endpoint, Look]:
        """The endpoints on the board."""
        return {spot.look.endpoint: spot.look for spot in self.latest.spots}

    async def _tls(self, domain: Domain) -> tuple[Look, ...]:
        self.looked.append(domain)
        self.next_look.set()
        await asyncio.sleep(self.takes)
        match self.served.get(domain.name, Seen({ADDRESS: Seen(SERVED)})):
            case Unseen() as unresolved:
                return (Look(Endpoint(domain.name, domain.port, ""), unresolved, now()),)
            case Seen(value=places):
                return tuple(_look(domain, address, sight) for address, sight in places.items())

    async def _dns(self, question: Question) -> Sight[Answer]:
        self.asked.append(question)
        await asyncio.sleep(self.takes)
        if question.ask is Ask.CAA:
            return Seen(Caa())
        return Seen(Cname((question.name.replace("_token", "_target") + ".acm-validations.aws",)))


def _look(domain: Domain, address: str, sight: Sight[Served]) -> Look:
    endpoint = Endpoint(domain.name, domain.port, address)
    if isinstance(sight, Seen):
        return Look(endpoint, sight, now(), last=sight.value, last_success=now())
    return Look(endpoint, sight, now())


def _at(second: float) -> timedelta:
    return timedelta(seconds=second)


@virtual
async def test_what_is_seen_is_on_the_board_within_two_seconds() -> None:
    """From ACM's answer over the names and records to a verdict, nothing waits for an interval."""
    acm = Acm(row("a"))
    acm.sweep_takes = 30.0
    world = World(acm)
    async with at_work(world.watch.run()):
        await asyncio.sleep(29.9)
        assert (world.latest.cases, world.latest.ready) == ((), False)
        await asyncio.sleep(2)
        assert list(world.rows) == ["a"]
        await asyncio.sleep(2)
    assert world.rows["a"].certificate == whole("a")
    assert world.rows["a"].verdict.word is Word.RENEWS
    assert set(world.looks) == {Endpoint(name, 443, ADDRESS) for name in row("a").names}
    assert {look.sight for look in world.looks.values()} == {Seen(SERVED)}
    assert world.latest.ready


@virtual
async def test_a_change_is_on_the_board_within_two_seconds_of_its_look() -> None:
    """Whoever mends a listener sees it mended right after the next look."""
    world = World(plan=Plan(domains=(WWW,)))
    world.served[WWW.name] = Seen({ADDRESS: Unseen(Why.REFUSED)})
    async with at_work(world.watch.run()):
        await asyncio.sleep(100)
        assert world.looks[Endpoint(WWW.name, 443, ADDRESS)].sight == Unseen(Why.REFUSED)
        world.served[WWW.name] = Seen({ADDRESS: Seen(SERVED)})
        world.next_look.clear()
        await world.next_look.wait()
        await asyncio.sleep(2)
        assert world.looks[Endpoint(WWW.name, 443, ADDRESS)].sight == Seen(SERVED)


@virtual
async def test_a_snapshot_is_never_older_than_the_heartbeat() -> None:
    """Days to expiry go on counting while nothing new is seen."""
    world = World()
    ages = []
    async with at_work(world.watch.run()):
        for _ in range(200):
            await asyncio.sleep(1)
            ages.append(now() - world.latest.taken_at)
    assert _at(10) < max(ages) <= _at(17)


@virtual
async def test_each_source_has_its_own_interval() -> None:
    """DNS is not asked as often as endpoints are looked at."""
    acm = Acm(row("a"))
    world = World(acm, plan=Plan(acm_interval=900, tls_interval=100, dns_interval=600))
    async with at_work(world.watch.run()):
        await asyncio.sleep(3599)
    looks = Counter(domain.name for domain in world.looked)
    questions = Counter(world.asked)
    assert len(acm.swept) == 4
    assert set(looks) == {"example.com", "www.example.com"}
    assert set(questions) == {
        *(Question(Ask.CAA, name) for name in row("a").names),
        *(Question(Ask.CNAME, f"_token.{name}") for name in row("a").names),
    }
    assert all(36 <= number <= 37 for number in looks.values())
    assert all(6 <= number <= 7 for number in questions.values())


@virtual
async def test_accounts_are_not_all_swept_in_the_same_second() -> None:
    """All are asked at the start, and from then on one after the other over the interval."""
    accounts = [Acm() for _ in range(4)]
    async with at_work(World(*accounts).watch.run()):
        await asyncio.sleep(1100)
    assert [acm.swept for acm in accounts] == [[0, 150, 750], [0, 300, 900], [0, 450, 1050], [0, 600]]


@virtual
async def test_without_aws_everything_else_goes_on() -> None:
    """With wrong credentials the configured domains are watched, and ready means that they were seen."""
    acm = Acm()
    acm.account, acm.sight = "", Unseen(Why.NO_CREDENTIALS, "log in")
    world = World(acm, plan=Plan(domains=(WWW,)))
    async with at_work(world.watch.run()):
        await asyncio.sleep(4)
        assert world.latest.ready
        assert world.looks[Endpoint(WWW.name, 443, ADDRESS)].sight == Seen(SERVED)
        await asyncio.sleep(600)
    assert len(world.looked) in (2, 3)
    assert [(one.source, one.account, one.success) for one in world.latest.sources] == [
        ("acm", "production", False),
        ("tls", "", True),
        ("dns", "", None),
    ]
    assert world.latest.tally["acm", "no_credentials"] == 2


@pytest.mark.parametrize(
    ("domains", "ready_after"), [((), 2.0), ((WWW,), 12.0)], ids=["nothing to look at", "one domain"]
)
@virtual
async def test_an_account_without_certificates_becomes_ready(
    domains: tuple[Domain, ...], ready_after: float
) -> None:
    """A new account is no reason to be restarted by Kubernetes."""
    world = World(Acm(), plan=Plan(domains=domains))
    world.takes = 10.0
    async with at_work(world.watch.run()):
        await asyncio.sleep(ready_after - 2)
        assert world.latest.ready is False
        await asyncio.sleep(2)
        assert world.latest.ready
        assert world.latest.cases == ()


@virtual
async def test_ready_means_that_everything_was_looked_at() -> None:
    """Whoever waits for readiness reads no half-filled board."""
    acm = Acm(row("a"))
    acm.sweep_takes, acm.takes = 5.0, 5.0
    world = World(acm)
    world.takes = 5.0
    readiness = []
    async with at_work(world.watch.run()):
        while not world.latest.ready:
            await asyncio.sleep(0.5)
            readiness.append(world.latest)
    (case,) = world.latest.cases
    assert case.verdict.word is Word.RENEWS
    assert Outcome.UNKNOWN not in {one.outcome for one in case.verdict.findings.values()}
    assert 15 <= len(readiness) / 2 <= 20


@virtual
async def test_readiness_waits_a_minute_at_most_for_descriptions() -> None:
    """Thousands of descriptions at a few per second do not keep the daemon unready, nor do their records."""
    acm = Acm(*(row(f"{number:03}", names=(f"h{number}.example.com",)) for number in range(300)))
    acm.takes = 1.0  # four lanes: four descriptions per second, and new records in each second
    world = World(acm)
    async with at_work(world.watch.run()):
        await asyncio.sleep(58)
        assert not world.latest.ready
        await asyncio.sleep(6)
        assert world.latest.ready
        assert len(acm.described) < 300


@virtual
async def test_what_is_gone_loses_its_rows_and_a_failing_region_keeps_them() -> None:
    """A deleted certificate vanishes with its names, an outage of AWS changes nothing but the source."""
    east = Acm(row("a"), row("b", names=("b.example.com",)))
    west = Acm(replace(row("c"), arn=ELSEWHERE, region="eu-west-1", names=("c.example.com",)))
    west.region = "eu-west-1"
    world = World(east, west)
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
        assert len(world.latest.cases) == 3
        east.now_has(row("a"))
        west.sight = Unseen(Why.THROTTLED)
        await asyncio.sleep(600)
        assert [case.certificate.arn for case in world.latest.cases] == [PLACE + "a", ELSEWHERE]
        assert {one.domain for one in world.looks} == {"example.com", "www.example.com", "c.example.com"}
        assert [(one.region, one.success) for one in world.latest.sources[:2]] == [
            ("us-east-1", True),
            ("eu-west-1", False),
        ]
        world.looked.clear()
        world.asked.clear()
        await asyncio.sleep(3600)
    assert "b.example.com" not in {domain.name for domain in world.looked}
    assert {question.name for question in world.asked} & {"b.example.com"} == set()
    assert world.latest.ready


@virtual
async def test_a_name_that_stops_resolving_keeps_its_rows() -> None:
    """What was served last, and when, stays on the board beside the failure."""
    world = World(plan=Plan(domains=(WWW,)))
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
        world.served[WWW.name] = NXDOMAIN
        await asyncio.sleep(600)
        (spot,) = world.latest.spots
        assert spot.look.endpoint == Endpoint(WWW.name, 443, ADDRESS)
        assert (spot.look.sight, spot.look.last, spot.look.reached) == (NXDOMAIN, SERVED, False)
        assert spot.look.last_success == NOON
        world.served[WWW.name] = Seen({"192.0.2.99": Seen(SERVED)})
        await asyncio.sleep(600)
        assert set(world.looks) == {Endpoint(WWW.name, 443, "192.0.2.99")}


@virtual
async def test_a_www_that_stands_in_for_a_wildcard_has_rows_only_where_it_resolves() -> None:
    """A wildcard certificate is not blamed for a www that nobody created."""
    world = World(Acm(row("a", names=("*.example.com", "*.example.net"))))
    world.served["www.example.net"] = NXDOMAIN
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    assert set(world.looks) == {Endpoint("www.example.com", 443, ADDRESS)}
    assert world.rows["a"].verdict.findings["reachable"].outcome is Outcome.HOLDS
    assert world.latest.ready


@pytest.mark.parametrize("failing", [0, 1])
@virtual
async def test_an_account_that_is_configured_twice_gives_no_row_twice(failing: int) -> None:
    """Two ways to one account would else be duplicate samples, and Prometheus refuses the whole scrape."""
    first, second = ways = Acm(row("a")), Acm(row("a"))
    ways[failing].details["a"] = Unseen(Why.DENIED)
    second.requests = first.requests = {("SearchCertificates", "OK"): 2}
    world = World(first, second)
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
        assert [case.certificate for case in world.latest.cases] == [whole("a")]
        assert [(one.source, one.success) for one in world.latest.sources] == [
            ("acm", True),
            ("tls", True),
            ("dns", True),
        ]
        assert world.latest.requests == {("111122223333", "us-east-1", "SearchCertificates", "OK"): 4}
        ways[failing].sight = Unseen(Why.EXPIRED_TOKEN)
        await asyncio.sleep(602)
        assert [case.certificate for case in world.latest.cases] == [whole("a")]
        assert world.latest.sources[0].success is False


@virtual
async def test_an_account_id_that_becomes_known_replaces_the_name() -> None:
    """The label is the id of the account as soon as AWS has told it."""
    acm = Acm()
    acm.account, acm.sight = "", Unseen(Why.NO_CREDENTIALS)
    acm.requests = {("SearchCertificates", "NoCredentialsError"): 1}
    world = World(acm)
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
        assert [one.account for one in world.latest.sources] == ["production", "", ""]
        acm.account = "111122223333"
        acm.now_has(row("a"))
        await asyncio.sleep(600)
    assert [one.account for one in world.latest.sources] == ["111122223333", "", ""]
    assert {key[0] for key in world.latest.requests} == {"111122223333"}
    assert list(world.rows) == ["a"]


@pytest.mark.parametrize(
    ("arn", "sight", "why"),
    [
        pytest.param(OTHER_ARN, Seen(()), Why.NOT_FOUND, id="deleted"),
        pytest.param(OTHER_ARN, Unseen(Why.THROTTLED), Why.THROTTLED, id="its region fails"),
        pytest.param(ELSEWHERE, Seen(()), Why.NOT_FOUND, id="its region is not configured"),
    ],
)
@virtual
async def test_a_pinned_certificate_that_no_inventory_holds_is_unknown(
    arn: str, sight: Sight[tuple[Certificate, ...]], why: Why
) -> None:
    """A domain that must serve a certificate shows that certificate, with the reason why it is unknown."""
    acm = Acm()
    acm.sight = sight
    world = World(acm, plan=Plan(domains=(replace(WWW, arn=arn),)))
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    (case,) = world.latest.cases
    region = arn.split(":")[3]
    assert case.certificate == Certificate(
        arn,
        "111122223333",
        region,
        WWW.name,
        (),
        details=Unseen(why, f"{arn} is not in the inventory"),
    )
    assert case.verdict.word is Word.UNKNOWN
    assert case.verdict.findings["in_use"].why is why
    assert case.verdict.findings["reachable"].outcome is Outcome.HOLDS


@virtual
async def test_only_configured_domains_are_looked_at_where_that_is_wished() -> None:
    """`probe.certificate_names: false` keeps the exporter away from names nobody listed."""
    world = World(Acm(row("a")), plan=Plan(domains=(WWW,), certificate_names=False))
    async with at_work(world.watch.run()):
        await asyncio.sleep(10)
    assert set(world.looked) == {WWW}
    assert world.rows["a"].verdict.word is Word.RENEWS


@virtual
async def test_a_bug_in_a_snapshot_leaves_the_last_one_and_the_watch_goes_on() -> None:
    """Our own mistake shows in the log and in the snapshot's age, and is over when its cause is."""

    class Odd(Acm):
        """An account whose counters cannot be read for a while."""

        @property
        def requests(self) -> Mapping[tuple[str, str], int]:
            """Tell of the requests so far."""
            if 100 < asyncio.get_running_loop().time() < 200:
                raise RuntimeError("dictionary changed size during iteration")
            return {}

        @requests.setter
        def requests(self, _: Mapping[tuple[str, str], int]) -> None:
            pass

    world = World(Odd())
    with capture_logs() as logs:
        async with at_work(world.watch.run()):
            await asyncio.sleep(190)
            assert world.latest.taken_at <= NOON + _at(100)
            await asyncio.sleep(30)
            assert world.latest.taken_at >= NOON + _at(200)
    assert {log["event"] for log in logs if log["log_level"] == "error"} == {
        "bug in a snapshot; the last one stays"
    }


@virtual
async def test_stopping_ends_everything_at_once() -> None:
    """SIGTERM in the middle of a sweep, a look and a question leaves nothing running."""
    acm = Acm(row("a"), row("b"))
    acm.takes = 1000.0
    world = World(acm, plan=Plan(domains=(WWW,)))
    world.takes = 1000.0
    async with at_work(world.watch.run()):
        await asyncio.sleep(20)
    assert asyncio.get_running_loop().time() == 20
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_once_puts_everything_on_the_board() -> None:
    """`check` judges what one whole sweep saw, and shows its progress step by step."""
    acm = Acm(row("a"))
    world = World(acm, plan=Plan(tags=("team",)))
    steps: list[tuple[str, int, int]] = []
    await world.watch.once(progress=lambda *step: steps.append(step))
    assert world.rows["a"].certificate == whole("a", tags={"team": "a"})
    assert world.rows["a"].verdict.word is Word.RENEWS
    assert world.latest.ready
    assert world.latest.tally == dict(Memory().tally) | {("acm", "ok"): 3, ("tls", "ok"): 2, ("dns", "ok"): 4}
    assert [replace(one, duration=None) for one in world.latest.sources] == [
        Source("acm", "111122223333", "us-east-1", success=True, last_success=NOON),
        Source("tls", success=True, last_success=NOON),
        Source("dns", success=True, last_success=NOON),
    ]
    assert steps == [
        ("accounts and regions", 1, 1),
        ("certificates", 1, 1),
        *(("names", number, 2) for number in (1, 2)),
        *(("records", number, 4) for number in (1, 2, 3, 4)),
    ]


@virtual
async def test_once_for_one_name_looks_only_at_what_concerns_it() -> None:
    """`check NAME` is quick in an account of thousands."""
    other = Domain("shop.example.org")
    asked, uncovered = Domain("www.example.com", 8443), Domain("new.example.org")
    acm = Acm(row("a"), row("b", names=("b.example.net",)))
    world = World(acm, plan=Plan(domains=(other, asked, uncovered), asked=(asked, uncovered)))
    await world.watch.once(lambda one: "www.example.com" in one.names)
    assert acm.described == ["a"]
    assert set(world.looked) == {asked, uncovered, Domain("example.com", found=True)}
    assert {question.name.removeprefix("_token.") for question in world.asked} == set(row("a").names)


@virtual
async def test_without_a_schedule_nothing_is_looked_at_and_nothing_is_unknown() -> None:
    """Where Prometheus spreads the looks, what visitors get is not judged here: neither broken nor unknown."""
    world = World(Acm(row("a")), plan=Plan(domains=(WWW, Domain("x.example.org")), scheduled=False))
    async with at_work(world.watch.run()):
        await asyncio.sleep(4)
        assert world.latest.ready
        await asyncio.sleep(3600)
    assert world.looked == []
    assert world.latest.spots == ()
    findings = world.rows["a"].verdict.findings
    serving = ("reachable", "name_match", "serial_match")
    assert {findings[code].outcome for code in serving} == {Outcome.MOOT}
    assert world.rows["a"].verdict.word is Word.RENEWS
    assert Outcome.UNKNOWN not in {one.outcome for one in findings.values()}
    assert [one.success for one in world.latest.sources] == [True, None, True]
    assert world.latest.targets == (WWW, Domain("x.example.org"), Domain("example.com", found=True))
    assert world.latest.listed


@virtual
async def test_a_look_at_everything_needs_no_schedule() -> None:
    """`check` looks also with the configuration of an exporter that leaves looking to Prometheus."""
    world = World(Acm(row("a")), plan=Plan(scheduled=False))
    await world.watch.once()
    assert {one.domain for one in world.looks} == {"example.com", "www.example.com"}


@virtual
async def test_looks_that_somebody_else_asked_for_are_counted() -> None:
    """What is probed on demand is seen in the counters, and nowhere else."""
    world = World(plan=Plan(scheduled=False))
    async with at_work(world.watch.run()):
        world.watch.count((_look(WWW, ADDRESS, Seen(SERVED)), _look(WWW, ADDRESS, Unseen(Why.REFUSED))))
        await asyncio.sleep(30)
    assert (world.latest.tally["tls", "ok"], world.latest.tally["tls", "refused"]) == (1, 1)
    assert world.latest.spots == ()


@virtual
async def test_targets_are_listed_once_every_inventory_was_read() -> None:
    """A restart must not look as if the names of a slow account had been deleted."""
    quick, slow = Acm(row("a")), Acm(replace(row("b", names=("b.example.com",)), arn=ELSEWHERE))
    slow.region, slow.sweep_takes = "eu-west-1", 20.0
    world = World(quick, slow, plan=Plan(domains=(WWW,)))
    async with at_work(world.watch.run()):
        await asyncio.sleep(19)
        assert not world.latest.listed
        await asyncio.sleep(3)
        assert world.latest.listed
        assert world.latest.targets == (
            WWW,
            Domain("b.example.com", found=True),
            Domain("example.com", found=True),
        )
        slow.sight = Unseen(Why.THROTTLED)
        await asyncio.sleep(3600)
        assert world.latest.listed


@virtual
async def test_an_inventory_that_stays_unread_does_not_hide_the_targets_of_the_others_for_ever() -> None:
    """After a quarter of an hour one broken account costs its own targets, and not those of a hundred others."""
    fine, broken = Acm(row("a")), Acm()
    broken.region, broken.sight = "eu-west-1", Unseen(Why.DENIED)
    world = World(fine, broken)
    async with at_work(world.watch.run()):
        await asyncio.sleep(899)
        assert not world.latest.listed
        await asyncio.sleep(30)
        assert world.latest.listed


@virtual
async def test_without_any_inventory_there_is_no_list() -> None:
    """With wrong credentials nobody is told that there are no certificates, but without accounts there are none."""
    broken = Acm()
    broken.sight = Unseen(Why.NO_CREDENTIALS)
    world, alone = World(broken, plan=Plan(domains=(WWW,))), World(plan=Plan(domains=(WWW,)))
    async with at_work(world.watch.run()), at_work(alone.watch.run()):
        await asyncio.sleep(3600)
    assert (world.latest.listed, world.latest.targets) == (False, (WWW,))
    assert (alone.latest.listed, alone.latest.targets) == (True, (WWW,))


API_DOMAIN = "arn:aws:apigateway:eu-west-1::/domainnames/api.example.com"


@virtual
async def test_what_stands_behind_a_wildcard_is_looked_at() -> None:
    """As soon as its service has told of it, and after a restart at once; it is nobody while it does not resolve."""
    acm = Acm(row("a", names=("*.example.com",)))
    described = Seen(Description("lb-1.elb.amazonaws.com", listeners=(Listener(8443),)))
    acm.resources[BALANCER] = described
    plan = Plan(resources=("elasticloadbalancing",), look_behind=True)
    world = World(acm, plan=plan)
    async with at_work(world.watch.run()):
        await asyncio.sleep(20)
        behind = Domain("www.example.com", 8443, found=True, hosts=("lb-1.elb.amazonaws.com",))
        assert behind in world.looked
        assert world.rows["a"].certificate.behind == {BALANCER: described}
        assert [look.endpoint for look in world.rows["a"].evidence.looks] == [
            Endpoint("www.example.com", 443, ADDRESS),
            Endpoint("www.example.com", 8443, ADDRESS),
        ]
        world.served["www.example.com"] = NXDOMAIN
        await asyncio.sleep(400)
        assert world.looks == {}
    again = World(Acm(row("a", names=("*.example.com",))), plan=plan, past=world.watch.past())
    async with at_work(again.watch.run()):
        await asyncio.sleep(3)
        assert behind in {*again.latest.targets}
        assert again.rows["a"].certificate.behind == {BALANCER: described}
    silent = Acm()
    silent.account, silent.sight = "", Unseen(Why.NO_CREDENTIALS)  # and so it is not known whose they are
    during = World(silent, plan=plan, past=world.watch.past())
    async with at_work(during.watch.run()):
        await asyncio.sleep(100)
        assert during.rows["a"].certificate.behind == {BALANCER: described}


@virtual
async def test_a_region_tells_of_certificates_of_another() -> None:
    """An edge-optimised API's certificate is of us-east-1 wherever the API is; each place has a source of its own."""
    here, there = Acm(row("a")), Acm()
    there.region = "eu-west-1"
    domain = Description(
        "d1.cloudfront.net", ("api.example.com",), listeners=(Listener(443, (row("a").arn,)),)
    )
    there.domains = Seen({API_DOMAIN: domain})
    world = World(here, there, plan=Plan(resources=("apigateway",)))
    await world.watch.once()
    assert world.rows["a"].certificate.behind == {API_DOMAIN: Seen(domain)}
    assert [(one.source, one.region, one.success) for one in world.latest.sources] == [
        ("acm", "us-east-1", True),
        ("acm", "eu-west-1", True),
        ("resources", "us-east-1", True),
        ("resources", "eu-west-1", True),
        ("tls", "", True),
        ("dns", "", True),
    ]
