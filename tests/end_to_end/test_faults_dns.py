"""DNS fails in every way at once, name by name, and then as a whole, under a real exporter."""

from __future__ import annotations

from pathlib import Path

from exporter.demo.dns import DnsServer
from tests.end_to_end.faulty import (
    World,
    broken,
    configure,
    exporter,
    scene,
    source,
    unknown,
    unreachable,
    unseen,
    verdict,
    world,
)

BLIND = {  # what the server does when asked for the name -> why nothing is seen
    "silent": "resolver_timeout",
    "servfail": "resolver_failure",
    "refused": "resolver_failure",
    "garbage": "resolver_timeout",
    "cut": "resolver_timeout",
    "stranger": "resolver_timeout",
    "loop": "resolver_failure",
}
NAMES = ("healthy", "truncate", "empty", "elsewhere", "bogus", *BLIND)
SCENES = [scene(f"{name}.example.com") for name in NAMES]


def expected(around: World) -> set[str]:
    """Tell what changes: no condition breaks where DNS only failed to answer us."""
    rows: set[str] = set()
    for name, why in BLIND.items():
        domain = f"{name}.example.com"
        rows |= unseen(domain, why) | unknown(domain, "caa", why) | verdict(domain, "unknown")
    # evidence: the answers of a server that works
    rows |= unreachable("empty.example.com", "no_address")
    rows |= unreachable("bogus.example.com", "dnssec_bogus")
    rows |= broken("bogus.example.com", "caa") | verdict("bogus.example.com", "blocked")
    domain, healthy = "elsewhere.example.com", around.issued["healthy.example.com"]
    for condition in ("name_match", "serial_match"):
        rows |= broken(domain, condition, "serving")
        for family in ("acm_certificate", "tls_endpoint"):
            row = f'{family}_{condition}{{domain="{domain}"}}'
            rows |= {f"-{row} 1", f"+{row} 0"}
    for sign, one in (("-", around.issued[domain]), ("+", healthy)):
        rows.add(f'{sign}tls_endpoint_info{{domain="{domain}",serial="{one.serial:x}"}} 1')
    return rows


def spoil(around: World) -> None:
    """Let every name fail in its way."""
    for name in (*BLIND, "truncate", "bogus"):
        around.zone[f"{name}.example.com"] |= {"FAIL": name}
    around.zone["empty.example.com"] = {}
    around.zone["elsewhere.example.com"] = {"A": [around.addresses["healthy.example.com"]]}
    around.zone["loop.example.com"] = {"CNAME": ["loop2.example.com."]}
    around.zone["loop2.example.com"] = {"CNAME": ["loop.example.com."]}


async def test_names_fail_in_every_way_and_recover(tmp_path: Path) -> None:
    """What cannot be asked is unknown and nobody's fault, what is answered is evidence, the rest is unharmed."""
    async with world(tmp_path, SCENES) as around, exporter(around, configure(around)) as one:
        before = await one.ready()
        files, threads = one.size()
        spoil(around)
        await one.settles(before, expected(around))
        for each in SCENES:
            del around.zone[each.domain]
            around.heal(each)
        await one.settles(before, [], within=20)
        assert one.seen(before) <= expected(around)
        after_files, after_threads = one.size()
        assert (after_files <= files + 20, after_threads <= threads + 8) == (True, True)


async def test_without_any_dns_everything_is_unknown_and_nothing_breaks(tmp_path: Path) -> None:
    """An outage of our resolver is told as ours; when it is back, so is everything within an interval."""
    async with world(tmp_path, SCENES) as around, exporter(around, configure(around)) as one:
        before = await one.ready()
        port = int(around.dns.address.rpartition(":")[2])
        await around.dns.close()
        dead = source("dns") | source("tls")
        for each in SCENES:
            dead |= unseen(each.domain, "resolver_timeout") | verdict(each.domain, "unknown")
            dead |= unknown(each.domain, "caa", "resolver_timeout")
            dead |= unknown(each.domain, "validation_records", "resolver_timeout")
        await one.settles(before, dead)
        again = await DnsServer.start(around.zone, port=port)
        await one.settles(before, [], within=20)
        await again.close()
        assert one.seen(before) <= dead
