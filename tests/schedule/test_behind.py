"""What stands behind certificates: who is asked, how often, and what stays known."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from exporter.facts import Certificate, Description, Listener, Seen, Unseen, Why
from exporter.schedule.behind import Behind
from exporter.schedule.inventory import Inventory
from exporter.snapshot import Source
from exporter.snapshot.past import Entry, Stock, Told
from tests.evidence import BALANCER, NOON, detailed
from tests.schedule.account import PLACE, Acm, row
from tests.schedule.virtual import now, virtual

ALL = ("elasticloadbalancing", "cloudfront", "apigateway")
CDN = "arn:aws:cloudfront::111122223333:distribution/E1"
STRANGE = "arn:aws:elasticloadbalancing:us-east-1:999900001111:loadbalancer/app/aws/1"
API = "arn:aws:apigateway:us-east-1::/domainnames/api.example.com"
SHOP = Description("shop-1.us-east-1.elb.amazonaws.com", listeners=(Listener(443),))
DENIED = Unseen(Why.DENIED, "allow it")
HOUR = 3600


def using(*arns: str, name: str = "a") -> Certificate:
    """Make a certificate that these use."""
    return row(name, details=detailed(in_use_by=arns))


def domain(*certificates: str) -> Description:
    """Describe a domain name of API Gateway with some certificates, by the ends of their ARNs."""
    arns = tuple(PLACE + name for name in certificates)
    return Description(
        "d-1.execute-api.us-east-1.amazonaws.com", ("api.example.com",), False, (Listener(443, arns),)
    )


@virtual
async def test_nobody_is_asked_unless_that_was_said() -> None:
    """By default not one call is made."""
    acm = Acm()
    behind = Behind(acm, now)
    await behind.look([using(BALANCER, CDN, STRANGE)])
    assert (acm.asked_for_resources, behind.of(using(BALANCER)), behind.told) == ([], {}, {})


@pytest.mark.parametrize(
    ("services", "asked"),
    [
        (("elasticloadbalancing",), [BALANCER]),
        (("cloudfront",), [CDN]),
        (("apigateway",), ["api_domains"]),
        (ALL, [BALANCER, CDN, "api_domains"]),
    ],
)
def test_only_named_services_are_asked_for_what_is_ours(services: tuple[str, ...], asked: list[str]) -> None:
    """Not for what is of another account, of another region, or of a kind that nobody describes."""
    elsewhere = BALANCER.replace("us-east-1", "eu-west-1")
    logs = "arn:aws:es:us-east-1:111122223333:domain/logs"

    async def look() -> None:
        acm = Acm()
        await Behind(acm, now, services).look(
            [using(BALANCER, CDN, STRANGE, elsewhere, logs), using(CDN, name="b")]
        )
        assert acm.asked_for_resources == asked

    virtual(look)()


@virtual
async def test_a_resource_is_described_once_an_hour_and_when_it_is_new() -> None:
    """Its certificates are news when something else is told than before."""
    acm = Acm()
    acm.resources = {BALANCER: Seen(SHOP), CDN: Seen(SHOP)}
    behind = Behind(acm, now, ALL[:2])
    await behind.look([using(BALANCER), using(BALANCER, name="b")])
    assert set(behind.news()) == {PLACE + "a", PLACE + "b"}
    await behind.look([using(BALANCER), using(BALANCER, CDN, name="b")])
    assert (acm.asked_for_resources, behind.news()) == ([BALANCER, CDN], (PLACE + "b",))
    await asyncio.sleep(HOUR)
    acm.resources[BALANCER] = Seen(Description("shop-2.us-east-1.elb.amazonaws.com"))
    await behind.look([using(BALANCER), using(BALANCER, CDN, name="b")])
    assert acm.asked_for_resources == [BALANCER, CDN] * 2
    assert set(behind.news()) == {PLACE + "a", PLACE + "b"}
    assert behind.of(using(BALANCER, CDN)) == acm.resources
    await behind.look([using(CDN)])
    assert behind.told.keys() == {CDN}


@virtual
async def test_a_denial_is_said_once_and_met_once_an_hour() -> None:
    """The other resources of that service share it; other services go on."""
    acm = Acm()
    acm.resources = {BALANCER: DENIED, CDN: Seen(SHOP)}
    behind = Behind(acm, now, ALL[:2])
    certificate = using(BALANCER, f"{BALANCER}0", CDN)
    with capture_logs() as logs:
        for _ in range(5):
            await behind.look([certificate])
            await asyncio.sleep(HOUR / 5)
        await behind.look([certificate])
    assert acm.asked_for_resources == [BALANCER, CDN, BALANCER, CDN]
    assert behind.of(certificate) == {BALANCER: DENIED, f"{BALANCER}0": DENIED, CDN: Seen(SHOP)}
    assert [one["error"] for one in logs] == ["denied: allow it"]
    assert behind.source == Source(
        "resources", "111122223333", "us-east-1", success=False, duration=0.0, error="denied: allow it"
    )
    acm.resources[BALANCER] = acm.resources[f"{BALANCER}0"] = Seen(SHOP)
    await asyncio.sleep(HOUR)
    await behind.look([certificate])
    assert (behind.source.success, behind.source.last_success, behind.source.error) == (True, now(), "")


@virtual
async def test_trouble_that_passes_is_tried_again_at_the_next_look() -> None:
    """And what was told before stays told."""
    acm = Acm()
    acm.resources = {BALANCER: Seen(SHOP)}
    behind = Behind(acm, now, ALL[:1])
    await behind.look([using(BALANCER)])
    await asyncio.sleep(HOUR)
    acm.resources = {BALANCER: Unseen(Why.THROTTLED)}
    await behind.look([using(BALANCER)])
    await behind.look([using(BALANCER)])
    assert acm.asked_for_resources == [BALANCER] * 3
    assert (behind.of(using(BALANCER)), behind.source.success) == ({BALANCER: Seen(SHOP)}, False)


@virtual
async def test_what_is_gone_is_not_told_of_and_is_no_trouble() -> None:
    """ACM names a load balancer for some minutes after it was deleted."""
    acm = Acm()
    acm.resources = {BALANCER: Seen(SHOP)}
    behind = Behind(acm, now, ALL[:1])
    await behind.look([using(BALANCER)])
    await asyncio.sleep(HOUR)
    acm.resources = {BALANCER: Unseen(Why.NOT_FOUND)}
    await behind.look([using(BALANCER)])
    assert (behind.of(using(BALANCER)), behind.source.success) == ({BALANCER: Unseen(Why.NOT_FOUND)}, True)


@virtual
async def test_domain_names_of_apis_are_found_by_their_certificates() -> None:
    """Listed once an hour, and when ACM names another resource of AWS's own; a failure forgets none."""
    acm = Acm()
    acm.domains = Seen({API: domain("a", "elsewhere")})
    behind = Behind(acm, now, ALL[2:])
    await behind.look([using(STRANGE)])
    assert set(behind.news()) == {PLACE + "a", PLACE + "elsewhere"}
    assert behind.of(row("elsewhere")) == {API: Seen(domain("a", "elsewhere"))}
    await behind.look([using(STRANGE)])
    assert acm.asked_for_resources == ["api_domains"]
    acm.domains = Seen({API: domain("b")})
    await behind.look([using(STRANGE), using(f"{STRANGE}0", name="b")])
    assert set(behind.news()) == {PLACE + "a", PLACE + "elsewhere", PLACE + "b"}
    assert (behind.of(row("a")), behind.of(row("b"))) == ({}, {API: Seen(domain("b"))})
    acm.domains = DENIED
    await asyncio.sleep(HOUR)
    for _ in range(2):
        await behind.look([using(STRANGE), using(f"{STRANGE}0", name="b")])
    assert acm.asked_for_resources == ["api_domains"] * 3
    assert (behind.of(row("b")), behind.source.error) == ({API: Seen(domain("b"))}, "denied: allow it")


@virtual
async def test_what_was_told_before_needs_not_be_asked_for_again() -> None:
    """After a restart the hour goes on; what a service told that may not be asked any more is forgotten."""
    told = {
        BALANCER: Told(Seen(SHOP), NOON - timedelta(minutes=59)),
        CDN: Told(Seen(SHOP), NOON),
        API: Told(Seen(domain("b")), NOON),
    }
    acm = Acm()
    behind = Behind(acm, now, ("elasticloadbalancing", "apigateway"), Stock(Source("acm"), resources=told))
    assert (set(behind.told), behind.of(row("b"))) == ({BALANCER, API}, {API: Seen(domain("b"))})
    acm.domains = DENIED
    await behind.look([using(BALANCER)])
    assert acm.asked_for_resources == ["api_domains"]
    await asyncio.sleep(60)
    await behind.look([using(BALANCER)])
    assert acm.asked_for_resources == ["api_domains", BALANCER]


@virtual
async def test_after_a_restart_during_an_outage_nothing_is_forgotten() -> None:
    """Whose resources are ours is not known before AWS tells the account: nobody is asked, and what was told stays."""
    acm = Acm()
    acm.account = ""
    told = {BALANCER: Told(Seen(SHOP), NOON)}
    fared = Source("resources", "111122223333", "us-east-1", success=True, last_success=NOON)
    stock = Stock(
        Source("acm", "111122223333", "us-east-1"), (Entry(row("a")),), resources=told, behind=fared
    )
    inventory = Inventory(acm, HOUR, now, lambda _: None, resources=ALL)
    inventory.restore(stock)
    await inventory.behind.look([using(BALANCER)])
    assert acm.asked_for_resources == []
    assert (inventory.stock.resources, inventory.stock.behind) == (told, fared)
