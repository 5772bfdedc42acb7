"""The network between the exporter's host and everybody else's goes away and comes back: two real namespaces."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.end_to_end.faulty import (
    changes,
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
from tests.servers import need

COUNT = count()
DOMAINS = ("a.example.com", "b.example.com")


@dataclass(frozen=True)
class Host:
    """A network namespace with two ways to it: one to look at others by, and one to be scraped by."""

    name: str
    prefix: str  # of the addresses that others have
    scraped_at: str
    link: str

    @property
    def inside(self) -> list[str]:
        """What runs a program there."""
        return [need("ip"), "netns", "exec", self.name]

    def run(self, command: str) -> None:
        """Run a command there, or outside where it says so."""
        words = command.format(prefix=self.prefix, link=self.link, out="out").split()
        where = [] if words[0] == "out" else self.inside
        program, *arguments = words[words[0] == "out" :]
        subprocess.run([*where, need(program), *arguments], check=True, capture_output=True)


@contextmanager
def host() -> Iterator[Host]:
    """Make a namespace; needs root, and fails in CI without it."""
    if os.geteuid():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("a network namespace needs root")
    ip, number = need("ip"), (os.getpid() * len(LOSSES) + next(COUNT)) % 250
    name = (
        f"acm{os.getpid() % 10_000}-{next(COUNT)}"  # anew each time: the kernel takes its time to forget one
    )

    def run(*arguments: str) -> None:
        subprocess.run([ip, *arguments], check=True, capture_output=True)

    run("netns", "add", name)
    try:
        for way, letter in ((f"10.213.{number}.", "a"), (f"10.214.{number}.", "b")):
            ours, theirs = f"{name}{letter}0", f"{name}{letter}1"
            run("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
            for host in range(1, 1 + (len(DOMAINS) if letter == "a" else 1)):
                run("addr", "add", f"{way}{host}/24", "dev", ours)
            run("link", "set", ours, "up")
            run("-n", name, "addr", "add", f"{way}200/24", "dev", theirs)
            run("-n", name, "link", "set", theirs, "up")
        run("-n", name, "link", "set", "lo", "up")
        yield Host(name, f"10.213.{number}.", f"10.214.{number}.200", f"{name}a")
    finally:
        subprocess.run([ip, "netns", "del", name], check=True)  # and with it both pairs of links


LOSSES = {  # how the way is lost -> the command, and the one that mends it, run in the exporter's namespace
    "packets are lost": (
        "iptables -A INPUT -s {prefix}0/24 -j DROP",
        "iptables -D INPUT -s {prefix}0/24 -j DROP",
    ),
    "their link is down": ("{out} ip link set {link}0 down", "{out} ip link set {link}0 up"),
    "our link is down": ("ip link set {link}1 down", "ip link set {link}1 up"),
}
PINNED = "pinned.example.com"
BLIND = {"resolver_timeout", "resolver_failure", "no_route"}  # for reasons of ours
DEAF = {"connect_timeout", "handshake_timeout", "unreachable", "reset"}  # as far as can be told from here


async def test_the_network_goes_and_comes_back(tmp_path: Path) -> None:
    """What was known stays, what cannot be seen is unknown or not reached, and all is back within an interval."""
    with ExitStack() as hosts:
        each = {
            loss: hosts.enter_context(host()) for loss in LOSSES
        }  # side by side, as this is mostly waiting
        async with asyncio.TaskGroup() as group:
            for loss, one in each.items():
                folder = tmp_path / one.name
                folder.mkdir()
                group.create_task(lose(folder, one, *LOSSES[loss]), name=loss)


async def lose(folder: Path, there: Host, broken: str, mended: str) -> None:
    """Watch from a host whose way to the others is broken and mended."""
    async with AsyncExitStack() as stack:
        scenes = [scene(one) for one in DOMAINS]
        around = await stack.enter_async_context(world(folder, scenes, f"{there.prefix}1", there.prefix))
        pinned = f"{{name: {PINNED}, addresses: [{there.prefix}1], port: {around.endpoints.port}}}"
        file = configure(around, f"  - {pinned}\n")
        one = await stack.enter_async_context(exporter(around, file, there.scraped_at, there.inside))
        before = await one.ready()
        files, threads = one.size()
        there.run(broken)
        told = {row for one in DOMAINS for row in verdict(one, "unknown")}
        told |= source("acm", "us-east-1") | source("dns")
        during = await one.until(lambda rows: told <= {*changes(before, rows)})
        there.run(mended)
        await one.until(lambda rows: changes(before, rows) == [], within=20)
        assert one.seen(before) <= allowed()
        assert [row for row in before if row.startswith("acm_certificate_info") and row not in during] == []
        after_files, after_threads = one.size()
        assert (after_files <= files + 20, after_threads <= threads + 8) == (True, True)


def allowed() -> set[str]:
    """Tell all changes that may be seen, in whichever order the ways are found lost."""
    rows = source("acm", "us-east-1") | source("dns") | source("tls")
    for domain in DOMAINS:
        rows |= verdict(domain, "unknown")
        for why in BLIND:
            rows |= (
                unseen(domain, why) | unknown(domain, "caa", why) | unknown(domain, "validation_records", why)
            )
        for why in DEAF:
            rows |= unreachable(domain, why)
    for why in BLIND | DEAF:
        rows |= unreachable(PINNED, why)
    return rows
