"""One account and region: swept, described and remembered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from structlog.testing import capture_logs

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.schedule.inventory import Inventory
from exporter.snapshot import Source
from tests.evidence import DAY, DETAILS, NOON
from tests.schedule.account import PLACE, Acm, row, whole
from tests.schedule.virtual import at_work, now, virtual

DENIED = Unseen(Why.DENIED, "no acm:DescribeCertificate")


class Watched:
    """An inventory with what it told of its looks."""

    def __init__(self, acm: Acm, *, name: str = "", tags: Sequence[str] = ()) -> None:
        self.outcomes: Counter[str] = Counter()
        self.inventory = Inventory(acm, 600.0, now, self._note, name=name, tags=tags)

    def _note(self, sight: Sight[object]) -> None:
        self.outcomes["ok" if isinstance(sight, Seen) else sight.why] += 1


@virtual
async def test_rows_come_at_once_and_details_as_they_come() -> None:
    """The basic gauges of thousands of certificates are there before the first description."""
    acm = Acm(row("a"), row("b"))
    acm.takes = 10.0
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
        assert watched.inventory.certificates == (row("a"), row("b"))
        assert watched.inventory.pending == 2
        await asyncio.sleep(10)
        assert watched.inventory.certificates == (whole("a"), whole("b"))
    assert watched.inventory.pending == 0
    assert watched.outcomes == {"ok": 3}
    assert watched.inventory.source == Source(
        "acm", "111122223333", "us-east-1", success=True, duration=0.0, last_success=NOON
    )


@virtual
async def test_the_nearest_expiry_is_described_first() -> None:
    """What may break soonest is known soonest; what has no end yet comes last."""
    ends = {"c": 30 * DAY, "a": 10 * DAY, "d": None, "b": 20 * DAY}
    acm = Acm(*(row(name, not_after=left and NOON + left) for name, left in ends.items()))
    await _swept(Watched(acm))
    assert acm.described == ["a", "b", "c", "d"]


@virtual
async def test_sweeps_come_once_per_interval_and_many_inventories_spread_out() -> None:
    """A hundred accounts are not all asked in the same second of every interval."""
    first, second = Acm(), Acm()
    async with at_work(Watched(first).inventory.run(0.25)), at_work(Watched(second).inventory.run()):
        await asyncio.sleep(1500)
    assert (first.swept, second.swept) == ([0, 150, 750, 1350], [0, 600, 1200])


@virtual
async def test_a_changed_row_is_described_anew_and_a_calm_one_every_six_hours() -> None:
    """Renewals show within one sweep, while what does not change costs next to nothing."""
    rows = (row("calm"), row("renewed"), row("expired", status="EXPIRED"))
    acm = Acm(*rows)
    async with at_work(Watched(acm).inventory.run()):
        await asyncio.sleep(1)
        acm.described.clear()
        acm.now_has(row("calm"), row("renewed", serial=7), row("expired", status="EXPIRED"))
        await asyncio.sleep(5 * 3600)
        assert acm.described == ["renewed"]
        await asyncio.sleep(3600 + 600)
    assert Counter(acm.described) == {"calm": 1, "renewed": 2, "expired": 1}


@virtual
async def test_a_description_of_the_future_is_no_longer_good() -> None:
    """Where a clock was set back, nobody waits until that time comes again."""
    acm, wrong = Acm(row("a")), [DAY]
    inventory = Inventory(acm, 600.0, lambda: now() + wrong[-1], lambda _: None)
    async with at_work(inventory.run()):
        await asyncio.sleep(1)
        wrong.append(0 * DAY)
        await asyncio.sleep(600)
    assert acm.described == ["a", "a"]


@virtual
async def test_what_waits_for_validation_is_described_after_each_sweep() -> None:
    """While somebody has to act, the answer is never older than an interval."""
    acm = Acm(
        row("renewing", renewal_status="PENDING_VALIDATION"),
        row("new", status="PENDING_VALIDATION"),
        row("automatic", renewal_status="PENDING_AUTO_RENEWAL"),
        row("done", renewal_status="SUCCESS"),
    )
    async with at_work(Watched(acm).inventory.run()):
        await asyncio.sleep(2.5 * 600)
    assert Counter(acm.described) == {"renewing": 3, "new": 3, "automatic": 3, "done": 1}


@virtual
async def test_descriptions_go_on_after_the_next_sweep() -> None:
    """A large inventory is described over several intervals, each certificate once, and swept in time."""
    acm = Acm(*(row(f"{number:03}", not_after=NOON + number * DAY) for number in range(50)))
    acm.takes = 100.0
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(650)
        assert acm.swept == [0, 600]
        assert watched.inventory.pending == 30
        await asyncio.sleep(2000)
    assert watched.inventory.pending == 0
    assert list(dict.fromkeys(acm.described)) == [f"{number:03}" for number in range(50)]


@virtual
async def test_a_sweep_slower_than_its_interval_leaves_time_for_descriptions() -> None:
    """An ACM that answers slowly is neither asked without a pause nor left undescribed."""
    acm = Acm(row("a"))
    acm.sweep_takes = 700.0
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(2000)
    assert acm.swept == [0, 1300]
    assert watched.inventory.certificates == (whole("a"),)


@virtual
async def test_a_denied_description_stops_the_queue_and_tells_all() -> None:
    """Without the permission, one log line says so and the quota of others is left alone."""
    acm = Acm(*(row(str(number)) for number in range(100)))
    acm.details = {str(number): DENIED for number in range(100)}
    watched = Watched(acm)
    with capture_logs() as logs:
        await _swept(watched)
    assert len(acm.described) == 4
    assert watched.inventory.pending == 0
    assert {one.details for one in watched.inventory.certificates} == {DENIED}
    assert [log for log in logs if log["log_level"] == "warning"] == [
        {
            "event": "certificates cannot be described",
            "log_level": "warning",
            "account": "111122223333",
            "region": "us-east-1",
            "why": Why.DENIED,
            "detail": "no acm:DescribeCertificate",
        }
    ]


@virtual
async def test_one_denied_certificate_does_not_keep_the_others_undescribed() -> None:
    """A policy that leaves out single certificates costs their details only."""
    acm = Acm(*(row(str(number), not_after=NOON + number * DAY) for number in range(20)))
    acm.details = {str(number): DENIED for number in range(4)}  # the nearest to their end
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(601)
    details = {one.arn.removeprefix(PLACE): one.details for one in watched.inventory.certificates}
    assert details == {str(number): DENIED if number < 4 else Seen(DETAILS) for number in range(20)}


@virtual
async def test_what_failed_once_has_its_place_again_when_it_is_described_or_returns() -> None:
    """One bad answer long ago does not put a certificate behind all others for ever."""
    ends = {"a": NOON + DAY, "b": NOON + 2 * DAY, "c": NOON + 3 * DAY}
    acm = Acm(*(row(name, not_after=end) for name, end in ends.items()))
    acm.details = {"a": Unseen(Why.THROTTLED), "b": Unseen(Why.THROTTLED)}
    async with at_work(Watched(acm).inventory.run()):
        await asyncio.sleep(1)
        acm.details.clear()
        acm.now_has(row("a", not_after=ends["a"]), row("c", not_after=ends["c"]))
        await asyncio.sleep(600)
        assert acm.described == ["a", "b", "c", "a"]
        acm.described.clear()
        acm.now_has(*(row(name, not_after=end, serial=7) for name, end in ends.items()))
        await asyncio.sleep(600)
    assert acm.described == ["b", "a", "c"]  # what was never described, then by expiry


@virtual
async def test_a_failed_description_keeps_the_one_before_and_is_tried_after_the_next_sweep() -> None:
    """Details of yesterday are shown until there are newer ones; the row is always fresh."""
    acm = Acm(row("a"))
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
        acm.details["a"] = Unseen(Why.THROTTLED)
        acm.now_has(row("a", serial=7))
        await asyncio.sleep(1200)
        assert watched.inventory.certificates == (whole("a", serial=7),)
        assert acm.described == ["a"] * 3
        acm.details["a"] = Seen(replace(DETAILS, in_use_by=()))
        await asyncio.sleep(600)
    assert watched.inventory.certificates == (
        whole("a", serial=7, details=Seen(replace(DETAILS, in_use_by=()))),
    )
    assert watched.outcomes["throttled"] == 2


@virtual
async def test_a_failed_sweep_keeps_what_was_known() -> None:
    """A region that fails keeps its certificates, says so, and tells since when."""
    acm = Acm(row("a"))
    watched = Watched(acm)
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
        acm.sight, acm.sweep_takes = Unseen(Why.EXPIRED_TOKEN, "log in again"), 2.0
        await asyncio.sleep(602)
        assert watched.inventory.certificates == (whole("a"),)
        assert watched.inventory.why is Why.EXPIRED_TOKEN
        assert watched.inventory.source == Source(
            "acm",
            "111122223333",
            "us-east-1",
            success=False,
            duration=2.0,
            last_success=NOON,
            error="expired_token: log in again",
        )
        acm.now_has(row("a"))
        await asyncio.sleep(602)
    recovered = NOON + timedelta(seconds=1204)
    assert watched.inventory.source == Source(
        "acm", "111122223333", "us-east-1", success=True, duration=2.0, last_success=recovered
    )


@virtual
async def test_what_vanished_is_forgotten_and_described_anew_when_it_returns() -> None:
    """A deleted certificate leaves nothing behind."""
    acm = Acm(row("a"), row("b"))
    watched = Watched(acm, tags=["team"])
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
        acm.now_has(row("b"))
        await asyncio.sleep(600)
        assert watched.inventory.certificates == (whole("b", tags={"team": "b"}),)
        assert watched.inventory.why is Why.NOT_FOUND
        acm.details["a"] = Unseen(Why.THROTTLED)
        acm.tagged["a"] = Unseen(Why.THROTTLED)
        acm.now_has(row("a"))
        await asyncio.sleep(600)
    assert watched.inventory.certificates == (row("a", details=Unseen(Why.THROTTLED)),)


@virtual
async def test_an_account_and_a_region_may_become_known_with_the_first_answer() -> None:
    """Until AWS has said which account it is, the configured name stands in for the label."""
    acm = Acm()
    acm.account = acm.region = ""
    acm.sight = Unseen(Why.NO_CREDENTIALS)
    watched = Watched(acm, name="production")
    assert watched.inventory.source == Source("acm", "production")
    await watched.inventory.refresh()
    assert watched.inventory.source == Source(
        "acm", "production", success=False, duration=0.0, error="no_credentials: "
    )
    acm.account, acm.region, acm.sight = "111122223333", "eu-west-1", Seen(())
    await watched.inventory.refresh()
    assert watched.inventory.source == Source(
        "acm", "111122223333", "eu-west-1", success=True, duration=0.0, last_success=NOON
    )
    assert watched.inventory.certificates == ()


@virtual
async def test_tags_come_last_and_only_those_that_are_wanted() -> None:
    """Tags never stand between the operator and a verdict."""
    acm = Acm(row("a"), row("b"))
    order: list[str] = []
    acm.described, acm.asked_for_tags = order, order
    watched = Watched(acm, tags=["team", "service"])
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1300)
    assert order == ["a", "b"] * 2
    assert [one.tags for one in watched.inventory.certificates] == [{"team": "a"}, {"team": "b"}]


@virtual
async def test_no_tags_are_read_where_none_are_wanted() -> None:
    """By default ListTagsForCertificate is neither called nor permitted."""
    acm = Acm(row("a"))
    await _swept(Watched(acm))
    assert acm.asked_for_tags == []


@virtual
async def test_tags_that_failed_are_read_after_the_next_sweep() -> None:
    """One throttled answer does not cost a team its tags for six hours, one denied one not all others'."""
    acm = Acm(row("a"), row("b"), row("c"))
    acm.tagged = {"a": Unseen(Why.THROTTLED), "b": Unseen(Why.DENIED)}
    watched = Watched(acm, tags=["team"])
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
        assert acm.asked_for_tags == ["a", "b"]
        del acm.tagged["a"]
        await asyncio.sleep(600)
    assert acm.asked_for_tags == ["a", "b", "c", "a", "b"]
    assert [one.tags for one in watched.inventory.certificates] == [{"team": "a"}, {}, {"team": "c"}]


@virtual
async def test_a_bug_in_one_description_costs_that_certificate_only() -> None:
    """Nothing that one certificate does ends the watch over the others."""
    acm = Acm(row("a"), row("b"))
    acm.details["a"] = KeyError("Serial")
    watched = Watched(acm)
    with capture_logs() as logs:
        async with at_work(watched.inventory.run()):
            await asyncio.sleep(601)
    assert watched.inventory.certificates == (
        row("a", details=Unseen(Why.BUG, "KeyError: 'Serial'")),
        whole("b"),
    )
    assert acm.swept == [0, 600]
    assert {log["event"] for log in logs if log["log_level"] == "error"} == {"bug in a look"}


@virtual
async def test_a_bug_in_a_sweep_is_over_with_the_next() -> None:
    """Our own mistake is logged, and the account is asked again in time."""

    class Odd(Acm):
        """An account that cannot tell its own region at first."""

        @property
        def region(self) -> str:
            """Tell the region."""
            if asyncio.get_running_loop().time() == 0 and self.swept:
                raise LookupError("region")
            return "us-east-1"

        @region.setter
        def region(self, _: str) -> None:
            pass

    watched = Watched(Odd(row("a")))
    with capture_logs() as logs:
        async with at_work(watched.inventory.run()):
            await asyncio.sleep(601)
    assert watched.inventory.certificates == (whole("a"),)
    assert logs[0]["log_level"] == "error"


@virtual
async def test_only_what_is_wanted_is_described() -> None:
    """`check NAME` spends the account's quota on the certificates that were asked for."""
    acm = Acm(row("a"), row("b"), row("c"))
    inventory = Watched(acm).inventory
    await inventory.refresh()
    done: list[int] = []
    await inventory.describe(lambda one: one.arn != PLACE + "b", lambda: done.append(1))
    assert (acm.described, len(done)) == (["a", "c"], 2)


@virtual
async def test_stopping_abandons_a_request_under_way() -> None:
    """SIGTERM does not wait for AWS."""
    acm = Acm(row("a"))
    acm.takes = 60.0
    async with at_work(Watched(acm).inventory.run()):
        await asyncio.sleep(1)
    assert asyncio.get_running_loop().time() == 1


async def _swept(watched: Watched) -> None:
    async with at_work(watched.inventory.run()):
        await asyncio.sleep(1)
