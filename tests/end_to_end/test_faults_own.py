"""What goes wrong on our own side, under a real exporter: its clock is set, one of its rules has a bug."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.faulty import broken, configure, exporter, scene, unknown, verdict, world

DOMAINS = ("a.example.com", "b.example.com")
HOUR = 3600
YEAR = 400 * 24 * HOUR  # as long as a certificate lives, and longer
UNTRUSTED = {
    change
    for domain in DOMAINS
    for row in [f'tls_endpoint_chain_trusted{{domain="{domain}"}}']
    for change in (f"-{row} 1", f"+{row} 0")
}
OVERDUE = {  # a condition that was moot before its window
    row
    for one in DOMAINS
    for row in broken(one, "renewal_progress") | verdict(one, "blocked")
    if not row.endswith('condition="renewal_progress",scope="renewal"} 1')
}


async def test_a_clock_that_is_set_forward_and_back(tmp_path: Path) -> None:
    """An hour changes nothing; a year is judged by that clock; and when it is right again, so is everything."""
    clock = tmp_path / "clock"
    scenes = [scene(one) for one in DOMAINS]
    async with world(tmp_path, scenes) as around, exporter(around, configure(around)) as one:
        before = await one.ready()
        for step in (HOUR, -HOUR):
            clock.write_text(str(step))
            taken = before["acm_exporter_snapshot_timestamp_seconds"]
            done = one.looks(await one.scrape()) + 2 * len(DOMAINS)  # all was looked at, and once more
            await one.until(lambda rows, done=done: one.looks(rows) >= done)  # type: ignore[misc]
            assert abs(one.scrapes[-1]["acm_exporter_snapshot_timestamp_seconds"] - taken - step) < HOUR / 2
        assert one.seen(before) == set()
        clock.write_text(str(YEAR))
        await one.settles(before, UNTRUSTED | OVERDUE)
        clock.unlink()
        await one.settles(before, [], within=20)


async def test_a_rule_that_raises(tmp_path: Path) -> None:
    """A bug makes one condition of one certificate unknown, and says so; all else is judged as before."""
    raises = tmp_path / "raises"
    scenes = [scene(one) for one in DOMAINS]
    async with world(tmp_path, scenes) as around, exporter(around, configure(around)) as one:
        before = await one.ready()
        raises.write_text(DOMAINS[0])
        expected = unknown(DOMAINS[0], "in_use", "bug") | verdict(DOMAINS[0], "unknown")
        await one.settles(before, expected)
        raises.unlink()
        await one.settles(before, [], within=20)
        assert one.seen(before) == expected
