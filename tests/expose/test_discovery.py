"""The list of targets for Prometheus's HTTP service discovery."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import replace

from aiohttp import ClientSession

from exporter.expose.discovery import directory, listing, missing
from exporter.expose.server import Server
from exporter.facts import Domain, Proxy, Way
from exporter.judge.sharding import Shard
from exporter.snapshot import Board, Snapshot, Source
from tests.evidence import ARN, CERTIFICATE, OTHER_ARN
from tests.expose.asked import Asked
from tests.expose.snapshots import case, snapshot

WILDCARD = replace(
    CERTIFICATE, arn=OTHER_ARN, account="444455556666", region="eu-west-1", names=("*.example.com",)
)
TARGETS = (
    Domain("www.example.com", 8443, server_name="inner.example.com", labels={"team": "web", "tier": "1"}),
    Domain("2001:db8::1"),
    Domain("pinned.example.net", server_name="pinned.example.net", arn=ARN),
    Domain("example.com"),
    Domain("shop.example.com", tentative=True),
)
LISTED = snapshot(case(), case(WILDCARD), targets=TARGETS, listed=True)
TEXT = f"""\
[
{{"targets": ["www.example.com:8443"], "labels": {{"__meta_acm_domain": "www.example.com", \
"__meta_acm_port": "8443", "__meta_acm_server_name": "inner.example.com", \
"__meta_acm_label_team": "web", "__meta_acm_label_tier": "1"}}}},
{{"targets": ["[2001:db8::1]:443"], "labels": {{"__meta_acm_domain": "2001:db8::1", \
"__meta_acm_port": "443"}}}},
{{"targets": ["pinned.example.net:443"], "labels": {{"__meta_acm_domain": "pinned.example.net", \
"__meta_acm_port": "443", "__meta_acm_arn": "{ARN}", "__meta_acm_account": "111122223333", \
"__meta_acm_region": "us-east-1"}}}},
{{"targets": ["example.com:443"], "labels": {{"__meta_acm_domain": "example.com", \
"__meta_acm_port": "443", "__meta_acm_arn": "{ARN}", "__meta_acm_account": "111122223333", \
"__meta_acm_region": "us-east-1"}}}},
{{"targets": ["shop.example.com:443"], "labels": {{"__meta_acm_domain": "shop.example.com", \
"__meta_acm_port": "443", "__meta_acm_tentative": "true", "__meta_acm_arn": "{OTHER_ARN}", \
"__meta_acm_account": "444455556666", "__meta_acm_region": "eu-west-1"}}}}
]
"""


def test_whole_text() -> None:
    """Every target with what a relabelling can use; the certificate where there is no doubt which one it is."""
    one = listing(directory(LISTED))
    assert one.plain.decode() == TEXT
    assert gzip.decompress(one.gzipped) == one.plain
    assert [group["targets"] for group in json.loads(one.plain)] == [
        *(["www.example.com:8443"], ["[2001:db8::1]:443"], ["pinned.example.net:443"]),
        *(["example.com:443"], ["shop.example.com:443"]),
    ]


def test_a_shard_lists_everything() -> None:
    """Whoever probes, and whichever shard is asked, the targets and their certificates are the same."""
    shard = replace(LISTED, cases=(case(),), others=(WILDCARD,), shard=Shard(0, 2))
    assert listing(directory(shard)).plain.decode() == TEXT


def test_way() -> None:
    """Whoever probes a port that begins in plaintext is told how; proxies and keys are each prober's own."""
    way = Way("smtp", Proxy("proxy.example.com", 3128, "Basic secret"), "ip4", ("client.pem", "client.key"))
    text = listing(directory(snapshot(targets=(Domain("mail.example.com", 25, way=way),)))).plain
    assert json.loads(text) == [
        {
            "targets": ["mail.example.com:25"],
            "labels": {
                "__meta_acm_domain": "mail.example.com",
                "__meta_acm_port": "25",
                "__meta_acm_starttls": "smtp",
            },
        }
    ]


def test_no_targets_are_a_list_too() -> None:
    """An account without certificates has an empty list, which Prometheus can read."""
    assert json.loads(listing(directory(snapshot(listed=True))).plain) == []


def test_the_directory_is_kept_while_nothing_of_it_changes() -> None:
    """A new snapshot every few seconds costs a large inventory no new list."""
    first = directory(LISTED)
    assert directory(replace(LISTED, tally={}), first) is first
    assert directory(replace(LISTED, targets=TARGETS[:1]), first).targets == TARGETS[:1]
    renewed = directory(replace(LISTED, cases=(case(replace(CERTIFICATE, serial=1)), case(WILDCARD))), first)
    assert [one.serial for one in renewed.coverage.of(Domain("example.com"))] == [1]


UNREAD = tuple(Source("acm", f"{n:012}", "us-east-1", error="throttled: slow down") for n in range(5))


def test_why_there_is_no_list() -> None:
    """Whoever is told to wait reads for what."""
    nothing = snapshot()
    assert missing(LISTED) == ""
    assert missing(replace(nothing, sources=())) == "the inventory has not been read yet"
    assert missing(replace(nothing, sources=(Source("acm", "production", "us-east-1"), Source("tls")))) == (
        "the inventory has not been read yet: production us-east-1"
    )
    denied = Source("organization", "111122223333", success=False, error="denied: no")
    assert missing(replace(nothing, sources=(denied,))) == (
        "the inventory has not been read yet: organization 111122223333 (denied: no)"
    )
    assert missing(replace(nothing, sources=UNREAD)) == (
        "the inventory has not been read yet: 000000000000 us-east-1 (throttled: slow down);"
        " 000000000001 us-east-1 (throttled: slow down); 000000000002 us-east-1 (throttled: slow down)"
        " and 2 more"
    )


async def got(url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Ask for the list, unpacking nothing."""
    async with (
        ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as client,
        client.get(f"{url}/sd", headers=headers) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.read()


async def test_as_prometheus_asks_for_it() -> None:
    """503 while the list is not whole, so that Prometheus keeps its own; then the list of the latest snapshot."""
    waiting = replace(snapshot(targets=TARGETS[:1]), sources=(Source("acm", "production", "us-east-1"),))
    board = Board(waiting)
    server = Server(board, Asked().probing())
    (url,) = await server.start([("127.0.0.1", 0)])
    status, headers, body = await got(url)
    assert (status, headers["Content-Type"]) == (503, "text/plain; charset=utf-8")
    assert body == b"not ready: the inventory has not been read yet: production us-east-1\n"
    board.latest = LISTED
    status, headers, body = await got(url)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert (headers.get("Content-Encoding"), headers["Vary"]) == (None, "Accept-Encoding")
    assert body.decode() == TEXT
    status, headers, body = await got(url, {"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"]) == (200, "gzip")
    assert gzip.decompress(body).decode() == TEXT
    board.latest = replace(LISTED, targets=())
    assert (await got(url))[2] == b"[]\n"
    await server.close()


async def test_a_large_list_that_many_ask_for_is_made_once_and_stops_nobody() -> None:
    """50,000 targets are written away from the event loop, which goes on meanwhile."""
    targets = tuple(Domain(f"h{number}.example.com", labels={"team": "web"}) for number in range(50_000))
    board = Board(snapshot())
    server = Server(board, Asked().probing())
    (url,) = await server.start([("127.0.0.1", 0)])
    board.latest = replace(LISTED, targets=targets)
    asking = asyncio.gather(*(got(url, {"Accept-Encoding": "gzip"}) for _ in range(4)))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
    answers = await asking
    assert {answer[2] for answer in answers} == {answers[0][2]}
    assert len(json.loads(gzip.decompress(answers[0][2]))) == 50_000
    assert turns > 10
    await server.close()


def test_the_list_is_of_what_there_is_and_not_of_what_was_seen() -> None:
    """A target that never answered, or was never looked at, is a target."""
    empty: Snapshot = replace(LISTED, spots=(), cases=())
    assert [group["targets"] for group in json.loads(listing(directory(empty)).plain)] == [
        [f"[{one.name}]:{one.port}" if ":" in one.name else f"{one.name}:{one.port}"] for one in TARGETS
    ]
