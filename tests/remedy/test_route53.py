"""Records in hosted zones, against moto's Route 53: found, compared, changed, in sync."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from exporter.facts import Seen, Unseen, Why
from exporter.observe.aws import Access, Clients
from exporter.remedy import text
from exporter.remedy.hand import Hand
from exporter.remedy.records import Record
from exporter.remedy.route53 import Change, Zone, ZonePlan, change_id, compare, prepare, watching
from exporter.remedy.waiting import End, State

LETS, AMAZON = '0 issue "letsencrypt.org"', '0 issue "amazon.com"'
TARGET, OLD = "_target.acm-validations.aws.", "_old.acm-validations.aws."
CAA = Record("example.com", "CAA", (LETS, AMAZON), (LETS,))
NEW = Record("_new.www.example.com", "CNAME", (TARGET,))
MOVED = Record("_moved.example.com", "CNAME", (TARGET,), (OLD,))
FOREIGN = Record("_token.example.org", "CNAME", (TARGET,))
ZONE = Zone("Z1", "example.com")


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run moto's server with a zone that has an older CNAME and a CAA set; gives a client."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("route53")
    server.stop()


def zone(moto: Any, name: str, *sets: dict[str, Any], private: bool = False) -> str:
    """Make a hosted zone; gives its id."""
    where = {"VPC": {"VPCRegion": "us-east-1", "VPCId": "vpc-1"}} if private else {}
    made = moto.create_hosted_zone(
        Name=name,
        CallerReference=f"{name} {len(moto.list_hosted_zones()['HostedZones'])}",
        HostedZoneConfig={"PrivateZone": private},
        **where,
    )
    number = str(made["HostedZone"]["Id"]).rpartition("/")[2]
    if sets:
        changes = [{"Action": "CREATE", "ResourceRecordSet": one} for one in sets]
        moto.change_resource_record_sets(HostedZoneId=number, ChangeBatch={"Changes": changes})
    return number


def plain(name: str, kind: str, *values: str, ttl: int = 60) -> dict[str, Any]:
    """Write a plain record set."""
    records = [{"Value": one} for one in values]
    return {"Name": f"{name}.", "Type": kind, "TTL": ttl, "ResourceRecords": records}


def hand() -> Hand:
    """Give a hand for moto's account."""
    return Hand(Clients(1), ThreadPoolExecutor(1), Access(), "123456789012", "us-east-1")


async def planned(*records: Record) -> ZonePlan:
    """Prepare, which must succeed."""
    seen = await prepare(hand(), records)
    assert isinstance(seen, Seen)
    return seen.value


async def test_records_are_made_once_and_keep_what_stands_there(moto: Any) -> None:
    """One batch for the zone; a CAA set keeps its values and its time to live; a second time nothing is left."""
    there = (plain("example.com", "CAA", LETS, ttl=900), plain("_moved.example.com", "CNAME", OLD))
    number = zone(moto, "example.com.", *there)
    zone(moto, "www.example.com.", private=True)
    plan = await planned(CAA, NEW, MOVED, FOREIGN)
    assert text.calls(plan.calls, "123456789012", "us-east-1") == (
        "In account 123456789012, region us-east-1:\n"
        f"  route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/{number}\n"
        f"    example.com. CAA: {LETS} -> {LETS}, {AMAZON}; _new.www.example.com. CNAME: nothing -> {TARGET};"
        f" _moved.example.com. CNAME: {OLD} -> {TARGET}\n"
    )
    assert plan.refusals == ((FOREIGN, "no public hosted zone of this account is for it"),)

    acting = hand()
    written = await acting.write(plan.calls[0])
    assert isinstance(written, Seen)
    assert await watching(acting, [change_id(written.value)])() == State(
        "every name server of Route 53 has the records", End.DONE
    )
    sets = moto.list_resource_record_sets(HostedZoneId=number)["ResourceRecordSets"]
    assert sorted((one for one in sets if one["Type"] in {"CAA", "CNAME"}), key=lambda one: one["Name"]) == [
        plain("_moved.example.com", "CNAME", TARGET),
        plain("_new.www.example.com", "CNAME", TARGET, ttl=300),
        plain("example.com", "CAA", LETS, AMAZON, ttl=900),
    ]
    again = await planned(CAA, NEW, MOVED)
    assert (again.calls, again.done) == ((), (CAA, NEW, MOVED))


def test_what_changed_since_it_was_shown_is_not_overwritten() -> None:
    """The batch names the very set that it replaces, which Route 53 holds against what is there (moto does not)."""
    there = plain("example.com", "CAA", LETS, ttl=900)
    change = compare(ZONE, CAA, [there])
    assert isinstance(change, Change)
    (call,) = ZonePlan((change,)).calls
    assert call.parameters["ChangeBatch"]["Changes"] == [
        {"Action": "DELETE", "ResourceRecordSet": there},
        {"Action": "CREATE", "ResourceRecordSet": plain("example.com", "CAA", LETS, AMAZON, ttl=900)},
    ]


async def test_the_longest_zone_is_taken(moto: Any) -> None:
    """A subdomain's own zone answers for it."""
    zone(moto, "example.com.")
    own = zone(moto, "www.example.com.")
    assert [one.zone for one in (await planned(NEW)).changes] == [Zone(own, "www.example.com")]


async def test_two_zones_of_one_name_are_refused(moto: Any) -> None:
    """Nobody can tell from here which of them the world asks."""
    ids = {zone(moto, "example.com."), zone(moto, "example.com.")}
    ((record, says),) = (await planned(NEW)).refusals
    assert record == NEW
    assert says.startswith("2 public hosted zones are called example.com: ")
    assert all(one in says for one in ids)


@pytest.mark.usefixtures("moto")
async def test_route53_that_cannot_be_read() -> None:
    """The zone of a change that is not there is Route 53's own error."""
    seen = await hand().read("ListResourceRecordSets", ZONE.arn, HostedZoneId="ZNONE")
    assert isinstance(seen, Unseen)
    assert (seen.why, seen.detail.split(":")[:2]) == (
        Why.AWS_ERROR,
        ["ListResourceRecordSets", " NoSuchHostedZone"],
    )


ALIAS = {"Name": "example.com.", "Type": "CAA", "AliasTarget": {"DNSName": "x."}}


@pytest.mark.parametrize(
    ("record", "there", "says"),
    [
        (
            NEW,
            [plain(NEW.name, "TXT", '"x"')],
            "TXT stands at that name, and a CNAME tolerates nothing beside it",
        ),
        (
            CAA,
            [plain(CAA.name, "CNAME", "x.")],
            "that name is a CNAME, which tolerates nothing beside it: its target's CAA set decides",
        ),
        (CAA, [ALIAS], "its CAA set has a routing policy or is an alias: change it by hand"),
        (
            MOVED,
            [plain(MOVED.name, "CNAME", OLD) | {"SetIdentifier": "a", "Weight": 1}],
            "its CNAME set has a routing policy or is an alias: change it by hand",
        ),
        (CAA, [], "public DNS has a CAA set there and this zone has none: another zone answers"),
    ],
)
def test_what_is_left_to_a_person(record: Record, there: list[dict[str, Any]], says: str) -> None:
    """Where a change would break something or do nothing, it is not made."""
    assert compare(ZONE, record, there) == says


def test_a_value_that_differs_in_its_writing_only_stands_already() -> None:
    """Names of hosts have no case, and a final dot changes nothing."""
    assert compare(ZONE, NEW, [plain(NEW.name, "CNAME", TARGET.upper().rstrip("."))]) is None
