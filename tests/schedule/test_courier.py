"""Changes on their way to the webhook: in order, each until it was taken, refused for good, or is old."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from structlog.testing import capture_logs

from exporter.facts import Seen, Sight, Unseen, Why
from exporter.schedule import courier
from exporter.schedule.courier import BATCH, ROOM, Courier
from exporter.snapshot import Change, What
from tests.evidence import ARN, NOON
from tests.schedule.virtual import at_work, now, virtual

OK = Seen(204)
ONE = Change(NOON, ARN, "example.com", What.SERIAL, "1", "2")


def numbered(count: int) -> tuple[Change, ...]:
    """Make changes that can be told apart."""
    return tuple(replace(ONE, now=str(number)) for number in range(count))


class Hook:
    """A webhook that answers as it is told, the last answer for ever."""

    def __init__(self, *answers: Sight[int] | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[float, list[str]]] = []
        self.courier = Courier(spell, now, self.post)

    async def post(self, body: bytes) -> Sight[int]:
        """Note when and what, and answer."""
        self.got.append((asyncio.get_running_loop().time(), body.decode().split()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def spell(changes: Sequence[Change]) -> bytes:
    """Write what each change is now."""
    return " ".join(one.now for one in changes).encode()


@virtual
async def test_in_order_and_in_batches() -> None:
    """Many changes at once take few requests."""
    hook = Hook(OK)
    async with at_work(hook.courier.run()):
        hook.courier.tell(numbered(BATCH + 2))
        await asyncio.sleep(1)
        hook.courier.tell((ONE,))
        await asyncio.sleep(1)
    told = [one.now for one in numbered(BATCH + 2)]
    assert [names for _, names in hook.got] == [told[:BATCH], told[BATCH:], ["2"]]
    delivery = hook.courier.delivery
    assert delivery is not None
    assert (delivery.success, delivery.delivered, delivery.dropped, delivery.waiting) == (
        True,
        BATCH + 3,
        0,
        0,
    )
    assert delivery.last_success == NOON + timedelta(seconds=1)
    assert (delivery.requests["ok"], delivery.requests["timeout"]) == (3, 0)


@virtual
async def test_again_with_longer_pauses_until_it_is_taken() -> None:
    """Whatever fails on the way or is said to pass is tried again; it is said once, and once that it works."""
    hook = Hook(
        Unseen(Why.TIMEOUT, "no answer within 10 s"), Seen(503), Seen(429), Seen(401), ValueError("x"), OK
    )
    with capture_logs() as logs:
        async with at_work(hook.courier.run()):
            hook.courier.tell(numbered(1))
            await asyncio.sleep(8)
            hook.courier.tell((ONE,))
            assert hook.courier.waiting == (*numbered(1), ONE)
            await asyncio.sleep(60)
    assert [when for when, _ in hook.got] == [0, 1, 3, 7, 15, 31]
    assert [names for _, names in hook.got] == [["0"]] * 4 + [["0", "2"]] * 2
    assert hook.courier.waiting == ()
    said = [(one["event"], one["log_level"]) for one in logs]
    assert said == [
        ("the webhook cannot be told", "warning"),
        ("bug in the webhook", "error"),
        ("the webhook works again", "info"),
    ]


@virtual
async def test_pauses_are_bounded() -> None:
    """A webhook that is mended is told within minutes."""
    hook = Hook(Seen(500))
    async with at_work(hook.courier.run()):
        hook.courier.tell((ONE,))
        await asyncio.sleep(3600)
    assert hook.got[-1][0] - hook.got[-2][0] == courier.LONGEST_PAUSE


@virtual
async def test_what_is_rejected_for_good_does_not_hold_up_the_others() -> None:
    """A body that the webhook does not understand is given up."""
    hook = Hook(Seen(422), OK)
    async with at_work(hook.courier.run()):
        hook.courier.tell(numbered(BATCH + 1))
        await asyncio.sleep(1)
    delivery = hook.courier.delivery
    assert delivery is not None
    assert (delivery.delivered, delivery.dropped, delivery.requests["rejected"]) == (1, BATCH, 1)


@virtual
async def test_old_changes_and_those_without_room_are_given_up() -> None:
    """News of yesterday is no news, and memory is bounded; how many were given up is counted."""
    hook = Hook(Seen(500))
    async with at_work(hook.courier.run()):
        hook.courier.tell(numbered(ROOM + 3))
        assert len(hook.courier.waiting) == ROOM
        await asyncio.sleep(25 * 3600)
    delivery = hook.courier.delivery
    assert delivery is not None
    assert (delivery.dropped, delivery.waiting) == (ROOM + 3, 0)


@virtual
async def test_nobody_to_tell() -> None:
    """Without a webhook nothing waits, also what waited for one that was taken out of the configuration."""
    hook = Hook(Seen(500))
    async with at_work(hook.courier.run()):
        hook.courier.tell((ONE,))
        await asyncio.sleep(1.5)
        hook.courier.post = None
        hook.courier.tell((ONE,))
        await asyncio.sleep(60)
    assert (hook.courier.waiting, hook.courier.delivery, len(hook.got)) == ((), None, 2)
